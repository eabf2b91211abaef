"""What a viewer sees of a video, as numbers: landmarks found in its frames, the head's pose, sharpness, identity."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import NUM_EXPRESSIONS
from ..animation.frame_rate import ANIMATION_FPS
from ..capture.detector import FaceDetector
from ..capture.tracking import to_grid
from ..face.fit import FaceFit
from ..face.landmarks import OVAL
from ..face.measures import brow_height, eye_openness, lip_aperture
from ..media.video import read_video
from ..models.face_model import FaceModel
from .metrics import Array


SAMPLE_STEP: Final = 10  # frames between two that are looked at for sharpness and identity
CROP: Final = 0.75  # of the face's size, around a face that is cut out

Picture = NDArray[np.uint8]
Embedder = Callable[[Picture], Array]


@dataclass(frozen=True, eq=False)
class Track:
    """
    A video at 25 fps.

    Args:
        landmarks (`np.ndarray` of shape `(frames, 478, 3)`): In pixels.
        coefficients (`np.ndarray` of shape `(frames, 58)`): As `FaceModel.fit_video` finds them.
        face ([`FaceFit`]): The person's face as fitted.
    """

    landmarks: Array
    coefficients: Array
    face: FaceFit

    def __len__(self) -> int:
        return len(self.landmarks)

    @classmethod
    def of_animation(cls, face: FaceFit, coefficients: Array) -> "Track":
        """What coefficients `(frames, 58)` show on a face, as if a picture had been drawn and tracked."""
        return cls(face.vertices(coefficients), coefficients, face)

    @property
    def rotations(self) -> Array:
        """Yaw, pitch and roll in radians, `(frames, 3)`."""
        return self.coefficients[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3]

    @cached_property
    def brows(self) -> Array:
        """Mean height of the brows over the eye corners, `(frames,)` in IOD, in the face's own frame, without nods."""
        return brow_height(self.face.head_vertices(self.coefficients))

    def cut(self, length: int) -> "Track":
        """The first frames."""
        return Track(self.landmarks[:length], self.coefficients[:length], self.face)


def track_frames(frames: Iterable[Picture], fps: float, face_model: FaceModel) -> Track:
    """Track frames of a video; raises `ValueError` where hardly any shows a face."""
    found = []
    with closing(FaceDetector(video=True)) as detector:
        for frame in frames:
            faces = detector.landmarks(np.ascontiguousarray(frame))
            found.append(faces[0] if faces else np.full((478, 3), np.nan, np.float32))
    if not found:
        raise ValueError("no frames")
    landmarks, _ = to_grid(np.array(found), np.arange(len(found)) / fps)
    fit = face_model.fit_video(landmarks)
    return Track(landmarks, fit.coefficients, fit.face)


def track_video(path: Path, seconds: float, face_model: FaceModel) -> Track:
    """Track the beginning of a video file."""
    video = read_video(path)
    return track_frames(islice(video.frames, round(seconds * video.fps)), video.fps, face_model)


def track_still(picture: Picture, length: int, face_model: FaceModel, noise: float = 2.0) -> Track:
    """Track a photo that stands still for `length` frames, with a camera's noise; noise repeats every 3 s."""
    rng = np.random.default_rng(0)
    noisy = (
        np.clip(picture + rng.normal(0.0, noise, picture.shape), 0, 255).astype(np.uint8)
        for _ in range(min(length, round(3 * ANIMATION_FPS)))
    )
    track = track_frames(noisy, ANIMATION_FPS, face_model)
    rows = np.arange(length) % len(track)
    return Track(track.landmarks[rows], track.coefficients[rows], track.face)


def photo_from_video(path: Path, track: Track) -> Picture:
    """The frame of a tracked video that shows open eyes, lips together and the head straight."""
    openness = eye_openness(track.landmarks)
    yaw = np.degrees(track.rotations[:, 0] + track.face.head_angles()[0])
    unfit = lip_aperture(track.landmarks) / 0.1 + np.abs(yaw) / 10.0 + 10.0 * (openness < np.median(openness))
    video = read_video(path)
    return next(islice(video.frames, int((np.argmin(unfit) + 0.5) / ANIMATION_FPS * video.fps), None))


def cut_out_face(picture: Picture) -> Picture:
    """The largest face of a picture with some of its surroundings; the whole picture where there is none."""
    with closing(FaceDetector()) as detector:
        faces = detector.find_faces(picture)
    if not faces:
        return picture
    outline = faces[0][list(OVAL), :2]
    low, high = outline.min(0), outline.max(0)
    margin = CROP * (high - low).max()
    x0, y0 = np.maximum(low - margin, 0).astype(int)
    x1, y1 = np.minimum(high + margin, picture.shape[1::-1]).astype(int)
    return np.ascontiguousarray(picture[y0:y1, x0:x1])


def sharpness(picture: Picture, landmarks: Array, around: tuple[int, ...] = OVAL) -> float:
    """
    Variance of the Laplacian inside the face's box; noise raises it, so only a low ratio of two says something.

    Args:
        landmarks (`np.ndarray` of shape `(478, 2)` or `(478, 3)`): In pixels.
        around: The landmarks that the box is around.
    """
    outline = landmarks[list(around), :2]
    (x0, y0), (x1, y1) = np.maximum(outline.min(0), 0).astype(int), np.ceil(outline.max(0)).astype(int)
    grey = cv2.cvtColor(picture[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY).astype(np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def cosine(first: Array, second: Array) -> float:
    """Cosine of two embeddings."""
    return float(np.dot(first, second) / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-12))
