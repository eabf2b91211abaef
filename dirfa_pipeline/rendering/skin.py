"""
What expressions and head turns do to skin besides moving it: folds that come, folds that go, and light that shifts.

All of it is a gain on the photo's pixels before they are warped, so that it moves with the skin.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import smoothstep
from ..face.fit import FaceFit
from ..face.landmarks import OVAL
from .folds import MAY_DEEPEN, MAY_FADE, SmileLight, draw_folds, fold_weights
from .kernels import kernel
from .masks import Window, corner_of, polygon, shape_of
from .relaxed_photo import lost_smile


Array = NDArray[np.float32]

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
# Shade on skin is redder than skin. How much less red it loses than green, and how much more blue, at most, and the
# logarithm of their shares in the skin towards which this bends: measured on the folds of smiles, .6 of the logarithm
# for most skin. Pale skin has no grey shade either, and pictures without colour stay so.
TINTED, TINT_RANGE = 0.15, 0.1
FAINT: Final = 0.02  # weights that draw nothing yet


@dataclass(frozen=True)
class SkinShading:
    """
    The skin of one photo.

    Args:
        window (`tuple[slice, slice]`): Rows and columns of the face.
        folds (16 pairs): Where in the window each fold is, right side first, and the change of light at weight 1.
        own (`np.ndarray` of shape `(16,)`): How far the photo shows each one already.
        smoothed (`float`): What share of them is gone where the photo is relaxed.
        normals (`np.ndarray` of shape `(24, 24, 3)`): Where the skin faces, in the photo.
        light (`np.ndarray` of shape `(4,)`): Ambient and directed light, whose sum is 1 on average.
        inside (`np.ndarray` of shape `(height, width)`): 1 on the face, fading out at its outline.
        tint (`np.ndarray` of shape `(3,)`): How much of a change of light each channel shows.
    """

    window: Window
    folds: tuple[tuple[Window, Array], ...]
    own: Array
    smoothed: float
    normals: Array
    light: Array
    inside: Array
    tint: Array

    def shading(self, weights: Array, transform: Array, relaxed: float) -> Array:
        """
        Change of light over the window in one frame, `(height, width)`; 0 leaves the photo's.

        Args:
            weights (`np.ndarray` of shape `(52,)`): The frame's expression.
            transform (`np.ndarray` of shape `(3, 3)`): The head's turn, and scale, since the photo.
            relaxed (`float`): How far the picture is the relaxed photo, in [0, 1].
        """
        change = self._relit(transform / max(float(np.cbrt(np.linalg.det(transform))), 1e-6))
        amounts = fold_weights(weights) - (1.0 - relaxed * self.smoothed) * self.own
        deeper, faded = np.maximum(amounts - FAINT, 0.0), np.minimum(amounts + FAINT, 0.0)
        amounts = MAY_DEEPEN * deeper + MAY_FADE * faded
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
        _apply(shaded[above:][self.window], shading, self.tint)
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
def _apply(patch: NDArray[np.uint8], change: Array, tint: Array) -> None:
    """Multiply the colours of `(height, width, 4)` by 1 + tint * change, in place."""
    for row in range(patch.shape[0]):
        for column in range(patch.shape[1]):
            if change[row, column] == 0.0:
                continue
            for channel in range(3):
                factor = np.float32(1.0) + tint[channel] * change[row, column]
                value = factor * patch[row, column, channel] + np.float32(0.5)
                patch[row, column, channel] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


def build_skin(image: NDArray[np.uint8], landmarks: Array, face: FaceFit, smile: SmileLight) -> SkinShading:
    """
    Find a photo's light and lay out the folds.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The photo.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        face ([`FaceFit`]): The fit.
        smile ([`SmileLight`]): Most people's.
    """
    oval = landmarks[list(OVAL), :2]
    x0, y0 = np.clip(oval.min(0), 0, np.array(image.shape[1::-1]) - 1).astype(int)
    x1, y1 = np.clip(oval.max(0) + 1, [x0 + 1, y0 + 1], image.shape[1::-1]).astype(int)
    window = slice(int(y0), int(y1)), slice(int(x0), int(x1))
    shape, corner = shape_of(window), corner_of(window)
    inside = np.pad(polygon(oval - corner, shape), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    soft = np.clip(distance / (FACE_FADES * face.scale), 0.0, 1.0)
    grey = cv2.cvtColor(image[window], cv2.COLOR_RGB2GRAY).astype(np.float32)
    normals = _normals(landmarks, corner, shape)
    return SkinShading(
        window=window,
        folds=draw_folds(grey, landmarks, corner, face.scale, smile),
        own=fold_weights(face.expression),
        smoothed=lost_smile(face),
        normals=normals,
        light=_light(image[window], normals, soft),
        inside=smoothstep(soft).astype(np.float32),
        tint=_tint(image[window], soft),
    )


def _tint(patch: NDArray[np.uint8], inside: Array) -> Array:
    """How much of a change of light red, green and blue show, `(3,)`: skin lights its own shade, which is redder."""
    colour = np.average(patch.reshape(-1, 3), axis=0, weights=inside.ravel() + 1e-6) + 1.0
    return (1.0 - TINTED * np.tanh(np.log(colour / colour[1]) / TINT_RANGE)).astype(np.float32)


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
