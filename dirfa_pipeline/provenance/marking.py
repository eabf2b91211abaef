"""Videos that say what they are: the writer of every video that this package makes."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..media.audio import AudioClip, AudioFile
from ..media.picture_sequence import PictureSequence
from ..media.video import PRESET, VideoWriter, frame_rate
from ..media.video_formats import ending_of, is_sequence
from ..version import __version__
from .credentials import Certificate, can_be_signed, sign_file
from .watermark import MADE_HERE, Watermark


Mark = Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]

COMMENT: Final = f"AI-generated talking video, made with dirfa-pipeline {__version__}"
DUB_COMMENT: Final = f"Video with AI-generated lips, made with dirfa-pipeline {__version__}"


@dataclass(frozen=True, eq=False)  # arrays cannot be compared
class Marks:
    """
    What a video says of itself. Many laws ask for it: see docs/provenance.md before you leave something out.

    Args:
        payload (`int`, *optional*): The number of 32 bits in the invisible watermark, by default one that says "made
            with this software"; `None` for no watermark.
        certificate ([`Certificate`], *optional*): What the credentials are signed with, see [`load_certificate`]; by
            default one that was made for this process and says so.
        photo (`str` or `os.PathLike`, *optional*): The picture's file, if credentials shall name it.
        composite (`bool`): Whether the video is a film of which only a part was made: a dub.
        frames (`np.ndarray` of shape `(frames,)`, *optional*): bool, which frames were made and so carry the
            watermark; all if left out.
    """

    payload: int | None = MADE_HERE
    certificate: Certificate | None = None
    photo: str | os.PathLike[str] | None = None
    composite: bool = False
    frames: NDArray[np.bool_] | None = None


MARKED: Final = Marks()


def video_writer(
    path: str | os.PathLike[str],
    fps: float,
    audio: AudioClip | AudioFile | None = None,
    crf: int = 18,
    preset: str = PRESET,
    marks: Marks | None = MARKED,
) -> VideoWriter | PictureSequence:
    """
    A writer of frames whose video is marked: a [`VideoWriter`], or a [`PictureSequence`] for names that end in .png.

    Args:
        path, fps, audio, crf, preset: See [`VideoWriter`].
        marks ([`Marks`], *optional*): What the video says of itself; with `None` nothing.
    """
    mark = None if marks is None or marks.payload is None else _marker(marks, marks.payload, fps)
    sign = None if marks is None or not can_be_signed(path) else partial(
        sign_file, title=Path(path).name, composite=marks.composite, photo=marks.photo, certificate=marks.certificate,
        watermark=marks.payload, kind=ending_of(path),
    )  # fmt: skip
    if is_sequence(path):
        return PictureSequence(path, frame_rate(fps), mark, sign)
    comment = None if marks is None else DUB_COMMENT if marks.composite else COMMENT
    return VideoWriter(path, fps, audio, crf, preset, comment, mark, sign)


def _marker(marks: Marks, payload: int, fps: float) -> Mark:
    """What marks a frame's colours, given its time in seconds, unless the frame was not made."""
    watermark, made = Watermark(payload), marks.frames

    def mark(frame: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        index = round(seconds * fps)
        if made is not None and not (index < len(made) and made[index]):
            return frame
        if frame.shape[2] == 3:
            return watermark.mark(frame, seconds)
        return np.dstack([watermark.mark(np.ascontiguousarray(frame[..., :3]), seconds), frame[..., 3]])

    return mark


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],
    fps: float,
    audio: AudioClip | AudioFile | None = None,
    crf: int = 18,
    preset: str = PRESET,
    marks: Marks | None = MARKED,
) -> None:
    """
    Write all frames and the sound to a video that says what it is: .mp4, .mov, .webm, or numbered .png pictures.

    It carries content credentials (C2PA), metadata and an invisible watermark, see docs/provenance.md; `frames`
    themselves stay as they are.

    Args:
        path: Where the video goes; its ending says how it is coded. Pictures have a place for their number in the
            name, as in `take-%05d.png`, and no sound.
        frames (`Iterable[np.ndarray]`): uint8 of shape `(height, width, 3)`, or 4 with alpha, with even sides.
        fps, audio, crf, preset: See [`VideoWriter`].
        marks ([`Marks`], *optional*): What the video says of itself; with `None` nothing.

    Raises:
        InputError: The path, `crf`, `preset` or the certificate cannot be used.
    """
    with video_writer(path, fps, audio, crf, preset, marks) as writer:
        for frame in frames:
            writer.write(frame)
