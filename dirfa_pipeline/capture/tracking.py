"""Talking videos as animation: landmarks of every frame, fitted by the face model."""

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.frame_rate import ANIMATION_FPS
from ..errors import FaceNotFoundError
from ..face.fit import FaceFitter
from ..media.video import decode_pictures
from .detector import FaceDetector


def track_video(
    path: str | os.PathLike[str], face_model: FaceFitter, detector_folder: Path | None = None
) -> Animation:
    """
    Track the face of a video.

    Args:
        path (`str` or `os.PathLike`): The video.
        face_model ([`FaceFitter`]): Fits the face.
        detector_folder (`Path`, *optional*): See [`FaceDetector`].

    Returns:
        [`Animation`] at 25 fps, as long as the video; head pose is relative to the clip's median. Frames without a
        face are filled in from those around them.

    Raises:
        InputError: Not a video.
        FaceNotFoundError: A face in fewer than 10 frames.
    """
    landmarks, times = read_landmarks(path, detector_folder)
    try:
        points, _ = to_grid(landmarks, times)
    except ValueError as error:
        raise FaceNotFoundError(f"{os.fspath(path)} cannot be tracked: {error}; pass a video of a face") from error
    return Animation(face_model.fit_video(points).coefficients, ANIMATION_FPS)


def read_landmarks(
    path: str | os.PathLike[str], detector_folder: Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """
    Landmarks `(frames, 478, 3)` of every frame, NaN where there is no face, and the frames' times in seconds.

    Raises:
        InputError: Not a video.
    """
    with closing(FaceDetector(video=True, folder=detector_folder)) as detector:
        return follow_landmarks(decode_pictures(path), detector)


def follow_landmarks(
    pictures: Iterable[tuple[NDArray[np.uint8], float]], detector: FaceDetector
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What [`read_landmarks`] gives, of pictures with their times, with an existing detector, which is reset."""
    landmarks, times = [], []
    detector.reset()
    for picture, time in pictures:
        faces = detector.landmarks(picture)
        landmarks.append(faces[0] if faces else np.full((478, 3), np.nan, np.float32))
        times.append(time)
    return np.array(landmarks, np.float32).reshape(-1, 478, 3), np.array(times)


def to_grid(
    landmarks: NDArray[np.float32], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Interpolate to 25 fps, frame `i` at `(i + 0.5) / 25` s; frames away from any detected face are not valid."""
    found = np.isfinite(landmarks).all((1, 2))
    if found.sum() < 10:
        raise ValueError(f"a face was found in {found.sum()} frames; at least 10 are needed")
    period = float(np.median(np.diff(times)))
    # A video frame is on screen from its time stamp on, for one period.
    shown = times[found] - times[0] + 0.5 * period
    grid = (np.arange(int((times[-1] - times[0] + period) * ANIMATION_FPS)) + 0.5) / ANIMATION_FPS
    flat = landmarks[found].reshape(found.sum(), -1)
    right = np.clip(np.searchsorted(shown, grid), 1, len(shown) - 1)
    left = right - 1
    share = np.clip((grid - shown[left]) / np.maximum(shown[right] - shown[left], 1e-6), 0.0, 1.0)[:, None]
    points = (1 - share) * flat[left] + share * flat[right]
    distance = np.minimum(np.abs(grid - shown[left]), np.abs(grid - shown[right]))
    return points.reshape(len(grid), -1, 3), distance <= 1.5 * max(period, 1 / ANIMATION_FPS)
