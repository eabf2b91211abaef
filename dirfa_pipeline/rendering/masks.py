"""Masks and windows: where in a picture something is drawn."""

import cv2
import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]


def window_around(points: Array, shape: tuple[int, ...], margin: int) -> tuple[slice, slice] | None:
    """Rows and columns of the picture around some points; `None` if they lie outside."""
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin + 1, shape[1::-1])
    if (high - low).min() < 1:
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def polygon_mask(points: Array, window: tuple[slice, slice], blur: float = 0.7) -> Array:
    """Smooth-edged mask of a polygon in [0, 1], of the window's size."""
    rows, columns = window
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    local = (points - [columns.start, rows.start]) * 16.0
    cv2.fillPoly(mask, [local.round().astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0
