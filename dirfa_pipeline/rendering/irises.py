"""Irises: one colour for both, and a clear pupil with a highlight for those that a photo shows dull."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp
from ..face.landmarks import EyeLandmarks
from ..face.measures import iris_diameter, lid_gap
from .masks import Window, colours_at, corner_of, polygon_mask, shape_of


Array = NDArray[np.float32]

# Numbers were chosen by eye on contact sheets of open, narrow and turning eyes. Lengths: in radii of the iris.
# Pairs for `ramp`: where it starts, and over how much it goes, below 0 if it falls.

BALL_ROOM, BALL_BORDER = 2.0, 1.0  # around the iris; around that and the lids' outline
SURELY_INSIDE: Final = 0.6  # of the mask of the lids' outline

# Two irises of one person.
ALIKE: Final = 0.85  # share of the way to one colour; seen: an iris in other light looks wrong once the head moves
APART: Final = (0.10, 0.05)  # logarithmic difference of hues over which that is done; seen: smaller ones look right
LEAST_IRIS: Final = 6  # pixels of each by which their colours are compared
LEAST_GAP: Final = 0.3  # of its diameter, between lids: an eye shut more, as in a wink, says nothing of the other
MOST_GAIN: Final = 1.8  # of an iris's light, up or down
DISC_CORNERS: Final = 40  # of the polygon that stands for an iris where its hidden share is measured

# Their colour.
SHOWN_IRIS: Final = (0.02, 0.10)  # of its disc: what the lids must show of both irises for their colour to be theirs
SEEN_IRIS: Final = (0.45, 0.9)  # the iris around its pupil, within the limbus
UNLIT: Final = 0.8  # share of an iris that is not lid, glint or reflection
BROWN: Final = np.array([0.42, 0.29, 0.22], np.float32)  # of the skin's light: an iris that the lids hide
GREY: Final = (3.0, 8.0)  # levels between the channels of skin over which a picture counts as coloured

# An iris that is drawn.
IRIS_EDGE: Final = 0.15  # over so much at its rim a changed iris passes into the white
EDGE: Final = 0.08  # of iris and pupil, but at least a pixel
LIGHT: Final = (1.1, 0.5, 4, 0.2)  # in the middle, less at the rim, how steeply, more at the bottom
PUPIL, PUPIL_DARK = 0.48, 0.8  # radius; share of the light that it takes
SHADE, SHADE_END = 0.35, 0.2  # what the upper lid takes from the ball a radius up; how far below the middle
MOST_LIGHTER: Final = 1.6  # times that an iris is drawn lighter, at most, to be as light as the photo's
REDRAWN: Final = 0.65  # opacity of an iris that is drawn over one without a highlight, or of another colour
# Irises of few pixels show no pupil: radius in pixels over which they are ever less unclear, and how far at most.
FEW, MOST_OF_FEW = (8.0, 8.0), 0.6
VERY_FEW: Final = (10.0, -4.0)  # radius in pixels under which the photo's own pupil cannot be told from the iris

# The highlight that an iris shows, and that one without is given: without it eyes look dull.
GLINT, GLINT_AT, GLINT_LIGHT = 0.15, (-0.28, -0.3), 0.8  # radius; place left and up; share of the way to white
# How far out, and how far down, one is looked for: farther out is white of the eye, farther down the wet lid shines.
GLINTS_WITHIN, GLINTS_ABOVE = 0.7, 0.2
GLINT_BLUR: Final = 0.05  # before it is looked for: grain is none
# How far the lightest part of an iris is on the way from its colour to white, where none is given and over how much
# one ever more is: irises that shine have .45 to .97 in eight portraits with irises of 10 pixels.
SHINES: Final = (0.5, -0.2)


class Places(NamedTuple):
    """Where pixels lie from the middle of an iris, x and y `(height, width)`, and how large they are, in its radii."""

    x: Array
    y: Array
    pixel: float

    @property
    def away(self) -> Array:
        """Their distance from it."""
        return np.hypot(self.x, self.y)

    def disc(self, radius: float, x: float = 0.0, y: float = 0.0) -> Array:
        """How much of each pixel a disc covers, `(height, width, 1)` in [0, 1]."""
        distance = np.hypot(self.x - x, self.y - y)
        return np.clip((radius - distance) / max(EDGE, self.pixel) + 0.5, 0.0, 1.0)[..., None].astype(np.float32)


class Highlight(NamedTuple):
    """How far the lightest part of an iris is on the way from its colour to white, and where it is, x and y."""

    light: float
    x: float
    y: float

    @property
    def missing(self) -> float:
        """How far it is none, in [0, 1]."""
        return ramp(self.light, *SHINES)


def places_around(shape: tuple[int, ...], iris: Array, radius: float) -> Places:
    """Those of a picture's pixels, for an iris whose middle `(2,)` and radius are told in pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return Places((x - iris[0]) / radius, (y - iris[1]) / radius, 1.0 / radius)


def iris_circle(eye: EyeLandmarks, points: Array) -> tuple[Array, float]:
    """Centre `(2,)` and radius of the iris in pixels."""
    centre = points[eye.iris[0], :2]
    return centre, max(1.0, float(np.linalg.norm(points[list(eye.iris[1:]), :2] - centre, axis=1).mean()))


def ball_window(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Window:
    """The part of the photo around iris and lids, up to the brow, that an eye keeps."""
    iris, radius = iris_circle(eye, landmarks)
    lids = landmarks[[*eye.outline, *eye.brow_side], :2]
    around = np.concatenate([lids, [iris - BALL_ROOM * radius, iris + BALL_ROOM * radius]])
    low = np.clip(around.min(0) - BALL_BORDER * radius, 0, np.array(image.shape[1::-1]) - 2).astype(int)
    high = np.clip(around.max(0) + BALL_BORDER * radius + 2, low + 2, image.shape[1::-1]).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def iris_colour(image: NDArray[np.uint8], landmarks: Array, eyes: tuple[EyeLandmarks, ...]) -> Array:
    """
    One colour `(3,)` for both irises: of what the lids show of them around the pupil; as far as they show too little,
    brown in the skin's light.
    """
    shown = [_shown_iris(image, landmarks, eye) for eye in eyes]
    discs = sum(np.pi * iris_circle(eye, landmarks)[1] ** 2 for eye in eyes)
    skin = np.mean([skin_over(image, landmarks, eye) for eye in eyes], axis=0)
    brown = BROWN * skin.mean()
    brown += (1.0 - ramp(float(np.ptp(skin)), *GREY)) * (brown.mean() - brown)
    colours = np.concatenate(shown)
    if len(colours) == 0:
        return brown
    return np.asarray(brown + ramp(len(colours) / discs, *SHOWN_IRIS) * (_typical(colours) - brown), np.float32)


def match_irises(
    image: NDArray[np.uint8], landmarks: Array, eyes: tuple[EyeLandmarks, ...]
) -> tuple[NDArray[np.uint8], float]:
    """
    The photo with irises whose hues differ of nearly one colour, each in the light of the skin over it; and how much
    they differed, in [0, 1].
    """
    shown = [_shown_iris(image, landmarks, eye) for eye in eyes]
    if min(map(len, shown)) < LEAST_IRIS or not all(is_seen(landmarks, eye) for eye in eyes):
        return image, 0.0
    colours = [
        np.maximum(np.median(part, axis=0), 1.0) / max(float(skin_over(image, landmarks, eye).mean()), 1.0)
        for part, eye in zip(shown, eyes, strict=True)
    ]
    first, second = (colour / colour.mean() for colour in colours)
    unlike = ramp(float(np.abs(np.log(first / second)).max()), *APART)
    if unlike == 0.0:
        return image, 0.0
    common = np.average(colours, axis=0, weights=list(map(len, shown)))
    matched = image.copy()
    for eye, colour in zip(eyes, colours, strict=True):
        window = ball_window(image, landmarks, eye)
        gain = np.clip((common / colour) ** (ALIKE * unlike), 1.0 / MOST_GAIN, MOST_GAIN)
        soft = np.clip((1.0 - _places_in(window, landmarks, eye).away) / IRIS_EDGE, 0.0, 1.0)
        soft *= polygon_mask(landmarks[list(eye.outline), :2], window)
        part = image[window].astype(np.float32) * (1.0 + soft[..., None] * (gain - 1.0))
        matched[window] = np.clip(part + 0.5, 0, 255).astype(np.uint8)
    return matched, unlike


def hidden_share(landmarks: Array, eye: EyeLandmarks) -> float:
    """Share of the iris's disc that the lids hide."""
    outline, (iris, radius) = landmarks[list(eye.outline), :2], iris_circle(eye, landmarks)
    angle = np.linspace(0.0, 2.0 * np.pi, DISC_CORNERS, endpoint=False)
    disc = iris + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    area, _ = cv2.intersectConvexConvex(cv2.convexHull(outline.astype(np.float32)), disc.astype(np.float32))
    return float(1.0 - area / (np.pi * radius**2))


def is_seen(landmarks: Array, eye: EyeLandmarks) -> bool:
    """Whether lids leave enough of an iris in sight to say how clear it is."""
    return lid_gap(landmarks, eye) > LEAST_GAP * iris_diameter(landmarks, eye)


def find_highlight(patch: NDArray[np.uint8], shown: Array, places: Places) -> Highlight:
    """The highlight of an iris, where `shown`, `(height, width)` in [0, 1], says that lids leave it in sight."""
    within = (shown > SURELY_INSIDE) & (places.away < GLINTS_WITHIN) & (places.y < GLINTS_ABOVE)
    if not within.any():
        return Highlight(0.0, *GLINT_AT)
    light = cv2.GaussianBlur(patch.mean(2).astype(np.float32), (0, 0), max(GLINT_BLUR / places.pixel, 1e-3))[within]
    usual, lightest = float(np.median(light)), int(light.argmax())
    share = (float(light[lightest]) - usual) / max(255.0 - usual, 1.0)
    return Highlight(share, float(places.x[within][lightest]), float(places.y[within][lightest]))


def draw_iris(places: Places, colour: Array) -> Array:
    """An iris and its pupil under an upper lid, `(height, width, 3)` in [0, 255]; what is farther out is no iris."""
    middle, rim, steep, below = LIGHT
    light = middle - rim * np.clip(places.away, 0.0, 1.0) ** steep + below * np.clip(places.y, -1.0, 1.0)
    return np.asarray(colour * light[..., None] * (1.0 - PUPIL_DARK * places.disc(PUPIL)) * lid_shade(places))


def lid_shade(places: Places) -> Array:
    """The share of its light that an eyeball has under an upper lid, `(height, width, 1)`."""
    return np.asarray(1.0 - SHADE * np.clip(SHADE_END - places.y, 0.0, 1.0))[..., None]


def unclear_for_its_size(radius: float) -> float:
    """How far an iris of a radius in pixels is unclear, in [0, 1]."""
    return MOST_OF_FEW * (1.0 - ramp(radius, *FEW))


def clear_iris(
    patch: NDArray[np.uint8], shown: Array, places: Places, colour: Array, unclear: float, highlight: Highlight
) -> NDArray[np.uint8]:
    """
    Draw over an iris in a patch as far as it is unclear, in [0, 1], and its highlight over that.

    Args:
        shown (`np.ndarray` of shape `(height, width)`): Where lids leave it in sight, in [0, 1].
        highlight ([`Highlight`]): Where the one that it gets is.
    """
    picture, shown = patch.astype(np.float32), shown[..., None]
    soft = np.clip((1.0 - places.away) / IRIS_EDGE, 0.0, 1.0)[..., None]
    drawn = draw_iris(places, colour)
    # In very few pixels the photo's own pupil has darkened the colour already: a second one would darken it again.
    lighter = float(np.clip(_lighter(picture, drawn, (shown * places.disc(1.0))[..., 0]), 1.0, MOST_LIGHTER))
    drawn *= 1.0 + ramp(1.0 / places.pixel, *VERY_FEW) * (lighter - 1.0)
    picture += REDRAWN * unclear * shown * soft * (drawn - picture)
    picture += GLINT_LIGHT * unclear * shown * places.disc(GLINT, highlight.x, highlight.y) * (255.0 - picture)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _lighter(picture: Array, drawn: Array, seen: Array) -> float:
    """How many times lighter one picture of an iris is than another, without what shines on it."""
    within = seen > SURELY_INSIDE
    if not within.any():
        return 1.0
    light = picture.mean(2)[within]
    unlit = light <= np.quantile(light, UNLIT)
    return float(light[unlit].mean() / max(float(drawn.mean(2)[within][unlit].mean()), 1.0))


def skin_over(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """Median colour along the crease over the eye, `(3,)`."""
    return np.median(colours_at(image, landmarks[list(eye.crease), :2]), axis=0)


def _places_in(window: Window, landmarks: Array, eye: EyeLandmarks) -> Places:
    """Those of the pixels of a part of the photo."""
    iris, radius = iris_circle(eye, landmarks)
    return places_around(shape_of(window), iris - corner_of(window), radius)


def _shown_iris(image: NDArray[np.uint8], landmarks: Array, eye: EyeLandmarks) -> Array:
    """What the lids show of the iris around its pupil, `(pixels, 3)`."""
    window = ball_window(image, landmarks, eye)
    away = _places_in(window, landmarks, eye).away
    inside = polygon_mask(landmarks[list(eye.outline), :2], window) > SURELY_INSIDE
    pupil, limbus = SEEN_IRIS
    return image[window][inside & (away < limbus) & (away > pupil)].astype(np.float32)


def _typical(colours: Array) -> Array:
    """Median `(3,)` of the colours `(pixels, 3)` without the lightest: the iris, not what shines on it."""
    light = colours.mean(1)
    return np.asarray(np.median(colours[light <= np.quantile(light, UNLIT)], axis=0))
