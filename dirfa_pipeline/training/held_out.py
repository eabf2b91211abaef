"""
What nothing is ever trained or tuned on: people, recordings and clips kept for evaluation, by name.

People are held out, not clips: a person in a training source cannot be evaluated with another of his
clips. So the speaker of the US government addresses, who is in Obama_clip1 to 3 as well, is not held out, and both
clips of andrew are.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol, TypeVar


HELD_OUT_CLIPS: Final[tuple[str, ...]] = (
    "KristiNoem",
    "reagan_clip1",
    "latentsync_1",
    "andrew_clip_1",
    "andrew_clip_2",
)
HELD_OUT_FOLDERS: Final[tuple[str, ...]] = ("grid_others",)
HELD_OUT_PREFIXES: Final[tuple[str, ...]] = ("liveportrait_",)
VALIDATION_CLIPS: Final = (
    "retalking_4",
    "feifeili_clip3",
    "styletalk_happyenglish_clip2",
    "styletalk_sad_emotion_clip1",
)
UNSYNCHRONISED_CLIPS: Final = ("wh_123", "wh_19")  # their pictures are now early, now late: they teach no lips
GRID_VALIDATION_CLIPS: Final = 25  # the last ones of grid_s1, by name
VALIDATION_SHARE: Final = 20  # of the speakers of a source that names them, one in so many is kept for validation


def is_held_out(path: Path) -> bool:
    """Whether a clip, given as `folder/name.ext`, belongs to evaluation."""
    return (
        path.stem in HELD_OUT_CLIPS or path.parent.name in HELD_OUT_FOLDERS or path.stem.startswith(HELD_OUT_PREFIXES)
    )


def is_validation_speaker(speaker: str) -> bool:
    """Whether a recorded speaker is kept for validation: one in twenty, a fixed choice by name."""
    return zlib.crc32(speaker.encode()) % VALIDATION_SHARE == 0


class Named(Protocol):
    """A clip, or its row in a table."""

    @property
    def name(self) -> str:
        """`source/clip`."""

    @property
    def speaker(self) -> str:
        """Who speaks, if the source says."""


Clip = TypeVar("Clip", bound=Named)


def split_clips(clips: Iterable[Clip]) -> tuple[list[Clip], list[Clip]]:
    """
    Divide clips into those to train on and those to validate on; held-out clips are in neither.

    Of a source that names its speakers, validation takes people, not clips. Where neither these nor the clips named
    here are present, every tenth clip validates.
    """
    free = sorted((clip for clip in clips if not is_held_out(Path(clip.name))), key=lambda clip: clip.name)
    grid = [clip.name for clip in free if clip.name.startswith("grid_s1/")]
    kept = {*grid[-GRID_VALIDATION_CLIPS:]}
    validation = [
        clip for clip in free
        if clip.name in kept or Path(clip.name).name in VALIDATION_CLIPS
        or (clip.speaker and is_validation_speaker(clip.speaker))
    ]  # fmt: skip
    validation = validation or free[9::10] or free[-1:]
    names = {clip.name for clip in validation}
    return [clip for clip in free if clip.name not in names], validation
