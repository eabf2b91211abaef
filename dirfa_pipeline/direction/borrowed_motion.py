"""Motion taken from a tracked video, channel by channel, made as long as the speech."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.coefficients import COEFFICIENT_NAMES, HEAD_NAMES, LIP_NAMES
from ..animation.easing import smoothstep


CHANNELS: Final[dict[str, tuple[str, ...]]] = {
    "head": HEAD_NAMES,
    "blinks": ("eyeBlinkLeft", "eyeBlinkRight"),
    "style": tuple(
        name
        for name in COEFFICIENT_NAMES
        if name.startswith(("brow", "eyeLook", "eyeSquint", "eyeWide", "cheekSquint", "nose"))
    ),
    "lips": LIP_NAMES,
}
FITS: Final = ("loop", "stretch")
JOIN: Final = 0.5  # seconds over which a loop's end becomes its beginning


def borrow_motion(animation: Animation, reference: Animation, channels: Sequence[str], fit: str) -> Animation:
    """
    Replace channels of an animation by those of a reference.

    Args:
        animation, reference ([`Animation`]): At any frame rates; the result has the first one's rate and length.
        channels (`Sequence[str]`): Keys of `CHANNELS`.
        fit (`str`): `"loop"` cuts or repeats the reference at its own speed, `"stretch"` retimes all of it.
    """
    if fit == "stretch":
        values = _retimed(reference, len(animation))
    else:
        values = _looped(reference.resample(animation.fps).coefficients, len(animation), animation.fps)
    columns = [COEFFICIENT_NAMES.index(name) for channel in channels for name in CHANNELS[channel]]
    coefficients = animation.coefficients.copy()
    coefficients[:, columns] = values[:, columns]
    return Animation(coefficients, animation.fps)


def _retimed(reference: Animation, num_frames: int) -> NDArray[np.float32]:
    places = (np.arange(num_frames) + 0.5) / num_frames * len(reference) - 0.5
    columns = [np.interp(places, np.arange(len(reference)), column) for column in reference.coefficients.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _looped(values: NDArray[np.float32], num_frames: int, fps: float) -> NDArray[np.float32]:
    """Repeat `(frames, 58)`: over the join the end fades into the beginning, so that no frame jumps."""
    if len(values) >= num_frames:
        return values[:num_frames]
    join = min(round(JOIN * fps), len(values) // 3)
    period = len(values) - join
    loop = values[join:].copy()
    if join:
        share = ((np.arange(join) + 1.0) / (join + 1.0))[:, None].astype(np.float32)
        share = smoothstep(share)
        loop[period - join :] = (1.0 - share) * values[period:] + share * values[:join]
    repeated = np.tile(loop, (1 + num_frames // period, 1))
    return np.concatenate([values[:join], repeated])[:num_frames]
