"""Rotations of the head and the similarity that best maps one set of points to another."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


Array = NDArray[np.float32]


def rotation_matrix(angles: ArrayLike) -> Array:
    """
    Rotation of yaw, pitch and roll in radians, `(..., 3)` -> `(..., 3, 3)`: `Rz(roll) Rx(pitch) Ry(yaw)`.

    Positive yaw turns the face to the right of the picture, pitch lifts the chin, roll tilts clockwise.
    """
    yaw, pitch, roll = np.moveaxis(np.asarray(angles, dtype=np.float64), -1, 0)
    # The face looks along -z; turning it to +x is a rotation about y by -yaw, lifting it to -y one about x by -pitch.
    return (_axis(2, roll) @ _axis(0, -pitch) @ _axis(1, -yaw)).astype(np.float32)


def rotation_angles(matrix: ArrayLike) -> Array:
    """Inverse of [`rotation_matrix`] for pitches under 90 degrees: `(..., 3, 3)` -> `(..., 3)`."""
    m = np.asarray(matrix, dtype=np.float64)
    pitch = -np.arcsin(np.clip(m[..., 2, 1], -1.0, 1.0))
    yaw = np.arctan2(m[..., 2, 0], m[..., 2, 2])
    roll = np.arctan2(-m[..., 0, 1], m[..., 1, 1])
    return np.stack([yaw, pitch, roll], axis=-1).astype(np.float32)


def _axis(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.zeros((*angle.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1.0
    matrix[..., i, i] = matrix[..., j, j] = cos
    matrix[..., i, j], matrix[..., j, i] = -sin, sin
    return matrix


def procrustes(source: ArrayLike, target: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """
    Similarity that best maps `source` `(points, 3)` to each `target` `(..., points, 3)` (Umeyama, 1991).

    Returns scale `(...)`, rotation `(..., 3, 3)`, translation `(..., 3)` with `target = scale * R source + t`.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    a, b = source - source_mean, target - target_mean[..., None, :]
    u, values, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    sign = np.sign(np.linalg.det(u @ vt))
    values[..., -1] *= sign
    u[..., :, -1] *= sign[..., None]
    rotation = u @ vt
    scale = values.sum(-1) / np.square(a).sum()
    translation = target_mean - scale[..., None] * np.einsum("...ij,j->...i", rotation, source_mean)
    return scale, rotation, translation
