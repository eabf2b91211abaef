"""A smiling photo at rest: teeth painted over, stretched lips in one colour again, creases smoothed out."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.fit import SMILES, FaceFit
from ..face.landmarks import INNER_LIPS, LOWER_LIP_ROWS, UPPER_LIP_ROWS
from ..face.measures import whole_lip_aperture
from .masks import Softness, colours_at, corner_of, ellipse, polygon_mask, whole, window_around
from .mouth_layer import PARTED


Array = NDArray[np.float32]

# Chosen by eye on contact sheets of smiling photos at rest. Unit: the inter-ocular distance.
FULL_SMILE: Final = 0.5  # weight of mouthSmile
LEAST_SMILE: Final = 0.1  # of a full one: what lips lose of less leaves no creases

# An open mouth, painted over.
SURELY_OPEN: Final = 0.3  # of the opening's mask: teeth colour its edge too
RIM: Final = 0.022  # lips next to teeth take their colour
ROOM: Final = 6  # rims around the mouth that the filling may take colours from
CORNERS: Final = ((78, 61), (308, 291))  # landmarks, inner and outer
CORNER: Final = 0.05  # radius around the corners of the mouth that is painted over: shade reaches farther there
INPAINT: Final = 3  # pixels around a hole's pixel that it is filled from
STREAKS: Final = Softness(1.0, 0.02)  # what is filled in from single pixels of the rim is streaky
HOLE_BLUR: Final = Softness(0.5, 0.5)  # of the rim: where the smooth filling goes over into the lips

# The colour of stretched lips.
LIPS_ROOM: Final = 0.1  # around them
LIPS_EDGE: Final = Softness(0.7, 0.012)
LIPS_COARSE: Final = Softness(1.0, 0.05)  # what is coarser is colour, what is finer is texture and stays
LIPS_MIDDLE: Final = (2, 3, 4, 5, 6)  # columns of their rows
EVEN: Final = 0.65  # how far a stretched lip's colour goes to the lips' own

# Dots of teeth and of shade on the lips' edges.
SPECK: Final = Softness(0.7, 0.014)  # half-width of dots to take off
CORNER_SKIN, CORNER_DISC = 0.09, 0.7  # how far the shade of the corners reaches, and the share of it that is taken off

# Creases of the cheeks.
SMOOTH: Final = 0.75  # how much of a crease goes at a full smile
CHEEK_ROOM: Final = 0.2  # around the cheeks
CHEEK_EDGE, CREASE_LIPS = Softness(1.0, 0.05), Softness(1.0, 0.02)  # of what is smoothed, and of the lips within it
FOLD, AROUND = Softness(0.8, 0.012), 0.10  # widths of a fold's bottom, and of what it lies in
GAIN: Final = (0.75, 2.2)  # by which a pixel is darkened or lightened, at most
TEXTURE: Final = Softness(2.0, 0.06)  # how far around it is looked whether skin is smooth
HAIRY: Final = 0.07  # contrast: hair, which is dark and light at every place, has more and is left

LIP_OUTLINE: Final = (61, *UPPER_LIP_ROWS[0], 291, *reversed(LOWER_LIP_ROWS[0]))
CHEEKS: Final = (
    (129, 36, 205, 187, 214, 210, 204, 202, 43, 57, 186, 92, 165, 98),
    (358, 266, 425, 411, 434, 430, 424, 422, 273, 287, 410, 322, 391, 327),
)


def lost_smile(face: FaceFit) -> float:
    """How much of a full smile the photo's lips lose when they come to rest, in [0, 1]."""
    smile, kept = (float(weights[SMILES].mean()) for weights in (face.expression, face.rest))
    return min(1.0, smile / FULL_SMILE) * (1.0 - kept / max(smile, 1e-6))


def relax(cutout: NDArray[np.uint8], landmarks: Array, face: FaceFit) -> NDArray[np.uint8]:
    """
    The picture `(height, width, 4)` that lips show once they have left the photo's smile; itself without one.

    Args:
        cutout (`np.ndarray` of shape `(height, width, 4)`): The photo with the person's alpha.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
    """
    smile = lost_smile(face)
    opened = whole_lip_aperture(landmarks) > PARTED * face.scale
    if smile < LEAST_SMILE and not opened:
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
    rim = whole(RIM * scale)
    window = window_around(outline, picture.shape, margin=ROOM * rim)
    if window is None:
        return
    inside = (polygon_mask(outline, window) > SURELY_OPEN).astype(np.uint8)
    hole = cv2.dilate(inside, ellipse(rim))
    for inner, outer in CORNERS:
        middle = 0.5 * (landmarks[inner, :2] + landmarks[outer, :2]) - corner_of(window)
        cv2.circle(hole, middle.round().astype(int).tolist(), whole(CORNER * scale), 1, -1)
    patch = np.ascontiguousarray(picture[window][..., :3])
    filled = cv2.inpaint(patch, hole, INPAINT, cv2.INPAINT_TELEA)
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), HOLE_BLUR.of(rim))[..., None]
    smooth = cv2.GaussianBlur(filled, (0, 0), STREAKS.of(scale))
    weight *= hole[..., None]
    picture[window][..., :3] = (filled * (1.0 - weight) + smooth * weight + 0.5).astype(np.uint8)


def _even_lips(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> None:
    """Bring the coarse colour of each lip to that of its middle; its texture stays."""
    window = window_around(landmarks[list(LIP_OUTLINE), :2], picture.shape, margin=round(LIPS_ROOM * scale) + 2)
    if window is None:
        return
    lips = [(_lip_colour(picture, landmarks, rows), _lip_outline(rows)) for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS)]
    patch = picture[window][..., :3].astype(np.float32)
    masks = [polygon_mask(landmarks[outline, :2], window, blur=LIPS_EDGE.of(scale)) for _, outline in lips]
    for (colour, _), mask in zip(lips, masks, strict=True):
        own = mask / np.maximum(masks[0] + masks[1], np.float32(1.0))  # where both end, both have a share
        sigma = LIPS_COARSE.of(scale)
        weight = cv2.GaussianBlur(own, (0, 0), sigma)[..., None]
        coarse = cv2.GaussianBlur(patch * own[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
        patch += EVEN * own[..., None] * (colour - coarse)
    picture[window][..., :3] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def _lip_outline(rows: Sequence[Sequence[int]]) -> list[int]:
    """The landmarks around one lip, both corners of the mouth among them."""
    (_, right), (_, left) = CORNERS
    return [right, *rows[0], left, *reversed(rows[-1])]


def _lip_colour(picture: NDArray[np.uint8], landmarks: Array, rows: Sequence[Sequence[int]]) -> Array:
    """A lip's own colour, `(3,)`: the hue of the reddest places of its middle, in the light of all of them."""
    colours = colours_at(picture, landmarks[[rows[1][column] for column in LIPS_MIDDLE], :2])[:, :3]
    redness = colours[:, 0] / (colours[:, 1] + 1.0)
    colour = np.median(colours[redness >= np.median(redness)], axis=0)
    # The reddest places are the most shaded ones.
    return colour + max(0.0, float(np.median(colours.mean(1)) - colour.mean()))


def _clear_specks(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> None:
    """Take dots of teeth and of shade off the lips' inner edges, and what is dark off the skin at their corners."""
    outline = landmarks[list(LIP_OUTLINE), :2]
    window = window_around(outline, picture.shape, margin=round(CORNER_SKIN * scale) + 2)
    if window is None:
        return
    soft, dot = SPECK.of(scale), ellipse(whole(SPECK.share * scale))
    edge = cv2.dilate(polygon_mask(landmarks[list(INNER_LIPS), :2], window), dot)
    dark = polygon_mask(outline, window, blur=soft)
    for _, outer in CORNERS:
        place = (landmarks[outer, :2] - corner_of(window)).round().astype(int).tolist()
        cv2.circle(dark, place, round(CORNER_DISC * CORNER_SKIN * scale), 1.0, -1)
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
    window = window_around(outline, picture.shape, margin=round(CHEEK_ROOM * scale))
    if window is None:
        return
    mask = polygon_mask(outline, window, blur=CHEEK_EDGE.of(scale))
    mask *= 1.0 - polygon_mask(landmarks[list(LIP_OUTLINE), :2], window, blur=CREASE_LIPS.of(scale))
    patch = picture[window][..., :3].astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(patch, (0, 0), sigma) + 1.0 for sigma in (FOLD.of(scale), AROUND * scale))
    # Each colour for itself: the bottom of a fold is redder than the skin around it.
    ratio = np.clip(coarse / fine, *GAIN)
    texture = cv2.GaussianBlur(np.abs(patch - fine).mean(2), (0, 0), TEXTURE.of(scale)) / coarse.mean(2)
    smooth = strength * mask * np.exp(-np.square(texture / HAIRY))
    patch *= ratio ** smooth[..., None]
    picture[window][..., :3] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)
