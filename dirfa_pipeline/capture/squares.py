"""Turned squares of a picture: what a network looks at, and the way back from its view to the picture."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]


@dataclass(frozen=True)
class Square:
    """
    A part of a picture that a network looks at: a square that may be turned.

    Args:
        x, y (`float`): Its centre in pixels of the picture.
        side (`float`): In pixels of the picture.
        angle (`float`): From the picture's x axis to that of the square, clockwise on the screen, in radians.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    @classmethod
    def around(cls, low: Array, high: Array, margin: float = 1.0, across: Array | None = None) -> "Square":
        """
        The square around a box.

        Args:
            low, high (`np.ndarray` of shape `(2,)`): Two corners of the box.
            margin (`float`, defaults to 1.0): The square's side in long sides of the box.
            across (`np.ndarray` of shape `(2,)`, *optional*): Direction of the square's x axis.
        """
        centre = 0.5 * (low + high)
        angle = 0.0 if across is None else math.atan2(across[1], across[0])
        return cls(float(centre[0]), float(centre[1]), margin * float((high - low).max()), angle)

    def view(self, picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The square as a picture of `size` x `size` pixels; what lies outside of the given picture is black."""
        inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(picture, self._to_picture(size), (size, size), flags=inverse), np.uint8)

    def to_picture(self, points: Array, size: int) -> Array:
        """Points `(n, 2 or 3)` of a view of `size` pixels in the picture; depth is scaled like the rest."""
        matrix = self._to_picture(size)
        placed = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.concatenate([placed, points[:, 2:] * (self.side / size)], axis=1).astype(np.float32)

    def _to_picture(self, size: int) -> NDArray[np.float64]:
        scale = self.side / size
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = 0.5 * size
        return np.array([[cos, -sin, self.x - half * (cos - sin)], [sin, cos, self.y - half * (sin + cos)]])
