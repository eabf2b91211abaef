"""Which face of a photo: all that are found, from left to right, and the one that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceNotFoundError, InputError
from ..face.measures import face_size
from .detector import Box, FaceDetector
from .pictures import Photo


# Its place from left to right, from 0; or a point (x, y) in it, in the photo's own pixels, upright.
FaceChoice: TypeAlias = int | tuple[float, float]


@dataclass(frozen=True, eq=False)
class FoundFace:
    """
    A face of a photo.

    Args:
        index (`int`): Its place from left to right, from 0.
        box (`tuple[int, int, int, int]`): Left, top, right and bottom of it, from brows to chin, in the photo's own
            pixels, upright.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels of the picture that it was found in, which `max_size`
            may have made smaller.
    """

    index: int
    box: Box
    landmarks: NDArray[np.float32]

    @property
    def centre(self) -> tuple[int, int]:
        """The middle of its box: a point that chooses it."""
        left, top, right, bottom = self.box
        return (left + right) // 2, (top + bottom) // 2

    def __str__(self) -> str:
        return "{} at ({}, {})".format(self.index, *self.centre)


def find_faces(photo: Photo, detector: FaceDetector) -> list[FoundFace]:
    """All faces of a photo, from left to right."""
    found = sorted(detector.find_faces(photo.pixels), key=lambda landmarks: float(landmarks[:, 0].mean()))
    return [FoundFace(index, _box(landmarks, photo.scale), landmarks) for index, landmarks in enumerate(found)]


def check_choice(face: Any) -> None:
    """Raise [`InputError`] unless it can choose a face."""
    if face is None or (isinstance(face, int | np.integer) and not isinstance(face, bool) and face >= 0):
        return
    pair = isinstance(face, Sequence | np.ndarray) and not isinstance(face, str) and len(face) == 2
    if not pair or not all(isinstance(value, int | float | np.number) and np.isfinite(value) for value in face):
        raise InputError(f"face must be None, a number from 0, or a point (x, y) in pixels, got {face!r}")


def choose_face(faces: Sequence[FoundFace], face: FaceChoice | None = None) -> FoundFace:
    """
    The face with that number or around that point; without either the largest.

    Raises:
        InputError: It is no choice.
        FaceNotFoundError: There is no such face; the message lists those that there are.
    """
    check_choice(face)
    if face is None:
        return max(faces, key=lambda one: face_size(one.landmarks))
    if isinstance(face, int | np.integer):
        chosen, wanted = [one for one in faces if one.index == face], f"with number {face}"
    else:
        point = np.array(face, float)
        chosen = sorted((one for one in faces if _holds(one.box, point)), key=lambda one: _distance(one, point))
        wanted = f"at ({point[0]:g}, {point[1]:g})"
    if not chosen:
        raise FaceNotFoundError(f"there is no face {wanted}; found, from left to right: {list_faces(faces)}")
    return chosen[0]


def list_faces(faces: Sequence[FoundFace]) -> str:
    """Their numbers and places, in words."""
    return ", ".join(map(str, faces))


def _box(landmarks: NDArray[np.float32], scale: float) -> Box:
    (left, top), (right, bottom) = landmarks[:, :2].min(0) / scale, landmarks[:, :2].max(0) / scale
    return round(float(left)), round(float(top)), round(float(right)), round(float(bottom))


def _holds(box: Box, point: NDArray[np.float64]) -> bool:
    return bool((point >= box[:2]).all() and (point <= box[2:]).all())


def _distance(face: FoundFace, point: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(point - face.centre))
