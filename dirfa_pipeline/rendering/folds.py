"""
Folds of skin: what expressions draw, deepen or smooth, laid out on one photo.

Each is a change of the light, relative to the photo's, over a part of the face: a smile's as many people have it on
average, strokes where muscles draw folds (Ekman and Friesen, "Facial action coding system", 1978), and lines of the
photo's own that deepen or fade.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import ramp
from ..face.landmarks import INNER_LIPS
from .masks import SHIFT, Softness, Window, fixed_point, polygon, whole
from .rasterizer import rasterize_map
from .relaxed_photo import LIP_OUTLINE


Array = NDArray[np.float32]

Line = tuple[int | tuple[int, int], ...]  # landmarks; a pair stands for the point half-way


@dataclass(frozen=True)
class Fold:
    """
    A fold of the subject's right side, which the left one mirrors, or across the middle.

    Args:
        lines: Through which landmarks it runs.
        depth (`float`): Share of the light that its darkest pixels lose.
        width (`float`): In inter-ocular distances.
        weights: The expressions that draw it, each without its side, and how far at weight 1.
    """

    lines: tuple[Line, ...]
    depth: float
    width: float
    weights: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class OwnLines:
    """
    Lines that a photo shows already and that deepen, or fade by negative weights; where skin is smooth, it stays so.

    Args:
        outline: The landmarks around them on the subject's right side.
        upright (`bool`): Whether they run up and down, or across.
        weights: As a [`Fold`]'s.
    """

    outline: Line
    upright: bool
    weights: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SmileShade:
    """The light of a smile on either side of the face, see [`SmileLight`]; `weights` as a [`Fold`]'s."""

    weights: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class LipCreases:
    """The creases of the lips, which go as lips are pulled; `weights` as a [`Fold`]'s."""

    weights: tuple[tuple[str, float], ...]


class SmileLight(NamedTuple):
    """
    What smiles do to the light on a face, learned from photos of people with and without one.

    Args:
        light (`np.ndarray` of shape `(size, size)`): Change of the logarithm of green light, at a fitted smile of 1.
        places (`np.ndarray` of shape `(468, 2)`): Column and row of each landmark in it.
        triangles (`np.ndarray` of shape `(898, 3)`): Of the landmarks.
    """

    light: Array
    places: Array
    triangles: NDArray[np.int32]


# Numbers were chosen by eye on contact sheets of smiles, frowns, raised brows and turns.

# A smile, the lips, from the nose to the mouth, across the forehead, between the brows, crow's feet, under the eyes,
# under the corners of the mouth. Which muscles draw them is from Ekman and Friesen; depths, widths, weights by eye.
# Seen: lines drawn on smooth foreheads and between brows look like pencil strokes.
FOLDS: Final[tuple[Fold | OwnLines | SmileShade | LipCreases, ...]] = (
    SmileShade((("mouthSmile", 1.0),)),
    LipCreases((("mouthSmile", -0.6), ("mouthStretch", -0.3))),
    Fold(((129, 203, 206, 216, 212),), 0.06, 0.060, (("cheekSquint", 0.2), ("noseSneer", 0.5))),
    OwnLines(((63, 104), (105, 69), (107, 108), 9, (151, 10), (108, 109), (69, 67), (104, 103)), False,
             (("browInnerUp", 0.6), ("browOuterUp", 0.5), ("browDown", -1.6))),
    OwnLines(((107, 9), (55, 8), (193, 168), 168, 8, 9), True,
             (("browDown", 0.9), ("browInnerUp", -0.9))),
    Fold(((33, (130, 143)), ((25, 130), (35, 111))), 0.05, 0.020,
         (("cheekSquint", 0.7), ("eyeSquint", 0.4), ("mouthSmile", 0.3))),
    Fold(((31, 228, 229, 230, 231, 232),), 0.06, 0.040, (("cheekSquint", 0.7), ("eyeSquint", 0.5))),
    Fold((((57, 43), 202, (202, 210)),), 0.08, 0.050, (("mouthFrown", 0.9),)),
)  # fmt: skip
NOSE_TIP: Final = 1  # landmark
LEFT_SIDE: Final = {
    129: 358, 203: 423, 206: 426, 216: 436, 212: 432, 104: 333, 69: 299, 108: 337, 151: 151, 63: 293, 105: 334,
    107: 336, 9: 9, 55: 285, 8: 8, 193: 417, 168: 168, 33: 263, 130: 359, 143: 372, 25: 255, 35: 265, 111: 340,
    31: 261, 228: 448, 229: 449, 230: 450, 231: 451, 232: 452, 57: 287, 43: 273, 202: 422, 210: 430, 10: 10, 109: 338,
    67: 297, 103: 332,
}  # fmt: skip
# Which drawings negative weights fade, and which positive ones deepen: not creases of lips, which are part grain.
MAY_FADE: Final = np.repeat([isinstance(fold, OwnLines | LipCreases) for fold in FOLDS], 2)
MAY_DEEPEN: Final = np.repeat([not isinstance(fold, LipCreases) for fold in FOLDS], 2)
FOLD_STEPS: Final = 8  # strokes a landmark
FOLD_FADES: Final = 0.7  # exponent of the sine by which a line fades towards its ends
FOLD_CORE: Final = 0.5  # of its width: the stroke
FOLD_BLUR: Final = Softness(0.7, 0.5)  # of its width
RIDGE_WIDTH, RIDGE_LIGHT = 2.6, 0.75  # of that blur and of the fold's depth: the skin beside it catches light
DEEPER: Final = 1.0  # what own lines gain at weight 1, of their depth
LINE, SKIN_AROUND = Softness(0.7, 0.010), 0.05  # inter-ocular distances: their width; what they are darker than
ALONG: Final = 0.05  # inter-ocular distances along which a line goes on: pores and hairs do not
MOST_DEEP, MOST_RIDGE = 0.05, 0.03  # share of the light that they lose, and that the skin between them catches
HAIR_DARK: Final = 0.10  # share of the light: what is darker is hair
LINES_END: Final = 0.05  # inter-ocular distances over which they end at their outline
LEAST_DRAWN: Final = 1e-3  # change of light that no pixel shows
MIDDLE: Final = 0.3  # inter-ocular distances over which one side's part of a smile goes over into the other's
CREASE, MOST_CREASED = Softness(1.0, 0.025), 0.3  # blur without which lips have no creases; share of the light


def draw_folds(
    grey: Array, landmarks: Array, corner: Array, scale: float, smile: SmileLight
) -> tuple[tuple[Window, Array], ...]:
    """
    Where each of `FOLDS` is, right side first, and the change of light that it makes at weight 1.

    Args:
        grey (`np.ndarray` of shape `(height, width)`): The face's light, in [0, 255].
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        corner (`np.ndarray` of shape `(2,)`): x and y of its first pixel.
        scale (`float`): Pixels an inter-ocular distance.
        smile ([`SmileLight`]): Most people's.
    """
    middle = landmarks[NOSE_TIP, 0] - corner[0]
    left = ramp(np.arange(grey.shape[1], dtype=np.float32), middle - 0.5 * MIDDLE * scale, MIDDLE * scale)
    lit, creases = _light(smile, landmarks, corner, grey.shape), _creases(grey, landmarks, corner, scale)
    drawings = []
    for fold in FOLDS:
        for side in ("Right", "Left"):
            if isinstance(fold, Fold):
                drawing = _draw_fold(fold, landmarks, corner, grey.shape, scale, side)
            elif isinstance(fold, OwnLines):
                drawing = _deepen(fold, grey, landmarks, corner, scale, side)
            else:
                both = lit if isinstance(fold, SmileShade) else creases
                drawing = both * (left if side == "Left" else 1.0 - left)
            drawings.append(_crop(drawing))
    return tuple(drawings)


def fold_weights(weights: Array) -> Array:
    """How far an expression draws each fold, right and left: `(16,)` in [0, 1], or [-1, 1] for lines that fade."""
    amounts = []
    for fold in FOLDS:
        for side in ("Right", "Left"):
            names = [(name if name in EXPRESSION_NAMES else name + side, share) for name, share in fold.weights]
            amounts.append(sum(share * float(weights[EXPRESSION_NAMES.index(name)]) for name, share in names))
    return np.clip(np.array(amounts, np.float32), np.where(MAY_FADE, -1.0, 0.0), 1.0)


def _draw_fold(
    fold: Fold, landmarks: Array, corner: Array, shape: tuple[int, int], scale: float, side: str
) -> NDArray[np.float32]:
    """Dark lines that fade towards their ends, with a lighter ridge along them."""
    drawing = np.zeros(shape, np.float32)
    for line in fold.lines:
        points = np.array([_point(landmarks, place, side) for place in line]) - corner
        steps = np.linspace(0, len(points) - 1, FOLD_STEPS * len(points))
        curve = np.stack([np.interp(steps, np.arange(len(points)), points[:, axis]) for axis in (0, 1)], axis=1)
        strokes = np.zeros(shape, np.float32)
        for index, (a, b) in enumerate(zip(curve, curve[1:], strict=False)):
            strength = float(np.sin(np.pi * (index + 0.5) / (len(curve) - 1)) ** FOLD_FADES)
            start, end = (fixed_point(place).tolist() for place in (a, b))
            cv2.line(strokes, start, end, strength, whole(FOLD_CORE * fold.width * scale), cv2.LINE_8, SHIFT)
        drawing = np.maximum(drawing, strokes)
    blur = FOLD_BLUR.of(fold.width * scale)
    dark, wide = (cv2.GaussianBlur(drawing, (0, 0), width) for width in (blur, RIDGE_WIDTH * blur))
    profile = RIDGE_LIGHT * wide - dark
    return fold.depth * profile / max(1e-6, float(-profile.min()))


def _deepen(
    lines: OwnLines, grey: Array, landmarks: Array, corner: Array, scale: float, side: str
) -> NDArray[np.float32]:
    """What lines of the photo are darker, and the skin between them lighter, than what is around them."""
    outline = np.array([_point(landmarks, place, side) for place in lines.outline]) - corner
    mask = cv2.GaussianBlur(polygon(outline, grey.shape).astype(np.float32), (0, 0), LINES_END * scale)
    fine, around = (cv2.GaussianBlur(grey, (0, 0), sigma) + 1.0 for sigma in (LINE.of(scale), SKIN_AROUND * scale))
    own = fine / around - 1.0
    skin = np.exp(-np.square(own / HAIR_DARK))
    across, along = LINE.of(scale), ALONG * scale
    sigmas = (across, along) if lines.upright else (along, across)
    own = cv2.GaussianBlur(own * skin, (0, 0), sigmaX=sigmas[0], sigmaY=sigmas[1])
    return np.asarray(DEEPER * mask * np.clip(own, -MOST_DEEP, MOST_RIDGE), np.float32)


def _light(smile: SmileLight, landmarks: Array, corner: Array, shape: tuple[int, int]) -> Array:
    """What a smile changes of the light, `(height, width)`."""
    target = landmarks[: len(smile.places)] - np.array([*corner, 0.0], np.float32)
    map_x, map_y, depth = (np.empty(shape, np.float32) for _ in range(3))
    rasterize_map(target, smile.places, smile.triangles, 0, 0, map_x, map_y, depth)
    change = cv2.remap(np.expm1(smile.light), map_x, map_y, cv2.INTER_LINEAR)
    return np.where(np.isfinite(depth), change, np.float32(0.0))


def _creases(grey: Array, landmarks: Array, corner: Array, scale: float) -> Array:
    """What creases of lips are darker, and what is between them lighter, than what is around: `(height, width)`."""
    outer, inner = (polygon(landmarks[list(line), :2] - corner, grey.shape) for line in (LIP_OUTLINE, INNER_LIPS))
    blur = CREASE.of(scale)
    lips = cv2.GaussianBlur((outer * (1 - inner)).astype(np.float32), (0, 0), blur)
    own = (grey + 1.0) / (cv2.GaussianBlur(grey, (0, 0), blur) + 1.0) - 1.0
    return np.asarray(lips * np.clip(own, -MOST_CREASED, MOST_CREASED), np.float32)


def _crop(drawing: Array) -> tuple[Window, Array]:
    """The part of a drawing that is not 0."""
    rows, columns = (np.flatnonzero((np.abs(drawing) > LEAST_DRAWN).any(axis)) for axis in (1, 0))
    if len(rows) == 0:
        return (slice(0, 0), slice(0, 0)), drawing[:0, :0]
    place = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return place, np.ascontiguousarray(drawing[place], dtype=np.float32)


def _point(landmarks: Array, place: int | tuple[int, int], side: str) -> Array:
    pair = place if isinstance(place, tuple) else (place, place)
    return landmarks[[index if side == "Right" else LEFT_SIDE[index] for index in pair], :2].mean(0)
