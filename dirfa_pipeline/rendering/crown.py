"""
The crown of a head that the picture's upper border cuts off, invented once, so that a head may sink and stay a head.

Its outline goes on as the circle that fits the outline below the border, its hair or skin as a mirror image.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.landmarks import OVAL
from .masks import Softness, whole


Array = NDArray[np.float32]

# Chosen by eye on portraits that cut off more or less of a head. Unit, where none is named: the face's height.
HALF: Final = 127.5  # of the alpha: more is the person's
OUTLINE: Final = 0.15  # below the border: where the outline shows how it continues
ROUNDEST: Final = 1.0  # of half a cut's width: no crown is higher than half a ball
HIGHEST: Final = 0.35  # nor than this
LEAST_ROWS: Final = 4  # of an outline: fewer tell nothing
LEAST_HEIGHT: Final = 0.5  # pixels
BESIDE: Final = 0.3  # beyond a side border: there ends what reaches it
MIRRORED, LEAST_MIRRORED = 0.75, 0.06  # of the way from the border to the forehead; at least so much
SPREAD: Final = Softness(2.0, 0.03)  # how far around a gap the hair's colour is taken from
EDGE: Final = Softness(0.8, 0.006)  # of the crown's outline
ROOM: Final = 4.0  # of that: so far above the outline nothing of the person is left


def add_crown(cutout: NDArray[np.uint8], landmarks: Array) -> NDArray[np.uint8]:
    """
    The person with as many more rows on top, `(rows + height, width, 4)`, as close the outline of what the upper
    border cuts off; with none if it cuts off nothing.

    Args:
        cutout (`np.ndarray` of shape `(height, width, 4)`): The person's colours and alpha.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
    """
    if not cutout[0, :, 3].any():
        return cutout
    oval = landmarks[list(OVAL), 1]
    size, forehead = float(np.ptp(oval)), float(oval.min())
    soft = EDGE.of(size)
    inside = np.pad(_outline(cutout[..., 3] > HALF, size), ((whole(ROOM * soft), 0), (0, 0)))
    rows = len(inside)
    mirrored = whole(max(MIRRORED * forehead, LEAST_MIRRORED * size))
    strip = _person(cutout[: mirrored + 1], SPREAD.of(size))
    # To and fro between the border and the forehead.
    source = mirrored - np.abs(np.arange(rows)[::-1] % (2 * mirrored) - mirrored)
    below = np.repeat(cutout[:1, :, 3] / np.float32(255.0), whole(ROOM * soft), axis=0)
    alpha = cv2.GaussianBlur(np.concatenate([inside, below]), (0, 0), soft)[:rows]
    crown = np.dstack([strip[np.minimum(source, len(strip) - 1)], 255.0 * alpha])
    return np.concatenate([(crown + 0.5).astype(np.uint8), cutout])


def _person(cutout: NDArray[np.uint8], reach: float) -> Array:
    """The person's colours, `(rows, width, 3)`; in gaps and next to them, those around."""
    share = cutout[..., 3:] / np.float32(255.0)
    own = cutout[..., :3] * share
    around = cv2.GaussianBlur(np.dstack([own, share]), (0, 0), reach)
    return own + (1.0 - share) * around[..., :3] / np.maximum(around[..., 3:], 1e-3)


def _outline(person: NDArray[np.bool_], size: float) -> Array:
    """Where the person goes on above the picture, `(rows, width)` in [0, 1]; the last row is next to its first."""
    width = person.shape[1]
    columns = np.arange(width, dtype=np.float32) + 0.5
    inside = np.zeros((whole(HIGHEST * size) + 1, width), np.float32)
    above = np.arange(len(inside), 0, -1) - 0.5
    for start, stop in _runs(person[0]):
        known = start > 0 and stop < width
        ends = np.array([start - BESIDE * size * (start == 0), stop + BESIDE * size * (stop == width)])
        middle, half = float(ends.mean()), 0.5 * float(np.diff(ends)[0])
        slope, drift = _follow(person, start, stop, whole(OUTLINE * size)) if known else (0.0, 0.0)
        # The square of the half-width of a circle is of the second degree in the height, and nothing at its top.
        round_top = float(np.sqrt(0.25 * slope * slope + half * half)) - 0.5 * slope
        top = max(min(HIGHEST * size, ROUNDEST * half, round_top), LEAST_HEIGHT)
        slope = min(max(slope, 0.0), half * half / top)
        square = half * half - slope * above - (half * half - slope * top) * np.square(above / top)
        square[above > top] = 0.0
        reach = np.sqrt(np.maximum(square, 0.0)) - np.where(square > 0.0, 0.0, 1.0)
        off = np.abs(columns[None] - middle + drift * above[:, None])
        inside = np.maximum(inside, np.clip(reach[:, None] - off + 0.5, 0.0, 1.0))
    return inside[int((~inside.any(1)).sum()) :].astype(np.float32)


def _runs(line: NDArray[np.bool_]) -> NDArray[np.intp]:
    """First column of each run, and the one after its last, `(runs, 2)`."""
    return np.flatnonzero(np.diff(np.pad(line.astype(np.int8), 1))).reshape(-1, 2)


def _follow(person: NDArray[np.bool_], start: int, stop: int, rows: int) -> tuple[float, float]:
    """How a cut's outline goes on below it: `2 b` of the circle around `b` rows below, and its drift a row."""
    middles, halves = [], []
    for row in range(min(rows, len(person))):
        runs = _runs(person[row])
        runs = runs[(runs[:, 0] < stop) & (runs[:, 1] > start)]
        if len(runs) == 0:
            break
        start, stop = int(runs[0, 0]), int(runs[-1, 1])
        middles.append(0.5 * (start + stop))
        halves.append(0.5 * (stop - start))
    y = np.arange(len(halves), dtype=np.float64)
    if len(y) < LEAST_ROWS:
        return 0.0, 0.0
    slope, drift = (np.polyfit(y, values, 1)[0] for values in (np.square(halves) + y * y, middles))
    return float(slope), float(drift)
