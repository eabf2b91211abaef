"""
The rims of glasses as a layer of their own: they move with the head alone, over the skin that moves behind them.

Each lens is bordered by a closed line that is darker, or lighter, than what lies on both its sides. It is found as the
strongest way around the eye (dynamic programming: Amini, Weymouth and Jain, 1990), and what hangs together with it, as
dark or as light, is the frame. Skin that goes on below it is filled in once.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.fit import FaceFit
from ..face.landmarks import LEFT_BROW, LEFT_EYE, OVAL, RIGHT_BROW, RIGHT_EYE
from .eyewear import BRIDGE, HEIGHT, WIDTH, eyewear_zone, flatten, level_eyes, light_of
from .frame_state import FrameState
from .inpainting import fill_smoothly
from .kernels import kernel
from .masks import Window, corner_of, ellipse, shape_of, window_around
from .paths import cheapest_path
from .rasterizer import rasterize_map


Array = NDArray[np.float32]

# Chosen by eye on photos of glasses: thick and thin, dark and light, round, square and without lower rims. Lengths, if
# no other unit is named, are pixels of the small picture with level eyes, hundredths of the inter-ocular distance;
# contrasts are shares of the skin's light.
BLUR: Final = 0.8

# The way around a lens: at each angle around its middle a distance.
LOWER: Final = 6.0  # how far below the eye a lens has its middle
ANGLES: Final = 240
NEAREST, FARTHEST = 8, 66  # distances
HALVES: Final = (3, 4, 6)  # how far to both sides of a rim there is something else
MOST_CONTRAST: Final = 0.3  # that counts
LIGHT_RIM: Final = 0.5  # what light lines count next to dark ones: skin between rim and brow is such a line, too
STEEPEST: Final = 2  # steps outwards or inwards, an angle
BEND: Final = 0.06  # what a step costs, squared: rims are smooth
AT_BROW: Final = 0.5  # what a line within a brow counts
LASHES: Final = 5  # how far around the eye there is none
SEEN: Final = 0.08  # contrast of a rim

# What of the picture is frame.
HAT: Final = 8  # half of what is too broad for it
THIN: Final = 3  # the same of temples across brows, which are broader
OWN, LEAST_OWN = 0.35, 0.10  # where the frame ends: share of the usual contrast along the way, and contrast, at least
CLOSED: Final = 0.75  # share of the whole way that is a rim, from which on all of it is
CORE, BAND = 2, 5  # how far from the way everything is frame, and how far brows, lashes and what is above may be
BESIDE: Final = 14  # how far bridge and what holds the lenses go from it
TEMPLES: Final = 36  # the same outwards, where temples begin
ABOVE: Final = 0.75  # rise over run, from the middle of the lens: what is above, where brows are
BROW_EDGE, LID_EDGE = 3, 8  # how far around brows and eyes what is dark is theirs
OUTLINE: Final = 6  # how far inside the face's outline it is hair's
SURE: Final = (0.4, 0.2)  # share of a way's upper half that is a rim, a ramp: with less something else was found
DISTINCT: Final = (0.115, 0.03)  # median contrast along each whole way, a ramp: fainter ones were brows' and shadows'
TURNED: Final = (0.40, -0.15)  # radians: the far lens of a head that is turned is hardly seen

# The layer.
AROUND: Final = 3.5  # of the skin around a rim goes along with it: its shade
EDGE: Final = 2.0  # blur of its edge
LEAST: Final = 0.02  # of a pixel that it covers
HAIR: Final = 0.8  # what brows count less than skin there: filled in, they would be smudges
ROOM: Final = 0.05  # of the layer's width, around where its corners come to lie
# Inter-ocular distances around the face behind glasses, in which they are flat. Farther out they bend back to the
# ears, so that the sides of a turned head show whole temples.
FLAT_AROUND: Final = 0.28
SKIN_AROUND: Final = 8  # pixels around it, whose skin tells what is behind

_SIDES = (RIGHT_EYE, RIGHT_BROW), (LEFT_EYE, LEFT_BROW)
_ANGLES = np.linspace(0.0, 2.0 * np.pi, ANGLES, endpoint=False)


@dataclass(frozen=True)
class Rims:
    """
    The rims of one photo.

    Args:
        window (`tuple[slice, slice]`): Rows and columns of the photo that have rims.
        layer (`np.ndarray` of shape `(height, width, 4)`): float32; what of the photo is not the skin behind, and how
            much of each pixel it covers, in [0, 1].
        behind (`np.ndarray` of shape `(height, width, 3)`): The skin behind.
        hole (`np.ndarray` of shape `(height, width)`): Where that is not the photo.
        flat (`np.ndarray` of shape `(478, 3)`): The landmarks in the plane of the glasses: they turn without bending.
        sure (`float`): How sure they are all found, in [0, 1].
    """

    window: Window
    layer: Array
    behind: NDArray[np.uint8]
    hole: NDArray[np.bool_]
    flat: Array
    sure: float

    def taken_off(self, picture: NDArray[np.uint8], above: int) -> NDArray[np.uint8]:
        """The picture, `(above + height, width, 4)`, without rims."""
        bare = picture.copy()
        bare[above:][self.window][self.hole, :3] = self.behind[self.hole]
        return bare

    def put_back(self, bare: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture, `(height, width, 3)`, that they were taken off, with them again."""
        picture = bare.copy()
        _lay(picture[self.window], self.layer)
        return picture

    def put_on(self, frame: NDArray[np.uint8], state: FrameState) -> None:
        """Lay the rims over a frame, where the head's motion brings them, in place."""
        rig, motion, (rows, columns) = state.rig, state.motion, self.window
        depth = self.flat[BRIDGE, 2]
        corners = [[x, y, depth] for x in (columns.start, columns.stop) for y in (rows.start, rows.stop)]
        there = motion.move(np.array(corners, np.float32))[:, :2]
        window = window_around(there, frame.shape, margin=round(ROOM * float(np.ptp(there[:, 0]))))
        if window is None:
            return
        map_x, map_y, nearest = (np.empty(shape_of(window), np.float32) for _ in range(3))
        carried = rig.mesh.deform(motion.move(self.flat), motion.move)
        source = rig.mesh.source[:, :2] - corner_of(self.window)
        first = window[1].start, window[0].start
        rasterize_map(carried, source, rig.mesh.triangles, *first, map_x, map_y, nearest)
        laid = cv2.remap(self.layer, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        _lay(frame[window], laid)


@kernel(nogil=True)
def _lay(frame: NDArray[np.uint8], layer: Array) -> None:
    """Lay a layer, see [`Rims`], over a part of a frame of the same height and width, in place."""
    for row in range(frame.shape[0]):
        for column in range(frame.shape[1]):
            cover = layer[row, column, 3]
            if cover > 0.0:
                for channel in range(3):
                    value = (np.float32(1.0) - cover) * frame[row, column, channel] + layer[row, column, channel]
                    frame[row, column, channel] = np.uint8(
                        min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0))
                    )


def find_rims(image: NDArray[np.uint8], landmarks: Array, face: FaceFit) -> Rims | None:
    """
    The rims of a photo of somebody with glasses; `None` if they are not seen.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): uint8.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        face ([`FaceFit`]): Their fit.
    """
    upright, level = level_eyes(image, landmarks)
    points = (landmarks[:, :2] @ level[:, :2].T + level[:, 2]).astype(np.float32)
    grey = cv2.GaussianBlur(cv2.cvtColor(upright, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), BLUR)
    grey /= light_of(grey)
    brows, eyes = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    for eye, (upper, lower) in _SIDES:
        _fill(brows, points[[*upper, *lower[::-1]]])
        _fill(eyes, points[list(eye.outline)])
    brows = cv2.dilate(brows, ellipse(BROW_EDGE))
    head = np.zeros((HEIGHT, WIDTH), np.uint8)
    _fill(head, points[list(OVAL)])
    head = cv2.erode(head, ellipse(OUTLINE))
    frame, sure = np.zeros((HEIGHT, WIDTH), np.bool_), ramp(abs(float(face.head_angles()[0])), *TURNED)
    for eye, _ in _SIDES:
        middle = points[[eye.outer, eye.inner]].mean(0) + np.array([0.0, LOWER], np.float32)
        lens = _around(grey, middle, brows, cv2.dilate(eyes, ellipse(LASHES)))
        frame |= lens.frame(grey, brows, cv2.dilate(eyes, ellipse(LID_EDGE)), head)
        sure = min(sure, lens.sure())
    rims = _cut_out(image, frame, brows, level) if sure > 0.0 else None
    if rims is None:
        return None
    flat = flatten(landmarks, face, eyewear_zone(face, FLAT_AROUND))
    return Rims(*rims, flat=flat, sure=sure)


@dataclass(frozen=True)
class _Lens:
    """The way `(angles,)` around the middle of a lens, its contrasts, and whether it is lighter (-1) or darker (1)."""

    middle: Array
    way: Array
    contrast: Array
    sign: int

    def sure(self) -> float:
        """How sure it is a rim's, in [0, 1]."""
        above = float((self.contrast[ANGLES // 2 :] > SEEN).mean())
        return ramp(above, *SURE) * ramp(float(np.median(self.contrast)), *DISTINCT)

    def frame(
        self, grey: Array, brows: NDArray[np.uint8], eyes: NDArray[np.uint8], head: NDArray[np.uint8]
    ) -> NDArray[np.bool_]:
        """What of the picture is the frame around it, `(height, width)`."""
        y, x = (axis - at for axis, at in zip(np.indices(grey.shape), self.middle[::-1], strict=True))
        angle = np.arctan2(y, x) % (2.0 * np.pi)
        away = np.hypot(x, y) - np.interp(angle, _ANGLES, self.way, period=2.0 * np.pi)
        contrast = np.interp(angle, _ANGLES, self.contrast, period=2.0 * np.pi)
        # Where nearly all of it is seen, the rest is before hair as dark as itself.
        there = (contrast > SEEN) | (float((self.contrast > SEEN).mean()) > CLOSED)
        core, band = there & (np.abs(away) < CORE), there & (np.abs(away) < BAND)
        kind = cv2.MORPH_BLACKHAT if self.sign > 0 else cv2.MORPH_TOPHAT
        hat, thin = (cv2.morphologyEx(grey, kind, ellipse(half)) for half in (HAT, THIN))
        if not core.any():
            return core
        outwards = np.sign(self.middle[0] - 0.5 * WIDTH) * x > np.abs(y) / ABOVE
        least = max(LEAST_OWN, OWN * float(np.median(hat[core])))
        reach = np.where(outwards, TEMPLES, BESIDE)
        hair = (brows > 0) & ~(outwards & (thin > least))
        other = ((hair | (eyes > 0) | (head == 0)) & ~band) | ((away > BAND) & (y < -ABOVE * np.abs(x)))
        own = (hat > least) & (np.abs(away) < reach) & ~other
        _, labels = cv2.connectedComponents((own | core).astype(np.uint8), connectivity=4)
        return np.isin(labels, np.unique(labels[core]))


class _Layer(NamedTuple):
    """The first four of [`Rims`]."""

    window: Window
    layer: Array
    behind: NDArray[np.uint8]
    hole: NDArray[np.bool_]


def _around(grey: Array, middle: Array, brows: NDArray[np.uint8], eyes: NDArray[np.uint8]) -> _Lens:
    """The strongest closed way around the middle of a lens."""
    away = np.arange(NEAREST, FARTHEST, dtype=np.float32)[:, None]
    x, y = ((middle[axis] + away * turn(_ANGLES)).astype(np.float32) for axis, turn in enumerate((np.cos, np.sin)))
    unrolled = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    at_brow, at_eye = (cv2.remap(mask, x, y, cv2.INTER_NEAREST) > 0 for mask in (brows, eyes))
    found = []
    for sign, counts in ((1, 1.0), (-1, LIGHT_RIM)):
        lines = np.where(at_eye, 0.0, np.clip(_lines(sign * unrolled), 0.0, MOST_CONTRAST))
        way = _closed_way(lines * np.where(at_brow, AT_BROW, 1.0))
        contrast = lines[way, np.arange(ANGLES)]
        found.append(
            (counts * float(contrast.mean()), _Lens(middle, NEAREST + way.astype(np.float32), contrast, sign))
        )
    return max(found, key=lambda each: each[0])[1]


def _lines(unrolled: Array) -> Array:
    """How much darker than on both its sides each place `(distances, angles)` is, at the best of several widths."""
    best = np.zeros_like(unrolled)
    for half in HALVES:
        sides = np.minimum(unrolled[: -2 * half], unrolled[2 * half :])
        best[half:-half] = np.maximum(best[half:-half], sides - unrolled[half:-half])
    return best


def _closed_way(gains: Array) -> NDArray[np.int64]:
    """The distance at each angle, `(angles,)`, of the way around that gains most; it is gone around three times."""
    columns = gains.shape[1]
    return cheapest_path(np.tile(-gains, 3), BEND, STEEPEST)[columns : 2 * columns]


def _cut_out(
    image: NDArray[np.uint8], frame: NDArray[np.bool_], brows: NDArray[np.uint8], level: NDArray
) -> _Layer | None:
    """The layer of a frame that is found in the small picture; `None` if the photo does not reach it."""
    height, width = image.shape[:2]
    pixel = 1.0 / float(np.hypot(*level[0, :2]))  # of the small picture, in the photo's
    size, flags = (width, height), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(frame.astype(np.float32), level, size, flags=flags) > 0.5
    grown = cv2.distanceTransform((~found).astype(np.uint8), cv2.DIST_L2, 5) <= AROUND * pixel
    cover = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), EDGE * pixel)
    hole = cover > LEAST
    if not hole.any():
        return None
    rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    window = _grown(rows, height), _grown(columns, width)
    patch, hole = image[window], hole[window]
    cover = np.where(hole, cover[window], np.float32(0.0))
    skin = cv2.warpAffine(1.0 - HAIR * brows.astype(np.float32), level, size, flags=flags, borderValue=1.0)
    known = (skin[window] * ~hole).astype(np.float32)
    filled = fill_smoothly(known[..., None] * patch, known)
    # What is seen goes over into what is filled in: a brow's cut-off hairs would be specks.
    behind = patch + smoothstep(2.0 * cover)[..., None] * (filled - patch)
    behind = np.clip(behind + 0.5, 0.0, 255.0).astype(np.uint8)
    own = patch - (1.0 - cover[..., None]) * behind
    return _Layer(window, np.dstack([own, cover]).astype(np.float32), behind, hole)


def _grown(places: NDArray[np.int64], most: int) -> slice:
    return slice(max(int(places[0]) - SKIN_AROUND, 0), min(int(places[-1]) + SKIN_AROUND + 1, most))


def _fill(mask: NDArray[np.uint8], points: Array) -> None:
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
