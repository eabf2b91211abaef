"""The open mouth laid over the warped picture, and the line between closed lips."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.fit import FaceFit
from ..face.landmarks import INNER_LIPS, LIPS, LOWER_LIP_ROWS, UPPER_LIP_ROWS
from ..face.measures import inner_lip_gap
from .lips import LipShape, roundness
from .masks import polygon_mask, window_around
from .mouth import MouthInterior


Array = NDArray[np.float32]

PARTED: Final = 0.02  # inner-lip gap from which on the mouth is open, in inter-ocular distances
WIDE: Final = 0.25  # gap from which on light falls in freely
SHADED, LIT = 0.5, 0.2  # of their light that reaches teeth between closed lips, and gap from which on all does
BRIGHTEST: Final = 245.0
LIP_LINE: Final = np.array([0.34, 0.48, 0.46], np.float32)  # what the line between closed lips takes
WARMTH: Final = np.array([0.9, 1.05, 1.07], np.float32)  # light that lips let through or throw back is reddish
TEETH_WARMTH: Final = np.array([0.75, 1.05, 1.15], np.float32)  # the same of light that reaches teeth
ROUNDED: Final = np.array([0.20, 0.27, 0.29], np.float32)  # what protruding lips take; they redden what is left
OWN_LINE: Final = 0.4  # of it, where the photo's own line is there already
LINE_END: Final = 0.12  # of the inter-ocular distance, over which that line fades in
SHARPEN, AROUND = 0.75, 0.12  # strength, and reach around the lips in inter-ocular distances
MOST_EDGE: Final = 18.0  # grey levels: teeth next to shade need no more
CURVE_STEPS: Final = 4


def draw_mouth(
    frame: NDArray[np.uint8], mouth: MouthInterior, lips: LipShape, face: FaceFit, vertices: Array, head: Array,
    weights: Array, camera: tuple[Array, Array, float], transform: Array, parted: float,
) -> None:  # fmt: skip
    """
    Open the lips on teeth, tongue and shade, and draw the line where they meet, in place.

    Args:
        frame (`np.ndarray` of shape `(height, width, 3)`): Already warped by the mesh.
        vertices, head (`np.ndarray` of shape `(478, 3)`): The frame's landmarks in pixels and in the head's own frame.
        weights (`np.ndarray` of shape `(52,)`): The frame's expression.
        camera: Rotation, translation and scale of the frame.
        transform (`np.ndarray` of shape `(3, 4)`): The head's rigid motion since the photo.
        parted (`float`): How far the lips have left the photo's, in [0, 1]; 0 leaves the photo's mouth.
    """
    scale = camera[2]
    outline = smooth_outline(vertices[list(INNER_LIPS), :2])
    window = window_around(outline, frame.shape, margin=4)
    if window is None or parted == 0.0:
        return
    rows, columns = window
    patch = frame[rows, columns].astype(np.float32)
    gap = inner_lip_gap(vertices) / scale
    mask = polygon_mask(outline, window, blur=max(0.7, 0.008 * scale)) * min(1.0, gap / PARTED)
    if mask.max() > 0.02:
        size = (columns.stop - columns.start, rows.stop - rows.start)
        corner = np.array([columns.start, rows.start], np.float32)
        opened, rounded = min(1.0, gap / WIDE), roundness(weights)
        lit = (SHADED + (1.0 - SHADED) * min(1.0, gap / LIT) ** 0.5) ** TEETH_WARMTH
        painting = mouth.draw(size, corner, head, weights, camera, face, transform, lit, rounded)
        # Little light falls between lips that are narrow or stand far out.
        light = (1.0 + 0.33 * opened) * (0.3 + 0.7 * min(1.0, gap / PARTED))
        painting *= (light * _lip_shade(mask, scale))[..., None] ** WARMTH * (1.0 - ROUNDED * rounded)
        patch += (parted * mask)[..., None] * (np.minimum(painting, BRIGHTEST) - patch)
    shut = parted * max(0.0, 1.0 - gap / (2.0 * PARTED))
    if shut > 0.0:
        core, shadow = _lip_line(vertices, window, scale)
        # Along the slit the mesh is a pixel wide and its edge a staircase.
        smooth = cv2.GaussianBlur(patch, (0, 0), max(1.0, 0.014 * scale))
        patch += (shut * np.minimum(1.0, core + shadow))[..., None] * (smooth - patch)
        rolled = min(1.0, float(lips.hidden(weights).max()) / 0.3)
        strength = shut * (OWN_LINE + (1.0 - OWN_LINE) * max(lips.open_photo, rolled))
        patch *= 1.0 - strength * np.minimum(1.0, 0.7 * core + 0.8 * shadow)[..., None] * LIP_LINE
    frame[rows, columns] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)
    _sharpen(frame, vertices, scale, parted)


def _sharpen(frame: NDArray[np.uint8], vertices: Array, scale: float, parted: float) -> None:
    """Give moved lips and the skin around them back the edges that interpolation between pixels takes, in place."""
    outline = vertices[list(LIPS), :2]
    reach = AROUND * scale
    window = window_around(outline, frame.shape, margin=round(2.0 * reach) + 1)
    if window is None or parted == 0.0:
        return
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0]
    mask = cv2.blur(cv2.dilate(polygon_mask(hull, window), np.ones((round(reach) + 1,) * 2)), (round(reach) + 1,) * 2)
    patch = frame[window].astype(np.float32)
    edges = np.clip(patch - cv2.GaussianBlur(patch, (0, 0), 1.0), -MOST_EDGE, MOST_EDGE)
    patch += (SHARPEN * parted * mask)[..., None] * edges
    frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def smooth_outline(points: Array) -> Array:
    """A closed curve through points `(n, 2)`: Catmull-Rom splines, `(4 n, 2)`."""
    before, after, beyond = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0), np.roll(points, -2, axis=0)
    curve = np.empty((len(points), CURVE_STEPS, 2), np.float32)
    for step in range(CURVE_STEPS):
        t = step / CURVE_STEPS
        curve[:, step] = 0.5 * (
            2.0 * points
            + t * (after - before)
            + t**2 * (2.0 * before - 5.0 * points + 4.0 * after - beyond)
            + t**3 * (3.0 * points - before - 3.0 * after + beyond)
        )
    return curve.reshape(-1, 2)


def _lip_shade(mask: Array, scale: float) -> Array:
    """How light the mouth's interior is next to the lips that shade it, most of all from above."""
    lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.016 * scale]])
    shifted = cv2.warpAffine(mask, lowered, mask.shape[::-1])
    inner = cv2.GaussianBlur(shifted, (0, 0), max(1.0, 0.022 * scale))
    return np.clip(0.76 + 0.5 * (inner - 0.12), 0.76, 1.0)


def _lip_line(vertices: Array, window: tuple[slice, slice], scale: float) -> tuple[Array, Array]:
    """The line between closed lips: a thin core and a soft shadow, each `(height, width)` in [0, 1]."""
    rows, columns = window
    upper, lower = (vertices[list(row[-1]), :2] for row in (UPPER_LIP_ROWS, LOWER_LIP_ROWS))
    middle = np.concatenate([vertices[[78], :2], 0.5 * (upper + lower), vertices[[308], :2]])
    curve = smooth_outline(middle)[: CURVE_STEPS * (len(middle) - 1) + 1]
    points = ((curve - [columns.start, rows.start]) * 16.0).round().astype(np.int32)
    line = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    cv2.polylines(line, [points], False, 255, max(1, round(0.008 * scale)), cv2.LINE_AA, 4)
    core = cv2.GaussianBlur(line, (0, 0), max(0.6, 0.006 * scale)).astype(np.float32)
    shadow = cv2.GaussianBlur(line, (0, 0), max(1.2, 0.02 * scale)).astype(np.float32)
    # It fades where the lips grow together.
    across = np.mgrid[rows, columns][1].astype(np.float32)
    ends = np.minimum(across - middle[0, 0], middle[-1, 0] - across) / (LINE_END * scale)
    ends = np.clip(0.35 + ends, 0.0, 1.0) / 255.0
    return core * ends, shadow * ends
