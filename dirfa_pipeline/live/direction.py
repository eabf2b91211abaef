"""Directing a live face: new controls are blended in over a short time."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.easing import ramp, smoothstep
from ..direction.controls import Controls
from ..direction.facing import face_camera
from ..face.fit import FaceFit, FaceFitter


Array = NDArray[np.float32]

TAKES_OVER: Final = 0.4  # seconds over which new controls replace old ones; about as long as a smile takes to form


class LiveDirection:
    """
    Controls that can change over time; times in them count from the moment at which they were given.

    Args:
        face_model ([`FaceModel`]): Tells how far blendshape weights part the lips.
        controls ([`Controls`]): The controls to begin with.
        face ([`FaceFit`]): The photo's, whose head comes back to the camera.
    """

    def __init__(self, face_model: FaceFitter, controls: Controls, face: FaceFit) -> None:
        self._face_model, self._face = face_model, face
        self._given: Sequence[tuple[Controls, float]] = [(controls, 0.0)]

    def change(self, controls: Controls, time: float) -> None:
        """Use other controls from `time` on, in seconds from the beginning."""
        self._given = [*self._given[-1:], (controls, time)]

    def apply(self, row: Array, time: float) -> Array:
        """Direct a row of coefficients, `(58,)`."""
        given = self._given
        controls, since = given[-1]
        share = smoothstep(ramp(time, since, TAKES_OVER)) if len(given) > 1 else 1.0
        directed = self._directed(controls, row, time - since)
        if share == 1.0:
            return directed
        old, before = given[0]
        return (1.0 - share) * self._directed(old, row, time - before) + np.float32(share) * directed

    def _directed(self, controls: Controls, row: Array, time: float) -> Array:
        animation = Animation(row[None])
        start = time - 0.5 / animation.fps  # `apply` adds half a frame, which is taken off here
        directed = controls.apply(animation, self._face_model, start=start).coefficients
        return face_camera(directed, self._face, controls.facing)[0]
