"""The coefficients of facial animation: their names, their order, what an array of them must be."""

import difflib
from collections.abc import Sequence
from reprlib import repr as short
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import AnimationError


# ARKit's blend-shape names in ARKit's order (ARFaceAnchor.BlendShapeLocation, as Live Link Face writes them).
EXPRESSION_NAMES: Final[tuple[str, ...]] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
HEAD_NAMES: Final[tuple[str, ...]] = ("yaw", "pitch", "roll", "x", "y", "z")
COEFFICIENT_NAMES: Final[tuple[str, ...]] = EXPRESSION_NAMES + HEAD_NAMES
NUM_EXPRESSIONS: Final = len(EXPRESSION_NAMES)
NUM_COEFFICIENTS: Final = len(COEFFICIENT_NAMES)
# Lips and jaw are absolute: they replace what the photo shows. Everything else is added to the photo's own look.
LIP_NAMES: Final[tuple[str, ...]] = tuple(
    name for name in EXPRESSION_NAMES if name.startswith(("jaw", "mouth")) or name in ("cheekPuff", "tongueOut")
)
LIP_INDICES: Final[tuple[int, ...]] = tuple(EXPRESSION_NAMES.index(name) for name in LIP_NAMES)


def coefficient_index(name: str) -> int:
    """Return the column of a named coefficient; raises [`AnimationError`] that suggests the nearest known name."""
    try:
        return COEFFICIENT_NAMES.index(name)
    except ValueError:
        nearest = difflib.get_close_matches(name[:80], COEFFICIENT_NAMES, n=1, cutoff=0.0)[0]
        raise AnimationError(f"unknown coefficient name {name[:40]!r}; did you mean {nearest!r}?") from None


def check_names(names: Sequence[object]) -> None:
    """Raise [`AnimationError`] unless the names are known ones, each of which comes once."""
    for place, name in enumerate(names):
        if not isinstance(name, str):
            raise AnimationError(f"coefficient names must be words such as 'jawOpen', got {short(name)}")
        coefficient_index(name)
        if name in names[:place]:
            raise AnimationError(f"every coefficient may be named once, got {name!r} twice")


def check_coefficients(coefficients: ArrayLike) -> NDArray[np.float32]:
    """Return `coefficients` as float32 of shape `(num_frames, 58)`; raises [`AnimationError`] if it cannot be one."""
    try:
        array = np.asarray(coefficients, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise AnimationError(f"coefficients must be numbers: {error}") from error
    if array.ndim != 2 or array.shape[1] != NUM_COEFFICIENTS or len(array) == 0:
        raise AnimationError(
            f"coefficients must have shape (num_frames, {NUM_COEFFICIENTS}) and one frame or more, got {array.shape}: "
            f"{NUM_EXPRESSIONS} expression weights, then {', '.join(HEAD_NAMES)}"
        )
    if not np.isfinite(array).all():
        frame, column = np.argwhere(~np.isfinite(array))[0]
        raise AnimationError(
            f"coefficients must be finite, got {array[frame, column]} at frame {frame}, {COEFFICIENT_NAMES[column]}"
        )
    return array
