"""
Eyes under their lids: the eyeball stays with the head while lids slide over it, the iris turns with the gaze.

What lids hide in the photo is filled in once: the iris from its own visible part, the white around it from its edges.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.landmarks import EyeLandmarks
from .eyelids import UpperLid, build_upper_lid
from .irises import (
    GLINT_AT,
    SURELY_INSIDE,
    Highlight,
    ball_window,
    clear_iris,
    draw_iris,
    find_highlight,
    hidden_share,
    iris_circle,
    iris_colour,
    is_seen,
    lid_shade,
    match_irises,
    places_around,
    skin_over,
    unclear_for_its_size,
)
from .masks import (
    SHIFT,
    Softness,
    Window,
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
BALL_SEAM: Final = 3  # pixels around the lids' outline over which the eyeball ends
LID_ROOM: Final = 0.25  # eye widths around it where the lid and what it clears away are drawn
LEAST_WIDTH: Final = 2.0  # pixels: smaller eyes are left to the mesh
OPENED: Final = (0.0, 0.05)  # opening over which the eyeball appears
LEAST_COVER: Final = 0.01  # of a pixel's light: less of the eyeball is not drawn
CLOSING: Final = (0.05, 0.9)  # share of the photo's opening that is lost: a blink begins beyond what landmarks tremble

# The eyeball under moving lids.
ALERT: Final = 0.06  # change of the opening, in eye widths, or turn, in iris radii, from which on the filled eye shows
SHADOW: Final = 0.30  # what a lowered lid's shadow takes from the eyeball
SHADOW_REACH: Final = Softness(1.0, 0.08)  # how far down, and how softly
DIMMED: Final = 0.35  # what shutting lids and their lashes take from all of the eyeball; measured, see `eyelids.py`
DIMMING: Final = (0.0, 0.6)  # closure over which they do
SHADOW_ENDS: Final = 1.6  # gain of the light under a lid: from 1 / 1.6 on there is no shadow
GIVES_WAY: Final = (2.6, -1.5)  # iris radii: the whole iris moves, the white around it gives way as far as this

# The slit between lids that meet.
SLIT_SHUT: Final = (0.75, 0.2)  # closure over which it is smoothed
SLIT: Final = 0.07  # eye widths: its strokes
SLIT_BLUR: Final = Softness(0.7, 0.02)
SLIT_SKIN: Final = Softness(1.0, 0.09)  # how far around skin is taken from to fill it
SLIT_FREE, SLIT_FILLED = 1.5, 1.4  # gains of the slit where skin is not taken from, and where it is filled

# The eyeball without lids, in iris radii.
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
CAUGHT: Final = (0.25, 0.25)  # blink over which the eyeball is ever more made instead of filled in
HIDDEN: Final = (0.38, 0.04)  # hidden share of both irises over which it is, too: mirrored, half a pupil is a slot
MADE_WHITE: Final = (0.45, 0.55)  # shares of the skin's light, and of its colour
MADE_WHITE_ROUND: Final = (1.25, 0.2, 0.6)  # its light in the middle, what it loses a radius, and the least

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
        lid ([`UpperLid`]): What comes down over it.
        opening (`float`): Of the lids in the photo, over the eye's width.
        made (`float`): How far the eyeball without lids is drawn, in [0, 1], and not the photo's.
    """

    landmarks: EyeLandmarks
    source: Array
    corner: Array
    seen: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    lid: UpperLid
    opening: float
    made: float

    @property
    def place(self) -> Array:
        """Between its corners in the photo, `(3,)` in pixels."""
        return np.asarray(self.source[[self.landmarks.outer, self.landmarks.inner]].mean(0), np.float32)

    def draw(self, frame: NDArray[np.uint8], target: Array, transform: Array) -> None:
        """
        Paint the eye into a frame, in place.

        Args:
            frame (`np.ndarray` of shape `(height, width, 3)`): Already warped by the mesh.
            target (`np.ndarray` of shape `(478, 3)`): Landmarks of the frame.
            transform (`np.ndarray` of shape `(3, 4)`): The head's rigid motion since the photo, as seen there.
        """
        eye = self.landmarks
        outline = target[list(eye.outline), :2]
        width = float(np.linalg.norm(target[eye.outer, :2] - target[eye.inner, :2]))
        window = window_around(outline, frame.shape, margin=BALL_SEAM)
        if window is None or width < LEAST_WIDTH:
            return
        opening = lid_opening(eye, target)
        closed = self._closure(opening)
        mask = polygon_mask(outline, window) * ramp(opening, *OPENED)
        if mask.max() > LEAST_COVER:
            self._draw_ball(frame, target, transform, window, mask, opening)
        if closed > 0.0:
            room, brow = LID_ROOM * width, target[list(eye.brow_side), :2]
            socket = window_around(np.concatenate([outline - room, outline + room, brow]), frame.shape, margin=1)
            self._draw_lid(frame, target, transform, socket or window, width, closed)

    def _closure(self, opening: float) -> float:
        """How far lids of an opening have closed since the photo: 0 not at all, 1 entirely."""
        return ramp(1.0 - opening / max(self.opening, 1e-3), *CLOSING)

    def _draw_ball(
        self, frame: NDArray[np.uint8], target: Array, transform: Array, window: Window, mask: Array,
        opening: float,
    ) -> None:  # fmt: skip
        rows, columns = window
        map_x, map_y, turn = self._ball_map(target, transform, window)
        t = min(1.0, max(abs(opening - self.opening) / ALERT, turn / ALERT))
        patch = self.seen if t == 0.0 else cv2.addWeighted(self.filled, t, self.seen, 1.0 - t, 0.0)
        ball = cv2.remap(patch, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        closed = self._closure(opening)
        if closed > 0.0:
            reach = SHADOW_REACH.of(float(np.ptp(target[list(self.landmarks.outline), 0])))
            lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, reach]])
            below = cv2.warpAffine(mask, lowered, mask.shape[::-1])
            lit = cv2.GaussianBlur(below, (0, 0), reach, borderType=cv2.BORDER_CONSTANT)
            shadow = SHADOW * closed * (1.0 - np.clip(SHADOW_ENDS * lit, 0.0, 1.0))
            ball *= ((1.0 - DIMMED * ramp(closed, *DIMMING)) * (1.0 - shadow))[..., None]
        part = frame[rows, columns].astype(np.float32)
        frame[rows, columns] = (part + mask[..., None] * (ball - part) + 0.5).astype(np.uint8)

    def _rigid_map(self, transform: Array, window: Window) -> tuple[Array, Array]:
        """Where in the photo each pixel of the window comes from by the head's motion alone."""
        y, x = np.mgrid[window].astype(np.float32)
        inverse = np.linalg.inv(transform[:2, :2]).astype(np.float32)
        dx = x - (transform[0, 2] * self.place[2] + transform[0, 3])
        dy = y - (transform[1, 2] * self.place[2] + transform[1, 3])
        return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy

    def _ball_map(self, target: Array, transform: Array, window: Window) -> tuple[Array, Array, float]:
        """
        Where in the patches each pixel of the window comes from: the rigid head, then the turn of the iris; and the
        turn in iris radii.
        """
        eye, source = self.landmarks, self.source
        depth = self.place[2]
        inverse = np.linalg.inv(transform[:2, :2]).astype(np.float32)
        source_x, source_y = self._rigid_map(transform, window)

        iris, radius = iris_circle(eye, source)
        centre = target[eye.iris[0], :2] - transform[:2, 2] * depth - transform[:2, 3]
        turn = inverse @ centre - iris
        away = np.hypot(source_x - iris[0] - turn[0], source_y - iris[1] - turn[1]) / radius
        share = smoothstep(ramp(away, *GIVES_WAY))
        map_x, map_y = source_x - share * turn[0] - self.corner[0], source_y - share * turn[1] - self.corner[1]
        return map_x, map_y, float(np.hypot(*turn)) / radius

    def _draw_lid(
        self, frame: NDArray[np.uint8], target: Array, transform: Array, window: Window, width: float, closed: float
    ) -> None:  # fmt: skip
        """Smooth the slit where lids meet, and let the upper one come down, under what glasses have over it."""
        eye, corner = self.landmarks, corner_of(window)
        patch = frame[window].astype(np.float32)
        shut = ramp(closed, *SLIT_SHUT)
        if shut > 0.0:
            lower, upper = target[[eye.outer, *eye.lower, eye.inner], :2], target[list(eye.upper), :2]
            slit = np.maximum(*(_stroke(lid - corner, patch.shape, SLIT * width) for lid in (lower, upper)))
            slit = cv2.GaussianBlur(slit, (0, 0), SLIT_BLUR.of(width))
            around = SLIT_SKIN.of(width)
            free = np.maximum(1.0 - SLIT_FREE * slit, 0.0)[..., None] + 1e-3
            skin = cv2.GaussianBlur(patch * free, (0, 0), around) / cv2.GaussianBlur(free, (0, 0), around)[..., None]
            patch += (shut * np.clip(SLIT_FILLED * slit, 0.0, 1.0))[..., None] * (skin - patch)
        shown = self.lid.draw(patch, target[:, :2] - corner, closed)
        if self.lid.over.any():
            map_x, map_y = self._rigid_map(transform, window)
            over = cv2.remap(self.lid.over, map_x - self.corner[0], map_y - self.corner[1], cv2.INTER_LINEAR)
            glass = cv2.remap(self.seen, map_x - self.corner[0], map_y - self.corner[1], cv2.INTER_LINEAR)
            patch += (over * shown)[..., None] * (glass - patch)
        frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def build_eyes(
    image: NDArray[np.uint8], landmarks: Array, blinks: dict[EyeLandmarks, float], glasses: float
) -> tuple[Eye, ...]:
    """
    Take the eyes out of a photo, each caught in as much of a blink, and fill in what their lids hide.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The photo, uint8.
        landmarks (`np.ndarray` of shape `(478, 3)`): Its landmarks.
        blinks (`dict[EyeLandmarks, float]`): How far shut each eye is, see [`FaceFit`].
        glasses (`float`): How sure glasses are, in [0, 1].
    """
    image, unlike = match_irises(image, landmarks, tuple(blinks))
    colour = iris_colour(image, landmarks, tuple(blinks))
    hidden = ramp(float(np.mean([hidden_share(landmarks, eye) for eye in blinks])), *HIDDEN)
    eyes = tuple(
        _build_eye(image, landmarks, eye, max(ramp(blink, *CAUGHT), hidden), colour, glasses)
        for eye, blink in blinks.items()
    )
    eyes = _with_clear_irises(eyes, colour, unlike)
    size = eyes[0].lid.lashes.shape[::-1]
    # Measured alone, the lashes of one eye would often be far darker than those of the other.
    lashes = np.mean([cv2.resize(eye.lid.lashes, size) for eye in eyes], axis=0)
    return tuple(replace(eye, lid=replace(eye.lid, lashes=lashes)) for eye in eyes)


def _build_eye(
    image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks, made: float, colour: Array, glasses: float
) -> Eye:
    window = ball_window(image, landmarks, eye)
    corner, seen = corner_of(window), np.ascontiguousarray(image[window])
    iris, radius = iris_circle(eye, landmarks)
    filled = _fill_ball(seen, landmarks[list(eye.outline), :2] - corner, iris - corner, radius)
    if made > 0.0:
        ball = _make_ball(seen.shape, iris - corner, radius, colour, skin_over(image, landmarks, eye))
        filled = cv2.addWeighted(ball, made, filled, 1.0 - made, 0.0)
    return Eye(
        landmarks=eye,
        source=landmarks,
        corner=corner,
        seen=seen,
        filled=filled,
        lid=build_upper_lid(image, landmarks, eye, glasses, window),
        opening=lid_opening(eye, landmarks),
        made=made,
    )


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
    places = places_around(shape, iris, radius)
    light, tint = MADE_WHITE
    middle, falls, least = MADE_WHITE_ROUND
    white = (light * skin.mean() + tint * skin) * np.clip(middle - falls * places.away, least, 1.0)[..., None]
    white = white * lid_shade(places)
    ball = white + places.disc(1.0) * (draw_iris(places, colour) - white)
    return (cv2.GaussianBlur(ball, (0, 0), BALL_BLUR.of(radius)) + 0.5).clip(0, 255).astype(np.uint8)


def _with_clear_irises(eyes: tuple[Eye, ...], colour: Array, unlike: float) -> tuple[Eye, ...]:
    """
    The eyes with irises of a colour as far as one in sight shows no highlight, they are unlike or have few pixels; one
    without a highlight gets it where the other's is.
    """
    circles = [iris_circle(eye.landmarks, eye.source) for eye in eyes]
    around, shown, found = [], [], []
    for eye, (iris, radius) in zip(eyes, circles, strict=True):
        outline = eye.source[list(eye.landmarks.outline), :2] - eye.corner
        around.append(places_around(eye.seen.shape, iris - eye.corner, radius))
        shown.append(polygon_mask(outline, whole_window(eye.seen.shape)))
        found.append(find_highlight(eye.seen, shown[-1], around[-1]))
    best = max(found, key=lambda highlight: highlight.light)
    if best.missing == 1.0:
        best = Highlight(0.0, *GLINT_AT)
    # Both alike: one clear eye next to a dull one is told at once.
    dull = [own.missing for eye, own in zip(eyes, found, strict=True) if is_seen(eye.source, eye.landmarks)]
    unclear = max(unlike, unclear_for_its_size(min(radius for _, radius in circles)), *dull)
    cleared = []
    for eye, mask, places, own in zip(eyes, shown, around, found, strict=True):
        highlight = best if own.missing == 1.0 else own
        seen = clear_iris(eye.seen, mask, places, colour, unclear, highlight)
        filled = clear_iris(eye.filled, np.ones_like(mask), places, colour, max(unclear, eye.made), highlight)
        cleared.append(replace(eye, seen=seen, filled=filled))
    return tuple(cleared)


def _stroke(points: Array, shape: tuple[int, ...], width: float) -> Array:
    """A smooth curve through points, `(height, width)` in [0, 1]."""
    t = np.linspace(0, len(points) - 1, STROKE_STEPS * len(points))
    x, y = (np.interp(t, np.arange(len(points)), points[:, axis]) for axis in (0, 1))
    curve = np.stack([np.convolve(np.pad(c, 2, mode="edge"), STROKE_KERNEL, mode="valid") for c in (x, y)], axis=1)
    drawing = np.zeros(shape[:2], np.uint8)
    cv2.polylines(drawing, [fixed_point(curve)], False, 255, whole(width), cv2.LINE_AA, SHIFT)
    return drawing.astype(np.float32) / 255.0
