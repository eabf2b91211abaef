"""The open mouth laid over the warped picture, and the line between closed lips."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.landmarks import INNER_CORNERS, INNER_LIPS, LIPS, LOWER_LIP_ROWS, MOUTH_CORNERS, UPPER_LIP_ROWS
from .frame_state import FrameState
from .masks import SHIFT, Softness, Window, corner_of, fixed_point, polygon_mask, shape_of, whole, window_around
from .mouth import MouthInterior
from .tooth_rows import LUMINANCE


Array = NDArray[np.float32]

# Lengths and gaps are in inter-ocular distances, light is a share. "Filmed" numbers were set until rendered mouths
# were as light as filmed ones (measured: benchmarks/compare_mouths.py), "neutral" ones on photos of shut mouths
# (measured: benchmarks/compare_neutral.py), "judged" ones as those of `mouth.py`; the others were chosen by eye on
# contact sheets of mouths.

# The opening.
ROOM: Final = 4  # pixels drawn around inner lips, corners and the blur of their line
PARTED: Final = 0.02  # gap of the inner lips from which on the mouth is open
EDGE: Final = Softness(0.7, 0.012)  # of what is seen between the lips
LEAST_COVER: Final = 0.02  # of a pixel: less of the interior is not drawn
CURVE_STEPS: Final = 4  # points of the outline for each landmark
TOUCHING, CLINGING = 0.008, 0.03  # gaps up to which lips touch more or less, and up to which they cling together
_UPPER_EDGE, _LOWER_EDGE = (
    np.array([INNER_CORNERS[0], *rows[-1], INNER_CORNERS[1]]) for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS)
)
_MIDDLE = len(_UPPER_EDGE) // 2
_OUTER_CORNERS = [outer for outer, *_ in MOUTH_CORNERS]

# The light inside.
WIDE: Final = 0.25  # gap from which on light falls in freely; filmed
FREE, NARROW = 0.45, 0.3  # what a wide mouth adds to the interior's light, what is left in the narrowest; filmed
SHADED, LIT = 0.55, 0.12  # of their light that reaches teeth in closed lips, and gap from which on all does; judged
BRIGHTEST: Final = 245.0  # levels of 255; filmed
WARMTH: Final = np.array([0.9, 1.05, 1.07], np.float32)  # exponents: light that lips let through is reddish
TEETH_WARMTH: Final = np.array([0.75, 1.05, 1.15], np.float32)  # the same of light that reaches teeth; neutral
PURSED: Final = np.array([0.26, 0.30, 0.31], np.float32)  # what pursed lips take, red least of all; judged
DEEPER, DEEP_GAP = 0.3, (0.08, 0.25)  # what they take more of a narrow gap, and the gap over which that fades; seen

# The lips' shade on what is next to them, most of all from above.
LIP_SHADE: Final = 0.56  # light in it; filmed
SHADE_DOWN, SHADE_BLUR = 0.026, Softness(1.0, 0.022)  # how far down the upper lip's reaches, and how soft it is
SHADE_ENDS: Final = (0.14, 0.9)  # of the blurred opening: where the shade begins to fade, and how steeply; filmed
# Between narrow lips, next to the lower one, behind which teeth stand; seen: without it a strip of teeth seems to lie
# on the lip.
CONTACT: Final = 0.45  # of the light, that the lower lip takes at its edge
CONTACT_UP, CONTACT_BLUR = 0.012, Softness(0.8, 0.012)  # how far up it does, and how soft
FREE_GAP: Final = (0.08, 0.20)  # gap over which it fades; judged
FREED: Final = 0.35  # how much of it does: without the rest teeth would lie on the lip

# The line between closed lips.
LINE_GONE: Final = 2.0 * PARTED  # gap from which on there is none
LIP_LINE: Final = np.array([0.34, 0.48, 0.46], np.float32)  # of the light, that it takes
OWN_LINE: Final = 0.4  # of that, where the photo's own line is there already
ROLLED: Final = 0.3  # share of a lip rolled out of sight from which on none of the photo's own line is left
LINE: Final = 0.008  # the stroke
CORE_BLUR, SHADOW_BLUR = Softness(0.6, 0.006), Softness(1.2, 0.02)
CORE, SHADOW = 0.9, 0.8  # darkness of both
LINE_END, LINE_START = 0.12, 0.35  # way from the corners over which the line grows, and its strength there
SLIT_BLUR: Final = Softness(1.0, 0.014)  # of what is under it

# Edges given back to moved lips.
SHARPEN, AROUND = 0.75, 0.12  # strength, and reach around the lips; neutral
SHARPEN_BLUR: Final = 1.0  # pixels: finer detail is strengthened
MOST_EDGE: Final = 18.0  # levels of 255: teeth next to shade need no more; filmed


def draw_mouth(frame: NDArray[np.uint8], mouth: MouthInterior, state: FrameState) -> None:
    """
    Open the lips on teeth, tongue and shade, and draw the line where they meet, in place.

    Args:
        frame (`np.ndarray` of shape `(height, width, 3)`): Already warped by the mesh.
        mouth ([`MouthInterior`]): What is behind the lips.
        state ([`FrameState`]): The frame's pose.
    """
    room = ROOM + whole(2.0 * SHADOW_BLUR.of(state.camera.scale))
    window = window_around(state.vertices[[*INNER_LIPS, *_OUTER_CORNERS], :2], frame.shape, room)
    if window is None or state.parted == 0.0:
        return
    # First of all: what is drawn between the lips is as sharp as the photo.
    _sharpen(frame, state)
    outline = smooth_outline(opening_of(state))
    patch, gap = frame[window].astype(np.float32), state.gap
    mask = polygon_mask(outline, window, EDGE.of(state.camera.scale)) * min(1.0, gap / PARTED)
    if mask.max() > LEAST_COVER:
        painting = _interior(mouth, state, window, mask, gap)
        patch += (state.parted * mask)[..., None] * (np.minimum(painting, BRIGHTEST) - patch)
    _close(patch, state, window, _toned(LIP_LINE, mouth))
    frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def opening_of(state: FrameState) -> Array:
    """The inner lips, `(20, 2)`, up to where they touch: the polygon would show as a line in lips sealed beside it."""
    upper, lower = state.vertices[_UPPER_EDGE, :2], state.vertices[_LOWER_EDGE, :2]
    line, half = 0.5 * (upper + lower), 0.5 * (lower - upper)
    gaps = state.head[_LOWER_EDGE, 1] - state.head[_UPPER_EDGE, 1]
    apart, free = ramp(gaps, 0.0, TOUCHING), ramp(gaps, 0.0, min(CLINGING, max(float(gaps[_MIDDLE]), TOUCHING)))
    for side in (slice(_MIDDLE, None), slice(_MIDDLE, None, -1)):
        shown = np.minimum.accumulate(apart[side])[:, None]
        line[side][1:] = line[_MIDDLE] + np.cumsum(shown[:-1] * np.diff(line[side], axis=0), axis=0)
        half[side] *= np.minimum.accumulate(free[side])[:, None]
    return np.concatenate([line - half, (line + half)[-2:0:-1]])


def _interior(mouth: MouthInterior, state: FrameState, window: Window, mask: Array, gap: float) -> Array:
    """The mouth in the light that falls between the lips: `(height, width, 3)`."""
    teeth = SHADED + (1.0 - SHADED) * smoothstep(gap / LIT)
    light = (1.0 + FREE * min(1.0, gap / WIDE)) * (NARROW + (1.0 - NARROW) * min(1.0, gap / PARTED))
    painting = mouth.draw(state, window, teeth ** _toned(TEETH_WARMTH, mouth), light)
    # Little light falls between lips that are narrow or pursed.
    shade, narrow = _lip_shade(mask, state.camera.scale), 1.0 - FREED * ramp(gap, *FREE_GAP)
    shade *= _narrow_shade(mask, state.camera.scale, narrow)
    taken = state.pursed * (_toned(PURSED, mouth) + DEEPER * (1.0 - ramp(gap, *DEEP_GAP)))
    painting *= shade[..., None] ** _toned(WARMTH, mouth) * (1.0 - taken)
    return painting


def _toned(colour: Array, mouth: MouthInterior) -> Array:
    """What light does to each of the three channels: in a grey photo the same to all."""
    grey = np.float32(colour @ LUMINANCE)
    return np.asarray(grey + mouth.chroma * (colour - grey), np.float32)


def _lip_shade(mask: Array, scale: float) -> Array:
    """How light the mouth's interior is next to the lips that shade it, most of all from above."""
    lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, SHADE_DOWN * scale]])
    shifted = cv2.warpAffine(mask, lowered, mask.shape[::-1])
    inner = cv2.GaussianBlur(shifted, (0, 0), SHADE_BLUR.of(scale))
    start, slope = SHADE_ENDS
    return np.clip(LIP_SHADE + slope * (inner - start), LIP_SHADE, 1.0)


def _narrow_shade(mask: Array, scale: float, narrow: float) -> Array:
    """How light what stands behind the lower lip is next to it: `(height, width)`."""
    raised = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -CONTACT_UP * scale]])
    inner = cv2.GaussianBlur(cv2.warpAffine(mask, raised, mask.shape[::-1]), (0, 0), CONTACT_BLUR.of(scale))
    return np.asarray(1.0 - CONTACT * narrow * (1.0 - np.clip(inner, 0.0, 1.0)), np.float32)


def _close(patch: Array, state: FrameState, window: Window, taken: Array) -> None:
    """Draw the line where lips meet, which takes as much of each channel, into a window, in place."""
    lips, scale = state.rig.lips, state.camera.scale
    touching = 1.0 - ramp(state.head[_LOWER_EDGE, 1] - state.head[_UPPER_EDGE, 1], 0.0, LINE_GONE)
    # A photo of a shut mouth shows the line at its corners already.
    touching[[0, -1]] = np.maximum(lips.open_photo, touching[[1, -2]])
    if not touching.any():
        return
    core, shadow, grown = _lip_line(state, window, touching)
    # Along the slit the mesh is a pixel wide and its edge a staircase.
    smooth = cv2.GaussianBlur(patch, (0, 0), SLIT_BLUR.of(scale))
    patch += np.minimum(1.0, core + shadow)[..., None] * (smooth - patch)
    rolled = min(1.0, float(lips.hidden(state.weights).max()) / ROLLED)
    strength = (OWN_LINE + (1.0 - OWN_LINE) * max(lips.open_photo, rolled)) * grown
    patch *= 1.0 - (strength * np.minimum(1.0, CORE * core + SHADOW * shadow))[..., None] * taken


def _lip_line(state: FrameState, window: Window, touching: Array) -> tuple[Array, Array, Array]:
    """
    The line between lips: a thin core and a soft shadow, each `(height, width)` in [0, 1], and how far it has grown
    from its ends on in each column, `(width,)`.

    Args:
        touching (`np.ndarray` of shape `(11,)`): How far the lips touch, from corner to corner, in [0, 1].
    """
    vertices, scale = state.vertices[:, :2], state.camera.scale
    outer = vertices[_OUTER_CORNERS]
    inner = 0.5 * (vertices[_UPPER_EDGE] + vertices[_LOWER_EDGE])
    # Next to teeth a photo's lips have no line; in a shut mouth it ends where they grow together.
    ends = inner[[0, -1]] + state.rig.lips.open_photo * (outer - inner[[0, -1]])
    middle = np.concatenate([ends[:1], inner, ends[1:]])
    there_and_back = np.concatenate([middle, middle[-2:0:-1]])
    curve = smooth_outline(there_and_back)[: CURVE_STEPS * (len(middle) - 1) + 1]
    line = np.zeros(shape_of(window), np.uint8)
    points = fixed_point(curve - corner_of(window))
    cv2.polylines(line, [points], False, 255, whole(LINE * scale), cv2.LINE_AA, SHIFT)
    core, shadow = (
        cv2.GaussianBlur(line, (0, 0), blur.of(scale)).astype(np.float32) for blur in (CORE_BLUR, SHADOW_BLUR)
    )
    across = np.arange(window[1].start, window[1].stop, dtype=np.float32)
    grown = LINE_START + np.minimum(across - ends[0, 0], ends[1, 0] - across) / (LINE_END * scale)
    share = (state.parted * np.interp(across, inner[:, 0], touching) / 255.0).astype(np.float32)
    return core * share, shadow * share, np.clip(grown, 0.0, 1.0)


def _sharpen(frame: NDArray[np.uint8], state: FrameState) -> None:
    """Give moved lips and the skin around them back the edges that interpolation between pixels takes, in place."""
    outline = state.vertices[list(LIPS), :2]
    reach = AROUND * state.camera.scale
    window = window_around(outline, frame.shape, round(2.0 * reach) + 1)
    if window is None:
        return
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0]
    size = (round(reach) + 1,) * 2
    mask = cv2.blur(cv2.dilate(polygon_mask(hull, window), np.ones(size)), size)
    patch = frame[window].astype(np.float32)
    edges = np.clip(patch - cv2.GaussianBlur(patch, (0, 0), SHARPEN_BLUR), -MOST_EDGE, MOST_EDGE)
    patch += (SHARPEN * state.parted * mask)[..., None] * edges
    frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def smooth_outline(points: Array) -> Array:
    """A closed curve through points `(n, 2)`: Catmull-Rom splines, `(4 n, 2)`."""
    places = np.arange(len(points))
    before, here, after, beyond = (points[(places + step) % len(points), None] for step in (-1, 0, 1, 2))
    t = (np.arange(CURVE_STEPS) / CURVE_STEPS)[:, None].astype(points.dtype)
    curve = 0.5 * (
        2.0 * here
        + t * (after - before)
        + t**2 * (2.0 * before - 5.0 * here + 4.0 * after - beyond)
        + t**3 * (3.0 * here - before - 3.0 * after + beyond)
    )
    return curve.reshape(-1, 2).astype(np.float32)
