"""
The upper lid as it comes down: skin that the open eye folds away, and the person's own lashes turning downwards.

A photo shows a few rows of the lid, between lashes and crease. To stretch them over a shut eye smears whatever lies
among them: lashes, the brow's shadow, the rim of glasses. So the skin is made anew, once, out of what is clean of
them, and they are laid back where they stay: lashes on the margin, rims and reflections on the glasses.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.landmarks import EyeLandmarks
from .masks import Window, colours_at, corner_of


Array = NDArray[np.float32]

# Numbers were chosen by eye on contact sheets of half and wholly shut eyes. Lengths: in widths of the eye, from corner
# to corner. Pairs for `ramp`: where it starts, and over how much it goes, below 0 if it falls.

# The lid's place.
SHOWS: Final = (0.0, 0.3)  # closure over which it takes the place of the warped photo
ENDS: Final = 0.15  # over how much it fades in from both corners
CREASE_FADES: Final = 0.45  # of its height: over how much it fades out under the crease
LEAST_LID: Final = 0.03  # height: less lid than that is not told from its margin

# Its skin.
AT_CREASE, AT_MARGIN = (0.8, 1.4), (0.35, 1.1)  # of the way from margin to crease, and on towards the brow: where its
# colour is looked for
CLEAN_ROWS: Final = 12
SKIN_RANKS: Final = (0.4, 0.85)  # of what is found, by light: darker is lash, brow or rim, lighter a highlight
UNEVEN: Final = (0.75, 1.3)  # of the median of all columns: what is darker or lighter is no skin
SUNK: Final = (0.5, 0.78)  # of the light under the eye: a lid is no darker, without glasses and with their rims
OTHER: Final = 0.2  # share of the light by which a column is corrected that also loses its colour
MARGIN_LIGHT: Final = (0.85, 1.15)  # of the light at the crease, at the margin
SKIN_BLUR: Final = 0.08  # along the eye
DOME, DOME_ENDS = 0.05, 0.10  # light that a lid gains in the middle, and loses at the margin
TEXTURE_HEIGHT: Final = 0.5  # of the lid, shut: no texel is larger than a pixel
BELOW, UNDER = 0.42, 0.7  # under the lower lid, and over how much of its length: where plain skin is taken from
GRAIN_BLUR, MOST_GRAIN = 0.06, 8.0  # what is finer; levels

# Its lashes.
LASH_REACH: Final = 0.12  # how far above the margin the open eye has them
LASH_ROWS: Final = 12
LASH_BLUR: Final = 0.03  # along the eye
LASH_RANGE: Final = (0.30, 0.80)  # share of the skin's light that they take at the margin, at least and at most
LASH_FADES: Final = 0.35  # of their reach: how fast the least ones end
RISE, HANG = (1.0, -0.65), 0.75  # of their reach: above the margin, by closure; below it, of a shut eye
LEAST_LINE: Final = 1.5  # pixels of it, on either side: thinner lines break up
LASH_PLACES: Final = np.linspace(-0.15, 0.25, 9)  # of the way from the margin to the crease: where their colour is
LASH_DARKEST: Final = 12  # percentile of these
LASH_COLOURS: Final = (0.22, 0.62)  # over the skin: no blacker than black, no lighter than light brown
TIP_WIDTH: Final = 0.08  # how broad the tips of long lashes are that stand over the crease; wider is no lash
TIP_REACH: Final = 0.26  # how far above the crease they are
MARGIN_ENDS: Final = 0.04  # over how much lashes thin out towards both corners

# What glasses have over the lid.
STANDS_OUT: Final = (0.25, 0.15)  # off the skin's light
RIM_BLUR: Final = 0.6  # pixels
OVER_LASHES: Final = 0.07  # above the margin: what is nearer is taken for lashes


class LidAxes(NamedTuple):
    """An eye's own axes in a picture: outer corner, unit vectors towards the inner one and the brow, and its width."""

    origin: Array
    along: Array
    up: Array
    width: float

    def of(self, points: Array) -> Array:
        """Places `(n, 2)` in the picture as shares of the width along the eye and above its corners."""
        away = (points - self.origin) / self.width
        return np.stack([away @ self.along, away @ self.up], axis=-1)


@dataclass(frozen=True)
class UpperLid:
    """
    The upper lid of one eye.

    Args:
        landmarks ([`EyeLandmarks`]): Which landmarks are its.
        skin (`np.ndarray` of shape `(rows, columns, 3)`): From crease to margin, from the outer corner in.
        lashes (`np.ndarray` of shape `(rows, columns)`): Share of the light that lashes take, from the margin up.
        tint (`np.ndarray` of shape `(3,)`): What they take of each channel, 1 on average.
        over (`np.ndarray` of shape `(height, width)`): How much of the eye's patch of the photo is over the lid, on
            glasses, in [0, 1]; empty without glasses.
    """

    landmarks: EyeLandmarks
    skin: NDArray[np.uint8]
    lashes: Array
    tint: Array
    over: Array

    def draw(self, patch: Array, points: Array, closed: float) -> Array:
        """
        Draw the lid into a part of a frame, in place, and return where it is, `(height, width)` in [0, 1].

        Args:
            patch (`np.ndarray` of shape `(height, width, 3)`): float32, already warped by the mesh.
            points (`np.ndarray` of shape `(478, 2)`): Landmarks of the frame, in the patch.
            closed (`float`): How far the lids have closed since the photo, in [0, 1].
        """
        eye, axes = self.landmarks, lid_axes(self.landmarks, points)
        s, t = _places(axes, patch.shape)
        margin, crease = (_curve(axes.of(line), s) for line in (_margin(eye, points), points[list(eye.crease)]))
        above, height = t - margin, np.maximum(crease - margin, LEAST_LID)
        ends = smoothstep(np.clip(np.minimum(s, 1.0 - s) / ENDS, 0.0, 1.0))
        pixel = 1.0 / axes.width
        self._clear_tips(patch, above - height, ends, ramp(closed, *SHOWS), axes.width)
        inside = np.clip(above / pixel + 0.5, 0.0, 1.0)
        inside *= smoothstep(np.clip((1.0 - above / height) / CREASE_FADES, 0.0, 1.0))
        shown = (ramp(closed, *SHOWS) * ends * inside).astype(np.float32)
        rows, columns = self.skin.shape[:2]
        skin = _look_up(self.skin, s, np.float32(1.0) - above / height, rows, columns).astype(np.float32)
        patch += shown[..., None] * (skin - patch)
        below = ramp(closed, *SHOWS) * np.clip(0.5 - above / pixel, 0.0, 1.0)
        self._draw_lashes(patch, s, above, closed, np.maximum(smoothstep(np.minimum(1.0, 2.0 * shown)), below), pixel)
        return shown

    @staticmethod
    def _clear_tips(patch: Array, over: Array, ends: Array, closing: float, width: float) -> None:
        """Take the tips of the open eye's lashes off the skin over the crease, in place: thin upright dark strokes."""
        size = 2 * round(0.5 * TIP_WIDTH * width) + 1
        if closing == 0.0 or size < 3:
            return
        band = np.clip(1.0 - np.abs(over) / TIP_REACH, 0.0, 1.0)
        share = closing * np.minimum(1.0, 3.0 * ends) * np.minimum(1.0, 3.0 * band)
        strokeless = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, np.ones((1, size), np.uint8))
        patch += share[..., None] * (strokeless - patch)

    def _draw_lashes(
        self, patch: Array, s: Array, above: Array, closed: float, shown: Array, pixel: float
    ) -> None:  # fmt: skip
        """Lashes along the margin: fewer above it the more the lid closes, more below."""
        least = LEAST_LINE * pixel / LASH_REACH
        rise, hang = max(RISE[0] + RISE[1] * closed, least), max(HANG * closed, min(least, closed), 1e-3)
        away = (np.where(above > 0.0, above / rise, -above / hang) / LASH_REACH).astype(np.float32)
        rows, columns = self.lashes.shape
        dark = _look_up(self.lashes, s, away, rows, columns)
        dark *= (away < 1.0) * np.clip(np.minimum(s, 1.0 - s) / MARGIN_ENDS, 0.0, 1.0) * shown
        patch *= 1.0 - np.clip(dark[..., None] * self.tint, 0.0, 1.0)


def build_upper_lid(
    image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks, glasses: float, window: Window
) -> UpperLid:
    """
    Make the skin of a photo's upper lid, find its lashes and, where glasses are sure (`glasses`, in [0, 1]), what they
    have over it within a window of the photo.
    """
    points = landmarks[:, :2]
    axes = lid_axes(eye, points)
    columns, rows = max(8, round(axes.width)), max(4, round(TEXTURE_HEIGHT * axes.width))
    below = points[list(eye.lower)].mean(0) - BELOW * axes.width * axes.up
    plain = np.median(
        colours_at(image, below + 0.7 * (points[list(eye.lower)] - points[list(eye.lower)].mean(0))), axis=0
    )
    top, base = (_skin_columns(image, points, eye, columns, where, plain, glasses) for where in (AT_CREASE, AT_MARGIN))
    # Next to the margin only the light is the lid's: landmarks that lie a little low show the colour of the eye.
    gain = np.clip(base.mean(1) / np.maximum(top.mean(1), 1.0), *MARGIN_LIGHT)
    base = top * gain[:, None]
    down = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None]  # from the crease to the margin
    dome = 1.0 + DOME * np.sin(np.pi * down) - DOME_ENDS * down**3
    skin = dome[..., None] * (top + down[..., None] * (base - top)) + _grain(image, axes, points, eye, rows, columns)
    return UpperLid(
        landmarks=eye,
        skin=np.clip(skin + 0.5, 0, 255).astype(np.uint8),
        lashes=_own_lashes(image, points, eye, base),
        tint=_lash_tint(image, points, eye),
        over=_over_lid(image[window], points - corner_of(window), eye, base, glasses),
    )


def lid_axes(eye: EyeLandmarks, points: Array) -> LidAxes:
    """Axes of an eye whose landmarks are `(478, 2)`."""
    outer, inner = points[eye.outer], points[eye.inner]
    width = max(float(np.linalg.norm(inner - outer)), 1e-3)
    along = (inner - outer) / width
    up = np.array([along[1], -along[0]], np.float32)
    if float((points[list(eye.brow_side)].mean(0) - outer) @ up) < 0.0:
        up = -up
    return LidAxes(outer, along, up, width)


def _margin(eye: EyeLandmarks, points: Array) -> Array:
    return points[[eye.outer, *eye.upper, eye.inner]]


def _places(axes: LidAxes, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Each pixel's place along the eye and above its corners, two `(height, width)`."""
    x = np.arange(shape[1], dtype=np.float32) - np.float32(axes.origin[0])
    y = (np.arange(shape[0], dtype=np.float32) - np.float32(axes.origin[1]))[:, None]
    along, up = (way.astype(np.float32) / np.float32(axes.width) for way in (axes.along, axes.up))
    return x * along[0] + y * along[1], x * up[0] + y * up[1]


def _curve(line: Array, s: Array) -> Array:
    """Height of a line through places `(n, 2)` at places along the eye."""
    order = np.argsort(line[:, 0])
    knots, heights = line[order].T
    fine = np.linspace(0.0, 1.0, 65)
    # Straight pieces would show their corners on a large eye.
    smooth = np.interp(fine, knots, heights)
    smooth = cv2.GaussianBlur(smooth[None].astype(np.float32), (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)[0]
    return np.interp(s, fine, smooth).astype(np.float32)


def _look_up(picture: NDArray, s: Array, down: Array, rows: int, columns: int) -> Array:
    """A texture at shares of its columns and rows, held at its border."""
    x, y = ((columns - 1.0) * s).astype(np.float32), ((rows - 1.0) * down).astype(np.float32)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _lines(points: Array, landmarks: tuple[int, ...], columns: int) -> Array:
    """A line of lid landmarks at even places, `(columns, 2)`."""
    line = points[list(landmarks)]
    at = np.linspace(0.0, len(line) - 1.0, columns)
    return np.stack([np.interp(at, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], axis=1)


def _skin_columns(
    image: NDArray[np.uint8], points: Array, eye: EyeLandmarks, columns: int, where: tuple[float, float], plain: Array,
    glasses: float,
) -> Array:  # fmt: skip
    """
    Colour of the lid's skin along the eye, `(columns, 3)`: what is neither lash nor brow, rim nor highlight.

    `plain`, of shape `(3,)`, is the colour of the skin under the eye.
    """
    upper, crease, brow = (_lines(points, line, columns) for line in (eye.upper, eye.crease, eye.brow_side))
    found = []
    for way in np.linspace(*where, CLEAN_ROWS):
        place = upper + way * (crease - upper) if way <= 1.0 else crease + (way - 1.0) * (brow - crease)
        found.append(colours_at(image, place))
    colours = np.stack(found)  # (rows, columns, 3)
    order = np.argsort(colours.mean(2), axis=0)
    low, high = (round(rank * CLEAN_ROWS) for rank in SKIN_RANKS)
    skin = np.take_along_axis(colours, order[low:high, :, None], axis=0).mean(0)
    light = skin.mean(1)
    middle, sunk = float(np.median(light)), SUNK[0] + glasses * (SUNK[1] - SUNK[0])
    kept = np.maximum(np.clip(light, UNEVEN[0] * middle, UNEVEN[1] * middle), sunk * float(plain.mean()))
    # A column of something else keeps neither its light nor its colour.
    share = ramp(np.abs(kept - light) / np.maximum(kept, 1.0), 0.0, OTHER)[:, None]
    skin += share * (plain - skin)
    skin *= (kept / np.maximum(skin.mean(1), 1.0))[:, None]
    return np.asarray(
        cv2.GaussianBlur(skin[None], (0, 0), SKIN_BLUR * columns, borderType=cv2.BORDER_REPLICATE)[0], np.float32
    )


def _grain(
    image: NDArray[np.uint8], axes: LidAxes, points: Array, eye: EyeLandmarks, rows: int, columns: int
) -> Array:
    """Fine texture of the skin under the eye, `(rows, columns, 1)` in levels."""
    middle = points[list(eye.lower)].mean(0) - BELOW * axes.width * axes.up
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    away = axes.width / columns * ((x - 0.5 * columns)[..., None] * axes.along - (y - 0.5 * rows)[..., None] * axes.up)
    place = (middle + away).astype(np.float32)
    found = cv2.remap(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), place[..., 0], place[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    ).astype(np.float32)  # fmt: skip
    fine = found - cv2.GaussianBlur(found, (0, 0), max(1.0, GRAIN_BLUR * columns))
    return np.clip(fine, -MOST_GRAIN, MOST_GRAIN)[..., None]


def _own_lashes(image: NDArray[np.uint8], points: Array, eye: EyeLandmarks, base: Array) -> Array:
    """
    Share of the skin's light that the open eye's lashes take, `(rows, columns)` from the margin upwards.

    It only falls on the way up: the crease, the brow or a rim that lie farther up are none.
    """
    axes, columns = lid_axes(eye, points), len(base)
    margin = _lines(points, (eye.outer, *eye.upper, eye.inner), columns)
    away = np.linspace(0.0, 1.0, LASH_ROWS)
    places = margin + (LASH_REACH * axes.width * away)[:, None, None] * axes.up
    light = colours_at(image, places.reshape(-1, 2)).mean(1).reshape(LASH_ROWS, columns)
    dark = 1.0 - light / np.maximum(base.mean(1), 1.0)
    dark = np.minimum.accumulate(np.clip(dark, 0.0, LASH_RANGE[1]), axis=0)
    least = LASH_RANGE[0] * np.exp(-np.square(away / LASH_FADES))[:, None]
    dark = np.maximum(dark, least) * (1.0 - away**2)[:, None]
    return np.asarray(
        cv2.GaussianBlur(dark.astype(np.float32), (0, 0), sigmaX=LASH_BLUR * columns, sigmaY=0.6), np.float32
    )


def _lash_tint(image: NDArray[np.uint8], points: Array, eye: EyeLandmarks) -> Array:
    """What lashes take of each channel, `(3,)`, 1 on average: by the darkest along the margin over the skin above."""
    upper, crease = points[list(eye.upper)], points[list(eye.crease)]
    places = upper + LASH_PLACES[:, None, None] * (crease - upper)
    darkest = np.percentile(colours_at(image, places.reshape(-1, 2)), LASH_DARKEST, axis=0)
    skin = np.maximum(np.median(colours_at(image, crease), axis=0), 1.0)
    taken = 1.0 - np.clip(darkest / skin, *LASH_COLOURS)
    return np.asarray(taken / taken.mean(), np.float32)


def _over_lid(patch: NDArray[np.uint8], points: Array, eye: EyeLandmarks, base: Array, glasses: float) -> Array:
    """How much of a photo's patch `(height, width, 3)` glasses have over the lid, `(height, width)` in [0, 1]."""
    if glasses == 0.0:
        return np.zeros(patch.shape[:2], np.float32)
    axes = lid_axes(eye, points)
    s, t = _places(axes, patch.shape)
    above = t - _curve(axes.of(_margin(eye, points)), s)
    skin = np.interp(s, np.linspace(0.0, 1.0, len(base)), base.mean(1))
    off = np.abs(patch.mean(2) - skin) / np.maximum(skin, 1.0)
    over = glasses * ramp(off, *STANDS_OUT) * (above > OVER_LASHES)
    return cv2.GaussianBlur(over.astype(np.float32), (0, 0), RIM_BLUR)
