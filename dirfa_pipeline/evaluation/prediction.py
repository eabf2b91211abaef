"""
How well takes that were drawn for a sound predict what the real face did: a proper score of hearing.

Each frame of many takes gives a mean and a variance of the velocities of head and brows; the score is the
log-likelihood of the real ones. Takes of the clip's own sound should explain them better than takes of another's.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from .beats import band_pass
from .metrics import Array


VARIANCE_SHARE: Final = 0.1  # of the variance over the whole clip that each frame has at least: takes are few


def velocities(rotations: Array, brows: Array, fps: float) -> Array:
    """
    Velocities of yaw, pitch and roll in degrees a second, and of the brows in IOD / 100 a second, `(frames, 4)`,
    of what moves at .15 to 4 Hz.
    """
    curves = np.column_stack([np.degrees(rotations), 100.0 * brows])
    return np.gradient(band_pass(curves, fps), axis=0) * fps


def log_likelihood(real: Array, takes: Sequence[Array]) -> float:
    """
    Mean log-likelihood of real velocities under takes, in nats a frame and channel.

    Args:
        real (`np.ndarray` of shape `(frames, dim)`): What the face did.
        takes (sequence of `np.ndarray` of shape `(frames, dim)`): Of the same seconds; the common length counts.
    """
    length = min(len(real), *map(len, takes))
    drawn = np.stack([take[:length] for take in takes])
    mean, variance = drawn.mean(0), drawn.var(0)
    variance = variance + VARIANCE_SHARE * drawn.var((0, 1)) + 1e-9
    return float(np.mean(-0.5 * (np.square(real[:length] - mean) / variance + np.log(2 * np.pi * variance))))


def prediction_scores(real: Sequence[Array], takes: Sequence[Sequence[Array]]) -> dict[str, float]:
    """
    Compare how takes of each clip's own sound and of all others' explain it.

    Args:
        real (sequence of `np.ndarray` of shape `(frames, dim)`): Velocities of each clip.
        takes (sequence of sequences of `np.ndarray` of shape `(frames, dim)`): Those of the takes for its sound.

    Returns:
        `likelihood_own`, `likelihood_other`, `likelihood_gain` (own less other, over the same frames, mean over clips)
        and `likelihood_error`, the gain's standard error. Empty for fewer than two clips.
    """
    if len(real) < 2:
        return {}
    own, other = [], []
    for index, clip in enumerate(real):
        for partner, drawn in enumerate(takes):
            if partner != index:
                length = min(len(clip), *map(len, (*takes[index], *drawn)))
                own.append(log_likelihood(clip[:length], takes[index]))
                other.append(log_likelihood(clip[:length], drawn))
    shape = (len(real), len(real) - 1)
    gains = np.reshape(np.subtract(own, other), shape).mean(1)
    return {
        "likelihood_own": float(np.mean(own)), "likelihood_other": float(np.mean(other)),
        "likelihood_gain": float(gains.mean()), "likelihood_error": float(gains.std(ddof=1) / np.sqrt(len(gains))),
    }  # fmt: skip
