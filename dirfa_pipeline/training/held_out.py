"""What nothing is ever trained or tuned on: people, recordings and clips kept for evaluation, by name."""

from pathlib import Path
from typing import Final


HELD_OUT_CLIPS: Final[tuple[str, ...]] = (
    "KristiNoem", "Obama_clip1", "Obama_clip2", "Obama_clip3", "reagan_clip1", "latentsync_1",
    "styletalk_Obama_clip3",
)  # fmt: skip
HELD_OUT_FOLDERS: Final[tuple[str, ...]] = ("grid_others",)
HELD_OUT_PREFIXES: Final[tuple[str, ...]] = ("liveportrait_",)
VALIDATION_CLIPS: Final = (
    "retalking_4",
    "feifeili_clip3",
    "styletalk_happyenglish_clip2",
    "styletalk_sad_emotion_clip1",
)
GRID_VALIDATION_CLIPS: Final = 25  # the last ones of grid_s1, by name


def is_held_out(path: Path) -> bool:
    """Whether a clip, given as `folder/name.ext`, belongs to evaluation."""
    return (
        path.stem in HELD_OUT_CLIPS or path.parent.name in HELD_OUT_FOLDERS or path.stem.startswith(HELD_OUT_PREFIXES)
    )


def split_clips(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """
    Divide clips into those to train on and those to validate on; held-out clips are in neither.

    Where none of those named here is present, every tenth clip validates.
    """
    free = sorted(path for path in paths if not is_held_out(path))
    grid = [path for path in free if path.parent.name == "grid_s1"]
    validation = set(grid[-GRID_VALIDATION_CLIPS:]) | {path for path in free if path.stem in VALIDATION_CLIPS}
    validation = validation or set(free[9::10]) or set(free[-1:])
    return [path for path in free if path not in validation], sorted(validation)
