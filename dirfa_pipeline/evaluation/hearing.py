"""
Does the head hear? How alike performances are that should differ.

With one seed, two speeches should give two performances; with one speech, two seeds. Curves of 15 s that know nothing
of each other correlate by .2 to .3 in absolute value, because they are slow.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from ..animation.coefficients import COEFFICIENT_NAMES
from .metrics import Array


POSE_NAMES: Final = ("yaw", "pitch", "roll", "brows")
_HEAD: Final = [COEFFICIENT_NAMES.index(name) for name in ("yaw", "pitch", "roll")]


def brow_raise(coefficients: Array) -> Array:
    """How far coefficients `(frames, 58)` raise the brows, `(frames,)`: inner and outer weights less the lowering."""

    def mean(*names: str) -> Array:
        return coefficients[:, [COEFFICIENT_NAMES.index(name) for name in names]].mean(1)

    up = mean("browInnerUp") + mean("browOuterUpLeft", "browOuterUpRight")
    return up - mean("browDownLeft", "browDownRight")


def pose_curves(coefficients: Array) -> Array:
    """Yaw, pitch, roll and the raise of the brows, `(frames, 4)`, from coefficients `(frames, 58)`."""
    return np.column_stack([coefficients[:, _HEAD], brow_raise(coefficients)])


def absolute_correlations(first: Array, second: Array) -> Array:
    """Absolute correlation of each column of two sets of curves `(frames, dim)`, over the frames that both have."""
    length = min(len(first), len(second))
    a, b = (curves[:length] - curves[:length].mean(0) for curves in (first, second))
    scale = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    return np.abs((a * b).sum(0)) / np.where(scale > 1e-9, scale, np.inf)


def likeness(takes: Sequence[Array]) -> dict[str, float]:
    """
    Mean absolute correlation of the head's and the brows' curves over all pairs of takes, and the largest of any.

    Args:
        takes (sequence of `np.ndarray` of shape `(frames, 58)`): Coefficients, of lengths of their own.

    Returns:
        `yaw`, `pitch`, `roll`, `brows` and `largest`; empty for fewer than two takes.
    """
    curves = [pose_curves(take) for take in takes]
    pairs = np.array([absolute_correlations(a, b) for a, b in combinations(curves, 2)])
    if not len(pairs):
        return {}
    return dict(zip(POSE_NAMES, map(float, pairs.mean(0)), strict=True)) | {"largest": float(pairs.max())}
