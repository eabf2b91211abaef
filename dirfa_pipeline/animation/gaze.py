"""Where eyes look: the eight eyeLook weights as angles, and angles as weights."""

from typing import TYPE_CHECKING, Final, Literal, TypeVar

from .coefficients import COEFFICIENT_NAMES


if TYPE_CHECKING:  # arrays need no torch
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Curves = TypeVar("Curves", "NDArray[np.float32]", "NDArray[np.float64]", "Tensor")
Side = Literal["Right", "Left"]

GAZE_RANGE: Final = 0.44  # radians that an eyeLook weight of 1 turns the eye, about 25 degrees
# The weights that turn an eye to the right and to the left of the picture, up and down: the subject's left eye looks
# to the right of the picture when it looks out.
_WAYS: Final = {"Right": ("In", "Out", "Up", "Down"), "Left": ("Out", "In", "Up", "Down")}
_COLUMNS: Final = {
    side: tuple(COEFFICIENT_NAMES.index(f"eyeLook{way}{side}") for way in ways) for side, ways in _WAYS.items()
}


def eye_angles(coefficients: Curves, side: Side) -> tuple[Curves, Curves]:
    """
    Yaw and pitch of one eye within the head, `(frames,)` each, in radians.

    Args:
        coefficients (array or tensor of shape `(frames, 58)`): Or only their first 52 columns, the weights.
        side (`"Right"` or `"Left"`): The subject's own. Positive yaw looks to the right of the picture, pitch upwards.
    """
    right, left, up, down = (coefficients[:, column] for column in _COLUMNS[side])
    return GAZE_RANGE * (right - left), GAZE_RANGE * (up - down)


def gaze_angles(coefficients: Curves) -> tuple[Curves, Curves]:
    """Yaw and pitch of the gaze within the head, the mean of both eyes'; arguments as for [`eye_angles`]."""
    right = eye_angles(coefficients, "Right")
    left = eye_angles(coefficients, "Left")
    return 0.5 * (right[0] + left[0]), 0.5 * (right[1] + left[1])


def look_weights(yaw: Curves, pitch: Curves) -> dict[str, Curves]:
    """
    The eyeLook weights that turn both eyes by `yaw` and `pitch`, `(frames,)`, in radians within the head.

    They come in pairs of opposite sign; clip them to [0, 1] before writing them into coefficients.
    """
    amounts = (yaw / GAZE_RANGE, -yaw / GAZE_RANGE, pitch / GAZE_RANGE, -pitch / GAZE_RANGE)
    return {
        f"eyeLook{way}{side}": amount
        for side, ways in _WAYS.items()
        for way, amount in zip(ways, amounts, strict=True)
    }
