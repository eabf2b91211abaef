"""
What expressions and head turns do to skin besides moving it: folds that come, folds that go, and light that shifts.

All of it is a gain on the photo's pixels before they are warped, so that it moves with the skin.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import smoothstep
from ..face.fit import FaceFit
from ..face.landmarks import OVAL
from .kernels import kernel
from .masks import SHIFT, Softness, Window, corner_of, fixed_point, polygon, shape_of, whole
from .relaxed_photo import lost_smile


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


# Numbers were chosen by eye on contact sheets of smiles, frowns, raised brows and turns.

# From the nose to the mouth, across the forehead, between the brows, crow's feet, under the eyes, under the corners of
# the mouth. Ekman and Friesen (1978) describe which muscles draw them; depths, widths and weights were chosen by eye.
# Seen: lines drawn on smooth foreheads and between brows look like pencil strokes.
FOLDS: Final[tuple[Fold | OwnLines, ...]] = (
    Fold(((129, 203, 206, 216, 212),), 0.06, 0.060, (("mouthSmile", 0.9), ("cheekSquint", 0.2), ("noseSneer", 0.5))),
    OwnLines(((63, 104), (105, 69), (107, 108), 9, (151, 10), (108, 109), (69, 67), (104, 103)), False,
             (("browInnerUp", 0.6), ("browOuterUp", 0.5), ("browDown", -1.6))),
    OwnLines(((107, 9), (55, 8), (193, 168), 168, 8, 9), True,
             (("browDown", 0.9), ("browInnerUp", -0.9))),
    Fold(((33, (130, 143)), ((25, 130), (35, 111))), 0.05, 0.020,
         (("cheekSquint", 0.7), ("eyeSquint", 0.4), ("mouthSmile", 0.3))),
    Fold(((31, 228, 229, 230, 231, 232),), 0.06, 0.040, (("cheekSquint", 0.7), ("eyeSquint", 0.5))),
    Fold((((57, 43), 202, (202, 210)),), 0.08, 0.050, (("mouthFrown", 0.9),)),
)  # fmt: skip
LEFT_SIDE: Final = {
    129: 358, 203: 423, 206: 426, 216: 436, 212: 432, 104: 333, 69: 299, 108: 337, 151: 151, 63: 293, 105: 334,
    107: 336, 9: 9, 55: 285, 8: 8, 193: 417, 168: 168, 33: 263, 130: 359, 143: 372, 25: 255, 35: 265, 111: 340,
    31: 261, 228: 448, 229: 449, 230: 450, 231: 451, 232: 452, 57: 287, 43: 273, 202: 422, 210: 430, 10: 10, 109: 338,
    67: 297, 103: 332,
}  # fmt: skip
_FADING = np.repeat([isinstance(fold, OwnLines) for fold in FOLDS], 2)
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

FACE_FADES: Final = 0.14  # inter-ocular distances over which shading fades in from the face's outline
RELIGHT: Final = 0.8  # share of the change of light that a turn makes
MOST_RELIGHT: Final = 0.16  # share of the light, towards which greater changes bend
LEAST_LIGHT: Final = 0.3  # of the mean, that any place of the skin is lit by
LEAST_TURN: Final = 1e-4  # of a rotation's entries: no turn
GRID: Final = 24  # rows and columns of the coarse map of light
ROUND: Final = (1.12, 1.25)  # half-axes of the ball that a head faces like, over those of the face's oval
STEEPEST: Final = 0.05  # square of the least that it faces the viewer
LIGHT_ROUNDS: Final = 5  # of the robust fit
UNLIKE: Final = 0.15  # of the mean light: what differs by more counts less, as brows, lips and beard do
LIGHT_PRIOR: Final = (1e-3, 2.0, 2.0, 8.0)  # ridge on ambient light, on light from the side, above and the front
FAINT: Final = 0.02  # weights that draw nothing yet


@dataclass(frozen=True)
class SkinShading:
    """
    The skin of one photo.

    Args:
        window (`tuple[slice, slice]`): Rows and columns of the face.
        folds (12 pairs): Where in the window each fold is, right side first, and the change of light at weight 1.
        own (`np.ndarray` of shape `(12,)`): How far the photo shows each one already.
        smoothed (`float`): What share of them is gone where the photo is relaxed.
        normals (`np.ndarray` of shape `(24, 24, 3)`): Where the skin faces, in the photo.
        light (`np.ndarray` of shape `(4,)`): Ambient and directed light, whose sum is 1 on average.
        inside (`np.ndarray` of shape `(height, width)`): 1 on the face, fading out at its outline.
    """

    window: Window
    folds: tuple[tuple[Window, Array], ...]
    own: Array
    smoothed: float
    normals: Array
    light: Array
    inside: Array

    def shading(self, weights: Array, transform: Array, relaxed: float) -> Array:
        """
        Change of light over the window in one frame, `(height, width)`; 0 leaves the photo's.

        Args:
            weights (`np.ndarray` of shape `(52,)`): The frame's expression.
            transform (`np.ndarray` of shape `(3, 3)`): The head's turn, and scale, since the photo.
            relaxed (`float`): How far the picture is the relaxed photo, in [0, 1].
        """
        change = self._relit(transform / max(float(np.cbrt(np.linalg.det(transform))), 1e-6))
        amounts = _fold_weights(weights) - (1.0 - relaxed * self.smoothed) * self.own
        amounts = np.maximum(amounts - FAINT, 0.0) + np.where(_FADING, np.minimum(amounts + FAINT, 0.0), 0.0)
        for index in np.flatnonzero(amounts):
            place, fold = self.folds[index]
            change[place] += amounts[index] * fold
        return change

    def shade(self, picture: NDArray[np.uint8], shading: Array, above: int = 0) -> NDArray[np.uint8]:
        """
        The picture with [`shading`] on its skin; itself if that is 0.

        Args:
            picture (`np.ndarray` of shape `(above + height, width, 4)`): The photo, with some rows above it.
        """
        if not shading.any():
            return picture
        shaded = picture.copy()
        _apply(shaded[above:][self.window], shading)
        return shaded

    def _relit(self, rotation: Array) -> Array:
        """Change of light over the face as it turns: less where it turns away from the light."""
        if float(np.abs(rotation - np.eye(3)).max()) < LEAST_TURN:
            return np.zeros(self.inside.shape, np.float32)
        turned = self.normals @ rotation.T
        before = np.maximum(self.light[0] + self.normals @ self.light[1:], LEAST_LIGHT)
        now = np.maximum(self.light[0] + turned @ self.light[1:], LEAST_LIGHT)
        change = MOST_RELIGHT * np.tanh(RELIGHT * (now / before - 1.0) / MOST_RELIGHT)
        relit = cv2.resize(change.astype(np.float32), self.inside.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(relit * self.inside, np.float32)


@kernel(nogil=True)
def _apply(patch: NDArray[np.uint8], change: Array) -> None:
    """Multiply the colours of `(height, width, 4)` by 1 + change, in place."""
    for row in range(patch.shape[0]):
        for column in range(patch.shape[1]):
            factor = np.float32(1.0) + change[row, column]
            if factor == 1.0:
                continue
            for channel in range(3):
                value = factor * patch[row, column, channel] + np.float32(0.5)
                patch[row, column, channel] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


def build_skin(image: NDArray[np.uint8], landmarks: Array, face: FaceFit) -> SkinShading:
    """Find a photo's light and lay out the folds."""
    oval = landmarks[list(OVAL), :2]
    x0, y0 = np.clip(oval.min(0), 0, np.array(image.shape[1::-1]) - 1).astype(int)
    x1, y1 = np.clip(oval.max(0) + 1, [x0 + 1, y0 + 1], image.shape[1::-1]).astype(int)
    window = slice(int(y0), int(y1)), slice(int(x0), int(x1))
    shape, corner = shape_of(window), corner_of(window)
    inside = np.pad(polygon(oval - corner, shape), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    soft = np.clip(distance / (FACE_FADES * face.scale), 0.0, 1.0)
    grey = cv2.cvtColor(image[window], cv2.COLOR_RGB2GRAY).astype(np.float32)
    folds = [
        _draw_fold(fold, landmarks, corner, shape, face.scale, side)
        if isinstance(fold, Fold)
        else _deepen(fold, grey, landmarks, corner, face.scale, side)
        for fold in FOLDS
        for side in ("Right", "Left")
    ]
    normals = _normals(landmarks, corner, shape)
    return SkinShading(
        window=window,
        folds=tuple(_crop(fold) for fold in folds),
        own=_fold_weights(face.expression),
        smoothed=lost_smile(face),
        normals=normals,
        light=_light(image[window], normals, soft),
        inside=smoothstep(soft).astype(np.float32),
    )


def _fold_weights(weights: Array) -> Array:
    """How far an expression draws each fold, right and left: `(12,)` in [0, 1], or [-1, 1] for lines that fade."""
    amounts = []
    for fold in FOLDS:
        for side in ("Right", "Left"):
            names = [(name if name in EXPRESSION_NAMES else name + side, share) for name, share in fold.weights]
            amounts.append(sum(share * float(weights[EXPRESSION_NAMES.index(name)]) for name, share in names))
    return np.clip(np.array(amounts, np.float32), np.where(_FADING, -1.0, 0.0), 1.0)


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


def _normals(landmarks: Array, corner: Array, shape: tuple[int, int]) -> Array:
    """Directions that a smooth head of this width and height faces at a grid of places, towards the viewer."""
    oval = landmarks[list(OVAL), :2] - corner
    middle, half = 0.5 * (oval.min(0) + oval.max(0)), 0.5 * np.ptp(oval, axis=0) * ROUND
    y, x = np.mgrid[0:GRID, 0:GRID].astype(np.float32)
    nx = ((x + 0.5) / GRID * shape[1] - middle[0]) / half[0]
    ny = ((y + 0.5) / GRID * shape[0] - middle[1]) / half[1]
    nz = np.sqrt(np.maximum(1.0 - nx**2 - ny**2, STEEPEST))
    normals = np.stack([nx, ny, -nz], axis=-1)
    return (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.float32)


def _light(patch: NDArray[np.uint8], normals: Array, inside: Array) -> Array:
    """Fit ambient and directed light to the skin's brightness (first-order spherical harmonics), robustly."""
    grey = cv2.resize(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), (GRID, GRID), interpolation=cv2.INTER_AREA)
    weight = cv2.resize(inside.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA).ravel()
    brightness = grey.astype(np.float64).ravel()
    brightness /= max(float(np.average(brightness, weights=weight + 1e-6)), 1.0)
    design = np.column_stack([np.ones(GRID * GRID), normals.reshape(-1, 3)])
    solution = np.array([1.0, 0.0, 0.0, 0.0])
    for _ in range(LIGHT_ROUNDS):
        # Brows, lips, beard and hair are dark for other reasons than the light.
        robust = weight / (1.0 + np.square((brightness - design @ solution) / UNLIKE))
        gram = (design * robust[:, None]).T @ design + np.diag(LIGHT_PRIOR)
        solution = np.linalg.solve(gram, (design * robust[:, None]).T @ brightness)
    return solution.astype(np.float32)
