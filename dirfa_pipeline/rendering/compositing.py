"""
Layers laid over each other: compiled loops that let other threads run meanwhile.

Most pixels are wholly the person's or wholly not, and neighbours are alike. Rows are therefore drawn run by run, the
long ones in loops without branches, several pixels at a time.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .interpolation import lost_light
from .kernels import inner, kernel


Array = NDArray[np.float32]

OPAQUE: Final = 255  # the greatest alpha


@kernel(nogil=True)
def blend_over_plate(
    warped: NDArray[np.uint8], alphas: NDArray[np.uint8], light: NDArray[np.uint8], cutout: NDArray[np.uint8],
    plate: NDArray[np.uint8], remainder: NDArray[np.int16], map_x: Array, map_y: Array, left: int, top: int,
    above: int, margin: float, out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """
    Lay the warped person over what is behind, in place.

    What the photo has over the two fades away as the picture moves by up to `margin`: the photo at rest is itself.

    Args:
        warped (`np.ndarray` of shape `(height, width, 3)`): The warped picture, mirrored at its border.
        alphas (`np.ndarray` of shape `(height, width)`): Its alpha.
        light (`np.ndarray` of shape `(height, width)`): Its light, see [`lost_light`].
        cutout (`np.ndarray` of shape `(above + rows, columns, 4)`): The whole picture with its alpha before. Only
            where the border cuts the person off does the mirror image count as theirs.
        plate (`np.ndarray` of shape `(rows, columns, 3)`): The picture without the person.
        remainder (`np.ndarray` of shape `(rows, columns, 3)`): What the photo has over the person on the plate.
        map_x, map_y (`np.ndarray` of shape `(height, width)`): Where in the whole picture each pixel comes from.
        left, top (`int`): Corner of the window that `warped` fills.
        above (`int`): Rows that the whole picture has above the photo.
        margin (`float`): In pixels.
        out (`np.ndarray` of shape `(rows, columns, 3)`): The photo; its window becomes the frame's.
    """
    height, width = alphas.shape
    last_row, last_column = np.float32(cutout.shape[0] - 1), np.float32(cutout.shape[1] - 1)
    gain = np.float32(OPAQUE / (margin * margin))
    lost, rests, channels = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(3 * width, np.float32)
    for row in range(height):
        xs, ys, alpha_row = map_x[row], map_y[row], alphas[row]
        lost_light(light, row, xs, ys, lost)
        _still_there(xs, ys, np.float32(left), np.float32(above + top + row), gain, rests)
        column = 0
        while column < width:
            x, y, alpha = xs[column], ys[column], int(alpha_row[column])
            inside = 0.0 <= x <= last_column and 0.0 <= y <= last_row
            if alpha == 0:
                run = slice(column, _end_of_clear(alpha_row, column))
                there = slice(left + run.start, left + run.stop)
                _show_behind(
                    plate[top + row, there], remainder[top + row, there], rests[run], channels, out[top + row, there]
                )
                column = run.stop
                continue
            if alpha == OPAQUE and inside:
                run = slice(column, _end_of_opaque(alpha_row, xs, ys, column, last_column, last_row))
                there = slice(left + run.start, left + run.stop)
                _add_light(warped[row, run], lost[run], channels, out[top + row, there])
                column = run.stop
                continue
            if not inside:
                inside_x, inside_y = min(max(x, 0.0), last_column), min(max(y, 0.0), last_row)
                alpha = min(alpha, int(cutout[int(inside_y + 0.5), int(inside_x + 0.5), 3]))
            lit, rest = int(np.float32(alpha) * lost[column]) + 127, int(rests[column])
            at_row, at = top + row, left + column
            for channel in range(3):
                mixed = alpha * int(warped[row, column, channel]) + (OPAQUE - alpha) * int(plate[at_row, at, channel])
                mixed += lit + rest * int(remainder[at_row, at, channel])
                # A 255th, exactly: a product and a shift are faster than a division.
                out[at_row, at, channel] = (min(max(mixed, 0), 65152) * 32897) >> 23
            column += 1


@inner(fastmath=True)
def _still_there(x: Array, y: Array, left: float, row: float, gain: float, rests: Array) -> None:
    """Write how much, in [0, 255], a row of pixels keeps of what the photo has over person and plate."""
    for column in range(len(x)):
        dx, dy = x[column] - (left + np.float32(column)), y[column] - row
        rests[column] = np.floor(np.float32(OPAQUE) - min(np.float32(OPAQUE), gain * (dx * dx + dy * dy)))


@inner()
def _end_of_clear(alphas: NDArray[np.uint8], start: int) -> int:
    """Where the pixels end that have nothing of the person."""
    stop = start
    while stop < len(alphas) and alphas[stop] == 0:
        stop += 1
    return stop


@inner(fastmath=True)
def _end_of_opaque(
    alphas: NDArray[np.uint8], x: Array, y: Array, start: int, last_column: float, last_row: float
) -> int:
    """Where the pixels end that are wholly the person's and come from within the photo."""
    zero, stop = np.float32(0.0), start
    while stop < len(alphas) and alphas[stop] == OPAQUE and (
        zero <= x[stop] <= last_column and zero <= y[stop] <= last_row
    ):  # fmt: skip
        stop += 1
    return stop


@inner(fastmath=True)
def _show_behind(
    plate: NDArray[np.uint8], remainder: NDArray[np.int16], rests: Array, channels: Array, out: NDArray[np.uint8]
) -> None:
    """A row of pixels `(pixels, 3)` of the plate, with shares `(pixels,)` of what the photo has over it."""
    for place in range(len(rests)):
        channels[3 * place] = rests[place]
        channels[3 * place + 1] = rests[place]
        channels[3 * place + 2] = rests[place]
    values, more, written, unit = plate.reshape(-1), remainder.reshape(-1), out.reshape(-1), np.float32(1.0 / OPAQUE)
    for place in range(len(values)):
        shown = np.float32(values[place]) + unit * channels[place] * np.float32(more[place]) + np.float32(0.5)
        written[place] = np.uint8(np.int32(min(max(shown, np.float32(0.0)), np.float32(OPAQUE))))


@inner(fastmath=True)
def _add_light(picture: NDArray[np.uint8], light: Array, channels: Array, out: NDArray[np.uint8]) -> None:
    """Add light `(pixels,)` to each channel of a row of pixels `(pixels, 3)`; `channels` is room for all of them."""
    for place in range(len(light)):
        rounded = light[place] + np.float32(0.5)
        channels[3 * place] = rounded
        channels[3 * place + 1] = rounded
        channels[3 * place + 2] = rounded
    values, written = picture.reshape(-1), out.reshape(-1)
    for place in range(len(values)):
        lit = np.float32(values[place]) + channels[place]
        written[place] = np.uint8(np.int32(min(max(lit, np.float32(0.0)), np.float32(OPAQUE))))


@kernel(nogil=True)
def lay_over(frame: NDArray[np.uint8], cover: NDArray[np.uint8], own: NDArray[np.int16]) -> None:
    """Draw a mount over a frame, in place, see [`Mount`]."""
    for row in range(cover.shape[0]):
        for column in range(cover.shape[1]):
            if cover[row, column] > 0:
                bare = 255 - int(cover[row, column])
                for channel in range(3):
                    mixed = (bare * int(frame[row, column, channel]) + 127) // 255 + own[row, column, channel]
                    frame[row, column, channel] = min(max(mixed, 0), 255)
