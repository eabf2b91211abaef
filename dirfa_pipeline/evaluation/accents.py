"""
One accent, many seeds: how often a gesture answers it, and whether a stronger accent gets a larger one.

An accent is a strong rise of the loudness. A gesture is a peak of the head's speed or of the brows' height over one
deviation (see [`beats`]), at most .3 s away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from .beats import Loudness, averaged, band_pass, head_speed, movement_peaks, standardise
from .metrics import Array


STRONG: Final = 1.0  # deviations of the smoothed rise
SMOOTHING: Final = 0.08  # seconds each side
APART: Final = 0.32  # seconds between two accents
NEAR: Final = 0.3  # seconds from an accent to its gesture


@dataclass(frozen=True, eq=False)
class Answers:
    """
    What several takes do at the accents of one sound.

    Args:
        prominence (`np.ndarray` of shape `(accents,)`): Height of each rise in deviations.
        sizes (`np.ndarray` of shape `(accents, takes)`): Height of each take's largest gesture near it in deviations,
            0 where there is none.
        by_chance (`float`): Share of all instants that have a gesture as near.
    """

    prominence: Array
    sizes: Array
    by_chance: float


def find_accents(sound: Loudness, fps: float) -> tuple[NDArray[np.intp], Array]:
    """Frames at which the loudness rises most, and how much in deviations of its rise: `(accents,)` each."""
    rise = standardise(averaged(sound.rise, fps, SMOOTHING))
    peaks, facts = find_peaks(rise, height=STRONG, distance=max(1, round(APART * fps)))
    return peaks, facts["peak_heights"]


def gesture_sizes(rotations: Array, brows: Array, fps: float) -> Array:
    """Height in deviations of the largest gesture within .3 s of each frame, `(frames,)`; 0 where there is none."""
    sizes = np.zeros(len(rotations))
    reach = round(NEAR * fps)
    for curve in (head_speed(rotations, fps), brows):
        peaks = movement_peaks(curve, fps)
        heights = standardise(band_pass(curve, fps))[peaks] if len(peaks) else ()
        for peak, height in zip(peaks, heights, strict=True):
            near = slice(max(0, peak - reach), peak + reach + 1)
            sizes[near] = np.maximum(sizes[near], height)
    return sizes


def answers(takes: Sequence[tuple[Array, Array]], sound: Loudness, fps: float) -> Answers:
    """What takes, given as rotations `(frames, 3)` and brows `(frames,)`, do at the accents of their sound."""
    frames, prominence = find_accents(sound, fps)
    everywhere = np.column_stack([gesture_sizes(*take, fps) for take in takes])
    inside = frames < len(everywhere)
    return Answers(prominence[inside], everywhere[frames[inside]], float((everywhere > 0).mean()))


def accent_scores(clips: Sequence[Answers]) -> dict[str, float]:
    """
    Scores over the accents of all clips.

    Returns:
        `accent_share`, the mean share of takes that show a gesture; `accent_chance`, that share at any instant;
        `accent_size`, the correlation of a shown gesture's size with the accent's prominence; `accent_mean_size`, that
        of the size averaged over an accent's takes, none counting 0. NaN where there are fewer than three.
    """
    prominence = np.concatenate([clip.prominence for clip in clips])
    sizes = np.concatenate([clip.sizes for clip in clips])
    shown = sizes > 0
    return {
        "accent_share": float(shown.mean()) if len(sizes) else float("nan"),
        "accent_chance": float(np.mean([clip.by_chance for clip in clips])),
        "accent_size": correlation(np.broadcast_to(prominence[:, None], sizes.shape)[shown], sizes[shown]),
        "accent_mean_size": correlation(prominence, sizes.mean(1)),
    }


def correlation(first: Array, second: Array) -> float:
    """Correlation of two samples; NaN for fewer than three values or one that does not vary."""
    if len(first) < 3 or min(np.ptp(first), np.ptp(second)) < 1e-9:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
