"""
Cubic convolution (Keys, 1981) for little more than linear interpolation costs.

A share t of the way from one pixel to the next, Keys's cubic is the line less t (1 - t) / 2 of the second differences
there, interpolated linearly themselves: where a picture only moves, these are the second differences of the moved
picture. Linear interpolation of a picture that moves by parts of pixels blurs it, and blurs each frame differently.
What it lacks is added along rows and along columns, and to the light alone: eyes see colours less sharply.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .kernels import inner


# Of t (1 - t). Keys's 1/2 keeps less of fine texture, 1 makes it harder than it was (measured: edges of moved lips
# over the photo's own, as in test_mouth_stays_sharp).
BEND: Final = np.float32(0.75)


@inner(fastmath=True, inline="always")
def lost_light(light: NDArray[np.uint8], row: int, column: int, x: float, y: float) -> float:
    """
    What linear interpolation lacks of the cubic at a pixel.

    Args:
        light (`np.ndarray` of shape `(height, width)`): Of the picture after linear interpolation.
        row, column (`int`): The pixel.
        x, y (`float`): Where it was taken from.
    """
    above, below = max(row - 1, 0), min(row + 1, light.shape[0] - 1)
    left, right = max(column - 1, 0), min(column + 1, light.shape[1] - 1)
    here = np.float32(2.0) * light[row, column]
    t, s = x - np.floor(x), y - np.floor(y)
    along_row = np.float32(light[row, left]) + np.float32(light[row, right]) - here
    along_column = np.float32(light[above, column]) + np.float32(light[below, column]) - here
    one = np.float32(1.0)
    return -BEND * (t * (one - t) * along_row + s * (one - s) * along_column)
