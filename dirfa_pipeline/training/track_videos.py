"""
Turn talking videos into animation: landmarks, fitted coefficients, quality flags and sound, in shards of clips.

    python -m dirfa_pipeline.training.track_videos FOLDER... --weights weights/dirfa-base --output TRACKS

Each folder becomes a source of the same name. It holds video files, or it is VoxCeleb2 as distributed:
`idXXXXX/VIDEO/CLIP.mp4` with the sound inside, in an .m4a beside it or in the same place of a tree named `aac` next to
`mp4`. A source given with `--lips-only` never teaches head, eyes or brows, one given with `--without-sound` never
teaches lips. With `--report` the residual and the aperture correlation of every clip are printed; landmarks are kept
beside the tracks, so that a new FaceModel does not need them detected again.
"""

import argparse
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..capture.tracking import read_landmarks, to_grid
from ..errors import AudioError, InputError
from ..face.measures import eye_openness, lip_aperture
from ..media.audio import ENCODER_RATE, load_audio
from ..media.files import whole_file
from ..models.face_model import FaceModel
from .motion_data import TrackedClip
from .tally import Tally
from .track_shards import member_name, write_shards


logger = logging.getLogger(__name__)

MAX_YAW = np.radians(35.0)
VIDEO_SUFFIXES: Final = (".mp4", ".mpg", ".mov", ".webm")
VOXCELEB_PERSON: Final = re.compile(r"id\d{5}")
CUT = 0.25  # jump of the face between two frames, in inter-ocular distances, that counts as a cut


def flag_cuts(points: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take the frames on both sides of a cut out of the valid ones."""
    eyes = points[:, [33, 133, 362, 263], :2]
    unit = np.linalg.norm(eyes[:, 2:].mean(1) - eyes[:, :2].mean(1), axis=-1)
    jump = np.linalg.norm(np.diff(eyes.mean(1), axis=0), axis=-1) / np.median(unit)
    cut = np.flatnonzero(jump > CUT)
    valid = valid.copy()
    for offset in (-1, 0, 1, 2):
        valid[np.clip(cut + offset, 0, len(valid) - 1)] = False
    return valid


@dataclass(frozen=True)
class Video:
    """A clip to track: its file, its name within its source, the file with its sound, and who speaks, if known."""

    path: Path
    name: str
    sound: Path
    speaker: str = ""


def list_videos(folder: Path) -> list[Video]:
    """The clips of a folder of videos, or of VoxCeleb2."""
    people = [path for path in sorted(folder.rglob("*.mp4")) if VOXCELEB_PERSON.fullmatch(path.parent.parent.name)]
    if people:
        return [
            Video(path, "/".join(path.with_suffix("").parts[-3:]), voxceleb_sound(path), path.parent.parent.name)
            for path in people
        ]
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES]
    return [Video(path, path.stem, path) for path in files]


def list_sources(folders: list[Path]) -> dict[str, list[Video]]:
    """
    The clips of each folder under its name.

    Raises:
        InputError: A folder without videos, two folders of one name, or two clips of one name.
    """
    sources: dict[str, list[Video]] = {}
    for folder in folders:
        source, videos = folder.resolve().name, list_videos(folder)
        if source in sources:
            raise InputError(f"two folders are called {source}, as {folder} is; each source needs a name of its own")
        if not videos:
            raise InputError(
                f"{folder} holds no video ({', '.join(VIDEO_SUFFIXES)}); name a folder of videos, or VoxCeleb2's"
            )
        paths: dict[str, Path] = {}
        for video in videos:
            name = member_name(video.name)
            if name in paths:
                raise InputError(f"{paths[name]} and {video.path} would both be called {name}; rename one")
            paths[name] = video.path
        sources[source] = videos
    return sources


def voxceleb_sound(path: Path) -> Path:
    """Where VoxCeleb2 keeps the sound of a clip."""
    trees = [part.replace("mp4", "aac") if part == "mp4" else part for part in path.parent.parts]
    places = [path.with_suffix(".m4a"), Path(*trees) / f"{path.stem}.m4a"]
    return next((place for place in places if place.is_file()), path)


def track(video: Video, source: str, teaches: tuple[str, ...], face_model: FaceModel, cache: Path) -> TrackedClip:
    """Everything about one clip that training needs; a clip without sound does not teach lips."""
    if not cache.exists():
        landmarks, times = read_landmarks(video.path)
        save_arrays(cache, {"landmarks": landmarks, "times": times})
    with np.load(cache) as file:
        points, valid = to_grid(file["landmarks"], file["times"])
    fit = face_model.fit_video(points)
    valid = flag_cuts(points, valid)
    valid &= np.abs(fit.face.head_angles()[0] + fit.coefficients[:, -6]) < MAX_YAW
    valid &= fit.lip_residual < 0.04
    aperture, shown = lip_aperture(points), lip_aperture(fit.face.vertices(fit.coefficients))
    audio = read_sound(video.sound) if "lips" in teaches else None
    return TrackedClip(
        f"{source}/{video.name}", fit.coefficients, valid, eye_openness(points).astype(np.float32), audio, source,
        video.speaker, teaches if audio is not None else tuple(channel for channel in teaches if channel != "lips"),
        {
            "lip_residual": round(float(np.sqrt(np.square(fit.lip_residual).mean())), 5),
            "aperture_correlation": round(float(np.corrcoef(aperture, shown)[0, 1]), 4),
        },
    )  # fmt: skip


def read_sound(path: Path) -> NDArray[np.float32] | None:
    """The clip's sound at 16 kHz, `None` where there is none."""
    try:
        return load_audio(path).mono(ENCODER_RATE).clip(-1.0, 1.0).astype(np.float32)
    except AudioError:
        return None


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def main(arguments: list[str] | None = None) -> None:
    """Track every video of the given folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True, help="folder with face_model")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--lips-only", nargs="*", default=[], metavar="SOURCE", help="these hold their heads still")
    parser.add_argument(
        "--without-sound", nargs="*", default=[], metavar="SOURCE", help="the sound of these is not their own"
    )
    parser.add_argument("--report", action="store_true", help="print residual and aperture correlation of each clip")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sources = list_sources(options.folders)
    for source in (*options.lips_only, *options.without_sound):
        if source not in sources:
            raise InputError(f"{source} is none of the sources {', '.join(sources)}; name it as its folder is called")
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    tally = Tally("clips")
    for source, videos in sources.items():
        teaches = tuple(
            channel for channel, without in (("lips", options.without_sound), ("motion", options.lips_only))
            if source not in without
        )  # fmt: skip
        cache = options.output.parent / "landmarks" / source
        clips = tracked_clips(videos, source, teaches, face_model, cache, tally)
        write_shards(options.output, source, _reported(clips) if options.report else clips)
    logger.info("%s", tally)
    if not tally.kept:
        raise InputError(f"no clip of {', '.join(map(str, options.folders))} could be tracked; the table says why")


def tracked_clips(
    videos: list[Video], source: str, teaches: tuple[str, ...], face_model: FaceModel, cache: Path, tally: Tally
) -> Iterator[TrackedClip]:
    """Track one clip after another; one that cannot be is counted and left out."""
    for video in videos:
        name = f"{source}/{video.name}"
        try:
            clip = track(video, source, teaches, face_model, cache / f"{video.name}.npz")
        except (ValueError, OSError) as error:
            reason = "not a readable video" if isinstance(error, InputError | OSError) else "hardly a face in it"
            logger.warning("%s left out: %s", name, error)
            tally.leave_out(reason, name)
            continue
        if "lips" in teaches and clip.audio is None:
            tally.remark("without sound, teaches no lips", name)
        tally.keep()
        yield clip


def _reported(clips: Iterable[TrackedClip]) -> Iterator[TrackedClip]:
    for clip in clips:
        logger.info(
            "%s  frames %d  valid %.0f%%  lip residual %.2f%%  aperture correlation %.3f", clip.name, len(clip.valid),
            100 * clip.valid.mean(), 100 * clip.quality["lip_residual"], clip.quality["aperture_correlation"],
        )  # fmt: skip
        yield clip


if __name__ == "__main__":
    main()
