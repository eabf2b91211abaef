"""The upper teeth that a photo shows: found by colour, cut along the seam to the lower row and to an even edge."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter

from ..face.landmarks import INNER_CORNERS, INNER_LIPS, INNER_MIDDLE, LIPS
from .masks import polygon, whole
from .paths import cheapest_path


Array = NDArray[np.float32]

# Chosen by eye on photos of smiles, by which of their pixels were taken for teeth.
LIP_EDGE: Final = 0.012  # of the mouth's width: so far lips may reach over their outline
LEAST_OPENING: Final = 0.06  # of the mouth's width
LEAST_INSIDE: Final = 40  # pixels of an opening in which teeth can be told from lips
MIN_TEETH_SHARE: Final = 0.15  # of an open mouth, less is no row of teeth
MOST_UNEVEN: Final = 0.18  # deviation of brightness over its mean: gloss on lips and bad compression have more
LEAST_WIDTH: Final = 0.4  # of the mouth's width: one or two teeth between parted lips would not match a drawn row
DARKEST: Final = (0.55, 0.62)  # teeth are lighter than these shares of the skin's light, and of the mouth's lightest
LIGHTEST: Final = 90  # percentile of the mouth's light that is its lightest
MOST_SATURATED: Final = 0.38
TYPICAL: Final = 40  # percentile of their saturation from which they may exceed
PALE: Final = 0.12  # saturation by which a tooth may exceed most; lips, gums and tongues exceed it by more
SHADE: Final = 0.62  # of the teeth's brightness: what is darker above them is the upper lip's shadow, or the lip
LOWER_ROW: Final = 0.5  # of the opening: what begins lower is the lower row
EDGE_WINDOW: Final = 0.12  # of a row's width over which its lower edge is evened
EVEN_EDGE: Final = 35  # percentile of the edges there that is the row's
LEAST_ROW: Final = 0.4  # of the height of all teeth that the upper row has at least
SEAM: Final = 0.04  # depth of a seam between the rows, of the whiteness above it
LEAST_TALL: Final = 8  # pixels of teeth in which a seam can be seen
ROW_ENDS: Final = 5  # a part of this many at each side, where an upper row ends and seams say little
SEAM_SIDES: Final = 0.12  # of the teeth's height, within which a seam is compared with what is above and below
SEAM_GRAIN: Final = 0.05  # of the teeth's width: gaps between neighbours are narrower
SEAM_STEP: Final = 0.01  # depth that a step up or down costs
LAST_SEAM: Final = 0.4  # what a seam counts for that has no teeth under it: there the mask ends anyway
UNDER: Final = 0.02  # depth that draws it down where there is no seam
ALPHA_BLUR: Final = 0.8  # pixels


def find_upper_teeth(image: NDArray[np.uint8], landmarks: Array, light: float) -> NDArray[np.uint8] | None:
    """
    Where a photo shows its upper teeth: `(height, width)` in [0, 255]; `None` where it shows few, or unclearly.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The photo.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        light (`float`): Brightness of its skin.
    """
    across, (upper, lower) = float(np.ptp(landmarks[list(LIPS), 0])), INNER_MIDDLE
    reach = whole(LIP_EDGE * across)
    inside = cv2.erode(polygon(landmarks[list(INNER_LIPS), :2], image.shape), np.ones((reach, reach), np.uint8))
    opening = float(landmarks[lower, 1] - landmarks[upper, 1])
    if inside.sum() < LEAST_INSIDE or opening < LEAST_OPENING * across:
        return None
    channels = cv2.split(image)
    brightest, darkest = np.maximum.reduce(channels), np.minimum.reduce(channels).astype(np.float32)
    teeth = _find_enamel(brightest.astype(np.float32), darkest, inside, light)
    if teeth.sum() < MIN_TEETH_SHARE * inside.sum():
        return None
    teeth = cv2.morphologyEx(teeth, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) & inside
    teeth = _without_lower_row(teeth, float(landmarks[upper, 1]), opening)
    left, right = landmarks[list(INNER_CORNERS), :2]
    width = max(float(right[0] - left[0]), 1.0)
    teeth &= _above_bite(darkest, teeth, float((right[1] - left[1]) / width))
    if teeth.sum() < 0.5 * MIN_TEETH_SHARE * inside.sum():
        return None
    if np.ptp(np.flatnonzero(teeth.any(0))) < LEAST_WIDTH * width:
        return None
    lit = brightest > SHADE * np.median(brightest[teeth > 0])
    teeth = _even_edge(teeth | (inside & _upper_part(teeth) & lit))
    shown = brightest[teeth > 0]
    if len(shown) == 0 or shown.std() > MOST_UNEVEN * shown.mean():
        return None
    alpha = cv2.GaussianBlur(255.0 * teeth.astype(np.float32), (0, 0), ALPHA_BLUR)
    return np.asarray(alpha, np.uint8)


def _find_enamel(brightest: Array, darkest: Array, inside: NDArray[np.uint8], light: float) -> NDArray[np.uint8]:
    """Light and pale pixels, from the greatest and the least of each pixel's channels."""
    saturation = (brightest - darkest) / np.maximum(brightest, 1.0)
    of_skin, of_mouth = DARKEST
    threshold = max(of_skin * light, of_mouth * float(np.percentile(brightest[inside > 0], LIGHTEST)))
    teeth = (brightest > threshold) & (saturation < MOST_SATURATED) & (inside > 0)
    if teeth.any():
        teeth &= saturation < np.percentile(saturation[teeth], TYPICAL) + PALE
    return teeth.astype(np.uint8)


def _even_edge(teeth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without what hangs below a smooth lower edge: bits of lip and of the other row, found by colour as teeth."""
    columns = np.flatnonzero(teeth.any(0))
    bottom = teeth.shape[0] - teeth[::-1, columns].argmax(0).astype(np.float32)
    width = max(3, round(EDGE_WINDOW * len(columns)))
    line = gaussian_filter1d(percentile_filter(bottom, EVEN_EDGE, width, mode="nearest"), width / 4, mode="nearest")
    kept = teeth.copy()
    kept[:, columns] &= np.arange(teeth.shape[0])[:, None] < line
    return kept


def _upper_part(teeth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Everything over the middle of the teeth's edge: gums and gaps belong to the row as the photo shows it."""
    columns = np.flatnonzero(teeth.sum(0) > 1)
    bottom = teeth.shape[0] - 1 - teeth[::-1, columns].argmax(0)
    top = teeth[:, columns].argmax(0)
    line = np.polyval(np.polyfit(columns, 0.5 * (top + bottom), 2), np.arange(teeth.shape[1]))
    line[: columns[0]] = line[columns[-1] + 1 :] = -1.0
    return (np.arange(teeth.shape[0])[:, None] < line).astype(np.uint8)


def _without_lower_row(teeth: NDArray[np.uint8], lip: float, opening: float) -> NDArray[np.uint8]:
    """Drop patches that begin in the lower part of the opening: these move with the jaw, not with the skull."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(teeth, connectivity=8)
    keep = stats[:, cv2.CC_STAT_TOP] < lip + LOWER_ROW * opening
    keep[0] = False
    return keep[labels].astype(np.uint8)


def _above_bite(whiteness: Array, teeth: NDArray[np.uint8], slope: float) -> NDArray[np.uint8]:
    """
    Where a smile has its upper row: above the dark seam along which it meets the lower row, the tongue or the lip.

    The seam goes from tooth to tooth along the deepest valleys of whiteness (dynamic programming; Avidan and Shamir,
    2007), and under the teeth where there are none; `slope` is that of the mouth.
    """
    columns = np.arange(teeth.shape[1])
    lean = np.array([[1.0, 0.0, 0.0], [-slope, 1.0, 0.5 * slope * len(columns)]], np.float32)
    upright = cv2.warpAffine(teeth, lean, teeth.shape[::-1], flags=cv2.INTER_NEAREST)
    level = cv2.warpAffine(whiteness, lean, teeth.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    rows, there = np.flatnonzero(upright.any(1)), np.flatnonzero(upright.any(0))
    if len(rows) < LEAST_TALL:
        return np.ones_like(teeth)
    box = slice(rows[0], rows[-1] + 2), slice(there[0], there[-1] + 1)
    valley = _valleys(level[box], upright[box])
    gain = valley + UNDER * np.linspace(0.0, 1.0, len(valley), dtype=np.float32)[:, None]
    gain[: round(LEAST_ROW * len(valley))] = -1.0
    seam = cheapest_path(-gain, SEAM_STEP)
    sides = len(seam) // ROW_ENDS
    if np.take_along_axis(valley, seam[None], axis=0)[0, sides : len(seam) - sides].mean() < SEAM:
        return np.ones_like(teeth)
    line = np.full(len(columns), float(len(teeth)))
    line[there[0] : there[-1] + 1] = rows[0] + seam
    line += slope * (columns - 0.5 * len(columns))
    return (np.arange(len(teeth))[:, None] < line).astype(np.uint8)


def _valleys(whiteness: Array, teeth: NDArray[np.uint8]) -> Array:
    """How much less white each pixel is than what is above and below it, as a share."""
    reach = max(1, round(SEAM_SIDES * len(teeth)))
    padded = np.pad(whiteness, ((2 * reach, 2 * reach), (0, 0)), mode="edge")
    above, below = (cv2.blur(padded, (1, reach))[start : start + len(teeth)] for start in (reach, 3 * reach))
    valley = np.maximum(np.minimum(above, below) - whiteness, 0.0) / np.maximum(above, 1.0)
    beneath = np.pad(teeth[reach:], ((0, reach), (0, 0)))
    valley[beneath == 0] *= LAST_SEAM
    return cv2.blur(valley, (max(1, round(SEAM_GRAIN * teeth.shape[1])), 1))
