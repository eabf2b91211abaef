"""A smiling photo at rest: teeth painted over, stretched lips in one colour again, creases smoothed out."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..face.fit import FaceFit
from ..face.landmarks import INNER_LIPS, LOWER_LIP_ROWS, UPPER_LIP_ROWS
from ..face.measures import inner_lip_gap
from .masks import polygon_mask, window_around
from .mouth_layer import PARTED


Array = NDArray[np.float32]

RIM: Final = 0.016  # of the inter-ocular distance: lips next to teeth take their colour
CORNER: Final = 0.05  # of the same: radius around the corners of the mouth
CORNERS: Final = ((78, 61), (308, 291))  # inner and outer
STREAKS: Final = 0.02  # of the same
EVEN: Final = 0.65  # how far a stretched lip's colour goes to the lips' own
SMOOTH: Final = 0.75  # how much of a crease goes at a full smile
FULL_SMILE: Final = 0.5
FOLD, AROUND = 0.012, 0.10  # of the same: widths of a fold's bottom, and of what it lies in
SPECK: Final = 0.014  # of the same: half-width of dots to take off
CORNER_SKIN: Final = 0.09  # of the same: how far the shade of the corners reaches
LIP_OUTLINE: Final = (61, *UPPER_LIP_ROWS[0], 291, *reversed(LOWER_LIP_ROWS[0]))
CHEEKS: Final = (
    (129, 36, 205, 187, 214, 210, 204, 202, 43, 57, 186, 92, 165, 98),
    (358, 266, 425, 411, 434, 430, 424, 422, 273, 287, 410, 322, 391, 327),
)
_SMILES = [EXPRESSION_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]


def relax(cutout: NDArray[np.uint8], landmarks: Array, face: FaceFit) -> NDArray[np.uint8]:
    """
    The picture `(height, width, 4)` that lips show once they have left the photo's smile; itself without one.

    Args:
        cutout (`np.ndarray` of shape `(height, width, 4)`): The photo with the person's alpha.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
    """
    smile = min(1.0, float(face.expression[_SMILES].mean()) / FULL_SMILE)
    opened = inner_lip_gap(landmarks) > PARTED * face.scale
    if smile < 0.1 and not opened:
        return cutout
    relaxed = cutout.copy()
    if opened:
        _paint_over_mouth(relaxed, landmarks, face.scale)
        _even_lips(relaxed, landmarks, face.scale)
        _clear_specks(relaxed, landmarks, face.scale)
    for cheek in CHEEKS:
        _smooth_creases(relaxed, landmarks[list(cheek), :2], landmarks, face.scale, SMOOTH * smile)
    return relaxed


def _paint_over_mouth(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> None:
    """Fill an open mouth, the rim that its teeth colour and its dark corners from the lips around it."""
    outline = landmarks[list(INNER_LIPS), :2]
    rim = max(1, round(RIM * scale))
    window = window_around(outline, picture.shape, margin=6 * rim)
    if window is None:
        return
    inside = (polygon_mask(outline, window) > 0.3).astype(np.uint8)
    hole = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    corner = np.array([window[1].start, window[0].start], np.float32)
    for inner, outer in CORNERS:  # what is dark behind the teeth reaches farther
        middle = 0.5 * (landmarks[inner, :2] + landmarks[outer, :2]) - corner
        cv2.circle(hole, middle.round().astype(int).tolist(), max(1, round(CORNER * scale)), 1, -1)
    patch = np.ascontiguousarray(picture[window][..., :3])
    filled = cv2.inpaint(patch, hole, 3, cv2.INPAINT_TELEA)
    # What is filled in from single pixels of the rim is streaky.
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(0.5, 0.5 * rim))[..., None]
    smooth = cv2.GaussianBlur(filled, (0, 0), max(1.0, STREAKS * scale))
    weight *= hole[..., None]
    picture[window][..., :3] = (filled * (1.0 - weight) + smooth * weight + 0.5).astype(np.uint8)


def _even_lips(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> None:
    """Bring the coarse colour of the lips to that of their middle; their texture stays."""
    outline = landmarks[list(LIP_OUTLINE), :2]
    window = window_around(outline, picture.shape, margin=round(0.1 * scale) + 2)
    if window is None:
        return
    mask = polygon_mask(outline, window, blur=max(0.7, 0.012 * scale))
    patch = picture[window][..., :3].astype(np.float32)
    middle = [
        row[column] for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS) for row in rows[1:2] for column in (2, 3, 4, 5, 6)
    ]
    places = np.clip(landmarks[middle, :2].round().astype(int), 0, np.array(picture.shape[1::-1]) - 1)
    colours = picture[places[:, 1], places[:, 0], :3].astype(np.float32)
    redness = colours[:, 0] / (colours[:, 1] + 1.0)
    colour = np.median(colours[redness >= np.median(redness)], axis=0)
    # The reddest places are the most shaded ones: their hue, in the light of all.
    colour += max(0.0, float(np.median(colours.mean(1)) - colour.mean()))
    sigma = max(1.0, 0.05 * scale)
    weight = cv2.GaussianBlur(mask, (0, 0), sigma)[..., None]
    coarse = cv2.GaussianBlur(patch * mask[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
    patch += EVEN * mask[..., None] * (colour - coarse)
    picture[window][..., :3] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def _clear_specks(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> None:
    """Take dots of teeth and of shade off the lips' inner edges, and what is dark off the skin at their corners."""
    outline = landmarks[list(LIP_OUTLINE), :2]
    window = window_around(outline, picture.shape, margin=round(CORNER_SKIN * scale) + 2)
    if window is None:
        return
    soft = max(0.7, SPECK * scale)
    size = 2 * max(1, round(SPECK * scale)) + 1
    dot = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    edge = cv2.dilate(polygon_mask(landmarks[list(INNER_LIPS), :2], window), dot)
    dark = polygon_mask(outline, window, blur=soft)
    corner = np.array([window[1].start, window[0].start], np.float32)
    for _, outer in CORNERS:
        place = (landmarks[outer, :2] - corner).round().astype(int).tolist()
        cv2.circle(dark, place, round(0.7 * CORNER_SKIN * scale), 1.0, -1)
    patch = picture[window][..., :3].astype(np.float32)
    for mask, kind in ((dark, cv2.MORPH_CLOSE), (edge, cv2.MORPH_OPEN)):
        patch += cv2.GaussianBlur(mask, (0, 0), soft)[..., None] * (cv2.morphologyEx(patch, kind, dot) - patch)
    picture[window][..., :3] = (patch + 0.5).astype(np.uint8)


def _smooth_creases(
    picture: NDArray[np.uint8], outline: Array, landmarks: Array, scale: float, strength: float
) -> None:
    """Lighten what is darker than its surroundings at the size of a fold; finer texture stays."""
    if strength <= 0.0:
        return
    window = window_around(outline, picture.shape, margin=round(0.2 * scale))
    if window is None:
        return
    mask = polygon_mask(outline, window, blur=max(1.0, 0.05 * scale))
    mask *= 1.0 - polygon_mask(landmarks[list(LIP_OUTLINE), :2], window, blur=max(1.0, 0.02 * scale))
    patch = picture[window][..., :3].astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(patch, (0, 0), sigma) + 1.0 for sigma in (max(0.8, FOLD * scale), AROUND * scale))
    # Each colour for itself: the bottom of a fold is redder than the skin around it.
    ratio = np.clip(coarse / fine, 0.75, 2.2)
    # Hair is dark and light at every place: leave it.
    texture = cv2.GaussianBlur(np.abs(patch - fine).mean(2), (0, 0), max(2.0, 0.06 * scale)) / coarse.mean(2)
    smooth = strength * mask * np.exp(-np.square(texture / 0.07))
    patch *= ratio ** smooth[..., None]
    picture[window][..., :3] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)
