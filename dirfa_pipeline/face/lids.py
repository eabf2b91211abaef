"""Lids: how far a photo shows them shut, how they open again, how they close."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import NUM_EXPRESSIONS
from .fit import BLINKS, INNER_LOWER, INNER_UPPER, LIP_COLUMNS
from .landmarks import EyeLandmarks


Array = NDArray[np.float32]

NO_LIPS = np.setdiff1d(np.arange(NUM_EXPRESSIONS), LIP_COLUMNS)
# Lids' widest gap in diameters of the iris (measured: 300 photos of open eyes show .42 to 1, narrow and smiling ones
# included, shut lids in eight videos less than .16).
HALF_SHUT: Final = (0.43, 0.35)  # between these an eye begins to count as half shut
UNSEEN: Final = (0.09, 0.16)  # under these it shows too little of the iris to be opened
AWAKE: Final = 0.62  # how far one that counts is opened


def half_shut(points: NDArray) -> float:
    """
    How much of a blink `(478, 3)` landmarks show with both eyes: 0 for eyes that are open, however narrow, or shut.

    One eye alone is a wink, which is meant.
    """
    blinks = []
    for eye in BLINKS:
        iris = points[list(eye.iris), :2]
        diameter = 2.0 * np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
        gap = np.linalg.norm(points[list(eye.lower), :2] - points[list(eye.upper), :2], axis=1).max()
        gap /= max(diameter, 1e-6)
        counts = np.interp(gap, HALF_SHUT[::-1], (1.0, 0.0)) * np.interp(gap, UNSEEN, (0.0, 1.0))
        blinks.append(float(counts * max(0.0, 1.0 - gap / AWAKE)))
    return min(blinks)


def open_lids(shape: NDArray, eye: EyeLandmarks, blink: float) -> NDArray:
    """The face whose `eyeBlink` of `blink` shows these lids, see [`close_lids`]."""
    opened = shape.copy()
    gap = (shape[list(eye.lower)] - shape[list(eye.upper)]) * blink / (1.0 - blink)
    opened[list(eye.upper)] -= 0.9 * gap
    opened[list(eye.lower)] += 0.1 * gap
    return opened


def close_lids(basis: Array, shape: Array) -> Array:
    """
    Make eyeBlink close this face: the upper lid comes nine tenths of the gap down, the lower lid a tenth up.

    The crease and the skin under the brow follow by .68 and .30 of the upper lid.
    """
    basis = basis.copy()
    # Nothing but lips and jaw may part the lips: a photo's own sneer would keep them open.
    columns = NO_LIPS[:, None]
    basis[columns, INNER_UPPER] = basis[columns, INNER_LOWER] = 0.5 * (
        basis[columns, INNER_UPPER] + basis[columns, INNER_LOWER]
    )
    for eye, column in BLINKS.items():
        upper, lower = shape[list(eye.upper)], shape[list(eye.lower)]
        gap = lower - upper
        basis[column] = 0.0
        basis[column, list(eye.upper)] = 0.9 * gap
        basis[column, list(eye.lower)] = -0.1 * gap
        basis[column, list(eye.crease)] = 0.68 * 0.9 * gap
        basis[column, list(eye.brow_side)] = 0.30 * 0.9 * gap
    return basis
