"""Eyes under their lids: the eyeball stays with the head while lids slide over it, the iris turns with the gaze."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_landmarks import EyeLandmarks


Array = NDArray[np.float32]

WIDE = 0.15  # opening beyond the photo's at which the eye is all stretched


def draw_eye(
    frame: NDArray[np.uint8], image: NDArray[np.uint8], eye: EyeLandmarks, source: Array, target: Array,
    transform: Array, blink: float,
) -> None:  # fmt: skip
    """
    Paint one eye into a frame, in place.

    Args:
        frame, image (`np.ndarray` of shape `(height, width, 3)`): The frame, already warped by the mesh; the photo.
        source, target (`np.ndarray` of shape `(478, 3)`): Landmarks of the photo and of the frame.
        transform (`np.ndarray` of shape `(3, 4)`): The head's rigid motion since the photo.
        blink (`float`): How far this frame's lids are closed beyond the photo's, in [0, 1].
    """
    outline = target[list(eye.outline), :2]
    window = window_around(outline, frame.shape, margin=3)
    if window is None:
        return
    rows, columns = window
    mask = polygon_mask(outline, window) * _share_of_rigid(eye, source, target)
    if mask.max() > 0.01:
        map_x, map_y = _eyeball_map(eye, source, target, transform, window)
        ball = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        patch = frame[rows, columns].astype(np.float32)
        frame[rows, columns] = (patch + mask[..., None] * (ball - patch) + 0.5).astype(np.uint8)
    if blink > 0.02:
        _draw_lashes(frame, eye, target, blink)


def window_around(points: Array, shape: tuple[int, ...], margin: int) -> tuple[slice, slice] | None:
    """Rows and columns of the picture around some points; `None` if they lie outside."""
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin + 1, shape[1::-1])
    if (high - low).min() < 1:
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def polygon_mask(points: Array, window: tuple[slice, slice], blur: float = 0.7) -> Array:
    """Smooth-edged mask of a polygon in [0, 1], of the window's size."""
    rows, columns = window
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    local = (points - [columns.start, rows.start]) * 16.0
    cv2.fillPoly(mask, [local.round().astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0


def _opening(eye: EyeLandmarks, points: Array) -> float:
    gap = np.linalg.norm(points[list(eye.lower), :2] - points[list(eye.upper), :2], axis=1).mean()
    return float(gap / np.linalg.norm(points[eye.outer, :2] - points[eye.inner, :2]))


def _share_of_rigid(eye: EyeLandmarks, source: Array, target: Array) -> float:
    """1 while the lids uncover no more than the photo shows, 0 where the stretched photo must do."""
    now, then = _opening(eye, target), max(_opening(eye, source), 1e-3)
    wide = 1.0 - np.clip((now / then - 1.0) / WIDE, 0.0, 1.0)
    return float(wide * np.clip(now / 0.05, 0.0, 1.0))


def _eyeball_map(
    eye: EyeLandmarks, source: Array, target: Array, transform: Array, window: tuple[slice, slice]
) -> tuple[Array, Array]:
    """Where in the photo each pixel of the window comes from: the rigid head, then the turn of the iris."""
    rows, columns = window
    y, x = np.mgrid[rows, columns].astype(np.float32)
    depth = float(source[[eye.outer, eye.inner], 2].mean())
    inverse = np.linalg.inv(transform[:2, :2]).astype(np.float32)
    dx = x - (transform[0, 2] * depth + transform[0, 3])
    dy = y - (transform[1, 2] * depth + transform[1, 3])
    source_x, source_y = inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy

    iris = source[eye.iris[0], :2]
    radius = max(1.0, float(np.linalg.norm(source[list(eye.iris[1:]), :2] - iris, axis=1).mean()))
    centre = target[eye.iris[0], :2] - transform[:2, 2] * depth - transform[:2, 3]
    turn = inverse @ centre - iris
    # The whole iris moves; the white around it gives way within another radius and a half.
    away = np.hypot(source_x - iris[0] - turn[0], source_y - iris[1] - turn[1]) / radius
    share = np.clip((2.6 - away) / 1.5, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    return source_x - share * turn[0], source_y - share * turn[1]


def _draw_lashes(frame: NDArray[np.uint8], eye: EyeLandmarks, target: Array, blink: float) -> None:
    """Darken a soft line along the upper lid's margin."""
    margin = target[[eye.outer, *eye.upper, eye.inner], :2]
    width = float(np.linalg.norm(margin[0] - margin[-1]))
    window = window_around(margin, frame.shape, margin=max(3, round(0.1 * width)))
    if window is None:
        return
    rows, columns = window
    line = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    local = ((margin - [columns.start, rows.start]) * 16.0).round().astype(np.int32)
    cv2.polylines(line, [local], False, 255, max(1, round(0.045 * width)), cv2.LINE_AA, 4)
    strength = cv2.GaussianBlur(line, (0, 0), max(0.6, 0.02 * width)).astype(np.float32) / 255.0
    patch = frame[rows, columns].astype(np.float32)
    frame[rows, columns] = (patch * (1.0 - 0.62 * min(1.0, blink) * strength[..., None])).astype(np.uint8)
