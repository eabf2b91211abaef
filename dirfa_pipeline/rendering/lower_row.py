"""
The lower row of teeth, drawn tooth by tooth.

Photos of smiles show an upper row that can be averaged, but seldom a lower one. The sizes of its teeth are known: each
crown is drawn from them, and stands a little out of line, as lower front teeth do in most mouths.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..animation.easing import smoothstep
from ..face.fit import FaceFit
from .tooth_rows import ARCH, PER_MM, SIZE, individuality


Array = NDArray[np.float32]


class Kind(NamedTuple):
    """
    A kind of tooth: mean sizes in millimetres, and its shape.

    Args:
        width, neck, height (`float`): Of the crown: at its widest, at the gum, from there to the edge (Ash and Nelson,
            "Wheeler's Dental Anatomy", 2003).
        low (`float`): How far below the row's top its edge usually lies: nobody's reaches higher.
        corner (`float`): Exponent of the outline of its upper end: the lower, the more pointed.
    """

    width: float
    neck: float
    height: float
    low: float
    corner: float


# From the middle to the back: incisors, canine, premolars, first molar. `low`, `corner` and all numbers below were
# chosen by eye on contact sheets of mouths.
KINDS: Final = (
    Kind(5.0, 3.5, 9.0, 0.8, 6.0),
    Kind(5.5, 4.0, 9.5, 0.8, 5.0),
    Kind(7.0, 5.5, 11.0, 0.5, 2.6),
    Kind(7.0, 5.0, 8.5, 1.0, 2.6),
    Kind(7.0, 5.0, 8.0, 1.4, 2.6),
    Kind(11.0, 9.0, 7.5, 1.7, 3.0),
)
FRONT: Final = 3  # kinds, whose teeth stand out of line; those behind do half as much
CHARACTERS: Final = 4  # what tells one person's tooth from another's
# Its deviations: turned around its own axis, in radians; mm higher; leaning, mm aside for each mm down; lighter, as a
# logarithm.
DEVIATIONS: Final = np.array([0.14, 0.16, 0.03, 0.03], np.float32)
OVERLAP: Final = 1.03  # width of a crown over the room it has
END: Final = 0.9  # mm from the edge down, over which its upper end is rounded
WIDEST: Final = 2.5  # mm from the edge down to where a crown begins to narrow
TAPER: Final = 1.5  # exponent of how it does
SOFT: Final = 0.24  # mm over which outlines fade
REACH: Final = 9.0  # mm to each side of its middle, within which any crown lies

# Light, as shares.
SIDES, SIDES_POWER = 0.18, 3.0  # that a crown loses to its sides
TURNED: Final = 0.4  # that one side gains for each radian that a tooth is turned to it, and the other one loses
GAP, GAP_WIDE = 0.62, 0.24  # at the line between two teeth, and how many mm it fades over
EDGE, EDGE_TALL = 0.82, 1.6  # at the edge, through which light passes, and how far down that is so
NECK: Final = 0.84  # at the gum
GUM: Final = 0.72  # of gums, which the lip shades
PAPILLA, GUM_OVER = 1.6, 1.2  # mm that gums rise between teeth, and above the end of crowns


class Tooth(NamedTuple):
    """
    One crown as the front shows it, in millimetres.

    Args:
        kind ([`Kind`]): What it is.
        middle (`float`): Its place, to the left of the mouth's middle.
        seen (`float`): Half of the share of its width that the front shows, as it stands in an arch.
        turned (`float`): Around its own axis, in radians.
        edge (`float`): Its place, down from the row's top.
        leans (`float`): To the left, for each millimetre down.
        light (`float`): Of its middle, over most teeth's.
    """

    kind: Kind
    middle: float
    seen: float
    turned: float
    edge: float
    leans: float
    light: float


def lower_row(face: FaceFit) -> Array:
    """
    The lower row of a person, always the same for the same face.

    Returns:
        `np.ndarray` of shape `(108, 384, 3)`: brightness, share of gum and alpha. Its first row of pixels is as
        high as anybody's teeth reach; its columns are those of [`tooth_rows`].
    """
    numbers = individuality(face, 2 * len(KINDS) * CHARACTERS)
    return draw_lower_row(np.sqrt(2.0) * numbers.reshape(-1, CHARACTERS))


def draw_lower_row(characters: NDArray[np.floating]) -> Array:
    """
    Draw a row.

    Args:
        characters (`np.ndarray` of shape `(12, 4)`): Of each tooth, from the right of the mouth to its left, in
            deviations.

    Returns:
        `np.ndarray` of shape `(108, 384, 3)`, as [`lower_row`].
    """
    x = (np.arange(SIZE[1]) + 0.5 - 0.5 * SIZE[1]) / PER_MM
    y = ((np.arange(SIZE[0]) + 0.5) / PER_MM)[:, None]
    teeth = _stand(characters)
    row = _gums(teeth, x, y)
    # In the order of their turn, so that it varies which of two neighbours covers the other.
    for tooth in sorted(teeth, key=lambda tooth: tooth.turned):
        near = slice(*np.searchsorted(x, [tooth.middle - REACH, tooth.middle + REACH]))
        part, (light, alpha) = row[:, near], _crown(tooth, x[near], y)
        part[..., 0] += alpha * (light - part[..., 0])
        part[..., 1] *= 1.0 - alpha
        part[..., 2] = np.maximum(part[..., 2], alpha)
    return row.astype(np.float32)


def _stand(characters: NDArray[np.floating]) -> list[Tooth]:
    """The crowns side by side along the arch, as the front shows them."""
    ends = _aside(np.cumsum([0.0, *(kind.width for kind in KINDS)]))
    teeth = []
    for index, character in enumerate(characters):
        place = index - len(KINDS) if index >= len(KINDS) else len(KINDS) - 1 - index
        kind, side = KINDS[place], 1.0 if index >= len(KINDS) else -1.0
        turned, higher, leans, lighter = character * DEVIATIONS * (1.0 if place < FRONT else 0.5)
        teeth.append(
            Tooth(
                kind=kind,
                middle=side * 0.5 * (ends[place] + ends[place + 1]),
                seen=0.5 * OVERLAP * (ends[place + 1] - ends[place]) / kind.width,
                turned=turned,
                edge=kind.low - higher,
                leans=leans,
                light=np.exp(lighter),
            )
        )
    return teeth


def _aside(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far to the side lengths along the arch reach: its depth is `ARCH` times the square of the way aside."""
    aside = np.linspace(0.0, float(along.max()), 1000)
    steps = 0.5 * (aside[1] - aside[0]) * np.sqrt(1.0 + (2.0 * ARCH * aside) ** 2)
    lengths = np.concatenate([[0.0], np.cumsum(steps[1:] + steps[:-1])])
    return np.interp(along, lengths, aside)


def _gums(teeth: list[Tooth], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gums under the crowns, `(108, 384, 3)`."""
    ends = np.interp(x, [tooth.middle for tooth in teeth], [tooth.edge + tooth.kind.height for tooth in teeth])
    beside = np.min([np.abs(x - tooth.middle) / (tooth.seen * tooth.kind.width) for tooth in teeth], axis=0)
    line = ends - GUM_OVER - PAPILLA * np.minimum(beside, 1.0) ** 2
    alpha = np.clip((y - line) / SOFT + 0.5, 0.0, 1.0)
    # What is not seen has the colour of a tooth's edge: blurring mixes it with what is.
    return np.stack([EDGE + alpha * (GUM - EDGE), alpha, alpha], axis=-1)


def _crown(
    tooth: Tooth, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The light and the alpha of one crown, `(108, 384)` each."""
    kind, down = tooth.kind, y - tooth.edge
    below = np.clip((down - WIDEST) / (kind.height - WIDEST), 0.0, 1.0) ** TAPER
    end = np.clip(1.0 - down / END, 0.0, 1.0)
    half = tooth.seen * (kind.width + (kind.neck - kind.width) * below)
    half = half * (1.0 - end**kind.corner) ** (1.0 / kind.corner)
    aside = x - tooth.middle - tooth.leans * (down - WIDEST)
    inside = half - np.abs(aside)
    alpha = np.clip(np.minimum(np.minimum(inside, down), kind.height - down) / SOFT + 0.5, 0.0, 1.0)
    across = np.clip(aside / np.maximum(half, 1e-3), -1.0, 1.0)
    light = tooth.light * (1.0 - SIDES * np.abs(across) ** SIDES_POWER) * (1.0 + TURNED * tooth.turned * across)
    light = light * (EDGE + (1.0 - EDGE) * smoothstep(down / EDGE_TALL))
    light = light * (1.0 + (NECK - 1.0) * smoothstep((down - WIDEST) / (kind.height - WIDEST)))
    return light * (GAP + (1.0 - GAP) * np.clip(inside / GAP_WIDE, 0.0, 1.0)), alpha
