"""Files with some bytes changed, or cut off: read, or refused by an error of ours, never by another one."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import speech, write_media
from PIL import Image

from dirfa_pipeline import Animation, InputError, load_audio
from dirfa_pipeline.animation.files import load_animation, save_animation
from dirfa_pipeline.capture.pictures import read_image
from dirfa_pipeline.media.video import read_video


def write_animation(path: Path) -> None:
    save_animation(Animation.from_curves(3, jawOpen=[0.1, 0.5, 0.2], yaw=-0.1), path)


def write_picture(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)).save(path)


def write_sound(path: Path) -> None:
    codecs = {".wav": "pcm_s16le", ".flac": "flac", ".mp3": "libmp3lame", ".m4a": "aac", ".opus": "libopus"}
    write_media(path, speech(0.4, 48_000), codecs[path.suffix])


def write_film(path: Path) -> None:
    write_media(path, None, pictures=5)


def read_film(path: Path) -> list[object]:
    return list(read_video(path).frames)


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    **dict.fromkeys((".npz", ".csv", ".json"), (write_animation, load_animation)),
    **dict.fromkeys((".png", ".jpg", ".webp"), (write_picture, read_image)),
    **dict.fromkeys((".wav", ".flac", ".mp3", ".m4a", ".opus"), (write_sound, load_audio)),
    **dict.fromkeys((".mp4", ".mkv"), (write_film, read_film)),
}
DAMAGE = st.lists(st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@given(damage=DAMAGE, kept=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.1]))
def test_damage_is_named(kind: str, damage: list[tuple[float, int]], kept: float) -> None:
    write, read = KINDS[kind]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind}"
        write(path)
        content = bytearray(path.read_bytes())
        for place, byte in damage:
            content[int(place * len(content))] = byte
        path.write_bytes(content[: max(1, int(kept * len(content)))])
        try:
            read(path)
        except InputError as error:
            assert len(str(error)) > 20
