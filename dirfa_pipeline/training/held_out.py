"""
The people, recordings and clips that are kept for evaluation, by name; nothing is ever trained or tuned on them.

Whole people are held out, because a person in the training data cannot be used for evaluation, even with other clips.
So the speaker of the US government addresses, who also appears in Obama_clip1 to 3, is not held out, and both clips of
andrew are.
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
UNSYNCHRONISED_CLIPS: Final = ("wh_123", "wh_19")  # not used for lips: their video is now early, now late
GRID_VALIDATION_CLIPS: Final = 25  # the last clips of grid_s1 by name
VALIDATION_SHARE: Final = 20  # one in this many speakers is kept for validation, in sources that name their speakers


def is_held_out(path: Path) -> bool:
    """Whether a clip, given as `folder/name.ext`, is held out for evaluation."""
    return (
        path.stem in HELD_OUT_CLIPS or path.parent.name in HELD_OUT_FOLDERS or path.stem.startswith(HELD_OUT_PREFIXES)
    )


def is_validation_speaker(speaker: str) -> bool:
    """Whether a recorded speaker is kept for validation: one in twenty, chosen by name."""
    return zlib.crc32(speaker.encode()) % VALIDATION_SHARE == 0


class Named(Protocol):
    """A clip, or its row in a table."""

    @property
    def name(self) -> str:
        """`source/clip`."""

    @property
    def speaker(self) -> str:
        """The speaker, if the source names one."""


Clip = TypeVar("Clip", bound=Named)


def split_clips(clips: Iterable[Clip]) -> tuple[list[Clip], list[Clip]]:
    """
    Split clips into those for training and those for validation; held-out clips are in neither.

    If a source names its speakers, whole speakers are taken for validation. If there are neither these nor the
    validation clips named here, every tenth clip is used for validation.
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
