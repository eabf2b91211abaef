"""How far each channel of the face goes: spreads of coefficients, to be compared with those of tracked people."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np

from ..animation.coefficients import COEFFICIENT_NAMES
from .metrics import Array
from .rows import format_columns


# Both sides of a pair count as one channel.
CHANNELS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(full for full in COEFFICIENT_NAMES if full in (name, f"{name}Left", f"{name}Right"))
    for name in (
        "jawOpen", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile", "mouthFrown", "mouthDimple",
        "mouthUpperUp", "mouthLowerDown", "mouthRollUpper", "mouthRollLower", "mouthPress", "browDown", "browInnerUp",
        "browOuterUp", "eyeWide", "eyeSquint", "noseSneer", "cheekSquint", "yaw", "pitch", "roll",
    )
}  # fmt: skip
HIGH: Final = 95.0  # percentile
REST: Final = 20.0  # percentile that a person holds without doing anything


@dataclass(frozen=True)
class Spread:
    """A channel's standard deviation, its 95th percentile, and how far that is above its rest, the 20th one."""

    std: float
    high: float
    reach: float


def spread(values: Array) -> Spread:
    """Spread of the sides of a channel `(frames, sides)`, the mean of both."""
    rest, high = np.percentile(values, [REST, HIGH], axis=0)
    return Spread(float(values.std(0).mean()), float(high.mean()), float((high - rest).mean()))


def channel_spreads(clips: Sequence[Array]) -> dict[str, Spread]:
    """Spreads of the channels of coefficients `(frames, 58)`, each the mean over the clips."""
    result = {}
    for name, columns in CHANNELS.items():
        indices = [COEFFICIENT_NAMES.index(column) for column in columns]
        each = [spread(clip[:, indices]) for clip in clips]
        result[name] = Spread(
            *(float(np.mean([getattr(one, part) for one in each])) for part in ("std", "high", "reach"))
        )
    return result


def format_spreads(ours: dict[str, Spread], real: dict[str, Spread]) -> str:
    """A line a channel: deviation, 95th percentile and reach above rest, ours, real and ours over real."""
    lines = [["", *(f"{part} {of}" for part in ("std", "p95", "p95-p20") for of in ("ours", "real", "ratio")), ""]]
    for name, own in ours.items():
        cells = []
        for value, wanted in zip(astuple(own), astuple(real[name]), strict=True):
            cells += [f"{value:.3f}", f"{wanted:.3f}", f"{value / wanted:.2f}" if wanted > 1e-3 else "-"]
        lines.append([name, *cells, ""])
    return format_columns(lines)
