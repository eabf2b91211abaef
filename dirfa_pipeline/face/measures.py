"""What landmarks say about a face: distances and openings, `(frames, 478, 2 or 3)` in, one value a frame out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .landmarks import LOWER_LIP_ROWS, OVAL, UPPER_LIP_ROWS


Array = NDArray[np.float32]


# MediaPipe face-mesh indices.
EYE_CORNERS: Final = ((33, 133), (362, 263))
INNER_LIP_PAIRS: Final = ((82, 87), (13, 14), (312, 317))
MOUTH_CORNERS: Final = (61, 291)
EYELIDS: Final = (((159, 145), (158, 153), (160, 144)), ((386, 374), (385, 380), (387, 373)))
BROWS: Final = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))


def inter_ocular_distance(landmarks: Array) -> Array:
    """Distance between the eye centres, `(frames,)`, in pixels."""
    centres = [landmarks[:, list(corners), :2].mean(1) for corners in EYE_CORNERS]
    return np.linalg.norm(centres[1] - centres[0], axis=-1)


def lip_aperture(landmarks: Array) -> Array:
    """Opening between the inner lips, `(frames,)`: mean of three pairs around the middle."""
    gaps = [_distance(landmarks, lower, upper) for upper, lower in INNER_LIP_PAIRS]
    return np.mean(gaps, axis=0) / inter_ocular_distance(landmarks)


def mouth_width(landmarks: Array) -> Array:
    """Distance of the corners of the mouth, `(frames,)`."""
    return _distance(landmarks, *MOUTH_CORNERS) / inter_ocular_distance(landmarks)


def eye_openness(landmarks: Array) -> Array:
    """Lid gap over eye width, mean of both eyes, `(frames,)` (eye aspect ratio, Soukupova and Cech, 2016)."""
    ratios = []
    for lids, corners in zip(EYELIDS, EYE_CORNERS, strict=True):
        gaps = [_distance(landmarks, upper, lower) for upper, lower in lids]
        ratios.append(np.mean(gaps, axis=0) / _distance(landmarks, *corners))
    return np.mean(ratios, axis=0)


def brow_height(landmarks: Array) -> Array:
    """Distance of the brows from the line of the eyes, mean of both, `(frames,)`."""
    centres = [landmarks[:, list(corners), :2].mean(1) for corners in EYE_CORNERS]
    across = centres[1] - centres[0]
    unit = np.linalg.norm(across, axis=-1)
    heights = []
    for brow in BROWS:
        offset = landmarks[:, list(brow), :2].mean(1) - centres[0]
        heights.append((across[:, 1] * offset[:, 0] - across[:, 0] * offset[:, 1]) / unit**2)
    return np.mean(heights, axis=0)


def lip_shape(landmarks: Array, lips: Sequence[int]) -> Array:
    """
    Lip landmarks in the head's plane, `(frames, len(lips), 2)`: shifted, turned and scaled so that the eyes stay put.
    """
    centres = [landmarks[:, list(corners), :2].mean(1) for corners in EYE_CORNERS]
    middle, across = 0.5 * (centres[0] + centres[1]), centres[1] - centres[0]
    unit = np.linalg.norm(across, axis=-1, keepdims=True)
    x_axis = across / unit
    y_axis = np.stack([-x_axis[:, 1], x_axis[:, 0]], axis=1)
    points = (landmarks[:, list(lips), :2] - middle[:, None]) / unit[:, None]
    return np.stack([np.einsum("tpd,td->tp", points, axis) for axis in (x_axis, y_axis)], axis=-1)


def _distance(landmarks: Array, first: int, second: int) -> Array:
    return np.linalg.norm(landmarks[:, first, :2] - landmarks[:, second, :2], axis=-1)


def inner_lip_gap(vertices: Array) -> float:
    """Mean distance of facing inner-lip landmarks, in pixels."""
    upper, lower = (vertices[list(row[-1]), :2] for row in (UPPER_LIP_ROWS, LOWER_LIP_ROWS))
    return float(np.linalg.norm(lower - upper, axis=1).mean())


def face_size(landmarks: NDArray[np.float32]) -> float:
    """Width or height of the face's box in pixels, the smaller one."""
    outline = landmarks[list(OVAL), :2]
    return float((outline.max(0) - outline.min(0)).min())
