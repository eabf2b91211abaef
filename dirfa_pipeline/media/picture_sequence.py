"""Frames as numbered PNG files, for programs that edit pictures; sound is left out."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .files import whole_file
from .video_formats import check_frame, check_output_path, picture_name


COMPRESSION: Final = 3  # of 9: more is slower and hardly smaller


class PictureSequence:
    """
    Write frames as PNG files, each whole or not at all; those that are written stay if a later one fails.

    Args:
        path: Their name, with `%05d` or the like where the number goes: it counts from 1.
        rate (`Fraction`): Frames per second, by which the marks know a frame's time.
        mark (`Callable`, *optional*): Makes what is written of a frame and its time in seconds.
        sign (`Callable`, *optional*): Is given each file's path, which is not yet its name, to complete it.

    Raises:
        InputError: The name or folder cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: Fraction,
        mark: Callable[[NDArray[np.uint8], float], NDArray[np.uint8]] | None = None,
        sign: Callable[[Path], None] | None = None,
    ) -> None:
        check_output_path(path)
        self._path, self._rate, self._mark, self._sign = path, rate, mark, sign
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Write a frame, uint8 of shape `(height, width, 3)`, or 4 with alpha."""
        check_frame(frame)
        if self._mark is not None:
            frame = self._mark(frame, float(self._count / self._rate))
        order = cv2.COLOR_RGBA2BGRA if frame.shape[2] == 4 else cv2.COLOR_RGB2BGR
        _, content = cv2.imencode(".png", cv2.cvtColor(frame, order), [cv2.IMWRITE_PNG_COMPRESSION, COMPRESSION])
        self._count += 1
        with whole_file(picture_name(self._path, self._count)) as temporary:
            temporary.write_bytes(content.tobytes())
            if self._sign is not None:
                self._sign(temporary)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._count:
            raise InputError("a video needs at least one frame, got none")
