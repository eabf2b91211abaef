"""
Eyes under their lids: the eyeball stays with the head while lids slide over it, the iris turns with the gaze.

What lids hide in the photo is filled in once: the iris from its own visible part, the white around it from its edges.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.landmarks import EyeLandmarks
from .masks import (
    SHIFT,
    Softness,
    Window,
    colours_at,
    corner_of,
    fixed_point,
    polygon_mask,
    whole,
    whole_window,
    window_around,
)


Array = NDArray[np.float32]

# Numbers were chosen by eye on contact sheets of open, narrow, shut and turning eyes.
# Lengths: in widths of the eye, from corner to corner, or, for the eyeball, in radii of its iris.
# Pairs for `ramp`: where it starts, and over how much it goes, below 0 if it falls.

# How an eye is drawn.
ROOM, LEAST_ROOM = 0.25, 3  # eye widths, but at least so many pixels: what is drawn around the lids' outline
LEAST_WIDTH: Final = 2.0  # pixels: smaller eyes are left to the mesh
OPENED: Final = (0.0, 0.05)  # opening over which the eyeball appears
LEAST_COVER: Final = 0.01  # of a pixel's light: less of the eyeball is not drawn
CLOSING: Final = (0.05, 0.9)  # share of the photo's opening that is lost: a blink begins beyond what landmarks tremble
BARED: Final = 0.5  # share of the skin between lashes and crease that a closed lid loses: lashes turn down with it

# The eyeball under moving lids.
ALERT: Final = 0.06  # change of the opening, in eye widths, or turn, in iris radii, from which on the filled eye shows
SHADOW: Final = 0.30  # what a lowered lid's shadow takes from the eyeball
SHADOW_REACH: Final = Softness(1.0, 0.08)  # how far down, and how softly
SHADOW_ENDS: Final = 1.6  # gain of the light under a lid: from 1 / 1.6 on there is no shadow
GIVES_WAY: Final = (2.6, -1.5)  # iris radii: the whole iris moves, the white around it gives way as far as this

# The slit between lids that meet.
SLIT_SHUT: Final = (0.75, 0.2)  # closure over which it is smoothed
SLIT: Final = 0.05  # eye widths: its strokes
SLIT_BLUR: Final = Softness(0.7, 0.02)
SLIT_SKIN: Final = Softness(1.0, 0.09)  # how far around skin is taken from to fill it
SLIT_FREE, SLIT_FILLED = 1.5, 1.4  # gains of the slit where skin is not taken from, and where it is filled

# Lashes along the closing lid.
LINE: Final = 0.02  # eye widths: the stroke of the line where they grow
LINE_CORE, LINE_CORE_BLUR = 1.1, Softness(0.7, 0.014)  # darkness and blur of it
LINE_HALO, LINE_HALO_BLUR = 0.5, 0.04  # the same of the shade around it, in eye widths
LASHES: Final = 14  # strokes
LASH_LENGTH: Final = 0.085  # eye widths
LASH_STROKE: Final = 0.012  # eye widths
LASH_SPREAD: Final = (0.7, 0.6)  # lashes' room: before the first one, from the outer corner in; and beside all
LASH_TAPER: Final = (0.55, 0.45)  # lengths: the middle one's, and by how much the outermost is longer
LASH_LEAN: Final = (0.75, 0.85)  # outwards, of the outermost; what of it is lost by the innermost
LASH_DOWN: Final = 0.85  # of their length
LASH_BLUR: Final = Softness(0.6, 0.010)
LASH_DARK: Final = 0.6
LASH_SHOWS: Final = (30.0, 60.0)  # pixels of the eye's width: single lashes show in large eyes only
DARKENS: Final = 1.2  # gain of the closure: the line is all there before the lid is shut

# The lid's skin, without the open eye's lashes.
LID_BLUR: Final = Softness(0.7, 0.03)
LASH_WIDTH: Final = 0.09  # eye widths: how far apart the sides are of what counts as a lash on the lid
LID_LIGHT: Final = 0.65  # a closed lid is no darker than this share of the skin above its crease
PAINTED: Final = (1.2, 0.4)  # gain up to which a lid is brightened; what needs more is no skin and painted over
LID_SOFT: Final = Softness(0.6, 0.2 * LASH_WIDTH)
LID_CLEARS: Final = (0.2, 0.6)  # closure

# The eyeball without lids, in iris radii.
BALL_ROOM, BALL_BORDER = 2.0, 1.0  # around the iris; around that and the lids' outline
SURELY_INSIDE: Final = 0.6  # of the mask of the lids' outline
LEAST_UNSHADED: Final = 0.4  # of the outline: with less that is not next to shading lids, that is taken too
RINGS: Final = 12  # of the iris, each of one colour where nothing better is known
LIMBUS: Final = 1.06  # within which the iris is filled from itself
MOST_GLINT: Final = 40.0  # levels over a ring's colour: highlights are not mirrored
WHITE: Final = 1.15  # from which on there is white
LEAST_WHITE: Final = 8  # pixels
WHITE_REACH, WHITE_ROUNDS = 0.5, 3  # how far the white is pulled outwards, how often
WHITE_SHADE: Final = 0.97  # what each round keeps of its light: a ball turns away
BALL_BLUR: Final = Softness(0.6, 0.05)  # of what is filled in
BALL_EDGE: Final = Softness(0.7, 0.06)  # between that and what is seen

# An eyeball for a photo caught in a blink, in iris radii.
CAUGHT: Final = 0.2  # weight of eyeBlink from which on all of the eyeball is made
SEEN_IRIS: Final = (0.45, 0.9)  # the iris around its pupil, within the limbus
DARK_IRIS: Final = np.array([60.0, 42.0, 32.0], np.float32)  # where the lids show none
MADE_EDGE: Final = 0.08  # of iris and pupil, but at least a pixel
MADE_SHADE, MADE_SHADE_END = 0.35, 0.2  # what the upper lid takes from the ball a radius up; how far below the middle
MADE_WHITE: Final = (0.7, 0.3)  # shares of the skin's light, and of its colour
MADE_WHITE_ROUND: Final = (1.25, 0.2, 0.6)  # its light in the middle, what it loses a radius, and the least
MADE_IRIS: Final = (1.1, 0.5, 4, 0.2)  # its light: in the middle, less at the rim, how steeply, more at the bottom
PUPIL, PUPIL_DARK = 0.42, 0.85  # radius; share of the light that it takes
GLINT, GLINT_AT, GLINT_LIGHT = 0.13, (-0.28, -0.3), 0.75  # radius; place left and up; share of the way to white

# The colour of lashes.
LASH_PLACES: Final = np.linspace(-0.15, 0.25, 9)  # of the way from the upper lid's margin to the crease
LASH_DARKEST: Final = 12  # percentile of these
LASH_COLOURS: Final = (0.22, 0.62)  # over the skin: no blacker than black, no lighter than light brown

STROKE_KERNEL: Final = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0  # smooths a line through landmarks
STROKE_STEPS: Final = 5  # a landmark


@dataclass(frozen=True)
class Eye:
    """
    One eye of a photo.

    Args:
        landmarks ([`EyeLandmarks`]): Which landmarks are its.
        source (`np.ndarray` of shape `(478, 3)`): The photo's landmarks.
        corner (`np.ndarray` of shape `(2,)`): Where the patches lie in the photo.
        seen, filled (`np.ndarray` of shape `(height, width, 3)`): The photo around the eye; the same eyeball without
            lids.
        lash (`np.ndarray` of shape `(3,)`): Colour of the lashes over that of the skin, in [0, 1].
        opening (`float`): Of the lids in the photo, over the eye's width.
    """

    landmarks: EyeLandmarks
    source: Array
    corner: Array
    seen: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    lash: Array
    opening: float

    def draw(self, frame: NDArray[np.uint8], target: Array, transform: Array) -> None:
        """
        Paint the eye into a frame, in place.

        Args:
            frame (`np.ndarray` of shape `(height, width, 3)`): Already warped by the mesh.
            target (`np.ndarray` of shape `(478, 3)`): Landmarks of the frame.
            transform (`np.ndarray` of shape `(3, 4)`): The head's rigid motion since the photo.
        """
        eye = self.landmarks
        outline = target[list(eye.outline), :2]
        width = float(np.linalg.norm(target[eye.outer, :2] - target[eye.inner, :2]))
        window = window_around(outline, frame.shape, margin=max(LEAST_ROOM, round(ROOM * width)))
        if window is None or width < LEAST_WIDTH:
            return
        opening = lid_opening(eye, target)
        closed = self._closure(opening)
        mask = polygon_mask(outline, window) * ramp(opening, *OPENED)
        if mask.max() > LEAST_COVER:
            self._draw_ball(frame, target, transform, window, mask, opening)
        if closed > 0.0:
            self._draw_lid_line(frame, target, window, width, closed)

    def _closure(self, opening: float) -> float:
        """How far lids of an opening have closed since the photo: 0 not at all, 1 entirely."""
        return ramp(1.0 - opening / max(self.opening, 1e-3), *CLOSING)

    def turn_lashes(self, places: Array, target: Array) -> None:
        """Let a closing lid show skin where the open one has lashes: moves `places` `(vertices, 2)` in the photo."""
        eye = self.landmarks
        closed = self._closure(lid_opening(eye, target))
        if closed == 0.0:
            return
        upper, crease = list(eye.upper), list(eye.crease)
        # Least at the corners, where the lid's margin does not move.
        share = BARED * closed * np.sin(np.pi * (np.arange(len(upper)) + 1.0) / (len(upper) + 1.0)) ** 0.5
        places[upper] += share[:, None].astype(np.float32) * (places[crease] - places[upper])

    def _draw_ball(
        self, frame: NDArray[np.uint8], target: Array, transform: Array, window: Window, mask: Array,
        opening: float,
    ) -> None:  # fmt: skip
        rows, columns = window
        map_x, map_y, turn = self._ball_map(target, transform, window)
        t = min(1.0, max(abs(opening - self.opening) / ALERT, turn / ALERT))
        patch = self.seen if t == 0.0 else cv2.addWeighted(self.filled, t, self.seen, 1.0 - t, 0.0)
        ball = cv2.remap(patch, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        lid = SHADOW * self._closure(opening)
        if lid > 0.0:
            reach = SHADOW_REACH.of(float(np.ptp(target[list(self.landmarks.outline), 0])))
            lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, reach]])
            lit = cv2.GaussianBlur(cv2.warpAffine(mask, lowered, mask.shape[::-1]), (0, 0), reach)
            ball *= 1.0 - lid * (1.0 - np.clip(SHADOW_ENDS * lit, 0.0, 1.0))[..., None]
        part = frame[rows, columns].astype(np.float32)
        frame[rows, columns] = (part + mask[..., None] * (ball - part) + 0.5).astype(np.uint8)

    def _ball_map(self, target: Array, transform: Array, window: Window) -> tuple[Array, Array, float]:
        """
        Where in the patches each pixel of the window comes from: the rigid head, then the turn of the iris; and the
        turn in iris radii.
        """
        eye, source = self.landmarks, self.source
        rows, columns = window
        y, x = np.mgrid[rows, columns].astype(np.float32)
        depth = float(source[[eye.outer, eye.inner], 2].mean())
        inverse = np.linalg.inv(transform[:2, :2]).astype(np.float32)
        dx = x - (transform[0, 2] * depth + transform[0, 3])
        dy = y - (transform[1, 2] * depth + transform[1, 3])
        source_x, source_y = inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy

        iris, radius = iris_circle(eye, source)
        centre = target[eye.iris[0], :2] - transform[:2, 2] * depth - transform[:2, 3]
        turn = inverse @ centre - iris
        away = np.hypot(source_x - iris[0] - turn[0], source_y - iris[1] - turn[1]) / radius
        share = smoothstep(ramp(away, *GIVES_WAY))
        map_x, map_y = source_x - share * turn[0] - self.corner[0], source_y - share * turn[1] - self.corner[1]
        return map_x, map_y, float(np.hypot(*turn)) / radius

    def _draw_lid_line(
        self, frame: NDArray[np.uint8], target: Array, window: Window, width: float, closed: float
    ) -> None:
        """Smooth the slit where lids meet and draw the lashes along the upper one, as they turn down with it."""
        eye, corner = self.landmarks, corner_of(window)
        patch = frame[window].astype(np.float32)
        self._clear_lid(patch, target[:, :2] - corner, width, closed)
        shut = ramp(closed, *SLIT_SHUT)
        if shut > 0.0:
            lower, upper = target[[eye.outer, *eye.lower, eye.inner], :2], target[list(eye.upper), :2]
            slit = np.maximum(*(_stroke(lid - corner, patch.shape, SLIT * width) for lid in (lower, upper)))
            slit = cv2.GaussianBlur(slit, (0, 0), SLIT_BLUR.of(width))
            around = SLIT_SKIN.of(width)
            free = np.maximum(1.0 - SLIT_FREE * slit, 0.0)[..., None] + 1e-3
            skin = cv2.GaussianBlur(patch * free, (0, 0), around) / cv2.GaussianBlur(free, (0, 0), around)[..., None]
            patch += (shut * np.clip(SLIT_FILLED * slit, 0.0, 1.0))[..., None] * (skin - patch)
        margin = target[[eye.outer, *eye.upper, eye.inner], :2] - corner
        dark = _lash_line(margin, patch.shape, width, closed) * min(1.0, DARKENS * closed)
        patch *= 1.0 - dark[..., None] * (1.0 - self.lash)
        frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)

    def _clear_lid(self, patch: Array, points: Array, width: float, closed: float) -> None:
        """
        Take the open eye's lashes off the lid that they lie on, in place: dark strokes thinner than the crease, and
        what of a lash line or its make-up is much darker than the skin above once it is spread over the lid.
        """
        eye = self.landmarks
        margin, crease = points[[eye.outer, *eye.upper, eye.inner]], points[list(eye.crease)]
        everywhere = whole_window(patch.shape)
        lid = polygon_mask(np.concatenate([margin, crease[::-1]]), everywhere, blur=LID_BLUR.of(width))
        size = 2 * round(0.5 * LASH_WIDTH * width) + 1
        strokeless = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, np.ones((1, size), np.uint8))
        above = 0.5 * (crease + points[list(eye.brow_side)])
        known = polygon_mask(np.concatenate([crease, above[::-1]]), everywhere)[..., None] + 1e-4
        skin = cv2.blur(known * patch, (2 * size + 1, 4 * size + 1))
        skin /= cv2.blur(known, (2 * size + 1, 4 * size + 1))[..., None]
        # A little too dark is brightened; what is no skin at all is painted over.
        gain = np.maximum(LID_LIGHT * skin.mean(2, keepdims=True) / (strokeless.mean(2, keepdims=True) + 1.0), 1.0)
        painted = ramp(gain, *PAINTED)
        strokeless = (1.0 - painted) * gain * strokeless + painted * LID_LIGHT * skin
        strokeless = cv2.GaussianBlur(strokeless, (0, 0), LID_SOFT.of(width))
        patch += (ramp(closed, *LID_CLEARS) * lid)[..., None] * (strokeless - patch)


def build_eye(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks, blink: float = 0.0) -> Eye:
    """Take an eye out of a photo, caught in as much of a blink, and fill in what its lids hide."""
    iris, radius = iris_circle(eye, landmarks)
    outline = landmarks[list(eye.outline), :2]
    around = np.concatenate([outline, [iris - BALL_ROOM * radius, iris + BALL_ROOM * radius]])
    low = np.clip(around.min(0) - BALL_BORDER * radius, 0, np.array(image.shape[1::-1]) - 2).astype(int)
    high = np.clip(around.max(0) + BALL_BORDER * radius + 2, low + 2, image.shape[1::-1]).astype(int)
    window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    seen = np.ascontiguousarray(image[window])
    filled = _fill_ball(seen, outline - low, iris - low, radius)
    if blink > 0.0:
        share = min(1.0, blink / CAUGHT)
        colour = _iris_colour(seen, outline - low, iris - low, radius)
        ball = _make_ball(seen.shape, iris - low, radius, colour, _skin_colour(image, landmarks, eye))
        filled = cv2.addWeighted(ball, share, filled, 1.0 - share, 0.0)
    return Eye(
        landmarks=eye,
        source=landmarks,
        corner=low.astype(np.float32),
        seen=seen,
        filled=filled,
        lash=_lash_colour(image, landmarks, eye),
        opening=lid_opening(eye, landmarks),
    )


def iris_circle(eye: EyeLandmarks, points: Array) -> tuple[Array, float]:
    """Centre `(2,)` and radius of the iris in pixels."""
    centre = points[eye.iris[0], :2]
    return centre, max(1.0, float(np.linalg.norm(points[list(eye.iris[1:]), :2] - centre, axis=1).mean()))


def lid_opening(eye: EyeLandmarks, points: Array) -> float:
    """Mean gap of the lids over the eye's width."""
    gap = np.linalg.norm(points[list(eye.lower), :2] - points[list(eye.upper), :2], axis=1).mean()
    return float(gap / max(np.linalg.norm(points[eye.outer, :2] - points[eye.inner, :2]), 1e-6))


def _fill_ball(seen: NDArray[np.uint8], outline: Array, iris: Array, radius: float) -> NDArray[np.uint8]:
    """The eyeball without lids: hidden iris from what is across its centre or at the same radius, then the white."""
    shape = seen.shape[:2]
    window = whole_window(shape)
    between = (polygon_mask(outline, window) > SURELY_INSIDE).astype(np.uint8)
    inside = cv2.erode(between, np.ones((3, 3), np.uint8))
    if inside.sum() < LEAST_UNSHADED * between.sum():
        inside = between
    y, x = np.mgrid[window].astype(np.float32)
    dx, dy = x - iris[0], y - iris[1]
    away = np.hypot(dx, dy) / radius
    picture = seen.astype(np.float32)
    ball = picture.copy()
    known = inside.astype(np.float32)
    if not inside.any():
        return seen

    # The iris: as seen across, upside down; where that is hidden too, as at the same distance from the centre.
    flipped_y = (iris[1] - dy).astype(np.float32)
    across = cv2.remap(picture, x, flipped_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    across_known = cv2.remap(known, x, flipped_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    rings = np.minimum((away * RINGS / LIMBUS).astype(int), RINGS)
    total = np.bincount(rings.ravel(), known.ravel(), RINGS + 1)
    colours = [(known * picture[..., channel]).ravel() for channel in range(3)]
    means = np.stack([np.bincount(rings.ravel(), colour, RINGS + 1) for colour in colours], axis=1)
    seen_rings = np.flatnonzero(total > 0)
    nearest = seen_rings[np.abs(np.arange(RINGS + 1)[:, None] - seen_rings).argmin(1)]
    radial = (means[nearest] / total[nearest, None])[rings]
    disc = across_known[..., None] * across + (1.0 - across_known[..., None]) * radial
    disc = np.minimum(disc, radial + MOST_GLINT)
    within = away < LIMBUS
    ball[within & (inside == 0)] = disc[within & (inside == 0)]

    # The white: pulled outwards from where it is seen, a little darker as it goes round.
    white = known * (away > WHITE)
    if white.sum() < LEAST_WHITE:
        white = known
    sigma = WHITE_REACH * radius
    for _ in range(WHITE_ROUNDS):
        weight = cv2.GaussianBlur(white, (0, 0), sigma)
        coarse = cv2.GaussianBlur(ball * white[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)[..., None]
        grown = (white == 0) & (weight > 1e-4) & ~within & (inside == 0)
        ball[grown] = WHITE_SHADE * coarse[grown]
        white = np.where(grown, 1.0, white)
    soft = cv2.GaussianBlur(ball, (0, 0), BALL_BLUR.of(radius))
    edge = cv2.GaussianBlur(known, (0, 0), BALL_EDGE.of(radius))[..., None]
    blended = np.where(inside[..., None] > 0, picture, soft)
    return np.clip(edge * blended + (1.0 - edge) * soft + 0.5, 0, 255).astype(np.uint8)


def _make_ball(shape: tuple[int, ...], iris: Array, radius: float, colour: Array, skin: Array) -> NDArray[np.uint8]:
    """An eyeball for a photo that hides all of it but a slit: the iris of a colour, the white in the skin's light."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x - iris[0]) / radius, (y - iris[1]) / radius
    away = np.hypot(x, y)
    soft = max(MADE_EDGE, 1.0 / radius)

    def disc(distance: Array, size: float) -> Array:
        return np.clip((size - distance) / soft + 0.5, 0.0, 1.0)[..., None].astype(np.float32)

    lid = 1.0 - MADE_SHADE * np.clip(MADE_SHADE_END - y, 0.0, 1.0)[..., None]
    light, tint = MADE_WHITE
    middle, falls, least = MADE_WHITE_ROUND
    white = (light * skin.mean() + tint * skin) * np.clip(middle - falls * away, least, 1.0)[..., None]
    middle, rim, steep, below = MADE_IRIS
    ring = colour * (middle - rim * np.clip(away, 0.0, 1.0) ** steep + below * np.clip(y, -1.0, 1.0))[..., None]
    ball = white + disc(away, 1.0) * (ring - white)
    ball *= 1.0 - PUPIL_DARK * disc(away, PUPIL)
    ball *= lid
    ball += GLINT_LIGHT * disc(np.hypot(x - GLINT_AT[0], y - GLINT_AT[1]), GLINT) * (255.0 - ball)
    return (cv2.GaussianBlur(ball, (0, 0), BALL_BLUR.of(radius)) + 0.5).clip(0, 255).astype(np.uint8)


def _iris_colour(seen: NDArray[np.uint8], outline: Array, iris: Array, radius: float) -> Array:
    """Colour `(3,)` of what the lids show of the iris around its pupil: its darker half, not lid or glint."""
    y, x = np.mgrid[: seen.shape[0], : seen.shape[1]]
    away = np.hypot(x - iris[0], y - iris[1]) / radius
    shown = polygon_mask(outline, whole_window(seen.shape)) > 0.5
    pupil, limbus = SEEN_IRIS
    ring = shown & (away < limbus) & (away > pupil)
    if not ring.any():
        return DARK_IRIS
    colours = seen[ring].astype(np.float32)
    light = colours.mean(1)
    return np.median(colours[light <= np.median(light)], axis=0)


def _skin_colour(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """Median colour along the crease over the eye, `(3,)`."""
    return np.median(colours_at(image, landmarks[list(eye.crease), :2]), axis=0)


def _lash_colour(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """The darkest of the upper lid's margin over the skin above it, between black and a light brown."""
    upper, crease = landmarks[list(eye.upper), :2], landmarks[list(eye.crease), :2]
    places = upper + LASH_PLACES[:, None, None] * (crease - upper)
    margin = np.percentile(colours_at(image, places.reshape(-1, 2)), LASH_DARKEST, axis=0)
    return np.clip(margin / np.maximum(_skin_colour(image, landmarks, eye), 1.0), *LASH_COLOURS).astype(np.float32)


def _stroke(points: Array, shape: tuple[int, ...], width: float) -> Array:
    """A smooth curve through points, `(height, width)` in [0, 1]."""
    t = np.linspace(0, len(points) - 1, STROKE_STEPS * len(points))
    x, y = (np.interp(t, np.arange(len(points)), points[:, axis]) for axis in (0, 1))
    curve = np.stack([np.convolve(np.pad(c, 2, mode="edge"), STROKE_KERNEL, mode="valid") for c in (x, y)], axis=1)
    drawing = np.zeros(shape[:2], np.uint8)
    cv2.polylines(drawing, [fixed_point(curve)], False, 255, whole(width), cv2.LINE_AA, SHIFT)
    return drawing.astype(np.float32) / 255.0


def _lash_line(margin: Array, shape: tuple[int, ...], width: float, closed: float) -> Array:
    """How much light lashes and the line where they grow take along the upper lid's margin, in [0, 1]."""
    line = _stroke(margin, shape, LINE * width)
    line = LINE_CORE * cv2.GaussianBlur(line, (0, 0), LINE_CORE_BLUR.of(width))
    line += LINE_HALO * cv2.GaussianBlur(line, (0, 0), LINE_HALO_BLUR * width)
    lashes = cv2.GaussianBlur(_lashes(margin, shape, width, closed), (0, 0), LASH_BLUR.of(width))
    lashes *= LASH_DARK * ramp(width, *LASH_SHOWS)
    return np.clip(line + lashes, 0.0, 1.0)


def _lashes(margin: Array, shape: tuple[int, ...], width: float, closed: float) -> Array:
    """Short strokes from the upper lid's margin downwards and outwards, longest in its outer half."""
    outwards = np.sign(margin[0, 0] - margin[-1, 0])
    drawing = np.zeros(shape[:2], np.uint8)
    (before, beside), (middle, taper), (lean, lost) = LASH_SPREAD, LASH_TAPER, LASH_LEAN
    for stroke in range(LASHES):
        t = (stroke + before) / (LASHES + beside)  # from the outer corner in
        place = t * (len(margin) - 1)
        root = np.array([np.interp(place, np.arange(len(margin)), margin[:, axis]) for axis in (0, 1)])
        length = LASH_LENGTH * width * closed * (middle + taper * np.cos(np.pi * t))
        tip = root + length * np.array([outwards * (lean - lost * t), LASH_DOWN])
        start, end = (fixed_point(place).tolist() for place in (root, tip))
        cv2.line(drawing, start, end, 255, whole(LASH_STROKE * width), cv2.LINE_AA, SHIFT)
    return drawing.astype(np.float32) / 255.0
