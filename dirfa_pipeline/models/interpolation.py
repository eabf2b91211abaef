"""
Cubic convolution (Keys, 1981) for little more than linear interpolation costs.

A share t of the way from one pixel to the next, Keys's cubic is the line less t (1 - t) / 2 of the second differences
there, interpolated linearly themselves. Linear interpolation of a picture that moves by parts of pixels blurs it, and
blurs each frame differently. What it lacks is added along rows and along columns, and to the light alone: eyes see
colours less sharply.
"""

from typing import Final

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray


Array = NDArray[np.float32]

LUMINANCE: Final = np.array([[0.299, 0.587, 0.114]], np.float32)
BEND: Final = np.float32(0.75)  # of t (1 - t); Keys's 1/2 keeps less of fine texture, 1 makes it harder than it was


def second_differences(picture: NDArray[np.uint8]) -> Array:
    """Of the light of a picture `(height, width, 3 or 4)`, along rows and along columns: `(height, width, 2)`."""
    light = cv2.transform(picture[..., :3].astype(np.float32), LUMINANCE)
    bend = np.array([[1.0, -2.0, 1.0]])
    along = (cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REFLECT) for kernel in (bend, bend.T))
    return np.stack(list(along), axis=-1)


@njit(cache=True, fastmath=True, inline="always")
def lost_light(x: float, y: float, along_x: float, along_y: float) -> float:
    """What linear interpolation at `(x, y)` lacks of the cubic, from the second differences interpolated there."""
    t, s = x - np.floor(x), y - np.floor(y)
    return -BEND * (t * (np.float32(1.0) - t) * along_x + s * (np.float32(1.0) - s) * along_y)
