"""
What rows of teeth have in common, from photos of smiles: the average upper row, and the ways in which rows differ.

Each photo's row is laid flat, and its columns are moved until its gaps meet those of the others; only then are rows
averaged. No photo is kept: of 120 people an average and eight modes remain.
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

ROUNDS: Final = 5  # of alignment: each sharpens the pattern that the next one aligns to
KEPT: Final = 0.7  # of the rows: the others' gaps are elsewhere, or not seen
REDDEST: Final = 98  # percentile of redness that is gums'
LEAST_REDNESS: Final = 0.1  # logarithm of red over green that gums have more than teeth
PINK: Final = (0.3, 0.55)  # of gums' redness over that of teeth: a ramp's start and length
GUM_LIGHT: Final = 0.72  # of the teeth's
FEW, ENOUGH = 0.05, 0.17  # of the rows show a place: what fewer show is drawn
MOST_RESIDUAL: Final = 0.5  # logarithm of light
FRONT: Final = (8.0, 16.0)  # mm to the sides: whose edges are level on average, and which say how the row is tilted
TEXTURE_WEIGHT, RISE_WEIGHT, MOVE_WEIGHT = 1.0, 0.35, 0.35  # of a logarithm, and of millimetres, in the modes
SIDE_RISE: Final = (13.0, 0.14)  # mm to the sides from which on lower lips cover edges in photos, and how they rise
CORRIDOR: Final = (16.0, 12.0, 0.55)  # mm to the sides where cheeks begin to take light, over how many, and how much


class AverageTeeth(NamedTuple):
    """The upper row, shapes and textures of a [`Dentition`]."""

    upper: Array
    shapes: Array
    textures: Array


class AlignedRow(NamedTuple):
    """A row whose columns are those of the pattern; `rise` is that of its edge over the front teeth's, in mm."""

    colours: Array
    cover: Array
    rise: Array
    moved: Array


def read_rows(photos: Sequence[Path], face_model: FaceModel) -> list[SeenRow]:
    """The upper rows that photos of faces show; those of which nothing can be read are left out."""
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
    The average of some rows, and how they differ from it.

    Args:
        rows: From [`read_rows`].
        drawn (`np.ndarray` of shape `(108, 384, 3)`): A drawn upper row: brightness, share of gum and alpha. It says
            which gap is which, and shows what lips cover in all photos.
        modes (`int`): Principal ways of differing.
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
    start, over, most = CORRIDOR
    upper[..., 0] *= 1.0 - most * smoothstep((np.abs(_across()) - start) / over)
    shapes = np.stack([np.median([row.rise for row in aligned], axis=0), np.zeros(SIZE[1])])
    shapes[0] = _settled(0.5 * (shapes[0] + shapes[0, ::-1]))
    textures, rises, moves = _modes(aligned, upper[..., 0], shapes[0], modes)
    return AverageTeeth(
        upper.astype(np.float32),
        np.concatenate([shapes[None], np.stack([rises, moves], axis=1)]).astype(np.float32),
        textures,
    )


def _aligned(rows: Sequence[SeenRow], pattern: Array) -> list[AlignedRow]:
    """The rows whose gaps agree best, moved to where the others have theirs."""
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
    """Brightness and share of gum, `(108, 384)`, of colours over those of the teeth."""
    redness = np.log(np.maximum(colours[..., 0], 1e-2) / np.maximum(colours[..., 1], 1e-2))
    gums = max(LEAST_REDNESS, float(np.percentile(redness[count > ENOUGH], REDDEST)))
    start, over = PINK
    gum = ramp(redness, start * gums, over * gums)
    brightness = (colours @ LUMINANCE) / (1.0 - gum + GUM_LIGHT * gum)
    return brightness.astype(np.float32), gum.astype(np.float32)


def _across() -> NDArray[np.float64]:
    """Way of each column from the middle, in mm."""
    return (np.arange(SIZE[1]) + 0.5) / PER_MM - 0.5 * SIZE[1] / PER_MM


def _settled(rise: NDArray) -> NDArray:
    """The average edge with its lowest place at 0; at the sides, where lower lips cover it, it goes on evenly."""
    start, slope = SIDE_RISE
    x = np.abs(_across())
    at_start = float(np.interp(start, x[SIZE[1] // 2 :], rise[SIZE[1] // 2 :]))
    rise = np.where(x > start, at_start + slope * (x - start), rise)
    return np.asarray(rise - rise.min())


def _modes(rows: Sequence[AlignedRow], brightness: Array, rise: NDArray, modes: int) -> tuple[Array, Array, Array]:
    """Deviations along the main directions of textures, edges and moves, of the rows and of their mirror images."""
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
    """One row's differences; a column of edges counts as much as one of textures."""
    grain = np.sqrt(texture.size / SIZE[1])
    return np.concatenate([TEXTURE_WEIGHT * texture.ravel(), RISE_WEIGHT * grain * edge, MOVE_WEIGHT * grain * moved])
