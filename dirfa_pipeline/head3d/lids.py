"""Lids of a 3D head: their inner sides along the eyeball, and upper ones that unroll from under their crease."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..face.landmarks import LEFT_EYE, RIGHT_EYE, EyeLandmarks
from ..rendering.tooth_rows import MILLIMETRE


Array = NDArray[np.float32]

DEPTH: Final = 6.0 * MILLIMETRE  # how far lids reach back along the eyeball
# Chosen by eye on pictures of exported heads.
BESIDE: Final = 1.2  # from the middle of an eye, over the way to its outline: skin
UNROLLED: Final = 0.6  # of the way from the crease to the brow: skin that stands for what is under the crease

EYES: Final = (RIGHT_EYE, LEFT_EYE)
OUTLINES: Final = (*RIGHT_EYE.outline, *LEFT_EYE.outline)
CREASES: Final = (*RIGHT_EYE.crease, *LEFT_EYE.crease)
_MARGINS = (*RIGHT_EYE.upper, *LEFT_EYE.upper)
_BROWS = (*RIGHT_EYE.brow_side, *LEFT_EYE.brow_side)


def lid_vertices(face: Array) -> Array:
    """
    What lids add to a face's vertices `(478, 3)`: the rear edge of their inner sides; and twice the crease, the upper
    end of what is seen of the lid, and the lower end of what unrolls above it.
    """
    crease = face[list(CREASES)]
    return np.concatenate([face[list(OUTLINES)] + np.array([0.0, 0.0, DEPTH], np.float32), crease, crease])


def lid_morphs(basis: Array) -> Array:
    """How [`lid_vertices`] move with each expression, `(52, vertices, 3)`; `basis` `(52, 478, 3)` is the face's."""
    crease, margin = basis[:, list(CREASES)], basis[:, list(_MARGINS)]
    edge = np.where(margin[..., 1:2] > crease[..., 1:2], margin, crease)  # lids that widen unroll nothing
    return np.concatenate([basis[:, list(OUTLINES)], edge, edge], axis=1)


def lid_places(marks: Array) -> Array:
    """Where the picture shows [`lid_vertices`]; `marks` `(478, 2)` are its landmarks."""
    outlines = (marks[list(eye.outline)] for eye in EYES)
    # Along the outlines themselves it shows the white of the eyes.
    beside = (middle + BESIDE * (line - middle) for line in outlines for middle in (line.mean(0),))
    crease, brow = marks[list(CREASES)], marks[list(_BROWS)]
    return np.concatenate([*beside, crease, crease + UNROLLED * (brow - crease)])


def with_lids(triangles: NDArray[np.int32], start: int) -> NDArray[np.int32]:
    """A face's triangles with the lids', whose vertices lie from `start` on."""
    edge = start + len(OUTLINES)
    unrolled = edge + len(CREASES)
    walls, strips = [], []
    for eye in EYES:
        walls.append(_wall(eye, start))
        start += len(eye.outline)
        count = len(eye.crease)
        corners = (eye.outer, eye.inner)
        band = np.isin(triangles, (*eye.crease, *eye.upper, *corners)).all(1) & np.isin(triangles, eye.upper).any(1)
        lid = triangles[band]
        for seen, point in enumerate(eye.crease, edge):
            lid[lid == point] = seen
        triangles = np.concatenate([triangles[~band], lid])
        upper = np.array([eye.outer, *eye.crease, eye.inner])
        lower = np.array([eye.outer, *range(unrolled, unrolled + count), eye.inner])
        strips.append(_strip(upper, lower) if eye is RIGHT_EYE else _strip(upper[::-1], lower[::-1]))
        edge, unrolled = edge + count, unrolled + count
    return np.concatenate([triangles, *walls, *strips]).astype(np.int32)


def _wall(eye: EyeLandmarks, start: int) -> NDArray[np.int32]:
    """A strip from the lids' margin to the same number of vertices from `start` on."""
    outer = np.array(eye.outline)
    inner = start + np.arange(len(outer))
    after, inner_after = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate([np.stack([outer, after, inner], 1), np.stack([inner, after, inner_after], 1)])


def _strip(upper: NDArray[np.int_], lower: NDArray[np.int_]) -> NDArray[np.int_]:
    """Triangles between two lines that run from left to right and share both ends."""
    first = np.stack([upper[:-1], lower[:-1], upper[1:]], 1)[1:]
    second = np.stack([upper[1:], lower[:-1], lower[1:]], 1)[:-1]
    return np.concatenate([first, second])
