"""What landmarks say about a face: distances and openings, `(frames, 478, 2 or 3)` in, one value a frame out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .landmarks import (
    INNER_LIP_PAIRS,
    LEFT_BROW,
    LEFT_EYE,
    MIDDLE_LIP_PAIRS,
    MOUTH_CORNERS,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    EyeLandmarks,
)


Array = NDArray[np.floating]


def eye_centres(landmarks: Array) -> Array:
    """The middle between the corners of the right and of the left eye, `(2, frames, 2)`, in pixels."""
    return np.stack([landmarks[:, [eye.outer, eye.inner], :2].mean(1) for eye in (RIGHT_EYE, LEFT_EYE)])


def inter_ocular_distance(landmarks: Array) -> Array:
    """Distance between the eye centres, `(frames,)`, in pixels."""
    right, left = eye_centres(landmarks)
    return np.linalg.norm(left - right, axis=-1)


def lip_aperture(landmarks: Array) -> Array:
    """Opening in the middle of the lips, `(frames,)`, in inter-ocular distances: mean of the three middle pairs."""
    gaps = [_distance(landmarks, upper, lower) for upper, lower in MIDDLE_LIP_PAIRS]
    return np.mean(gaps, axis=0) / inter_ocular_distance(landmarks)


def whole_lip_aperture(vertices: Array) -> float:
    """Opening over the lips' whole width in one face, `(478, 2 or 3)`, in pixels: mean of all nine pairs."""
    upper, lower = (vertices[list(row), :2] for row in zip(*INNER_LIP_PAIRS, strict=True))
    return float(np.linalg.norm(lower - upper, axis=1).mean())


def mouth_width(landmarks: Array) -> Array:
    """Distance of the corners of the mouth, `(frames,)`, in inter-ocular distances."""
    right, left = (corner[0] for corner in MOUTH_CORNERS)
    return _distance(landmarks, right, left) / inter_ocular_distance(landmarks)


def eye_openness(landmarks: Array) -> Array:
    """Lid gap over eye width, mean of both eyes, `(frames,)` (eye aspect ratio, Soukupova and Cech, 2016)."""
    ratios = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        gaps = [_distance(landmarks, upper, lower) for upper, lower in eye.middle_pairs]
        ratios.append(np.mean(gaps, axis=0) / _distance(landmarks, eye.outer, eye.inner))
    return np.mean(ratios, axis=0)


def brow_height(landmarks: Array) -> Array:
    """Distance of the brows from the line of the eyes, mean of both, `(frames,)`, in inter-ocular distances."""
    centres = eye_centres(landmarks)
    across = centres[1] - centres[0]
    unit = np.linalg.norm(across, axis=-1)
    heights = []
    for upper_edge, _ in (RIGHT_BROW, LEFT_BROW):
        offset = landmarks[:, list(upper_edge), :2].mean(1) - centres[0]
        heights.append((across[:, 1] * offset[:, 0] - across[:, 0] * offset[:, 1]) / unit**2)
    return np.mean(heights, axis=0)


def lip_shape(landmarks: Array, lips: Sequence[int]) -> Array:
    """
    Lip landmarks in the head's plane, `(frames, len(lips), 2)`: shifted, turned and scaled so that the eyes stay put.
    """
    centres = eye_centres(landmarks)
    middle, across = 0.5 * (centres[0] + centres[1]), centres[1] - centres[0]
    unit = np.linalg.norm(across, axis=-1, keepdims=True)
    x_axis = across / unit
    y_axis = np.stack([-x_axis[:, 1], x_axis[:, 0]], axis=1)
    points = (landmarks[:, list(lips), :2] - middle[:, None]) / unit[:, None]
    return np.stack([np.einsum("tpd,td->tp", points, axis) for axis in (x_axis, y_axis)], axis=-1)


def _distance(landmarks: Array, first: int, second: int) -> Array:
    return np.linalg.norm(landmarks[:, first, :2] - landmarks[:, second, :2], axis=-1)


def face_size(landmarks: NDArray[np.float32]) -> float:
    """Width or height of the face's box in pixels, the smaller one."""
    outline = landmarks[list(OVAL), :2]
    return float((outline.max(0) - outline.min(0)).min())


def eye_gaps(landmarks: NDArray) -> tuple[float, float]:
    """Widest gap between the lids of the right and of the left eye, `(478, 2 or 3)`, in diameters of the iris."""
    right, left = (lid_gap(landmarks, eye) / iris_diameter(landmarks, eye) for eye in (RIGHT_EYE, LEFT_EYE))
    return right, left


def lid_gap(landmarks: NDArray, eye: EyeLandmarks) -> float:
    """Widest gap between an eye's lids, in the unit of the landmarks `(478, 2 or 3)`."""
    return float(np.linalg.norm(landmarks[list(eye.lower), :2] - landmarks[list(eye.upper), :2], axis=1).max())


def iris_diameter(landmarks: NDArray, eye: EyeLandmarks) -> float:
    """Diameter of an eye's iris, in the unit of the landmarks `(478, 2 or 3)`, above 0."""
    middle, *rim = landmarks[list(eye.iris), :2]
    return max(2.0 * float(np.linalg.norm(np.array(rim) - middle, axis=1).mean()), 1e-6)
