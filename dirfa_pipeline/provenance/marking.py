"""Writes videos that are marked as AI-generated; every video of this package is written here."""

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


@dataclass(frozen=True, eq=False)  # comparing arrays does not give a single truth value
class Marks:
    """
    How a video is marked as AI-generated. Many laws require such marks: see docs/provenance.md before you leave any
    out.

    Args:
        payload (`int`, *optional*): The 32-bit number in the invisible watermark; the default means "made with this
            software". `None` for no watermark.
        certificate ([`Certificate`], *optional*): Signs the credentials, see [`load_certificate`]. By default it is
            made for this process, and named as self-made.
        photo (`str` or `os.PathLike`, *optional*): The photo's file, if the credentials should name it.
        composite (`bool`): Whether only a part of the film was generated, as in a dub.
        frames (`np.ndarray` of shape `(frames,)`, *optional*): bool, which frames were generated and so carry the
            watermark; all by default.
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
    Open a writer for a marked video: a [`VideoWriter`], or a [`PictureSequence`] for names that end in .png.

    Args:
        path, fps, audio, crf, preset: See [`VideoWriter`].
        marks ([`Marks`], *optional*): How the video is marked; `None` leaves it unmarked.
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
    """A function that marks a frame's colours, given its time in seconds, unless the frame was not generated."""
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
    Write frames and sound to a video that is marked as AI-generated: .mp4, .mov, .webm or numbered .png images.

    The marks are content credentials (C2PA), metadata and an invisible watermark; see docs/provenance.md. `frames`
    are not modified.

    Args:
        path: The output file; its extension chooses the format. The name of .png images needs a placeholder for their
            number, as in `take-%05d.png`; they have no sound.
        frames (`Iterable[np.ndarray]`): uint8 of shape `(height, width, 3)`, or `(height, width, 4)` with alpha; both
            sides must be even.
        fps, audio, crf, preset: See [`VideoWriter`].
        marks ([`Marks`], *optional*): How the video is marked; `None` leaves it unmarked.

    Raises:
        InputError: The path, `crf`, `preset` or the certificate cannot be used.
    """
    with video_writer(path, fps, audio, crf, preset, marks) as writer:
        for frame in frames:
            writer.write(frame)
