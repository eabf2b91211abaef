"""Lids: how far a photo shows them shut, how they open again, how they close and widen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES, NUM_EXPRESSIONS
from ..animation.easing import ramp
from .fit import BLINKS, INNER_LOWER, INNER_UPPER, LIP_COLUMNS, SQUINTS
from .landmarks import LEFT_EYE, RIGHT_EYE, EyeLandmarks
from .measures import eye_gaps, iris_diameter


Array = NDArray[np.float32]

NO_LIPS = np.setdiff1d(np.arange(NUM_EXPRESSIONS), LIP_COLUMNS)
WIDENS = {eye: EXPRESSION_NAMES.index(f"eyeWide{side}") for eye, side in ((RIGHT_EYE, "Right"), (LEFT_EYE, "Left"))}
# Lids' widest gap in diameters of the iris. Measured on portraits: of people who do not smile one in ten shows less
# than .63, one in fifty less than .57, and the two eyes differ by .06 (nine in ten) and .08 (all but one in fifty).
AWAKE: Final = 0.66  # what narrower eyes are opened to
# Of 574 clips, most of GRID's speakers, half show more than .74 and a quarter more than .77; less looked sleepy.
TALKING: Final = 0.77  # what eyes are opened towards
LIVELY: Final = 0.85  # share of the way there
WINK: Final = (0.15, 0.15)  # difference of the two from which on it is meant, and over how much
SHUT: Final = (0.6, 0.25)  # blink over which the lids' own curve, of which ever less is seen, gives way
CURVE: Final = np.array([0.30, 0.60, 0.86, 1.0, 0.91, 0.61, 0.26])  # its gap along the eye, median of 236 open eyes
# How far crease and skin under the brow follow a photo's upper lid as it comes down. Measured on nine clips: .08 and
# -.12 (medians of slopes); the lid unrolls from under the crease, which stays.
CREASE_FOLLOWS, BROW_SIDE_FOLLOWS = 0.15, 0.05
# Where shut lids meet: below the line between the corners by 4 s (1 - s) times so much of the eye's width, s being the
# share of the way from corner to corner. Filmed: .06 to .09 (three people); lower lids of smiles are straighter.
SAG: Final = 0.08
# Chosen by eye on sheets of squints of seven people; the model's own takes a fifth of the gap, which hardly shows.
NARROWED: Final = 0.45  # of the gap between the lids, that a full squint takes
FROM_ABOVE: Final = 0.25  # share of that which the upper lid makes: squints lift the lower one
MOST_NARROWED: Final = 2.5  # times the model's own narrowing, for cheeks rise with it
WHITE_ABOVE: Final = 0.12  # diameters of the iris: the white that a fully widened eye shows above it
MOST_WIDENED: Final = 1.6  # times the model's own widening


def half_shut(points: NDArray) -> dict[EyeLandmarks, float]:
    """
    How much of a blink `(478, 3)` landmarks show with either eye: 0 for open eyes, near 1 for shut ones.

    One eye alone is a wink, which is meant.
    """
    right, left = eye_gaps(points)
    both = 1.0 - float(ramp(abs(right - left), *WINK))
    return {eye: both * max(0.0, 1.0 - gap / _awake(gap)) for eye, gap in ((RIGHT_EYE, right), (LEFT_EYE, left))}


def open_lids(shape: NDArray, eye: EyeLandmarks, blink: float) -> NDArray:
    """The face whose `eyeBlink` of `blink` shows these lids, see [`close_lids`]."""
    opened = shape.copy()
    gap = shape[list(eye.lower)] - shape[list(eye.upper)]
    common = np.zeros_like(gap)
    common[:, 1] = AWAKE * iris_diameter(shape, eye) * CURVE
    whole = gap / max(1.0 - blink, 1e-2)
    whole += ramp(blink, *SHUT) * (common - whole)
    opened[list(eye.upper)] -= 0.9 * blink * whole
    opened[list(eye.lower)] += 0.1 * blink * whole
    return opened


def close_lids(basis: Array, shape: Array) -> Array:
    """
    Make eyeBlink close this face: the upper lid comes nine tenths of the gap down, the lower lid a tenth up.

    The crease and the skin under the brow follow by .55 and .20 of the upper lid: more would drag the brow along.
    """
    basis = basis.copy()
    # Nothing but lips and jaw may part the lips: a photo's own sneer would keep them open.
    columns = NO_LIPS[:, None]
    basis[columns, INNER_UPPER] = basis[columns, INNER_LOWER] = 0.5 * (
        basis[columns, INNER_UPPER] + basis[columns, INNER_LOWER]
    )
    for eye, column in BLINKS.items():
        upper, lower = shape[list(eye.upper)], shape[list(eye.lower)]
        gap = lower - upper
        basis[column] = 0.0
        basis[column, list(eye.upper)] = 0.9 * gap
        basis[column, list(eye.lower)] = -0.1 * gap
        basis[column, list(eye.crease)] = 0.55 * 0.9 * gap
        basis[column, list(eye.brow_side)] = 0.20 * 0.9 * gap
    return basis


def unroll_lids(basis: Array, shape: Array, rotation: Array) -> Array:
    """
    Make eyes that [`close_lids`] shuts look shut in a photo, to which `rotation` turns the face: the upper lid leaves
    its crease behind, and lids that would meet in a straight line, as those of smiles, meet in one that sags.
    """
    basis = basis.copy()
    for eye, column in BLINKS.items():
        comes_down = basis[column, list(eye.upper)]
        basis[column, list(eye.crease)] = CREASE_FOLLOWS * comes_down
        basis[column, list(eye.brow_side)] = BROW_SIDE_FOLLOWS * comes_down
        outer, inner = shape[[eye.outer, eye.inner]] @ rotation.T
        meeting = (shape[list(eye.lower)] + basis[column, list(eye.lower)]) @ rotation.T
        s = np.clip((meeting[:, 0] - outer[0]) / (inner[0] - outer[0]), 0.0, 1.0)
        wanted = outer[1] + s * (inner[1] - outer[1])
        wanted += 4.0 * SAG * np.linalg.norm(inner[:2] - outer[:2]) * s * (1.0 - s)
        lower = np.maximum(wanted - meeting[:, 1], 0.0) / rotation[1, 1]
        basis[column, list(eye.upper), 1] += lower
        basis[column, list(eye.lower), 1] += lower
    return basis


def widen_lids(basis: Array, shape: Array) -> Array:
    """Make eyeWide lift this face's upper lid until white shows above the iris, if the model's does not."""
    basis = basis.copy()
    for eye, column in WIDENS.items():
        diameter = iris_diameter(shape, eye)
        top = shape[eye.iris[0], 1] - (0.5 + WHITE_ABOVE) * diameter
        middle = eye.upper[len(eye.upper) // 2]
        lift = -float(basis[column, middle, 1])
        basis[column] *= np.clip((shape[middle, 1] - top) / max(lift, 1e-6), 1.0, MOST_WIDENED)
    return basis


def squint_lids(basis: Array, shape: Array) -> Array:
    """Make eyeSquint narrow this face's eyes by `NARROWED`, if the model's does not: cheek and lid rise together."""
    basis = basis.copy()
    for eye, column in zip(BLINKS, SQUINTS, strict=True):
        upper, lower = eye.upper[len(eye.upper) // 2], eye.lower[len(eye.lower) // 2]
        gap = float(shape[lower, 1] - shape[upper, 1])
        rise = max(-float(basis[column, lower, 1]), 1e-6)
        basis[column] *= np.clip((1.0 - FROM_ABOVE) * NARROWED * gap / rise, 1.0, MOST_NARROWED)
        falls = FROM_ABOVE * NARROWED * (shape[list(eye.lower), 1] - shape[list(eye.upper), 1])
        basis[column, list(eye.upper), 1] = falls
        for row, share in ((eye.crease, CREASE_FOLLOWS), (eye.brow_side, BROW_SIDE_FOLLOWS)):
            basis[column, list(row), 1] += share * falls
    return basis


def _awake(gap: float) -> float:
    """The gap that speaking eyes show which show this one in a photo, both in diameters of the iris."""
    return max(AWAKE, gap + LIVELY * (TALKING - gap))
