"""Brows: hair that moves as one piece, and the forehead above it that gives way, up to the hairline."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from .landmarks import LEFT_BROW, RIGHT_BROW


Array = NDArray[np.float32]

BROWS = np.array([index for index, name in enumerate(EXPRESSION_NAMES) if name.startswith("brow")])
RAISING = np.array([index for index in BROWS if "Up" in EXPRESSION_NAMES[index]])
INNER_UP: Final = EXPRESSION_NAMES.index("browInnerUp")
LOWERING = np.setdiff1d(BROWS, RAISING)
OUTER_UP = np.array([index for index in RAISING if index != INNER_UP])
BETWEEN: Final = 9  # the landmark between the brows
# From temple to temple: above the brows, and at the hairline.
FOREHEAD: Final = (68, 104, 69, 108, 151, 337, 299, 333, 298)
HAIRLINE: Final = (54, 103, 67, 109, 10, 338, 297, 332, 284)
# Chosen by eye on sheets of raised brows. Heights above the landmarks of a brow's upper edge, in inter-ocular
# distances.
HAIR: Final = 0.06  # so far up goes what moves with them: brows are often thicker than their landmarks
AT_HAIRLINE: Final = 0.3  # share of a brow's rise that hairlines make, as scalps do
FALLS: Final = 1.5  # times the model's browDown, which lowers brows by 3 mm; by eye
HIGH_ALREADY: Final = 0.4  # share of browOuterUp that brows are spared which the photo shows raised as far as they go


def rigid_brows(basis: Array, shape: Array, raised: float) -> Array:
    """
    Make raised brows keep their thickness in a photo: the model's landmarks are most of it, not all, and squeeze what
    is right above them.

    Args:
        basis (`np.ndarray` of shape `(52, 478, 3)`): Expressions.
        shape (`np.ndarray` of shape `(478, 3)`): The face, in inter-ocular distances.
        raised (`float`): How far the photo shows them raised already, in [0, 1].
    """
    basis = basis.copy()
    for upper, lower in (RIGHT_BROW, LEFT_BROW):
        both = 0.5 * (basis[BROWS[:, None], upper] + basis[BROWS[:, None], lower])
        basis[BROWS[:, None], upper] = basis[BROWS[:, None], lower] = both
    basis[LOWERING] *= FALLS
    basis[OUTER_UP] *= 1.0 - HIGH_ALREADY * raised
    line = np.array([*RIGHT_BROW[0], BETWEEN, *LEFT_BROW[0]])
    line = line[np.argsort(shape[line, 0])]
    x, y, _ = shape[line].T
    places = np.array([*FOREHEAD, *HAIRLINE])
    across = shape[places, 0]
    top = shape[list(HAIRLINE)]
    top = top[np.argsort(top[:, 0])]
    above = np.interp(across, x, y) - shape[places, 1]
    whole = np.maximum(np.interp(across, x, y) - np.interp(across, top[:, 0], top[:, 1]), 2.0 * HAIR)
    share = 1.0 - (1.0 - AT_HAIRLINE) * np.clip((above - HAIR) / (whole - HAIR), 0.0, 1.0)
    for column in RAISING:
        rise = np.stack([np.interp(across, x, basis[column, line, axis]) for axis in range(3)], axis=1)
        basis[column, places] = share[:, None] * rise
    return basis
