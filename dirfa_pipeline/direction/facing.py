"""A head that the photo shows turned, tipped or tilted comes back to the camera: people face whom they speak to."""

from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import COEFFICIENT_NAMES, NUM_EXPRESSIONS
from ..animation.gaze import gaze_angles, look_weights
from ..errors import InputError
from ..face.fit import FaceFit


Array = NDArray[np.float32]

# By eye on six photos; in published videos of the same photos heads come back by .5 to .6 of their pitch on average.
FACING: Final = 0.5
MOST_FACING: Final = 8.0  # degrees for each angle: what a photo does not show of the far side stays hidden


def check_facing(facing: Any) -> None:
    """Raise [`InputError`] unless heads can come back by that share."""
    if not isinstance(facing, Real) or not 0.0 <= float(facing) <= 1.0:
        raise InputError(f"facing must be a number in [0, 1], got {facing!r}")


def face_camera(coefficients: Array, face: FaceFit, facing: float = FACING) -> Array:
    """
    Turn the head by a share of the photo's own yaw, pitch and roll back to the camera; the eyes look where they did.

    Args:
        coefficients (`np.ndarray` of shape `(frames, 58)`): See [`Animation`][dirfa_pipeline.Animation].
        face ([`FaceFit`]): The photo's.
        facing (`float`, defaults to 0.5): The share, in [0, 1]; 0 keeps the photo's pose.
    """
    most = np.radians(MOST_FACING)
    back = np.clip(-facing * face.head_angles(), -most, most).astype(np.float32)
    if not back.any():
        return coefficients
    turned = coefficients.copy()
    turned[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3] += back
    yaw, pitch = gaze_angles(coefficients)
    for name, weights in look_weights(yaw - back[0], pitch - back[1]).items():
        turned[:, COEFFICIENT_NAMES.index(name)] = np.clip(weights, 0.0, 1.0)
    return turned
