"""Breathing: small head movements that keep an idle face from looking frozen."""

from math import pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import COEFFICIENT_NAMES


RATE: Final = 0.25  # hertz: adults at rest breathe 12 to 20 times a minute
LIFT: Final = 0.006  # how far the head rises on breathing in, in inter-ocular distances; about half a millimetre
TILT: Final = 0.004  # radians by which the chin rises on breathing in

_PITCH, _Y = COEFFICIENT_NAMES.index("pitch"), COEFFICIENT_NAMES.index("y")


def breathe(row: NDArray[np.float32], time: float) -> NDArray[np.float32]:
    """Add breathing to a row of coefficients, `(58,)`; `time` is in seconds."""
    breath = sin(2.0 * pi * RATE * time)
    row = row.copy()
    row[_PITCH] += TILT * breath
    row[_Y] -= LIFT * breath
    return row
