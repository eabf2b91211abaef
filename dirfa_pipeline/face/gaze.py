"""Where the eyes of a photo look: at the camera, or aside of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import ramp
from ..animation.gaze import look_weights
from .fit import LOOKS
from .landmarks import LEFT_EYE, RIGHT_EYE


# The iris between the corners of the eye, mean of both eyes. Measured on 118 portraits that look into the camera: its
# deviation is .046 and .018 eye widths across and down, nine in ten lie within .055 and .03.
ABOVE: Final = 0.077  # eye widths over the corners
TURNS: Final = -0.26  # eye widths across for a radian of the head's yaw: the eyes stay on the camera
ACROSS: Final = (0.05, 0.03)  # eye widths off this from which on a look counts as aside, and over how much it does
DOWN: Final = (0.05, 0.04)
ANGLE: Final = 5.55  # radians for an inter-ocular distance, as the face model's eyeLook weights turn an iris
MOST_DOWN: Final = 0.3  # radians: an iris under a shut lid is only guessed


def photo_gaze(points: NDArray, yaw: float, scale: float) -> NDArray[np.floating]:
    """
    The eyeLook weights `(8,)`, at the columns `LOOKS`, of `(478, 3)` landmarks, `scale` pixels an
    inter-ocular distance, of a head turned by `yaw` radians.

    They are 0 for eyes that look into the camera, or so nearly there that landmarks do not tell.
    """
    axis = points[LEFT_EYE.outer, :2] - points[RIGHT_EYE.outer, :2]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
    away, width = np.zeros(2), 0.0
    for eye in (RIGHT_EYE, LEFT_EYE):
        outer, inner = points[eye.outer, :2], points[eye.inner, :2]
        across = max(float(np.linalg.norm(outer - inner)), 1e-6)
        offset = (points[eye.iris[0], :2] - 0.5 * (outer + inner)) / across
        away += 0.5 * np.array([offset @ axis, offset @ np.array([-axis[1], axis[0]])])
        width += 0.5 * across
    away -= (TURNS * yaw, -ABOVE)
    counts = np.array([ramp(abs(float(way)), *where) for way, where in zip(away, (ACROSS, DOWN), strict=True)])
    across, down = ANGLE * width / scale * away * counts
    down = np.clip(down, -MOST_DOWN, MOST_DOWN)
    weights = look_weights(np.array([across]), np.array([-down]))
    return np.array([np.clip(weights[EXPRESSION_NAMES[index]][0], 0.0, 1.0) for index in LOOKS])
