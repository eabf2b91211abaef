"""Neck and head as joints: where they lie, what follows them, and how they move as an animation moves the head."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.easing import smoothstep


Array = NDArray[np.floating]

NECK_SHARE: Final = 0.4  # of the head's turn, made by the neck: the rest is made where the skull rests on it
# The joints, as shares of the way from the neck's lower end to the chin: between the collarbones, under the ears.
NECK_HEIGHT, HEAD_HEIGHT = 0.15, 1.1
NECK_BASE, CHIN_LEVEL = 0.25, 1.0  # shares of that way between which the skin goes over from neck to head


@dataclass(frozen=True)
class Skeleton:
    """
    The two joints of a head at rest, in its own frame, whose y points down.

    Args:
        bottom, chin (`float`): Heights of the neck's lower end and of the chin.
        neck, head (`np.ndarray` of shape `(3,)`): The joints.
    """

    bottom: float
    chin: float
    neck: Array
    head: Array

    @classmethod
    def of(cls, shell: Array, chin: Array) -> "Skeleton":
        """Of a head's surface `(rings, 72, 3)` and its chin `(3,)`."""
        bottom = float(shell[..., 1].max())
        way = float(chin[1]) - bottom
        middle = 0.5 * float(shell[..., 2].min() + shell[..., 2].max())
        joints = (np.array([0.0, bottom + share * way, middle]) for share in (NECK_HEIGHT, HEAD_HEIGHT))
        return cls(bottom, float(chin[1]), *joints)

    def shares(self, vertices: Array) -> NDArray[np.float32]:
        """How much neck and head move each vertex `(vertices, 3)`: `(vertices, 2)`, sums of 1."""
        way = (vertices[:, 1] - self.bottom) / (self.chin - self.bottom)
        head = smoothstep((way - NECK_BASE) / (CHIN_LEVEL - NECK_BASE))
        return np.stack([1.0 - head, head], axis=1).astype(np.float32)

    def head_in_neck(self, turns: Array, moves: Array, neck_turns: Array) -> tuple[Array, Array]:
        """
        The head's turn `(frames, 3, 3)` and place `(frames, 3)` in the neck's frame.

        Args:
            turns (`np.ndarray` of shape `(frames, 3, 3)`), moves (`np.ndarray` of shape `(frames, 3)`): Of the head's
                own frame.
            neck_turns (`np.ndarray` of shape `(frames, 3, 3)`): Of the neck.
        """
        back = neck_turns.transpose(0, 2, 1)
        place = moves + turns @ self.head - self.neck
        return back @ turns, np.einsum("fij,fj->fi", back, place)
