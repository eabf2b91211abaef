"""Films of a face for tests: a photo that moves a little, with sound."""

from pathlib import Path

from media_files import speech

from dirfa_pipeline import write_video
from dirfa_pipeline.capture.pictures import read_image


FACES = sorted((Path(__file__).parent / "faces").glob("*.jpg"))


def film(path: Path, photo: Path, pictures: int) -> None:
    """Write `pictures` frames at 25 a second, unmarked."""
    picture = read_image(photo, 320)
    height, width = picture.shape[0] - 8, picture.shape[1] - 8
    frames = (picture[index % 8 : index % 8 + height, index % 5 : index % 5 + width] for index in range(pictures))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, 25, speech(pictures / 25), preset="ultrafast", marks=None)
