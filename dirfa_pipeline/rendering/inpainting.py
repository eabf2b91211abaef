"""
Filling holes of a picture with its own texture, from coarse to fine.

Every patch that reaches into the hole is matched to one of the known part (PatchMatch: Barnes et al., 2009), then each
hole pixel becomes the mean of what its patches propose (Wexler et al., 2007). Where these do not match what is known
around the hole, their light and colour are shifted (as Pérez et al., "Poisson image editing", 2003, do). The same
picture gives the same filling.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .kernels import inner, kernel


Array = NDArray[np.float32]

# Chosen by eye on walls that turned heads uncover; sizes and rounds also by the time that they take.
RADIUS: Final = 3  # of a patch, in pixels
COARSEST: Final = 40  # longer side, in pixels, of the level where matching starts
COARSE: Final = 160  # longer side of levels on which what lies between a person and the next thing is narrow
CORE: Final = 1  # pixels around its middle up to which a patch must be known on these; on others, all of it
FINEST: Final = 512  # matches are only carried over to larger pictures
ROUNDS: Final = 3  # of matching and voting a level, twice as many at the coarsest
STRIDE: Final = 2  # pixels from patch to patch but at the coarsest level: pixels still have about twelve proposals
NEARBY: Final = 16  # pixels around the coarser level's match in which a better one is looked for
FADE: Final = 0.9  # how much less each pixel farther into the hole counts in a match
FARNESS: Final = 3000.0  # squared levels of colour that a match from the picture's other end must be better by
LEAST_WEIGHT: Final = 1e-3  # of a pixel deep in the hole
TRUSTED: Final = 75  # percentile of the matches' costs; a patch that costs twice as much has a weight of 1 / e
EVEN, MOST_EVEN = 3, 24  # rounds of evening out a smooth filling: twice as many at each smaller size, up to this
SEEDING: Final = 2654435761  # spreads seeds over 32 bits (Knuth, 1973: the golden ratio's share of them)


def inpaint(image: NDArray[np.uint8], hole: NDArray[np.bool_], unused: NDArray[np.bool_], guess: Array) -> Array:
    """
    Fill a hole with texture.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The picture.
        hole (`np.ndarray` of shape `(height, width)`): What to fill.
        unused (`np.ndarray` of shape `(height, width)`): What of the hole needs no texture: it gets no patches.
        guess (`np.ndarray` of shape `(height, width, 3)`): A smooth filling to start from, in [0, 255].

    Returns:
        `np.ndarray` of shape `(height, width, 3)`, float32 in [0, 255]; the guess where nothing large enough to copy
        from is known.
    """
    picture = np.where(hole[..., None], guess, image).astype(np.float32)
    levels = [(picture, hole, unused)]
    while max(levels[-1][1].shape) > 2 * COARSEST:
        levels.append(_halve(*levels[-1]))
    field, coarser = None, 1
    for index, (level, missing, unneeded) in reversed(list(enumerate(levels))):
        first, longer = field is None, max(missing.shape)
        stride = 1 if first else STRIDE
        sources = _patch_centres(missing, CORE if longer <= COARSE else RADIUS)
        targets = _targets(missing, unneeded, stride)
        if len(sources) == 0 or len(targets) == 0:
            continue
        weight = _weight(missing)
        totals = cv2.boxFilter(weight, -1, (2 * RADIUS + 1,) * 2, normalize=False, borderType=cv2.BORDER_CONSTANT)
        trust = np.ones(len(targets), np.float32)
        rounds = ROUNDS * 2 if first else ROUNDS if index else ROUNDS // 2
        reach = longer if first else NEARBY
        if field is None:
            field = _nearest(np.moveaxis(np.indices(missing.shape), 0, -1), sources)
        else:
            field = _nearest(_doubled(field, missing.shape, coarser), sources)
            level = _vote(level, missing, weight, targets, field, trust)
        if longer <= FINEST:
            valid = np.zeros(missing.shape, np.bool_)
            valid[sources[:, 0], sources[:, 1]] = True
            for seed in range(rounds):
                places = (valid, targets, stride, field)
                cost = match_patches(level, weight, totals, *places, FARNESS / longer, reach, seed + 1)
                trust = np.exp(-cost / max(2.0 * float(np.percentile(cost, TRUSTED)), 1.0)).astype(np.float32)
                level = _vote(level, missing, weight, targets, field, trust)
        coarser = stride
        if index == 0:
            picture = _without_seam(level, missing, weight, targets, field, trust)
    return picture


def fill_smoothly(colour: Array, weight: Array, rounds: int = EVEN) -> Array:
    """
    Average known pixels into ever coarser levels, fill each one from the next coarser, and even the filling out.

    Args:
        colour (`np.ndarray` of shape `(height, width, channels)`): Times the weight.
        weight (`np.ndarray` of shape `(height, width)`): How far each pixel is known, in [0, 1].
        rounds (`int`): Of evening out.

    Returns:
        `np.ndarray` of shape `(height, width, channels)`.
    """
    height, width = weight.shape
    if min(height, width) <= 2:
        return colour / max(float(weight.sum()), 1e-6) if weight.sum() else colour
    size = ((width + 1) // 2, (height + 1) // 2)
    coarse_colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    coarse_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    share = np.maximum(coarse_weight, 1e-6)[..., None]
    grown = np.minimum(1.0, 4.0 * coarse_weight)
    coarse = fill_smoothly(coarse_colour / share * grown[..., None], grown, min(2 * rounds, MOST_EVEN))
    unknown = np.repeat(1.0 - weight[..., None], colour.shape[2], axis=2)
    filled = colour + unknown * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    for _ in range(rounds):  # towards the membrane that known pixels span (Laplace's equation)
        filled = cv2.blur(filled, (3, 3))
        filled *= unknown
        filled += colour
    return filled


def _without_seam(
    picture: Array, hole: NDArray[np.bool_], weight: Array, targets: NDArray[np.int32], field: NDArray[np.int32],
    trust: Array,
) -> Array:  # fmt: skip
    """The picture with a filling that meets what is known around: what patches have wrong there is taken from it."""
    around = _dilate(hole) & ~hole
    proposed = _vote(picture, hole | around, weight, targets, field, trust)
    wrong = around[..., None] * (proposed - picture)
    return np.asarray(picture - hole[..., None] * fill_smoothly(wrong, around.astype(np.float32)), np.float32)


def _halve(
    picture: Array, hole: NDArray[np.bool_], unused: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """The next coarser level; a pixel is known there if most of it is known here."""
    size = ((hole.shape[1] + 1) // 2, (hole.shape[0] + 1) // 2)

    def shrink(values: Array) -> Array:
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA)

    known = shrink((~hole).astype(np.float32))
    colour = shrink(picture * ~hole[..., None]) / np.maximum(known, 1e-3)[..., None]
    missing = known < 0.5
    shrunk = np.where(missing[..., None], shrink(picture), colour)
    return shrunk, missing, missing & (shrink(unused.astype(np.float32)) > 0.5)


def _patch_centres(hole: NDArray[np.bool_], core: int) -> NDArray[np.int32]:
    """Rows and columns, `(patches, 2)`, of patches within the picture that are known up to a core's radius."""
    known = cv2.erode((~hole).astype(np.uint8), np.ones((2 * core + 1, 2 * core + 1), np.uint8)) > 0
    inside = np.s_[RADIUS : max(RADIUS, len(hole) - RADIUS), RADIUS : max(RADIUS, hole.shape[1] - RADIUS)]
    return (np.argwhere(known[inside]) + RADIUS).astype(np.int32)


def _targets(hole: NDArray[np.bool_], unused: NDArray[np.bool_], stride: int) -> NDArray[np.int32]:
    """Rows and columns of pixels whose patch reaches into what is missing and needed, on a grid, in reading order."""
    return stride * np.argwhere((_dilate(hole & ~unused) & ~unused)[::stride, ::stride]).astype(np.int32)


def _dilate(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All pixels whose patch touches the mask."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)) > 0


def _weight(hole: NDArray[np.bool_]) -> Array:
    """How much a pixel counts: 1 where known, ever less farther into the hole."""
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    return np.maximum(FADE**depth, LEAST_WEIGHT).astype(np.float32)


def _doubled(field: NDArray[np.int32], shape: tuple[int, ...], stride: int) -> NDArray[np.int32]:
    """The coarser level's matches at this one, `(height, width, 2)`: those between its patches go along with these."""
    cell = 2 * stride
    doubled = (2 * field[::stride, ::stride]).repeat(cell, axis=0).repeat(cell, axis=1)[: shape[0], : shape[1]]
    doubled[..., 0] += np.arange(shape[0], dtype=np.int32)[:, None] % cell
    doubled[..., 1] += np.arange(shape[1], dtype=np.int32) % cell
    return doubled


def _nearest(places: NDArray[np.integer], sources: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each place of a picture, `(height, width, 2)`, the nearest one around which a whole patch is known."""
    blocked = np.ones(places.shape[:2], np.uint8)
    blocked[sources[:, 0], sources[:, 1]] = 0
    _, labels = cv2.distanceTransformWithLabels(blocked, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    by_label = np.zeros((int(labels.max()) + 1, 2), np.int32)
    by_label[labels[sources[:, 0], sources[:, 1]]] = sources
    nearest = np.clip(places, 0, np.subtract(blocked.shape, 1), dtype=np.int32)
    moved = blocked[nearest[..., 0], nearest[..., 1]] > 0
    nearest[moved] = by_label[labels[nearest[moved, 0], nearest[moved, 1]]]
    return np.ascontiguousarray(nearest)


@kernel(fastmath=True)
def match_patches(
    picture: Array, weight: Array, totals: Array, valid: NDArray[np.bool_], targets: NDArray[np.int32],
    stride: int, field: NDArray[np.int32], farness: float, farthest: int, seed: int,
) -> Array:  # fmt: skip
    """
    Improve each target's match: first by its neighbours' matches, then by ever nearer random ones.

    Args:
        picture (`np.ndarray` of shape `(height, width, 3)`): With the hole filled as of now.
        weight, totals (`np.ndarray` of shape `(height, width)`): Importance of each pixel of a target, and that of all
            of the patch around it.
        valid (`np.ndarray` of shape `(height, width)`): Where whole patches are known.
        targets (`np.ndarray` of shape `(targets, 2)`): Rows and columns in reading order.
        stride (`int`): Pixels from one target to the next.
        field (`np.ndarray` of shape `(height, width, 2)`): Row and column that each target takes from; in place.
        farness (`float`): Price of a pixel's distance.
        farthest (`int`): How far from its match others are tried, in pixels.
        seed (`int`): Of the random places; even rounds run backwards.

    Returns:
        `np.ndarray` of shape `(targets,)`: Mean squared difference of each match, its distance's price included.
    """
    height, width = valid.shape
    costs = np.empty(len(targets), np.float32)
    state = np.uint32(seed * SEEDING + 1)
    step = 1 if seed % 2 else -1
    for turn in range(len(targets)):
        index = turn if step == 1 else len(targets) - 1 - turn
        row, column = targets[index, 0], targets[index, 1]
        best_row, best_column = field[row, column, 0], field[row, column, 1]
        best = _difference(picture, weight, totals, row, column, best_row, best_column, farness, np.inf)
        for sideways in range(2):
            from_row, from_column = row - step * stride * (1 - sideways), column - step * stride * sideways
            if 0 <= from_row < height and 0 <= from_column < width:
                try_row = field[from_row, from_column, 0] + row - from_row
                try_column = field[from_row, from_column, 1] + column - from_column
                if 0 <= try_row < height and 0 <= try_column < width and valid[try_row, try_column]:
                    cost = _difference(picture, weight, totals, row, column, try_row, try_column, farness, best)
                    if cost < best:
                        best, best_row, best_column = cost, try_row, try_column
        reach = farthest
        while reach >= 1:
            state ^= state << np.uint32(13)
            state ^= state >> np.uint32(17)
            state ^= state << np.uint32(5)
            try_row = best_row + np.int64(state % np.uint32(2 * reach + 1)) - reach
            state ^= state << np.uint32(13)
            state ^= state >> np.uint32(17)
            state ^= state << np.uint32(5)
            try_column = best_column + np.int64(state % np.uint32(2 * reach + 1)) - reach
            if 0 <= try_row < height and 0 <= try_column < width and valid[try_row, try_column]:
                cost = _difference(picture, weight, totals, row, column, try_row, try_column, farness, best)
                if cost < best:
                    best, best_row, best_column = cost, try_row, try_column
            reach //= 2
        field[row, column, 0], field[row, column, 1] = best_row, best_column
        costs[index] = best
    return costs


@inner(fastmath=True)
def _difference(
    picture: Array, weight: Array, totals: Array, row: int, column: int, other_row: int, other_column: int,
    farness: float, limit: float,
) -> float:  # fmt: skip
    """Weighted mean squared difference of two patches, given up once it cannot stay under the limit."""
    height, width = weight.shape
    first, last = max(-RADIUS, -row), min(RADIUS, height - 1 - row)
    left, right = max(-RADIUS, -column), min(RADIUS, width - 1 - column)
    total = totals[row, column]
    far = farness * np.sqrt(float((row - other_row) ** 2 + (column - other_column) ** 2))
    budget = (limit - far) * total
    cost = np.float32(0.0)
    for dy in range(first, last + 1):
        for dx in range(left, right + 1):
            square = np.float32(0.0)
            for channel in range(3):
                difference = (
                    picture[row + dy, column + dx, channel] - picture[other_row + dy, other_column + dx, channel]
                )
                square += difference * difference
            cost += weight[row + dy, column + dx] * square
        if cost > budget:
            return np.inf
    return cost / total + far


@kernel(fastmath=True)
def _vote(
    picture: Array, hole: NDArray[np.bool_], weight: Array, targets: NDArray[np.int32], field: NDArray[np.int32],
    trust: Array,
) -> Array:  # fmt: skip
    """The picture with each hole pixel the mean of what the patches over it propose."""
    height, width = hole.shape
    sums = np.zeros((height, width, 4), np.float32)
    for index in range(len(targets)):
        row, column = targets[index, 0], targets[index, 1]
        other_row, other_column = field[row, column, 0], field[row, column, 1]
        share = trust[index] * weight[row, column] + np.float32(1e-6)
        for dy in range(max(-RADIUS, -row), min(RADIUS, height - 1 - row) + 1):
            for dx in range(max(-RADIUS, -column), min(RADIUS, width - 1 - column) + 1):
                if hole[row + dy, column + dx]:
                    for channel in range(3):
                        sums[row + dy, column + dx, channel] += (
                            share * picture[other_row + dy, other_column + dx, channel]
                        )
                    sums[row + dy, column + dx, 3] += share
    filled = picture.copy()
    for row in range(height):
        for column in range(width):
            if hole[row, column] and sums[row, column, 3] > 0.0:
                for channel in range(3):
                    filled[row, column, channel] = sums[row, column, channel] / sums[row, column, 3]
    return filled
