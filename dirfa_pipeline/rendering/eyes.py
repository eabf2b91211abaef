"""
Eyes under their lids: the eyeball stays with the head while lids slide over it, the iris turns with the gaze.

What lids hide in the photo is filled in once: the iris from its own visible part, the white around it from its edges.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.landmarks import EyeLandmarks
from .masks import polygon_mask, window_around


Array = NDArray[np.float32]

ALERT: Final = 0.06  # change of the opening, in eye widths, or turn, in iris radii, from which on the filled eye shows
BARED: Final = 0.5  # share of the skin between lashes and crease that a closed lid loses: lashes turn down with it
LID_LIGHT: Final = 0.65  # a closed lid is no darker than this share of the skin above its crease
SHADOW: Final = 0.30  # what a lowered lid's shadow takes from the eyeball
LASHES: Final = 14  # strokes on a closed lid
LASH_LENGTH: Final = 0.085  # of the eye's width
LASH_WIDTH: Final = 0.09  # of the same: how far apart the sides are of what counts as a lash on the lid
DARK_IRIS: Final = np.array([60.0, 42.0, 32.0], np.float32)  # where the lids show none
LIMBUS: Final = 1.06  # radius, in iris radii, within which the iris is filled from itself


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
    """

    landmarks: EyeLandmarks
    source: Array
    corner: Array
    seen: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    lash: Array

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
        window = window_around(outline, frame.shape, margin=max(3, round(0.25 * width)))
        if window is None or width < 2.0:
            return
        closed = self.closure(target)
        now, then = lid_opening(eye, target), lid_opening(eye, self.source)
        mask = polygon_mask(outline, window) * float(np.clip(now / 0.05, 0.0, 1.0))
        if mask.max() > 0.01:
            self._draw_ball(frame, target, transform, window, mask, abs(now - then))
        if closed > 0.0:
            self._draw_lid_line(frame, target, window, width, closed)

    def closure(self, target: Array) -> float:
        """How far the lids have closed since the photo: 0 not at all, 1 entirely."""
        now, then = lid_opening(self.landmarks, target), lid_opening(self.landmarks, self.source)
        return float(np.clip((1.0 - now / max(then, 1e-3) - 0.05) / 0.9, 0.0, 1.0))

    def turn_lashes(self, places: Array, target: Array) -> None:
        """Let a closing lid show skin where the open one has lashes: moves `places` `(vertices, 2)` in the photo."""
        eye, closed = self.landmarks, self.closure(target)
        if closed == 0.0:
            return
        upper, crease = list(eye.upper), list(eye.crease)
        # Least at the corners, where the lid's margin does not move.
        share = BARED * closed * np.sin(np.pi * (np.arange(len(upper)) + 1.0) / (len(upper) + 1.0)) ** 0.5
        places[upper] += share[:, None].astype(np.float32) * (places[crease] - places[upper])

    def _draw_ball(
        self, frame: NDArray[np.uint8], target: Array, transform: Array, window: tuple[slice, slice], mask: Array,
        opened: float,
    ) -> None:  # fmt: skip
        rows, columns = window
        map_x, map_y, turn = self._ball_map(target, transform, window)
        t = min(1.0, max(opened / ALERT, turn / ALERT))
        patch = self.seen if t == 0.0 else cv2.addWeighted(self.filled, t, self.seen, 1.0 - t, 0.0)
        ball = cv2.remap(patch, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        lid = SHADOW * self.closure(target)
        if lid > 0.0:
            reach = max(1.0, 0.08 * float(np.ptp(target[list(self.landmarks.outline), 0])))
            lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, reach]])
            lit = cv2.GaussianBlur(cv2.warpAffine(mask, lowered, mask.shape[::-1]), (0, 0), reach)
            ball *= 1.0 - lid * (1.0 - np.clip(1.6 * lit, 0.0, 1.0))[..., None]
        part = frame[rows, columns].astype(np.float32)
        frame[rows, columns] = (part + mask[..., None] * (ball - part) + 0.5).astype(np.uint8)

    def _ball_map(self, target: Array, transform: Array, window: tuple[slice, slice]) -> tuple[Array, Array, float]:
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
        # The whole iris moves; the white around it gives way within another radius and a half.
        away = np.hypot(source_x - iris[0] - turn[0], source_y - iris[1] - turn[1]) / radius
        share = np.clip((2.6 - away) / 1.5, 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        map_x, map_y = source_x - share * turn[0] - self.corner[0], source_y - share * turn[1] - self.corner[1]
        return map_x, map_y, float(np.hypot(*turn)) / radius

    def _draw_lid_line(
        self, frame: NDArray[np.uint8], target: Array, window: tuple[slice, slice], width: float, closed: float
    ) -> None:
        """Smooth the slit where lids meet and draw the lashes along the upper one, as they turn down with it."""
        eye = self.landmarks
        rows, columns = window
        corner = np.array([columns.start, rows.start], np.float32)
        patch = frame[rows, columns].astype(np.float32)
        self._clear_lid(patch, target[:, :2] - corner, width, closed)
        shut = float(np.clip((closed - 0.75) / 0.2, 0.0, 1.0))
        if shut > 0.0:
            slit = _stroke(target[[eye.outer, *eye.lower, eye.inner], :2] - corner, patch.shape, 0.05 * width)
            slit = np.maximum(slit, _stroke(target[list(eye.upper), :2] - corner, patch.shape, 0.05 * width))
            slit = cv2.GaussianBlur(slit, (0, 0), max(0.7, 0.02 * width))
            apart = max(1.0, 0.09 * width)
            open_skin = np.maximum(1.0 - 1.5 * slit, 0.0)[..., None] + 1e-3
            skin = cv2.GaussianBlur(patch * open_skin, (0, 0), apart)
            skin /= cv2.GaussianBlur(open_skin, (0, 0), apart)[..., None]
            patch += (shut * np.clip(1.4 * slit, 0.0, 1.0))[..., None] * (skin - patch)
        margin = target[[eye.outer, *eye.upper, eye.inner], :2] - corner
        line = _stroke(margin, patch.shape, 0.02 * width)
        line = 1.1 * cv2.GaussianBlur(line, (0, 0), max(0.7, 0.014 * width))
        line += 0.5 * cv2.GaussianBlur(line, (0, 0), 0.04 * width)
        # Single lashes show in large eyes only.
        lashes = cv2.GaussianBlur(_lashes(margin, patch.shape, width, closed), (0, 0), max(0.6, 0.010 * width))
        lashes *= 0.6 * float(np.clip((width - 30.0) / 60.0, 0.0, 1.0))
        dark = np.clip(line + lashes, 0.0, 1.0) * min(1.0, 1.2 * closed)
        patch *= 1.0 - dark[..., None] * (1.0 - self.lash)
        frame[rows, columns] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)

    def _clear_lid(self, patch: Array, points: Array, width: float, closed: float) -> None:
        """
        Take the open eye's lashes off the lid that they lie on, in place: dark strokes thinner than the crease, and
        what of a lash line or its make-up is much darker than the skin above once it is spread over the lid.
        """
        eye = self.landmarks
        margin, crease = points[[eye.outer, *eye.upper, eye.inner]], points[list(eye.crease)]
        whole = (slice(0, patch.shape[0]), slice(0, patch.shape[1]))
        lid = polygon_mask(np.concatenate([margin, crease[::-1]]), whole, blur=max(0.7, 0.03 * width))
        size = 2 * round(0.5 * LASH_WIDTH * width) + 1
        strokeless = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, np.ones((1, size), np.uint8))
        above = 0.5 * (crease + points[list(eye.brow_side)])
        known = polygon_mask(np.concatenate([crease, above[::-1]]), whole)[..., None] + 1e-4
        skin = cv2.blur(known * patch, (2 * size + 1, 4 * size + 1))
        skin /= cv2.blur(known, (2 * size + 1, 4 * size + 1))[..., None]
        # A little too dark is brightened; what is no skin at all is painted over.
        gain = np.maximum(LID_LIGHT * skin.mean(2, keepdims=True) / (strokeless.mean(2, keepdims=True) + 1.0), 1.0)
        painted = np.clip((gain - 1.2) / 0.4, 0.0, 1.0)
        strokeless = (1.0 - painted) * gain * strokeless + painted * LID_LIGHT * skin
        strokeless = cv2.GaussianBlur(strokeless, (0, 0), max(0.6, 0.2 * LASH_WIDTH * width))
        share = float(np.clip((closed - 0.2) / 0.6, 0.0, 1.0))
        patch += (share * lid)[..., None] * (strokeless - patch)


def build_eye(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks, blink: float = 0.0) -> Eye:
    """Take an eye out of a photo, caught in as much of a blink, and fill in what its lids hide."""
    iris, radius = iris_circle(eye, landmarks)
    outline = landmarks[list(eye.outline), :2]
    around = np.concatenate([outline, [iris - 2.0 * radius, iris + 2.0 * radius]])
    low = np.clip(around.min(0) - radius, 0, np.array(image.shape[1::-1]) - 2).astype(int)
    high = np.clip(around.max(0) + radius + 2, low + 2, image.shape[1::-1]).astype(int)
    window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    seen = np.ascontiguousarray(image[window])
    filled = _fill_ball(seen, outline - low, iris - low, radius)
    if blink > 0.0:
        share = min(1.0, blink / 0.2)
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
    window = (slice(0, shape[0]), slice(0, shape[1]))
    # Lids shade what is next to them.
    whole = (polygon_mask(outline, window) > 0.6).astype(np.uint8)
    inside = cv2.erode(whole, np.ones((3, 3), np.uint8))
    if inside.sum() < 0.4 * whole.sum():
        inside = whole
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
    rings = np.minimum((away * 12.0 / LIMBUS).astype(int), 12)
    total = np.bincount(rings.ravel(), known.ravel(), 13)
    means = np.stack(
        [np.bincount(rings.ravel(), (known * picture[..., channel]).ravel(), 13) for channel in range(3)], axis=1
    )
    seen_rings = np.flatnonzero(total > 0)
    nearest = seen_rings[np.abs(np.arange(13)[:, None] - seen_rings).argmin(1)]
    radial = (means[nearest] / total[nearest, None])[rings]
    disc = across_known[..., None] * across + (1.0 - across_known[..., None]) * radial
    # Not the eye's highlight twice.
    disc = np.minimum(disc, radial + 40.0)
    within = away < LIMBUS
    ball[within & (inside == 0)] = disc[within & (inside == 0)]

    # The white: pulled outwards from where it is seen, a little darker as it goes round.
    white = known * (away > 1.15)
    if white.sum() < 8:
        white = known
    sigma = 0.5 * radius
    for _ in range(3):
        weight = cv2.GaussianBlur(white, (0, 0), sigma)
        coarse = cv2.GaussianBlur(ball * white[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)[..., None]
        grown = (white == 0) & (weight > 1e-4) & ~within & (inside == 0)
        ball[grown] = 0.97 * coarse[grown]
        white = np.where(grown, 1.0, white)
    soft = cv2.GaussianBlur(ball, (0, 0), max(0.6, 0.05 * radius))
    edge = cv2.GaussianBlur(known, (0, 0), max(0.7, 0.06 * radius))[..., None]
    blended = np.where(inside[..., None] > 0, picture, soft)
    return np.clip(edge * blended + (1.0 - edge) * soft + 0.5, 0, 255).astype(np.uint8)


def _make_ball(shape: tuple[int, ...], iris: Array, radius: float, colour: Array, skin: Array) -> NDArray[np.uint8]:
    """An eyeball for a photo that hides all of it but a slit: the iris of a colour, the white in the skin's light."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x - iris[0]) / radius, (y - iris[1]) / radius
    away = np.hypot(x, y)
    soft = max(0.08, 1.0 / radius)

    def disc(distance: Array, size: float) -> Array:
        return np.clip((size - distance) / soft + 0.5, 0.0, 1.0)[..., None].astype(np.float32)

    lid = 1.0 - 0.35 * np.clip(0.2 - y, 0.0, 1.0)[..., None]  # its shadow
    white = (0.7 * skin.mean() + 0.3 * skin) * np.clip(1.25 - 0.2 * away, 0.6, 1.0)[..., None]
    ring = colour * (1.1 - 0.5 * np.clip(away, 0.0, 1.0) ** 4 + 0.2 * np.clip(y, -1.0, 1.0))[..., None]
    ball = white + disc(away, 1.0) * (ring - white)
    ball *= 1.0 - 0.85 * disc(away, 0.42)
    ball *= lid
    ball += 0.75 * disc(np.hypot(x + 0.28, y + 0.3), 0.13) * (255.0 - ball)
    return (cv2.GaussianBlur(ball, (0, 0), max(0.6, 0.05 * radius)) + 0.5).clip(0, 255).astype(np.uint8)


def _iris_colour(seen: NDArray[np.uint8], outline: Array, iris: Array, radius: float) -> Array:
    """Colour `(3,)` of what the lids show of the iris around its pupil: its darker half, not lid or glint."""
    y, x = np.mgrid[: seen.shape[0], : seen.shape[1]]
    away = np.hypot(x - iris[0], y - iris[1]) / radius
    shown = polygon_mask(outline, (slice(0, seen.shape[0]), slice(0, seen.shape[1]))) > 0.5
    ring = shown & (away < 0.9) & (away > 0.45)
    if not ring.any():
        return DARK_IRIS
    colours = seen[ring].astype(np.float32)
    light = colours.mean(1)
    return np.median(colours[light <= np.median(light)], axis=0)


def _skin_colour(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """Median colour along the crease over the eye, `(3,)`."""
    places = np.clip(landmarks[list(eye.crease), :2].round().astype(int), 0, np.array(image.shape[1::-1]) - 1)
    return np.median(image[places[:, 1], places[:, 0]].astype(np.float32), axis=0)


def _lash_colour(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """The darkest of the upper lid's margin over the skin above it, between black and a light brown."""
    limits = np.array(image.shape[1::-1]) - 1
    upper, crease = landmarks[list(eye.upper), :2], landmarks[list(eye.crease), :2]
    steps = np.linspace(-0.15, 0.25, 9)[:, None, None]
    places = np.clip((upper + steps * (crease - upper)).round().astype(int), 0, limits).reshape(-1, 2)
    margin = np.percentile(image[places[:, 1], places[:, 0]].astype(np.float32), 12, axis=0)
    return np.clip(margin / np.maximum(_skin_colour(image, landmarks, eye), 1.0), 0.22, 0.62).astype(np.float32)


def _stroke(points: Array, shape: tuple[int, ...], width: float) -> Array:
    """A smooth curve through points, `(height, width)` in [0, 1]."""
    t = np.linspace(0, len(points) - 1, 5 * len(points))
    x, y = (np.interp(t, np.arange(len(points)), points[:, axis]) for axis in (0, 1))
    kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
    curve = np.stack([np.convolve(np.pad(c, 2, mode="edge"), kernel, mode="valid") for c in (x, y)], axis=1)
    drawing = np.zeros(shape[:2], np.uint8)
    cv2.polylines(drawing, [(16.0 * curve).round().astype(np.int32)], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return drawing.astype(np.float32) / 255.0


def _lashes(margin: Array, shape: tuple[int, ...], width: float, closed: float) -> Array:
    """Short strokes from the upper lid's margin downwards and outwards, longest in its outer half."""
    outwards = np.sign(margin[0, 0] - margin[-1, 0])
    drawing = np.zeros(shape[:2], np.uint8)
    for stroke in range(LASHES):
        t = (stroke + 0.7) / (LASHES + 0.6)  # from the outer corner in
        place = t * (len(margin) - 1)
        root = np.array([np.interp(place, np.arange(len(margin)), margin[:, axis]) for axis in (0, 1)])
        length = LASH_LENGTH * width * closed * (0.55 + 0.45 * np.cos(np.pi * t))
        lean = outwards * (0.75 - 0.85 * t)
        tip = root + length * np.array([lean, 0.85])
        ends = [tuple((16.0 * end).round().astype(int).tolist()) for end in (root, tip)]
        cv2.line(drawing, ends[0], ends[1], 255, max(1, round(0.012 * width)), cv2.LINE_AA, 4)
    return drawing.astype(np.float32) / 255.0
