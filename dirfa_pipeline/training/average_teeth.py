"""
The average upper row of teeth in photos of smiles, and the main ways in which rows differ from it.

Each photo's row is flattened, and its columns are moved until its gaps meet those of the others, before rows are
averaged. No photo is kept: only an average and eight modes remain of 120 people.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..capture.portrait import Portrait
from ..errors import ImageError
from ..models.face_model import FaceModel
from ..rendering.mouth import skin_of
from ..rendering.teeth import find_upper_teeth
from ..rendering.tooth_rows import LUMINANCE, PER_MM, SIZE, SeenRow, align, along, gaps_of, see_row


Array = NDArray[np.float32]

ROUNDS: Final = 5  # of alignment; each one sharpens the pattern to which the next one aligns
KEPT: Final = 0.7  # share of rows that are kept; the gaps of the others do not match or are not visible
REDDEST: Final = 98  # percentile of redness that is taken for the gums'
LEAST_REDNESS: Final = 0.1  # least redness of gums relative to teeth, as the logarithm of red over green
PINK: Final = (0.3, 0.55)  # start and length of the ramp from teeth to gum, as shares of the gums' redness
GUM_LIGHT: Final = 0.72  # brightness of gums, relative to teeth
FEW, ENOUGH = 0.05, 0.17  # shares of rows that show a place: below the first it is drawn, above the second averaged
MOST_RESIDUAL: Final = 0.5  # most difference of a row's brightness from the average, as a logarithm
FRONT: Final = (8.0, 16.0)  # mm from the middle within which edges are levelled, and within which tilt is fitted
TEXTURE_WEIGHT, RISE_WEIGHT, MOVE_WEIGHT = 1.0, 0.35, 0.35  # in the modes, of a logarithm and of millimetres
SIDE_RISE: Final = (13.0, 0.14)  # mm from the middle beyond which lower lips cover the edges in photos; assumed slope


class AverageTeeth(NamedTuple):
    """The upper row, shapes and textures of a [`Dentition`]."""

    upper: Array
    shapes: Array
    textures: Array


class AlignedRow(NamedTuple):
    """A row aligned to the pattern's columns; `rise` is how far its edge is above the front teeth's, in mm."""

    colours: Array
    cover: Array
    rise: Array
    moved: Array


def read_rows(photos: Sequence[Path], face_model: FaceModel) -> list[SeenRow]:
    """Read the upper rows of teeth from photos of faces; unreadable ones are left out."""
    rows = []
    for path in photos:
        try:
            portrait = Portrait.from_image(path, face_model)
        except ImageError as error:
            print(f"{path.name}: left out: {error}")
            continue
        image, landmarks = portrait.image, portrait.landmarks
        teeth = find_upper_teeth(image, landmarks, float(skin_of(image, landmarks) @ LUMINANCE))
        row = None if teeth is None else see_row(image, teeth, portrait.face)
        if row is not None:
            rows.append(row)
    return rows


def average_teeth(rows: Sequence[SeenRow], drawn: Array, modes: int) -> AverageTeeth:
    """
    Compute the average of some rows, and the main ways in which they differ from it.

    Args:
        rows: The rows from [`read_rows`].
        drawn (`np.ndarray` of shape `(108, 384, 3)`): A drawn upper row: brightness, share of gum and alpha. It tells
            which gap is which, and fills in what lips cover in all photos.
        modes (`int`): Number of principal components.
    """
    aligned = _aligned(rows, gaps_of(drawn[..., 0]))
    colours, cover = (np.array([getattr(row, name) for row in aligned]) for name in ("colours", "cover"))
    count = cover.mean(0)
    average = (colours * cover[..., None]).mean(0) / (count + 1e-4)[..., None]
    brightness, gum = _light_and_gum(average, count)
    known = smoothstep((count - FEW) / (ENOUGH - FEW))[..., None]
    hidden = np.dstack([drawn[..., 0], np.ones(SIZE), np.ones(SIZE)])
    upper = hidden + known * (np.dstack([brightness, gum, np.ones(SIZE)]) - hidden)
    upper = 0.5 * (upper + upper[:, ::-1])
    shapes = np.stack([np.median([row.rise for row in aligned], axis=0), np.zeros(SIZE[1])])
    shapes[0] = _settled(0.5 * (shapes[0] + shapes[0, ::-1]))
    textures, rises, moves = _modes(aligned, upper[..., 0], shapes[0], modes)
    return AverageTeeth(
        upper.astype(np.float32),
        np.concatenate([shapes[None], np.stack([rises, moves], axis=1)]).astype(np.float32),
        textures,
    )


def _aligned(rows: Sequence[SeenRow], pattern: Array) -> list[AlignedRow]:
    """The rows whose gaps match best, with their columns moved to the common gaps."""
    gaps = [gaps_of(row.colours @ LUMINANCE) for row in rows]
    for _ in range(ROUNDS):
        ways, alike = zip(*(align(own, pattern) for own in gaps), strict=True)
        least = np.percentile(alike, 100.0 * (1.0 - KEPT))
        kept = [index for index, value in enumerate(alike) if value >= least]
        columns = np.arange(SIZE[1])
        pattern = np.mean([np.interp(ways[index], columns, gaps[index]) for index in kept], axis=0)
        pattern = 0.5 * (pattern + pattern[::-1])
        pattern = np.asarray(pattern / pattern.std(), np.float32)
    return [_moved(rows[index], ways[index]) for index in kept]


def _moved(row: SeenRow, way: Array) -> AlignedRow:
    enamel = np.median(row.colours[row.cover > 0.5], axis=0)
    enamel *= row.light / float(enamel @ LUMINANCE)
    x = _across()
    rise = -np.interp(way, np.arange(SIZE[1]), row.edge)
    level, tilted = (np.abs(x) < limit for limit in FRONT)
    rise -= np.polyfit(x[tilted], rise[tilted], 1)[0] * x
    rise -= rise[level].mean()
    straight = np.polyval(np.polyfit(x[tilted], way[tilted], 1), x)
    moved = (way - straight) / PER_MM * np.exp(-((x / FRONT[1]) ** 4))
    colours, cover = along(row.colours / enamel, way), along(row.cover, way)
    return AlignedRow(colours, cover, rise.astype(np.float32), moved.astype(np.float32))


def _light_and_gum(colours: Array, count: Array) -> tuple[Array, Array]:
    """Brightness and share of gum, `(108, 384)`, from colours relative to those of the teeth."""
    redness = np.log(np.maximum(colours[..., 0], 1e-2) / np.maximum(colours[..., 1], 1e-2))
    gums = max(LEAST_REDNESS, float(np.percentile(redness[count > ENOUGH], REDDEST)))
    start, over = PINK
    gum = ramp(redness, start * gums, over * gums)
    brightness = (colours @ LUMINANCE) / (1.0 - gum + GUM_LIGHT * gum)
    return brightness.astype(np.float32), gum.astype(np.float32)


def _across() -> NDArray[np.float64]:
    """Signed distance of each column from the middle, in mm."""
    return (np.arange(SIZE[1]) + 0.5) / PER_MM - 0.5 * SIZE[1] / PER_MM


def _settled(rise: NDArray) -> NDArray:
    """The average edge, with its lowest point at 0; at the sides, where lower lips cover it, a straight line."""
    start, slope = SIDE_RISE
    x = np.abs(_across())
    at_start = float(np.interp(start, x[SIZE[1] // 2 :], rise[SIZE[1] // 2 :]))
    rise = np.where(x > start, at_start + slope * (x - start), rise)
    return np.asarray(rise - rise.min())


def _modes(rows: Sequence[AlignedRow], brightness: Array, rise: NDArray, modes: int) -> tuple[Array, Array, Array]:
    """Principal components of textures, edges and moves, of the rows and their mirror images, scaled by deviation."""
    half = (SIZE[1] // 2, SIZE[0] // 2)
    vectors = []
    for row in rows:
        light = np.log(np.maximum(row.colours @ LUMINANCE, 1e-2) / np.maximum(brightness, 1e-2))
        residual = np.clip(light, -MOST_RESIDUAL, MOST_RESIDUAL) * row.cover
        texture = cv2.resize(residual, half, interpolation=cv2.INTER_AREA)
        edge = (row.rise - rise) * np.exp(-((_across() / FRONT[1]) ** 4))
        vectors.append(_vector(texture, edge, row.moved))
        vectors.append(_vector(texture[:, ::-1], edge[::-1], -row.moved[::-1]))
    centred = np.array(vectors) - np.mean(vectors, axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    deviations = (sizes / np.sqrt(len(centred)))[:modes, None] * directions[:modes]
    texture, edge, moved = np.split(deviations, np.cumsum([half[0] * half[1], SIZE[1]]), axis=1)
    grain = float(np.sqrt(half[0] * half[1] / SIZE[1]))
    return (
        np.asarray(texture.reshape(modes, half[1], half[0]) / TEXTURE_WEIGHT, np.float32),
        np.asarray(edge / (RISE_WEIGHT * grain), np.float32),
        np.asarray(moved / (MOVE_WEIGHT * grain), np.float32),
    )


def _vector(texture: Array, edge: NDArray, moved: NDArray) -> NDArray:
    """One row's differences as a vector, in which a column of edges counts as much as one of textures."""
    grain = np.sqrt(texture.size / SIZE[1])
    return np.concatenate([TEXTURE_WEIGHT * texture.ravel(), RISE_WEIGHT * grain * edge, MOVE_WEIGHT * grain * moved])
