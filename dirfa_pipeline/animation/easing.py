"""How a share grows from nothing to everything: along a straight line, or easing in and out."""

from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray


Floats = TypeVar("Floats", bound=np.floating)


@overload
def ramp(values: float, start: float, over: float) -> float: ...
@overload
def ramp(values: NDArray[Floats], start: float, over: float) -> NDArray[Floats]: ...


def ramp(values: float | NDArray, start: float, over: float) -> float | NDArray:
    """
    A share in [0, 1]: 0 at `start`, 1 at `start + over`, on a straight line between, held beyond both.

    Args:
        values (`float` or `np.ndarray`): What the share depends on.
        start (`float`): In the unit of the values.
        over (`float`): The same, not 0; negative where the share falls as the values grow.
    """
    if isinstance(values, np.ndarray):
        return np.clip((values - start) / over, 0.0, 1.0)
    return float(min(max((values - start) / over, 0.0), 1.0))


@overload
def smoothstep(share: float) -> float: ...
@overload
def smoothstep(share: NDArray[Floats]) -> NDArray[Floats]: ...


def smoothstep(share: float | NDArray) -> float | NDArray:
    """The same share, clipped to [0, 1], with a slope of 0 at both ends: `3 t^2 - 2 t^3`."""
    t = np.clip(share, 0.0, 1.0) if isinstance(share, np.ndarray) else float(min(max(share, 0.0), 1.0))
    return t * t * (3.0 - 2.0 * t)
