"""
What linear shapes leave out of lips.

Lips keep their volume: pushed together they thicken, pulled wide they thin. An open mouth is a lens, not a wedge. And
lips roll: pressed ones hide their inner side, so that less of their texture shows instead of all of it squeezed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import ramp
from ..face.fit import SMILES, FaceFit, roundness
from ..face.landmarks import (
    INNER_MIDDLE,
    LOWER_LIP_ROWS,
    MOUTH_CORNERS,
    SKIN_BY_CORNERS,
    SKIN_BY_LOWER_LIP,
    SKIN_BY_UPPER_LIP,
    UPPER_LIP_ROWS,
)


Array = NDArray[np.float32]

# Where no source is named, a number was chosen by eye on contact sheets of mouths.

# How much of a lip is rolled in, from the weights of expressions.
PRESSED: Final = 0.35  # of each side of mouthPress, that rolls lips as mouthRoll does
ROLLED: Final = 0.8  # share of a lip that a full roll hides
MOST_HIDDEN: Final = 0.65
HIDDEN_RIM: Final = 0.08  # of an open mouth's lips: next to teeth their texture is not theirs alone
NEARLY_SHUT: Final = 0.02  # inter-ocular distances: an opening half as wide counts as shut, half as wide again as open

# A smile: how much farther than its shape corners rise over the middle of the lips, and how much less the chin rises.
# Set on two photos each of people whom benchmarks/compare_smiles.py does not measure.
RAISED, LEFT_CHIN = 0.6, 0.5

# The shape of both lips.
# Way of the corners outwards and inwards over what the shapes that explain tracked mouths give them (measured; pursed
# lips look narrower than they are).
WIDER, NARROWER = 1.3, 1.2
LINE_ROUNDS: Final = 3  # in which the motion of the line between them loses its kinks
VOLUME: Final = (0.0, 0.6)  # exponents of both lips' thickness over the inverse of their width: the upper gives way
THICKNESS_RANGE: Final = (0.85, 1.25)
# Thickness of both lips when round over the photo's, in their middle and at their ends: they turn outwards, whereby
# the tapering ends grow full. The linear pucker makes all of the upper lip thick.
TURNED_OUT: Final = ((1.05, 1.5), (1.15, 1.5))
LEAST_THICKNESS: Final = 0.4  # of the photo's
PROFILE: Final = 2.2  # exponent of the profile that tracked mouths open to (measured: benchmarks/compare_mouths.py)
ROUNDING: Final = 0.9  # how far it goes there
LEVEL: Final = 0.85  # how far the line of round lips, a smile's too, goes to the level of its middle
FULLER: Final = 0.45  # how far a pursed opening goes from that profile to an ellipse
SEALED: Final = 0.5  # share of a pursed mouth's half-width that stays shut at each corner
LEAST_ASPECT: Final = 1.6  # width of an opening over its height that sealed corners leave: taller ones are keyholes
# How much nearer the lip comes to the nose's underside, at most, in inter-ocular distances; what is left of its skin.
NEARER_NOSE, LEAST_UNDER_NOSE = 0.015, 0.25
# The photo's width over the mouth's, less one, over which pursed lips seal ever more: wide ones look like keyholes.
NARROW: Final = (0.0, 0.185)
# The same over which open lips lose the dark corners of the photo, see `mouth_corners.py`.
GATHERED: Final = (0.055, 0.185)
# The width without expression over the mouth's, less one, as a photo's may be another, over which lips are pursed:
# filmed ones part in the middle only, on a dark opening without teeth (measured: benchmarks/evaluate_renderer.py).
PURSED: Final = (0.074, 0.157)
# Of a change of the opening, as a jaw takes the lower lip along, and more as lips are pursed, which part evenly.
UPPER_SHARE: Final = (0.1, 0.4)
GIVE: Final = (0.9, 0.95, 1.0, 1.0)  # how far the lip's rows follow its inner edge, the outer row first
SKIN_GIVE: Final = 0.5  # of the lip next to it, that skin follows

_UPPER, _LOWER = np.array(UPPER_LIP_ROWS), np.array(LOWER_LIP_ROWS)
_RIGHT_CORNER, _LEFT_CORNER = MOUTH_CORNERS
# Both lips and the corners column by column, from the outer edge in; the upper lip is part 0, the corners are part 2.
_COLUMNS = np.column_stack([_UPPER, _LOWER, *MOUTH_CORNERS])
_PARTS = np.repeat([0, 1, 2], [_UPPER.shape[1], _LOWER.shape[1], len(MOUTH_CORNERS)])
_SKIN = (np.array(SKIN_BY_UPPER_LIP), np.array(SKIN_BY_LOWER_LIP))
_ASIDE = np.linspace(-1.0, 1.0, _UPPER.shape[1]) ** 2  # of each column: 0 in the middle, 1 at both ends
_AROUND = np.array((*SKIN_BY_UPPER_LIP, *SKIN_BY_LOWER_LIP, *SKIN_BY_CORNERS))
LIP_EDGE, CHIN_TIP = 17, 152  # landmarks
_INDEX = {name: index for index, name in enumerate(EXPRESSION_NAMES)}
_NOSE_UNDERSIDE, _NOSE_BASE = [94, 141, 370, 240, 460], [2, 97, 326, 98, 327]
_UNDER_NOSE = [164, 167, 393, 165, 391]
_CORNERS = [_RIGHT_CORNER[0], _LEFT_CORNER[0]]
_UNPURSED = [_INDEX[name] for name in ("cheekPuff", "jawLeft", "jawRight")]


@dataclass(frozen=True)
class LipShape:
    """
    One person's lips.

    Args:
        rest (`np.ndarray` of shape `(478, 3)`): The photo's landmarks in the head's own frame.
        rolls (`np.ndarray` of shape `(2,)`): How far its upper and lower lip are rolled in.
        open_photo (`float`): 1 if the photo's mouth is open, 0 if it is shut, between if it is nearly shut.
        smile (`np.ndarray` of shape `(2,)`): Its smile.
        raised (`np.ndarray` of shape `(2, 478, 3)`): What smiles of weight 1 move beyond their shapes.
        corners (`np.ndarray` of shape `(2, 3)`): The right and the left one without expression.
        unpursed (`np.ndarray` of shape `(shapes, 2, 3)`): What puffed cheeks and a jaw moved aside do to them.
    """

    rest: Array
    rolls: Array
    open_photo: float
    smile: Array
    raised: Array
    corners: Array
    unpursed: Array

    def shape(self, vertices: Array, weights: Array, parted: float) -> Array:
        """
        Correct the landmarks of one frame.

        Args:
            vertices (`np.ndarray` of shape `(478, 3)`): In the head's own frame.
            weights (`np.ndarray` of shape `(52,)`): The frame's expression.
            parted (`float`): How far the lips have left the photo's, in [0, 1]; 0 changes nothing.
        """
        if parted == 0.0:
            return vertices
        vertices = vertices + parted * np.einsum("s,svd->vd", weights[SMILES] - self.smile, self.raised)
        _smooth_line(vertices, self.rest, parted)
        _widen(vertices, self.rest, parted)
        rounded = float(roundness(weights))
        _level_line(vertices, parted * LEVEL * rounded)
        narrowed = _width(self.rest) / max(_width(vertices), 1e-3)
        pursed = self.pursed(vertices, weights)
        _round_opening(vertices, pursed, pursed * ramp(narrowed - 1.0, *NARROW), parted)
        # The linear pucker thickens lips by itself.
        _thicken(vertices, np.clip(narrowed ** (np.array(VOLUME) * (1.0 - rounded)), *THICKNESS_RANGE), parted)
        _turn_out(vertices, self.rest, rounded, parted)
        _keep_nose_base(vertices, self.rest, parted)
        _keep_apart(vertices, self.rest, parted)
        return vertices

    def pursed(self, vertices: Array, weights: Array) -> float:
        """
        How far lips are pursed, in [0, 1]: meant to be round by their weights `(52,)`, or with corners that lie in
        `vertices`, `(478, 3)`, much nearer together than puffed cheeks or a jaw moved aside would bring them.
        """
        right, left = self.corners + np.einsum("k,kcd->cd", weights[_UNPURSED], self.unpursed)
        plain = float(np.linalg.norm(left - right))
        return max(float(roundness(weights)), ramp(plain / max(_width(vertices), 1e-3) - 1.0, *PURSED))

    def gathered(self, vertices: Array) -> float:
        """How much narrower the mouth that lies in `vertices`, `(478, 3)`, is than the photo's, in [0, 1]."""
        return ramp(_width(self.rest) / max(_width(vertices), 1e-3) - 1.0, *GATHERED)

    def hidden(self, weights: Array) -> Array:
        """Share of the upper and of the lower lip, `(2,)`, that rolls out of sight beyond the photo's own roll."""
        return np.clip(ROLLED * (_rolls(weights) - self.rolls), 0.0, MOST_HIDDEN)

    def roll(self, source: Array, weights: Array, parted: float) -> Array:
        """
        Places in the photo `(vertices, 2)` that the lip landmarks show in one frame: rolled lips show less of their
        inner side.
        """
        rim = HIDDEN_RIM * self.open_photo
        upper, lower = (min(MOST_HIDDEN, rim + float(rolled)) for rolled in self.hidden(weights))
        source = source.copy()
        source[_COLUMNS] = _slide(source[_COLUMNS], parted * np.choose(_PARTS, (upper, lower, rim)))
        return source


def build_lips(face: FaceFit, gap: float) -> LipShape:
    """Measure a photo's lips; `gap` is their opening in the photo in inter-ocular distances."""
    rest = face.head_vertices(face.rest_coefficients()[None])[0]
    return LipShape(
        rest=rest,
        rolls=_rolls(face.expression),
        open_photo=ramp(gap / NEARLY_SHUT, 0.5, 1.0),
        smile=face.expression[SMILES],
        raised=_raised(face),
        corners=face.shape[_CORNERS],
        unpursed=face.basis[np.ix_(_UNPURSED, _CORNERS)],
    )


def _raised(face: FaceFit) -> Array:
    """What smiles of either side move beyond their shapes, `(2, 478, 3)`: corners up, and the chin down again."""
    edge, chin = face.shape[[LIP_EDGE, CHIN_TIP], 1]
    below = ramp(face.shape[:, 1], edge, chin - edge)
    lifted = face.basis[SMILES, :, 1]  # up is less
    beyond = np.minimum(lifted - lifted[:, list(INNER_MIDDLE)].mean(1, keepdims=True), 0.0)
    raised = np.zeros_like(face.basis[SMILES])
    raised[..., 1] = RAISED * (1.0 - below) * beyond - LEFT_CHIN * below * lifted
    return raised


def _width(vertices: Array) -> float:
    return float(np.linalg.norm(vertices[_LEFT_CORNER[0]] - vertices[_RIGHT_CORNER[0]]))


def _rolls(weights: Array) -> Array:
    """How far the upper and the lower lip are rolled in."""
    press = PRESSED * (weights[_INDEX["mouthPressLeft"]] + weights[_INDEX["mouthPressRight"]])
    return press + weights[[_INDEX["mouthRollUpper"], _INDEX["mouthRollLower"]]]


def _smooth_line(vertices: Array, rest: Array, share: float) -> None:
    """Take kinks out of how the line between the lips has moved: linear shapes bend it sharply next to the corners."""
    moved = vertices - rest
    right, left = moved[[_RIGHT_CORNER[-1]]], moved[[_LEFT_CORNER[-1]]]
    line = np.concatenate([right, 0.5 * (moved[_UPPER[-1]] + moved[_LOWER[-1]]), left])
    smooth = line
    for _ in range(LINE_ROUNDS):
        around = np.concatenate([smooth[:1], smooth, smooth[-1:]])
        smooth = 0.25 * around[:-2] + 0.5 * around[1:-1] + 0.25 * around[2:]
    shift = share * (smooth - line)
    for rows, skin in zip((_UPPER, _LOWER), _SKIN, strict=True):
        vertices[rows] += shift[1:-1]
        vertices[skin] += SKIN_GIVE * shift[1:-1]
    for corner, moves in ((_RIGHT_CORNER, shift[0]), (_LEFT_CORNER, shift[-1])):
        vertices[list(corner)] += moves


def _widen(vertices: Array, rest: Array, share: float) -> None:
    """Move the corners farther the way they went; what is between them goes along, and half as far the skin beside."""
    right, left = _RIGHT_CORNER[0], _LEFT_CORNER[0]
    way = _width(vertices) - _width(rest)
    out = 0.5 * share * ((WIDER if way > 0.0 else NARROWER) - 1.0) * way
    middle, half = 0.5 * (vertices[left, 0] + vertices[right, 0]), 0.5 * _width(vertices)
    for points, give in ((_COLUMNS, 1.0), (_AROUND, SKIN_GIVE)):
        aside = np.clip((vertices[points, 0] - middle) / max(half, 1e-3), -1.0, 1.0)
        vertices[points, 0] += give * out * aside


def _level_line(vertices: Array, share: float) -> None:
    """Bring the line between the lips, and all that is above and below, to the level of its middle."""
    if share == 0.0:
        return
    line = 0.5 * (vertices[_UPPER[-1], 1] + vertices[_LOWER[-1], 1])
    middle = line[len(line) // 2]
    shift = share * (middle - line)
    for rows, skin in zip((_UPPER, _LOWER), _SKIN, strict=True):
        vertices[rows, 1] += shift
        vertices[skin, 1] += SKIN_GIVE * shift
    for corner, beside in zip(MOUTH_CORNERS, SKIN_BY_CORNERS, strict=True):
        moves = share * float(middle - vertices[corner[-1], 1])
        vertices[list(corner), 1] += moves
        vertices[beside, 1] += SKIN_GIVE * moves


def _round_opening(vertices: Array, pursed: float, sealed: float, share: float) -> None:
    """Give the opening the outline of a lens, as high in its middle; `sealed` lips are shut by the corners."""
    inner_upper, inner_lower = _UPPER[-1], _LOWER[-1]
    right, left = vertices[_RIGHT_CORNER[-1], 0], vertices[_LEFT_CORNER[-1], 0]
    middle = 0.5 * (vertices[inner_upper, 0] + vertices[inner_lower, 0])
    gap, width = vertices[inner_lower, 1] - vertices[inner_upper, 1], max(float(left - right), 1e-3)
    shut_share = min(SEALED * sealed, max(0.0, 1.0 - LEAST_ASPECT * float(gap[len(gap) // 2]) / width))
    place = np.abs(2.0 * (middle - right) / width - 1.0) / (1.0 - shut_share)
    profile = np.clip(1.0 - place**PROFILE, 0.0, 1.0) ** (1.0 - FULLER * pursed)
    change = share * (ROUNDING + (1.0 - ROUNDING) * pursed) * (profile * gap[len(gap) // 2] - gap)
    above = UPPER_SHARE[0] + UPPER_SHARE[1] * pursed
    for rows, skin, part in ((_UPPER, _SKIN[0], -above), (_LOWER, _SKIN[1], 1.0 - above)):
        for row, give in zip(rows, GIVE, strict=True):
            vertices[row, 1] += part * give * change
        vertices[skin, 1] += SKIN_GIVE * part * change


def _thicken(vertices: Array, growth: Array, share: float) -> None:
    """Scale the rows of both lips, `(2,)`, away from their inner edges; the skin beyond gives way."""
    for rows, skin, times in zip((_UPPER, _LOWER), _SKIN, growth, strict=True):
        shift = share * (times - 1.0) * (vertices[rows[:-1]] - vertices[rows[-1]])
        vertices[rows[:-1]] += shift
        vertices[skin] += SKIN_GIVE * shift[0]


def _turn_out(vertices: Array, rest: Array, rounded: float, share: float) -> None:
    """Give round lips their height: the photo's, fuller towards their ends; the skin beyond gives way."""
    if rounded == 0.0:
        return
    for rows, skin, (middle, ends) in zip((_UPPER, _LOWER), _SKIN, TURNED_OUT, strict=True):
        tall = (middle + (ends - middle) * _ASIDE) * (rest[rows[:-1], 1] - rest[rows[-1], 1])
        shift = share * rounded * (tall - (vertices[rows[:-1], 1] - vertices[rows[-1], 1]))
        vertices[rows[:-1], 1] += shift
        vertices[skin, 1] += SKIN_GIVE * shift[0]


def _keep_apart(vertices: Array, rest: Array, share: float) -> None:
    """Keep the rows of a lip in order: pressed hard, thin lips would fold over and show the skin behind them."""
    for rows in (_UPPER, _LOWER):
        wide = (rest[rows[:-1]] - rest[rows[-1]])[..., :2]
        now = (vertices[rows[:-1]] - vertices[rows[-1]])[..., :2]
        ratio = (now * wide).sum(-1) / np.maximum(np.square(wide).sum(-1), 1e-8)
        missing = share * np.maximum(LEAST_THICKNESS - ratio, 0.0)
        vertices[rows[:-1], :2] += missing[..., None] * wide


def _keep_nose_base(vertices: Array, rest: Array, share: float) -> None:
    """
    Hold the skin where nose and upper lip meet under the nose: shapes of raised lips push it over the nostrils' edge,
    where folds show as dark dots. It goes no nearer to the lip's skin below than that allows.
    """
    nearer = _way_down(rest, _NOSE_UNDERSIDE, _NOSE_BASE) - _way_down(vertices, _NOSE_UNDERSIDE, _NOSE_BASE)
    nearer = np.maximum(nearer, 0.0)
    room = _way_down(vertices, _NOSE_BASE, _UNDER_NOSE) - LEAST_UNDER_NOSE * _way_down(rest, _NOSE_BASE, _UNDER_NOSE)
    wanted = nearer - NEARER_NOSE * np.tanh(nearer / NEARER_NOSE)
    vertices[_NOSE_BASE, 1] += share * np.clip(wanted, 0.0, np.maximum(room, 0.0))


def _way_down(vertices: Array, upper: list[int], lower: list[int]) -> Array:
    return vertices[lower, 1] - vertices[upper, 1]


def _slide(rows: Array, hidden: NDArray[np.float64]) -> Array:
    """
    Move points, of shape `(4, columns, 2)` from the outer edge in, along their lip so that a share of it, `hidden` of
    shape `(columns,)`, is lost.
    """
    steps = np.linalg.norm(np.diff(rows, axis=0), axis=-1)
    along = np.concatenate([np.zeros_like(steps[:1]), np.cumsum(steps, axis=0)])
    wanted = (1.0 - hidden).astype(np.float32) * along
    slid = rows.copy()
    for row in range(1, len(rows)):
        for previous in range(row):
            start, length = along[previous], np.maximum(steps[previous], 1e-6)
            t = np.clip((wanted[row] - start) / length, 0.0, 1.0)[..., None]
            within = (wanted[row] >= start)[..., None]
            slid[row] = np.where(within, rows[previous] + t * (rows[previous + 1] - rows[previous]), slid[row])
    return slid
