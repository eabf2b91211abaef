"""
The upper lid as it comes down: skin that the open eye folds away, and the person's own lashes turning downwards.

A photo shows a few rows of the lid, between lashes and crease. To stretch them over a shut eye smears whatever lies
among them: lashes, the brow's shadow, the rim of glasses. So the skin is rebuilt, once, from what is free of
them, and they are laid back where they stay: lashes on the margin, rims and reflections on the glasses.
"""

from collections.abc import Sequence
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
# to corner. Pairs for `ramp`: where it starts, and over how much it goes, below 0 if it falls. "Measured": in the
# middle of 66 shut eyes of ten people, 24 of them filmed, the others made by VASA-1. Of its brightest light, the lid
# has .30 on the lash line, and .48, .78, .92 and .97 at .05, .10, .15 and .20 above it; .05, .10 and .15 under it the
# skin has .49, .67 and .83 of its light farther down.

# The lid's place. Heights: 0 at the margin, 1 at the crease, 2 at the landmarks between that and the brow.
SHOWS: Final = (0.0, 0.3)  # closure over which it takes the place of the warped photo
ENDS: Final = 0.15  # over how much it fades in from both corners
CREASE_FADES: Final = 0.35  # height: over how much it fades out under the crease
LEAST_LID: Final = 0.03  # less lid than that is not told from its margin

# Its skin: a smooth sheet through what is seen of the skin around, with the light along the eye and across it.
TOP: Final = 2.0  # height up to which it reaches
SEEN_FROM, SEEN_ROWS, SEEN_COLUMNS = 0.4, 14, 24  # height over which skin is looked for, and at how many places
BELOW, BELOW_ROWS, BELOW_HEIGHT, BELOW_COUNTS = (0.22, 0.42), 3, -0.6, 0.3  # under the lower lid; the height at which
# that skin holds the sheet, and its weight
FIRST_RANKS: Final = (
    0.4,
    0.92,
)  # of what is found in a column, by light: darker is lash, brow or rim, lighter a glint
ROUNDS: Final = 6  # of the fit
LEAST_SPREAD: Final = 0.03  # of the light: skin within it is all alike
DARKER, LIGHTER = 1.6, 2.5  # spreads off the sheet from which on it is no skin
STEADY: Final = 0.02  # share of the samples' weight that keeps the sheet from tilting
SUNK: Final = (0.5, 0.78)  # of the light under the eye: a lid is no darker, without glasses and with their rims
LIT: Final = 0.5  # of what a lid is lighter than the skin under the eye is lost at the margin: shut ones are as light
# A lid that comes down bulges out of the shade under the brow: how far under the eye the cheek is, and how far the lid
# goes to its colour, at most as far as it is darker. Seen: without, it is .56 to .94 as light as the cheek, and .75 to
# .99 in five published talking heads made from the same photos.
CHEEK, OUT_OF_SHADE = 0.8, 0.25
DOME: Final = (0.1, 0.2)  # light that the eyeball's bulge gains: between crease and margin, and along the eye
TURNED_DOWN, TURNED_REACH = 0.25, 0.38  # measured: light lost at the margin; share of the lid over which it does
TEXTURE_HEIGHT: Final = 0.8  # of the sheet: no texel is larger than a pixel of a shut eye
GRAIN_BLUR, MOST_GRAIN = 0.06, 8.0  # what is finer; levels

# What the open eye leaves above it: liner, lashes, a deep crease.
LEFT_OVER: Final = (0.05, 0.10)  # darker than the sheet by so much of its light
CLEARED: Final = 0.85  # of it; what is left is the crease of a shut eye
CLEARED_OUT, CLEARED_IN = (-0.22, 0.2), (0.0, 0.15)  # from where it is cleared at the outer and the inner corner
TO_BROW: Final = 0.6  # height under `TOP` over which it ends

# Its lashes.
LASH_REACH: Final = 0.12  # how far above the margin the open eye has them
LASH_ROWS: Final = 12
LASH_BLUR: Final = 0.03  # along the eye
LASH_RANGE: Final = (0.36, 0.82)  # share of the skin's light that they take at the margin, at least and at most
LASH_FADES: Final = 0.6  # of their reach: how fast the least ones end
CORE, CORE_FADES = 0.45, 0.3  # what of them is a thin line on the margin; of their reach, how fast that ends
MOST_UNEVEN: Final = 1.2  # times the median along the eye: what is darker is the iris
RISE, HANG = (1.0, 0.2), 2.0  # of their reach: above the margin, by closure (measured); below it, of a shut eye
HANGS: Final = (0.55, 0.45)  # closure over which they do: before, they point at the viewer
LEAST_LINE: Final = 1.5  # pixels of it, on either side: thinner lines break up
WARM: Final = np.array([0.93, 1.01, 1.06], np.float32)  # measured: what they and their shadow take of each channel
WARM_SKIN: Final = (3.0, 27.0)  # levels from blue to red of skin over which they do; cold and grey pictures stay so
THIN, THICK_FROM = 0.45, 0.35  # of the line's reach at the corners; how far from them it is whole
WING: Final = 0.06  # how far beyond the outer corner they go
MARGIN_ENDS: Final = 0.08  # over how much lashes thin out towards both corners

# What glasses have over the lid.
SEEN_GLASSES: Final = 0.3  # how sure they are from which on their rims count in full
STANDS_OUT: Final = (0.25, 0.15)  # off the skin's light
RIM_BLUR: Final = 0.6  # pixels
OVER_LASHES: Final = 0.07  # above the margin: what is nearer is taken for lashes
OFF_THE_EYE: Final = (0.15, 0.25)  # beyond the corners and above the crease: a rim goes as far, a lid's fold does not


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
        skin (`np.ndarray` of shape `(rows, columns, 3)`): From `TOP` to the margin, from the outer corner in.
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
        lines = _margin(eye, points), points[list(eye.crease)], points[list(eye.brow_side)]
        margin, crease, brow = (_curve(axes.of(line), s) for line in lines)
        above, pixel = t - margin, 1.0 / axes.width
        height = np.minimum(above / np.maximum(crease - margin, LEAST_LID), 1.0)
        height += np.maximum(t - crease, 0.0) / np.maximum(brow - crease, LEAST_LID)
        closing = ramp(closed, *SHOWS)
        inside = np.clip(above / pixel + 0.5, 0.0, 1.0)
        rows, columns = self.skin.shape[:2]
        sheet = _look_up(self.skin, s, np.float32(1.0) - height / np.float32(TOP), rows, columns).astype(np.float32)
        cleared = closing * inside * _left_over(patch, sheet) * _around(s, height)
        lid = closing * inside * smoothstep(ramp(1.0 - height, 0.0, CREASE_FADES)) * _between_corners(s)
        shown = np.maximum(cleared, lid).astype(np.float32)
        patch += shown[..., None] * (sheet - patch)
        below = closing * np.clip(0.5 - above / pixel, 0.0, 1.0)
        on_lid = closing * inside * smoothstep(np.clip((1.0 - height) / CREASE_FADES, 0.0, 1.0))
        self._draw_lashes(patch, s, above, closed, on_lid + below, pixel)
        return shown

    def _draw_lashes(
        self, patch: Array, s: Array, above: Array, closed: float, shown: Array, pixel: float
    ) -> None:  # fmt: skip
        """Lashes along the margin, in a line that thins out towards the corners; of a shut lid they hang below it."""
        least = LEAST_LINE * pixel / LASH_REACH
        from_corner = np.clip(np.minimum(s + WING, 1.0 - s), 0.0, 0.5)
        thick = np.float32(THIN) + np.float32(1.0 - THIN) * smoothstep(np.minimum(from_corner / THICK_FROM, 1.0))
        rise = np.maximum((RISE[0] + RISE[1] * closed) * thick, least)
        hang = np.maximum(HANG * ramp(closed, *HANGS) * thick, max(min(least, closed), 1e-3))
        away = (np.where(above > 0.0, above / rise, -above / hang) / LASH_REACH).astype(np.float32)
        rows, columns = self.lashes.shape
        dark = _look_up(self.lashes, s, away, rows, columns)
        dark *= (away < 1.0) * smoothstep(np.minimum(from_corner / MARGIN_ENDS, 1.0)) * shown
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
    sheet = _skin_sheet(image, points, eye, (rows, columns), glasses)
    height = np.linspace(TOP, 0.0, rows, dtype=np.float32)[:, None, None]
    lid = np.clip(1.0 - height, 0.0, 1.0)  # from the crease to the margin
    along = np.sin(np.pi * np.linspace(0.0, 1.0, columns, dtype=np.float32))[None, :, None]
    bulge = DOME[0] * np.sin(np.pi * lid) + DOME[1] * lid * (along - along.mean())
    under = _under(image, points, eye)
    tint = _lash_tint(under)
    turned = TURNED_DOWN * np.exp(-np.square((1.0 - lid) / TURNED_REACH)) * tint
    cheek = np.median(_below(image, points, eye, (CHEEK,)), axis=0)
    skin = _shut_light(sheet, under, cheek, lid) * (1.0 + bulge) * (1.0 - turned)
    skin += _grain(image, axes, points, eye, rows, columns)
    return UpperLid(
        landmarks=eye,
        skin=np.clip(skin + 0.5, 0, 255).astype(np.uint8),
        lashes=_own_lashes(image, points, eye, sheet[-1]),
        tint=tint,
        over=_over_lid(image[window], points - corner_of(window), eye, sheet[-1], glasses),
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


def _left_over(patch: Array, sheet: Array) -> Array:
    """How much of each pixel is to go for being darker than the lid's skin, `(height, width)` in [0, 1]."""
    light, skin = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (patch, sheet))
    return np.asarray(CLEARED * smoothstep(ramp(1.0 - light / np.maximum(skin, 1.0), *LEFT_OVER)))


def _around(s: Array, height: Array) -> Array:
    """Where the open eye's lashes may have been: from beyond the outer corner to the inner one, and up, in [0, 1]."""
    along = np.minimum(ramp(s, *CLEARED_OUT), ramp(1.0 - s, *CLEARED_IN))
    return np.asarray(along * ramp(TOP - height, 0.0, TO_BROW))


def _between_corners(s: Array) -> Array:
    """Where along the eye the lid is, in [0, 1]."""
    return smoothstep(np.clip(np.minimum(s, 1.0 - s) / ENDS, 0.0, 1.0))


def _skin_sheet(
    image: NDArray[np.uint8], points: Array, eye: EyeLandmarks, shape: tuple[int, int], glasses: float
) -> Array:
    """
    The lid's clean skin, `(rows, columns, 3)` from `TOP` to the margin: no lash, liner, brow, rim or highlight.

    Light and colour may change along the eye and across it, no faster; what does not fit is something else.
    """
    upper, crease, brow = (_lines(points, line, SEEN_COLUMNS) for line in (eye.upper, eye.crease, eye.brow_side))
    heights = np.linspace(SEEN_FROM, TOP, SEEN_ROWS)
    places = [
        upper + height * (crease - upper) if height <= 1.0 else crease + (height - 1.0) * (brow - crease)
        for height in heights
    ]
    under = _under(image, points, eye)
    colours = np.concatenate([colours_at(image, np.concatenate(places)), under]).reshape(-1, SEEN_COLUMNS, 3)
    plain = np.median(under, axis=0)
    along = np.linspace(0.0, 1.0, SEEN_COLUMNS)
    heights = np.concatenate([heights, np.full(BELOW_ROWS, BELOW_HEIGHT)])
    counts = np.where(heights[:, None] > 0.0, _skin_ranks(colours, SEEN_ROWS), BELOW_COUNTS)
    plane = _fit_sheet(along, heights, colours, counts)
    rows, columns = shape
    sheet = _terms(np.linspace(0.0, 1.0, columns), np.linspace(TOP, 0.0, rows)) @ plane
    light = np.maximum(sheet.mean(2, keepdims=True), 1.0)
    least = (SUNK[0] + glasses * (SUNK[1] - SUNK[0])) * float(plain.mean())
    lifted = np.maximum(least / light, 1.0)
    sheet *= lifted
    # What had to be lifted has another's colour, too.
    sheet += (1.0 - 1.0 / lifted) * (sheet.mean(2, keepdims=True) / max(float(plain.mean()), 1.0) * plain - sheet)
    return np.asarray(np.clip(sheet, 0.0, 255.0), np.float32)


def _shut_light(sheet: Array, under: Array, cheek: Array, lid: Array) -> Array:
    """
    A sheet as it is lit when the eye shuts, from the crease `lid` 0 to the margin 1: ever less lighter than the skin
    under the eye, and ever more like a lighter cheek.
    """
    light = np.maximum(sheet.mean(2, keepdims=True), 1.0)
    beyond = np.minimum(float(np.median(under.mean(1))) / light, 1.0) - 1.0
    short = 1.0 - np.minimum(light / max(float(cheek.mean()), 1.0), 1.0)
    coming = smoothstep(np.minimum(2.0 * lid, 1.0))
    dimmed = sheet * (1.0 + coming * LIT * beyond)
    return np.asarray(dimmed + coming * np.minimum(OUT_OF_SHADE, short) * (cheek - dimmed))


def _under(image: NDArray[np.uint8], points: Array, eye: EyeLandmarks) -> Array:
    """Colours of the skin under the eye, `(BELOW_ROWS * SEEN_COLUMNS, 3)`."""
    return _below(image, points, eye, np.linspace(*BELOW, BELOW_ROWS))


def _below(image: NDArray[np.uint8], points: Array, eye: EyeLandmarks, ways: Sequence[float] | NDArray) -> Array:
    """Colours that far below the lower lid, in widths of the eye, `(len(ways) * SEEN_COLUMNS, 3)`."""
    lower, axes = _lines(points, eye.lower, SEEN_COLUMNS), lid_axes(eye, points)
    return colours_at(image, np.concatenate([lower - way * axes.width * axes.up for way in ways]))


def _skin_ranks(colours: Array, rows: int) -> NDArray[np.float64]:
    """1 for those of the first samples `(rows, columns, 3)` whose light ranks as skin in their column, else 0."""
    ranks = np.full(colours.shape[:2], -1.0)
    ranks[:rows] = colours[:rows].mean(2).argsort(0).argsort(0) / (rows - 1.0)
    return ((ranks >= FIRST_RANKS[0]) & (ranks <= FIRST_RANKS[1])).astype(np.float64)


def _terms(along: NDArray, heights: NDArray) -> NDArray[np.float64]:
    """What a sheet is made of at places, `(heights, places, 5)`."""
    s, h = np.meshgrid(2.0 * np.asarray(along, np.float64) - 1.0, np.asarray(heights, np.float64) - 1.0)
    return np.stack([np.ones_like(s), s, s * s, h, s * h], axis=-1)


def _fit_sheet(along: NDArray, heights: NDArray, colours: Array, counts: NDArray) -> NDArray[np.float64]:
    """Weights `(5, 3)` of the terms, by least squares that leave out what the fit before shows to be no skin."""
    terms, wanted, prior = _terms(along, heights).reshape(-1, 5), colours.reshape(-1, 3), counts.ravel()
    weights, kept = prior, np.where(prior > 0.0, prior, 1.0)
    for _ in range(ROUNDS):
        weighted = terms * weights[:, None]
        steady = STEADY * max(float(weights.sum()), 1.0) * np.diag([0.0, 1.0, 1.0, 1.0, 1.0])
        plane = np.linalg.solve(terms.T @ weighted + steady + 1e-6 * np.eye(5), weighted.T @ wanted)
        light = np.maximum((terms @ plane).mean(1), 1.0)
        off = wanted.mean(1) / light - 1.0
        spread = max(LEAST_SPREAD, 1.5 * float(np.median(np.abs(off[weights > 0.0]))))
        away = np.where(off < 0.0, off / DARKER, off / LIGHTER) / spread
        weights = kept * np.square(np.clip(1.0 - np.square(away), 0.0, 1.0))
        if not weights.any():
            break
    return np.asarray(plane)


def _grain(
    image: NDArray[np.uint8], axes: LidAxes, points: Array, eye: EyeLandmarks, rows: int, columns: int
) -> Array:
    """Fine texture of the skin under the eye, `(rows, columns, 1)` in levels."""
    middle = points[list(eye.lower)].mean(0) - BELOW[1] * axes.width * axes.up
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
    fades = np.square(1.0 - away**2) * (1.0 - CORE + CORE * np.exp(-np.square(away / CORE_FADES)))
    dark = np.maximum(dark, least) * fades[:, None]
    dark = np.minimum(dark, MOST_UNEVEN * np.median(dark, axis=1, keepdims=True))
    return np.asarray(
        cv2.GaussianBlur(dark.astype(np.float32), (0, 0), sigmaX=LASH_BLUR * columns, sigmaY=0.6), np.float32
    )


def _lash_tint(under: Array) -> Array:
    """What lashes take of each channel of skin `(places, 3)`, `(3,)`, 1 on average."""
    red, _, blue = np.median(under, axis=0)
    return np.asarray(1.0 + ramp(float(red - blue), *WARM_SKIN) * (WARM - 1.0), np.float32)


def _over_lid(patch: NDArray[np.uint8], points: Array, eye: EyeLandmarks, base: Array, glasses: float) -> Array:
    """How much of a photo's patch `(height, width, 3)` glasses have over the lid, `(height, width)` in [0, 1]."""
    if glasses == 0.0:
        return np.zeros(patch.shape[:2], np.float32)
    axes = lid_axes(eye, points)
    s, t = _places(axes, patch.shape)
    crease, margin = (_curve(axes.of(line), s) for line in (points[list(eye.crease)], _margin(eye, points)))
    skin = np.interp(s, np.linspace(0.0, 1.0, len(base)), base.mean(1))
    off = np.abs(patch.mean(2) - skin) / np.maximum(skin, 1.0)
    over = ramp(off, *STANDS_OUT) * (t - margin > OVER_LASHES)
    beyond, above = OFF_THE_EYE
    over *= _reaching(over > 0.5, (np.abs(s - 0.5) > 0.5 + beyond) | (t - crease > above))
    return ramp(glasses, 0.0, SEEN_GLASSES) * cv2.GaussianBlur(over.astype(np.float32), (0, 0), RIM_BLUR)


def _reaching(pieces: NDArray[np.bool_], where: NDArray[np.bool_]) -> Array:
    """Those of the connected pieces of a mask, and their edges, that reach somewhere: `(height, width)`, 0 or 1."""
    _, labels = cv2.connectedComponents(pieces.astype(np.uint8))
    kept = np.isin(labels, np.setdiff1d(labels[where & pieces], 0)).astype(np.uint8)
    return cv2.dilate(kept, np.ones((3, 3), np.uint8)).astype(np.float32)
