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


Array = NDArray[np.float32]

# Of t (1 - t). Keys's 1/2 keeps less of fine texture, 1 makes it harder than it was (measured: edges of moved lips
# over the photo's own, as in test_mouth_stays_sharp).
BEND: Final = np.float32(0.75)


@inner(fastmath=True)
def lost_light(light: NDArray[np.uint8], row: int, x: Array, y: Array, lost: Array) -> None:
    """
    Write what linear interpolation lacks of the cubic along a row of pixels.

    Args:
        light (`np.ndarray` of shape `(height, width)`): Of the picture after linear interpolation.
        row (`int`): Of the picture.
        x, y (`np.ndarray` of shape `(width,)`): Where its pixels were taken from.
        lost (`np.ndarray` of shape `(width,)`): Written in place.
    """
    above, here, below = light[max(row - 1, 0)], light[row], light[min(row + 1, light.shape[0] - 1)]
    one, two, last = np.float32(1.0), np.float32(2.0), len(here) - 1
    for column in range(len(here)):
        s = y[column] - np.floor(y[column])
        bent = np.float32(above[column]) + np.float32(below[column]) - two * np.float32(here[column])
        lost[column] = -BEND * s * (one - s) * bent
    for column in range(1, last):
        t = x[column] - np.floor(x[column])
        bent = np.float32(here[column - 1]) + np.float32(here[column + 1]) - two * np.float32(here[column])
        lost[column] -= BEND * t * (one - t) * bent
    for column, neighbour in ((0, min(1, last)), (last, max(last - 1, 0))):  # a border has one neighbour
        t = x[column] - np.floor(x[column])
        lost[column] -= BEND * t * (one - t) * (np.float32(here[neighbour]) - np.float32(here[column]))
