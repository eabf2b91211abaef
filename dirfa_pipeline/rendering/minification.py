"""
Places where a warp shows much of a picture in few pixels, such as the far cheek of a turned head.

Linear interpolation takes one place a pixel and skips what is between, so that contours there come out as steps and
specks. Means over what each pixel covers are taken instead (box filtering along the longer side of its footprint:
Heckbert, "Fundamentals of texture mapping and image warping", 1989).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .kernels import inner, kernel


Array = NDArray[np.float32]

# Pixels of the picture between the two neighbours of one that shows too much. Seen on turned heads; from here on
# neighbours differ by more than the picture's do.
APART: Final = np.float32(3.0)
MOST: Final = 8  # places that a mean is taken of
LEAST: Final = np.float32(1e-3)  # pixels: rounding errors need no further place


@kernel(fastmath=True, nogil=True)
def average_squeezed(warped: NDArray[np.uint8], picture: NDArray[np.uint8], map_x: Array, map_y: Array) -> None:
    """
    Average what is squeezed, in place, but for the border.

    Args:
        warped (`np.ndarray` of shape `(height, width, channels)`): The picture, warped with linear interpolation.
        picture (`np.ndarray` of shape `(rows, columns, channels)`): What it was.
        map_x, map_y (`np.ndarray` of shape `(height, width)`): Where in the picture each pixel comes from. What is
            averaged comes from a whole pixel afterwards: it has nothing to gain from [`lost_light`].
    """
    height, width = map_x.shape
    across, down = np.empty(width, np.float32), np.empty(width, np.float32)
    totals = np.empty(picture.shape[2], np.float32)
    squeezed, count = np.empty((height * width, 2), np.int32), 0
    for row in range(1, height - 1):
        if _farthest_apart(map_x, map_y, row, across, down) <= APART * APART:
            continue
        for column in range(1, width - 1):
            if max(across[column], down[column]) > APART * APART:
                up, side = (0, 1) if across[column] >= down[column] else (1, 0)
                _average(picture, map_x, map_y, row, column, up, side, totals, warped[row, column])
                squeezed[count, 0], squeezed[count, 1] = row, column
                count += 1
    for row, column in squeezed[:count]:
        map_x[row, column], map_y[row, column] = np.rint(map_x[row, column]), np.rint(map_y[row, column])


@inner(fastmath=True)
def _farthest_apart(map_x: Array, map_y: Array, row: int, across: Array, down: Array) -> float:
    """Write how far apart the neighbours beside and above each pixel of a row come from, squared; the greatest one."""
    xs, ys = map_x[row], map_y[row]
    up_x, up_y, down_x, down_y = map_x[row - 1], map_y[row - 1], map_x[row + 1], map_y[row + 1]
    greatest = np.float32(0.0)
    for column in range(1, len(xs) - 1):
        x, y = xs[column + 1] - xs[column - 1], ys[column + 1] - ys[column - 1]
        across[column] = x * x + y * y
        x, y = down_x[column] - up_x[column], down_y[column] - up_y[column]
        down[column] = x * x + y * y
        greatest = max(greatest, max(across[column], down[column]))
    return float(greatest)


@inner(fastmath=True)
def _average(
    picture: NDArray[np.uint8], map_x: Array, map_y: Array, row: int, column: int, up: int, side: int, totals: Array,
    out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """The mean of what lies between the ways to a pixel's neighbours, those above or beside it; `totals` is room."""
    x, y, half = map_x[row, column], map_y[row, column], np.float32(0.5)
    first_x, first_y = half * (x + map_x[row - up, column - side]), half * (y + map_y[row - up, column - side])
    way_x = half * (x + map_x[row + up, column + side]) - first_x
    way_y = half * (y + map_y[row + up, column + side]) - first_y
    count = max(1, min(MOST, int(np.ceil(np.sqrt(way_x * way_x + way_y * way_y) - LEAST))))
    bottom, right, zero, one = picture.shape[0] - 1, picture.shape[1] - 1, np.float32(0.0), np.float32(1.0)
    totals[:] = zero
    for place in range(count):
        along = (np.float32(place) + half) / np.float32(count)
        at_x = min(max(first_x + along * way_x, zero), np.float32(right))
        at_y = min(max(first_y + along * way_y, zero), np.float32(bottom))
        left, top = int(at_x), int(at_y)
        t, s, after = at_x - np.float32(left), at_y - np.float32(top), min(left + 1, right)
        upper, lower = picture[top], picture[min(top + 1, bottom)]
        for channel in range(len(out)):
            totals[channel] += (one - s) * ((one - t) * upper[left, channel] + t * upper[after, channel])
            totals[channel] += s * ((one - t) * lower[left, channel] + t * lower[after, channel])
    for channel in range(len(out)):
        out[channel] = np.uint8(totals[channel] / np.float32(count) + half)
