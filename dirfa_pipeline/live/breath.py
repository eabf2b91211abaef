"""Breath: what moves a head that is otherwise still."""

from math import pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import COEFFICIENT_NAMES


RATE: Final = 0.25  # hertz: adults at rest breathe 12 to 20 times a minute
LIFT: Final = 0.006  # inter-ocular distances, about half a millimetre, that the head rises with a breath in
TILT: Final = 0.004  # radians that the chin rises with it

_PITCH, _Y = COEFFICIENT_NAMES.index("pitch"), COEFFICIENT_NAMES.index("y")


def breathe(row: NDArray[np.float32], time: float) -> NDArray[np.float32]:
    """The row of coefficients, `(58,)`, of a face that breathes; `time` in seconds."""
    breath = sin(2.0 * pi * RATE * time)
    row = row.copy()
    row[_PITCH] += TILT * breath
    row[_Y] -= LIFT * breath
    return row
