"""How a head has moved since the photo, as a camera near by sees it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]


class HeadMotion(NamedTuple):
    """
    A rigid motion with perspective: what comes nearer than the middle of the face grows, away from that middle.

    The photo shows everything as large as it was then. Turned without perspective, a face would keep the sizes of its
    halves. The middle itself stays where the motion brings it, and as large: motions are measured there, on faces as
    cameras see them. Expressions come nearer, too, but their shapes are those that a photo shows.

    Args:
        rigid (`np.ndarray` of shape `(3, 4)`): The motion, in pixels.
        middle (`np.ndarray` of shape `(3,)`): Of the face in the photo, in pixels.
        away (`float`): How far in front of depth 0 the camera is, in pixels.
    """

    rigid: Array
    middle: Array
    away: float

    def move(self, places: Array) -> Array:
        """Where places `(n, 3)` of the photo's head are now."""
        return self.see(places @ self.rigid[:, :3].T + self.rigid[:, 3], places)

    def see(self, points: Array, places: Array) -> Array:
        """Points `(n, 3)`, moved without perspective, as the camera sees them; they were at these places."""
        seen = points.copy()
        seen[:, :2] += (self._growth(places) - 1.0)[:, None] * (points[:, :2] - self._centre)
        return seen

    def around(self, place: Array) -> Array:
        """The motion around a place `(3,)` of the photo, `(3, 4)`."""
        motion = self.rigid.copy()
        motion[:2, 3] -= self._centre
        motion[:2] *= self._growth(place)
        motion[:2, 3] += self._centre
        return motion

    @property
    def _centre(self) -> Array:
        return self.rigid[:2, :3] @ self.middle + self.rigid[:2, 3]

    def _growth(self, places: Array) -> Array:
        return self._nearing(places) / self._nearing(self.middle)

    def _nearing(self, places: Array) -> Array:
        return (self.away + places[..., 2]) / (self.away + places @ self.rigid[2, :3] + self.rigid[2, 3])
