"""
Five measures after THEval ("THEval: Evaluation framework for talking head video generation",
arXiv 2511.04520), and its score against real clips.

Four are theirs as far as landmarks tell. Silences are found by loudness, not by a network. Lips are measured in a
picture in which the eyes are as far apart for everybody, because a nearer face would move more. Their head motion
needs a network as well; [`head_motion`] is an approximation by this project's own tracked pose.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..face.landmarks import (
    INNER_LIP_PAIRS,
    LEFT_BROW,
    LEFT_EYE,
    LOWER_LIP_ROWS,
    RIGHT_BROW,
    RIGHT_EYE,
    UPPER_LIP_ROWS,
)
from ..face.measures import eye_centres, inter_ocular_distance
from .beats import head_speed
from .metrics import Array


# The outer and the inner outline of the lips, 20 landmarks each.
LIP_OUTLINES: Final = (
    61, *LOWER_LIP_ROWS[0], 291, *reversed(UPPER_LIP_ROWS[0]),
    78, *LOWER_LIP_ROWS[-1], 308, *reversed(UPPER_LIP_ROWS[-1]),
)  # fmt: skip
EYE_DISTANCE: Final = 64.0  # pixels of 256: equal framing
THEVAL_NAMES: Final = ("lip_dynamics", "brow_dynamics", "silent_lips", "lip_sync", "head_motion")


def lip_dynamics(landmarks: Array) -> float:
    """Deviation over time of the distance of two lip landmarks, mean over all pairs of 40, in pixels of 256."""
    points = landmarks[:, list(LIP_OUTLINES), :2]
    points = points * (EYE_DISTANCE / inter_ocular_distance(landmarks).mean())
    deviations = [
        np.linalg.norm(points[:, index + 1 :] - points[:, index : index + 1], axis=-1).std(0)
        for index in range(len(LIP_OUTLINES) - 1)
    ]
    return float(np.concatenate(deviations).mean())


def brow_dynamics(landmarks: Array) -> float:
    """Change from frame to frame of the distance of brow and eye, mean of both, over the distance of the eyes."""
    changes = []
    for (upper_edge, _), centre in zip((RIGHT_BROW, LEFT_BROW), eye_centres(landmarks), strict=True):
        gap = landmarks[:, list(upper_edge), :2].mean(1) - centre
        changes.append(np.abs(np.diff(np.linalg.norm(gap, axis=-1) / inter_ocular_distance(landmarks))).mean())
    return float(np.mean(changes))


def lip_gap(landmarks: Array) -> Array:
    """Mean distance of the nine facing inner-lip landmarks over that of the outer eye corners, `(frames,)`."""
    upper, lower = (landmarks[:, list(side), :2] for side in zip(*INNER_LIP_PAIRS, strict=True))
    eyes = np.linalg.norm(landmarks[:, LEFT_EYE.outer, :2] - landmarks[:, RIGHT_EYE.outer, :2], axis=-1)
    return np.linalg.norm(lower - upper, axis=-1).mean(1) / eyes


def silent_lips(landmarks: Array, silent: NDArray[np.bool_]) -> float:
    """Median deviation of the lips' gap from its mean in silence; NaN without one."""
    gap = lip_gap(landmarks)[silent]
    return float(np.median(np.abs(gap - gap.mean()))) if len(gap) else float("nan")


def lip_sync(landmarks: Array, volume: Array, silent: NDArray[np.bool_]) -> float:
    """Mean difference in speech of the lips' gap and the volume `(frames,)`, each scaled to its range; NaN without."""
    gap, volume = (_to_range(curve[~silent]) for curve in (lip_gap(landmarks), volume))
    return float(np.abs(gap - volume).mean()) if len(gap) else float("nan")


def _to_range(curve: Array) -> Array:
    return (curve - curve.min()) / max(float(np.ptp(curve)), 1e-9) if len(curve) else curve


def head_motion(rotations: Array, fps: float) -> float:
    """Mean angular speed of the head in degrees a second: stands for their measure and is not it."""
    return float(head_speed(rotations, fps).mean())


def theval_measures(
    landmarks: Array, rotations: Array, volume: Array, silent: NDArray[np.bool_], fps: float
) -> dict[str, float]:
    """
    The five measures of one clip, their names led by `theval_`.

    Args:
        landmarks (`np.ndarray` of shape `(frames, 478, 2 or 3)`): In pixels.
        rotations (`np.ndarray` of shape `(frames, 3)`): In radians.
        volume (`np.ndarray` of shape `(frames,)`): Root mean square of the sound over 50 ms.
        silent (`np.ndarray` of shape `(frames,)`): Frames in which nobody speaks.
        fps (`float`): Frames per second.
    """
    values = (
        lip_dynamics(landmarks), brow_dynamics(landmarks), silent_lips(landmarks, silent),
        lip_sync(landmarks, volume, silent), head_motion(rotations, fps),
    )  # fmt: skip
    return {f"theval_{name}": value for name, value in zip(THEVAL_NAMES, values, strict=True)}


def theval_scores(values: Mapping[str, float], real: Mapping[str, float]) -> dict[str, float]:
    """
    `1 - |value - real| / real` for each measure that both have, and their mean as `theval_mean`.

    The best score is 1; twice the real value scores 0, more scores less.
    """
    names = [f"theval_{name}" for name in THEVAL_NAMES]
    both = [name for name in names if values.get(name) is not None and real.get(name)]
    scores = {name: 1.0 - abs(values[name] - real[name]) / real[name] for name in both}
    return scores | ({"theval_mean": float(np.mean(list(scores.values())))} if scores else {})
