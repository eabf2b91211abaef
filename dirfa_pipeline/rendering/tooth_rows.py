"""
Upper rows of teeth: where a photo shows one, what most people's have in common, and one person's own.

A row is seen from the front and laid flat: one column for each sixth of a millimetre from the right of the mouth to
its left, and one pixel row for each sixth above the teeth's edges, the last one along them.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from ..animation.easing import ramp
from ..face.fit import FaceFit
from ..face.landmarks import INNER_MIDDLE
from .paths import cheapest_path


Array = NDArray[np.float32]

# Lengths are in millimetres. What was chosen by eye was chosen on the rows of 120 smiles and their average
# (dirfa_pipeline/training/average_teeth.py).

MILLIMETRE: Final = 1.0 / 63.0  # of the inter-ocular distance, whose mean over adults is 63 mm (Dodgson, 2004)
PER_MM: Final = 6  # pixels of a row
SIZE: Final = (108, 384)  # pixels: height and width
TEETH_EXTENT: Final = (SIZE[1] / PER_MM, SIZE[0] / PER_MM)
BEHIND_LIPS: Final = 3.0  # of the front teeth
ARCH: Final = 0.025  # depth over the square of the way to the side: canines lie 7 mm behind incisors
LUMINANCE: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

# A row in a photo.
ABOVE, BELOW = 14, 10  # of the closed lip line, that is searched
LEAST_TALL: Final = 1.0  # of a column of teeth that has an edge
EDGE_STRAY: Final = 1.3  # of a tooth's edge around the even line along the row
EDGE_SMOOTH: Final = (2.0, 0.7)  # of that line: its median's width, and its blur
EDGE_FINE: Final = (0.2, 0.12)  # blur of light along a column, and along the row, before the edge is looked for
EDGE_BENDS: Final = 0.01  # share of the light that a step of the edge by a pixel costs
WELL_LIT: Final = 75  # percentile of the teeth's light that is theirs

# Which column is which tooth: the gaps between teeth are darker than they.
GAPS: Final = (5.0, 1.0)  # over the edges, between which gaps are looked for
GAP_REACH, GAP_SOFT = 4.0, 0.25  # blur of what gaps are darker than, and theirs
DARKEST_GAP, LIGHTEST = -3.0, 1.0  # deviations of the light along a row: more counts as so much
FRONT: Final = 16.0  # to each side: gaps farther back say little
SCALES: Final = tuple(np.linspace(0.84, 1.16, 9))  # of a row
SHIFTS: Final = tuple(np.arange(-4.0, 4.1, 0.5))  # of its middle
STRAY: Final = 2.5  # of a gap from its place in an evenly scaled row
STRAY_COSTS, STEP_COSTS = 0.02, 0.25  # square deviations, of a millimetre squared, and of a pixel more than before
WAY_SMOOTH: Final = 0.5

# How surely a row was read: ramps, see `ramp`.
ALIKE: Final = (0.45, 0.2)  # correlation of its gaps with those of most people
WIDE: Final = (16.0, 12.0)  # its width
BURNT_LEVEL: Final = 250  # of 255
BURNT: Final = (0.25, -0.2)  # share of its pixels that are as light as that
FINE: Final = (0.45, 0.4)  # pixels of the photo for a millimetre

# A person's row.
LEAST_RED: Final = 30  # percentile of the redness of all that was found that is surely teeth's
RED: Final = (0.06, 0.08)  # logarithm of red over green that gums have more: a ramp
MOST_OWN: Final = 0.45  # logarithm of light by which own teeth differ from most people's
OWN_FADE: Final = 0.6  # blur of where they are shown
SHARP: Final = 1.6  # exponent of light: gaps are paler in an average of many rows than in each of them; by eye
PERSONAL: Final = 0.8  # deviations by which a person's row differs from the average, where the photo does not show it
SPREAD: Final = 37.0  # gain by which faces that differ little get other teeth


class Dentition(NamedTuple):
    """
    Most people's upper teeth.

    Args:
        upper (`np.ndarray` of shape `(108, 384, 3)`): Brightness, share of gum, and alpha of the upper row, laid flat.
        shapes (`np.ndarray` of shape `(1 + modes, 2, 384)`): How far above the row's lowest edge each column ends, and
            which way it is moved to the left of the mouth, in millimetres: the average, and what modes add.
        textures (`np.ndarray` of shape `(modes, 54, 192)`): What they add to the logarithm of the brightness.
    """

    upper: Array
    shapes: Array
    textures: Array

    @property
    def pattern(self) -> Array:
        """The average's gaps, see [`gaps_of`]."""
        return gaps_of(self.upper[..., 0])


class SeenRow(NamedTuple):
    """
    The upper row that a photo shows.

    Args:
        colours (`np.ndarray` of shape `(108, 384, 3)`): Laid flat, in [0, 255].
        cover (`np.ndarray` of shape `(108, 384)`): Where these are teeth or gums.
        edge (`np.ndarray` of shape `(384,)`): Where each column ends below the closed lip line, in millimetres.
        ends (`tuple[int, int]`): The first and the last column with teeth.
    """

    colours: Array
    cover: Array
    edge: Array
    ends: tuple[int, int]

    def without_gums(self) -> "SeenRow":
        """The same row with a cover that leaves out what is redder than most of its teeth."""
        redness = np.log(np.maximum(self.colours[..., 0], 1.0) / np.maximum(self.colours[..., 1], 1.0))
        enamel = float(np.percentile(redness[self.cover > 0.5], LEAST_RED))
        cover = self.cover * (1.0 - ramp(redness - enamel, *RED))
        return self._replace(cover=np.asarray(cover, np.float32))

    @property
    def light(self) -> float:
        """Brightness of well-lit teeth."""
        return float(np.percentile((self.colours @ LUMINANCE)[self.cover > 0.5], WELL_LIT))


def lip_line(face: FaceFit) -> Array:
    """Middle of the closed lip line in the head's frame, `(3,)`."""
    upper, lower = INNER_MIDDLE
    return np.asarray(0.5 * (face.shape[upper] + face.shape[lower]), np.float32)


def see_row(image: NDArray[np.uint8], teeth: NDArray[np.uint8], face: FaceFit) -> SeenRow | None:
    """The row of a photo, `(height, width, 3)`, whose upper teeth are where `teeth` is 255; `None` if too few."""
    height, width = (ABOVE + BELOW) * PER_MM, SIZE[1]
    x, y = np.meshgrid((np.arange(width) + 0.5) / PER_MM - 0.5 * TEETH_EXTENT[0], (np.arange(height) + 0.5) / PER_MM)
    places = lip_line(face) + MILLIMETRE * np.stack([x, y - ABOVE, BEHIND_LIPS + ARCH * x**2], axis=-1)
    pixels = (face.scale * places @ face.rotation.T + face.translation)[..., :2].astype(np.float32)
    colours = cv2.remap(image, pixels, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    cover = cv2.remap(teeth, pixels, None, cv2.INTER_LINEAR).astype(np.float32) / 255.0
    tall = (cover > 0.5).sum(0) > LEAST_TALL * PER_MM
    if tall.sum() < WIDE[0] * PER_MM:
        return None
    columns = np.flatnonzero(tall)
    edge = _edge(colours @ LUMINANCE, cover > 0.5, columns)
    above = edge - SIZE[0] + np.arange(SIZE[0])[:, None]
    across = np.broadcast_to(np.arange(width), above.shape)
    below = np.asarray(edge / PER_MM - ABOVE, np.float32)
    ends = (int(columns[0]), int(columns[-1]))
    return SeenRow(_sample(colours, across, above), _sample(cover, across, above), below, ends)


def _edge(light: Array, teeth: NDArray[np.bool_], columns: NDArray[np.int64]) -> Array:
    """Where teeth end, in pixels from the top, `(width,)`: where light falls steepest near the mask's even edge."""
    width = light.shape[1]
    bottom = len(teeth) - teeth[::-1].argmax(0).astype(np.float32)
    even = np.interp(np.arange(width), columns, bottom[columns])
    smooth, blur = (round(length * PER_MM) for length in EDGE_SMOOTH)
    even = gaussian_filter1d(median_filter(even, smooth), blur).round()
    down, along = (length * PER_MM for length in EDGE_FINE)
    fall = -gaussian_filter1d(light / np.percentile(light[teeth], WELL_LIT), down, axis=0, order=1)
    fall = gaussian_filter1d(fall, along, axis=1)
    reach = round(EDGE_STRAY * PER_MM)
    steps = np.arange(-reach, reach + 1)
    rows = np.clip(even + steps[:, None], 0, len(light) - 1).astype(int)
    gain = fall[rows, np.arange(width)] - EDGE_BENDS * (steps[:, None] / reach) ** 2
    return np.asarray(even + steps[cheapest_path(-gain, EDGE_BENDS)], np.float32)


def gaps_of(light: Array) -> Array:
    """The pattern `(384,)` of gaps in a flat row's light: how much darker than its surroundings each column is."""
    top, bottom = (SIZE[0] - round(above * PER_MM) for above in GAPS)
    line = np.log(np.maximum(light[top:bottom], 1e-2)).mean(0)
    line = gaussian_filter1d(line - gaussian_filter1d(line, GAP_REACH * PER_MM), GAP_SOFT * PER_MM)
    return np.asarray(np.clip(line / max(float(line.std()), 1e-6), DARKEST_GAP, LIGHTEST), np.float32)


def align(gaps: Array, pattern: Array) -> tuple[Array, float]:
    """
    Which column `(384,)` of a row shows what each column of a pattern shows, and how well they then correlate.

    The row is scaled and shifted as a whole; then its columns stray from there along the cheapest way (dynamic time
    warping; Sakoe and Chiba, 1978).
    """
    columns = np.arange(SIZE[1], dtype=np.float32)
    middle = 0.5 * (SIZE[1] - 1)
    weight = np.exp(-(((columns - middle) / (FRONT * PER_MM)) ** 4))

    def alike(row: NDArray) -> float:
        size = np.sqrt((weight * row * row).sum() * (weight * pattern * pattern).sum())
        return float((weight * row * pattern).sum() / max(size, 1e-9))

    ways = [scale * (columns - middle) + middle + PER_MM * shift for scale in SCALES for shift in SHIFTS]
    base = max(ways, key=lambda way: alike(np.asarray(np.interp(way, columns, gaps))))
    reach = round(STRAY * PER_MM)
    steps = np.arange(-reach, reach + 1)
    moved = np.stack([np.interp(base + step, columns, gaps) for step in steps])
    costs = weight * (moved - pattern) ** 2 + STRAY_COSTS * (steps[:, None] / PER_MM) ** 2
    way = base + gaussian_filter1d(steps[cheapest_path(costs, STEP_COSTS)].astype(float), WAY_SMOOTH * PER_MM)
    return np.asarray(way, np.float32), alike(np.asarray(np.interp(way, columns, gaps)))


def along(layer: Array, way: Array) -> Array:
    """A flat row's layer `(height, 384, ...)` with the columns that a way `(384,)` names."""
    rows = np.arange(len(layer), dtype=np.float32)[:, None]
    return _sample(layer, np.broadcast_to(way, (len(layer), len(way))), np.broadcast_to(rows, (len(layer), len(way))))


def _sample(layer: Array, x: NDArray, y: NDArray) -> Array:
    x, y = np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32)
    return np.asarray(cv2.remap(layer, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


class PersonalRow(NamedTuple):
    """
    One person's upper row.

    Args:
        picture (`np.ndarray` of shape `(108, 384, 3)`): Brightness, share of gum and alpha, ending at the lowest edge.
        colour (`np.ndarray` of shape `(3,)`): Of the photo's own teeth; unused if they are not sure.
        edge (`float`): The lowest edge below the closed lip line in mm, as far as it is sure.
        sure (`float`): How surely the photo's own teeth were read, in [0, 1].
    """

    picture: Array
    colour: Array
    edge: float
    sure: float


def personal_row(dentition: Dentition, seen: SeenRow | None, face: FaceFit) -> PersonalRow:
    """The average row as this person may have it, and as far as the photo shows it surely, as the photo has it."""
    columns = np.arange(SIZE[1], dtype=np.float32)
    share = PERSONAL * individuality(face, len(dentition.textures))
    way, sure = columns, 0.0
    if seen is not None:
        forth, alike = align(gaps_of(seen.colours @ LUMINANCE), dentition.pattern)
        sure = _sureness(seen, alike, face)
        # From the columns of the photo's row to those of the average.
        back = np.interp(columns, np.maximum.accumulate(forth + 1e-3 * columns), columns)
        way = (columns + sure * (back - columns)).astype(np.float32)
    personal = share * (1.0 - sure)
    rise, moved = dentition.shapes[0] + np.tensordot(personal, dentition.shapes[1:], 1)
    way = way + PER_MM * moved
    texture = cv2.resize(np.tensordot(personal, dentition.textures, 1).astype(np.float32), SIZE[::-1])
    row = along(np.dstack([dentition.upper[..., 0] ** SHARP * np.exp(texture), dentition.upper[..., 1:]]), way)
    rise = np.interp(way, columns, rise)
    colour, edge = np.zeros(3, np.float32), 0.0
    if seen is not None and sure > 0.0:
        seen = seen.without_gums()
        colour = np.median(seen.colours[seen.cover > 0.5], axis=0)
        row[..., 0] *= np.exp(sure * _own_texture(seen, row))
        edge, rise = _own_edge(seen, rise, sure)
    return PersonalRow(_hung(row, rise), np.asarray(colour, np.float32), edge, sure)


def _sureness(seen: SeenRow, alike: float, face: FaceFit) -> float:
    """How surely a row was read: its gaps are where teeth have them, it is wide, not burnt out, and large enough."""
    burnt = float((seen.colours.max(-1)[seen.cover > 0.5] >= BURNT_LEVEL).mean())
    wide = (seen.ends[1] - seen.ends[0]) / PER_MM
    marks = ((alike, ALIKE), (wide, WIDE), (burnt, BURNT), (face.scale * MILLIMETRE, FINE))
    return float(np.prod([ramp(value, *limits) for value, limits in marks]))


def individuality(face: FaceFit, count: int) -> Array:
    """Numbers `(count,)` in [-1, 1]: always the same for the same face, others for another."""
    places = face.shape.reshape(-1)
    spread = places[:: len(places) // count][:count]
    return np.asarray(np.sin(SPREAD * spread), np.float32)


def _own_texture(seen: SeenRow, row: Array) -> Array:
    """What the photo adds to the logarithm of a row's brightness, where it shows teeth."""
    light = (seen.colours @ LUMINANCE) / seen.light
    difference = np.clip(np.log(np.maximum(light, 1e-2) / np.maximum(row[..., 0], 1e-2)), -MOST_OWN, MOST_OWN)
    enamel = seen.cover * (1.0 - row[..., 1])
    return np.asarray(difference * cv2.GaussianBlur(enamel, (0, 0), OWN_FADE * PER_MM), np.float32)


def _own_edge(seen: SeenRow, rise: NDArray, sure: float) -> tuple[float, NDArray]:
    """The lowest edge, and how far over it columns end: as in the photo, beyond its teeth as the average goes on."""
    first, last = seen.ends
    own = -seen.edge.astype(float)
    own[:first] = own[first] + rise[:first] - rise[first]
    own[last + 1 :] = own[last] + rise[last + 1 :] - rise[last]
    lowest = float(own[first : last + 1].min())
    return -lowest, rise + sure * (own - lowest - rise)


def _hung(row: Array, rise: NDArray) -> Array:
    """A flat row as it hangs: each column ends as far above the last pixel row as `rise` says, in mm."""
    below = np.maximum(rise, 0.0) * PER_MM
    rows = np.arange(SIZE[0])[:, None] + below[None]
    hung = _sample(row, np.broadcast_to(np.arange(SIZE[1]), rows.shape), rows)
    hung[..., 2] *= np.clip(SIZE[0] - rows, 0.0, 1.0)
    return hung
