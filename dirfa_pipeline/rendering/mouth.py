"""What an opening mouth shows: teeth rigid with the skull or the jaw, tongue and shade, in the photo's colours."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import smoothstep
from ..face.fit import FaceFit
from ..face.landmarks import INNER_CORNERS, INNER_MIDDLE, LEFT_EYE, LOWER_LIP_ROWS, RIGHT_EYE, UPPER_LIP_ROWS
from .frame_state import Camera, FrameState
from .lower_row import lower_row
from .masks import Window, colours_at, corner_of, polygon, shape_of
from .sharpness import blur_of
from .teeth import find_upper_teeth
from .tooth_rows import (
    ARCH,
    BEHIND_LIPS,
    LUMINANCE,
    MILLIMETRE,
    TEETH_EXTENT,
    Dentition,
    lip_line,
    personal_row,
    see_row,
)


Array = NDArray[np.float32]

# Lengths are in millimetres. "Filmed" numbers were set until rendered mouths were as light as filmed ones (measured:
# benchmarks/compare_mouths.py), "neutral" ones on photos of shut mouths (measured: benchmarks/compare_neutral.py);
# "judged" ones lie between filmed light and more of it, which judges of stills preferred: filmed teeth looked grey to
# them, and round mouths like black holes. The others were chosen by eye on contact sheets of mouths.

CHIN: Final = (152, 148, 377)
NOSE_FOOT: Final = 2
JAW_SHAPES: Final = tuple(index for index, name in enumerate(EXPRESSION_NAMES) if name.startswith("jaw"))


# Where everything sits.
class Behind(NamedTuple):
    """How far behind the closed lips the layers of the mouth lie."""

    throat: float = 12.0
    tongue: float = 9.0
    lower: float = 5.0
    blade: float = 4.0
    upper: float = BEHIND_LIPS


BEHIND: Final = Behind()
# How far upper teeth reach below the closed lip line, by the length of the upper lip, from the nose: long lips cover
# more of them. Means over women and men of the three groups with the shortest lips (Patel, Prajapati, Sethuraman,
# Naveen, 2011, doi 10.5005/jp-journals-10024-1005).
LIP_LENGTHS: Final = (12.5, 17.5, 23.0)
INCISAL_EDGES: Final = (3.55, 3.35, 2.18)
USUAL_RANGE: Final = (2.8, 3.5)  # of the same; judged: with the teeth that long lips hide, mouths looked empty
EDGE_RANGE: Final = (2.0, 5.0)  # of the same, where the photo tells it
MOST_BARED: Final = 8.0  # of crowns and gums that a lifted lip shows
# Of upper and lower teeth, that pursed lips cover; by eye: with more of the upper ones, round mouths are black holes.
COVERED, LOWER_COVERED = 2.0, 3.0
OVERLAP: Final = 0.6  # of the lower row's top over the edge of the upper teeth, with shut lips; by eye
LOWER_HINT: Final = 4.0  # of the lower teeth, that a wide open mouth shows; filmed
TILT: Final = 0.16  # rise of the lower row for each way back, with the jaw shut: 9.3 degrees (Downs, 1948)
JAW: Final = 90.0  # from its joint, around which it turns, to the lower teeth
AT_TEETH: Final = 0.86  # of the chin's way, that the lower teeth go: it lies 105 from the joint
LIP_LEFT: Final = 12.0  # way of the chin at which a wide open mouth has left the lip behind
TONGUE_SIZE: Final = (54.0, 14.0)
TONGUE_RISE, TONGUE_LIFT = 7.0, 0.5  # of the tongue's back over the lower teeth: always, and for each mm of the jaw
BLADE_SIZE: Final = (30.0, 12.0)  # of the tongue's lifted front part
TIP_LOW, TIP_HIGH = 2.0, 2.5  # of the blade's top, below the lower teeth's edge, and above the upper ones'
LIFTED: Final = 0.3  # weight of tongueOut at which the tip touches the upper teeth
BLADE_COMES: Final = 3.0  # gain of the lift: a third of it brings the blade into sight
THROAT_SIZE, THROAT_TOP = (90.0, 24.0), 10.0  # and how far its top lies above the closed lip line


# Colours: brightness in levels of 255, and shares.
class Flesh(NamedTuple):
    """A colour inside the mouth: of the lips' own, and of the skin's light, of which blood leaves most of the red."""

    lips: float
    light: float
    left: tuple[float, float, float]

    def colour(self, lips: Array, light: float) -> NDArray[np.float64]:
        """For one person's lips, `(3,)`, and light."""
        return self.lips * lips + self.light * light * np.array(self.left)


GUM: Final = Flesh(0.60, 0.50, (1.0, 0.60, 0.60))
TONGUE: Final = Flesh(0.42, 0.48, (1.0, 0.56, 0.56))  # filmed
THROAT: Final = Flesh(0.32, 0.30, (1.0, 0.42, 0.38))  # filmed
CHEEKS: Final = (50, 280, 205, 425, 101, 330)  # landmarks where the skin's colour is taken
CHROMA: Final = 5.0  # gain of the skin's or the lips' saturation: from a fifth on the mouth has all of its own
ENAMEL: Final = np.array([1.0, 0.965, 0.94])  # teeth in white light
TINT: Final = 0.12  # exponent: how much of the light's colour the skin tells
# Blue over green of skin in white light, at least, be it light or dark (measured: 98 % of 120 portraits). If it is
# yellower, then so is the light, or a painting's varnish, and so are the teeth, by a power of that (judged).
YELLOWEST, YELLOWED = 0.74, 0.5
ENAMEL_LIGHT: Final = (1.0, 27.0)  # of the skin's light, and levels more; judged
ENAMEL_SHARE, ENAMEL_SKIN = 0.94, 0.08  # of that light, and of the skin's colour
BRIGHTEST: Final = 235.0  # levels of teeth
EYE_WHITE: Final = 1.32  # brightness of teeth over that of the white of the eyes, which lids shade; judged
EYE_LIGHTEST: Final = 85  # percentile of the eyes' light that is their white: highlights are lighter
MOST_LIGHTER: Final = 1.5  # that anything makes teeth over what the skin's light gives
OWN_RANGE: Final = (0.85, 1.1)  # brightness of the photo's own teeth over what its skin would give them; filmed
LOWER_SHADE: Final = np.array([0.94, 0.91, 0.88])  # light of lower teeth over that of upper ones; judged
WARMTH: Final = np.array([0.82, 1.04, 1.10], np.float32)  # exponents of shade: what reaches the back is reddish

# Rows of teeth.
LEAST_ROW: Final = (8, 4)  # pixels of a row's width and height in a small picture
# To each side of the middle: where the light begins to fade on a row that curves away behind lips and cheeks, over how
# much it does, and what is left; seen, on published talking heads and filmed people: a row as light at its ends is a
# strip. Cheeks that a smile pulls farther than speech (filmed) let light in: by how much farther out it fades for each
# mm (set on open smiles of people that benchmarks/compare_smiles.py does not measure).
UPPER_SIDES, LOWER_SIDES, SIDE_LIGHT = (12.5, 14.5), (7.0, 11.0), 0.27
SPEAKING, PULLED = 25.0, 1.2
ROW_BLUR: Final = 0.5  # of the blur of the photo's edges: resizing and moving a row blur it as well
# Shade of a row on what is behind and next to it: light that it takes, and how many mm it reaches. The lower row's
# tells it from the tongue: without, judges saw teeth that lie on the lip.
UPPER_CAST, LOWER_CAST = (0.4, 1.6), (0.6, 2.2)

# Tongue and throat, over half the width and over the height of their textures.
TEXTURE_HEIGHT, TEXTURE_WIDTH = 64, 128  # pixels
THROAT_DARK, THROAT_LIGHTER = 0.5, -0.2  # shade in the middle, and what it gains to the sides; filmed
THROAT_MIDDLE, THROAT_UPRIGHT = 0.1, 0.5  # how far below the centre it is darkest, and the gain up and down
TONGUE_TOP: Final = (0.03, 0.3, 2.6)  # of its outline: at the middle, lower at the sides, and how steeply
TONGUE_EDGE, TONGUE_SIDES = 3.5, 2.5  # slopes of its alpha along the top and at the sides
TONGUE_BENDS: Final = 1.6  # slope at which its light grows from the top
BACK_SHADE, BLADE_SHADE = 0.34, 0.92  # how light the upper edge is of the tongue's back, and of its blade; filmed
GROOVE_DEPTH, GROOVE_WIDTH = 0.09, 0.10  # of its light, and half-width
TONGUE_ROUND: Final = 0.25  # of its light that it loses at the sides

_TONGUE_OUT = EXPRESSION_NAMES.index("tongueOut")


@dataclass(frozen=True)
class MouthInterior:
    """
    One person's mouth: textures as `(height, width, 4)` float RGBA in [0, 255], and where it sits in the head.

    Args:
        centre (`np.ndarray` of shape `(3,)`): Middle of the closed lip line in the head's frame.
        incisal_edge (`float`): Lower edge of the upper teeth below it, in inter-ocular distances.
        chroma (`float`): How colourful the photo is, 0 for a grey one.
    """

    upper: Array
    lower: Array
    tongue: Array
    blade: Array
    throat: Array
    centre: Array
    incisal_edge: float
    chroma: float

    @property
    def lower_edge(self) -> float:
        """
        Top of the row of lower teeth below the closed lip line with the jaw shut, in inter-ocular distances; most of
        its edges lie a little lower, see [`lower_row`].
        """
        return self.incisal_edge - OVERLAP * MILLIMETRE

    def draw(self, state: FrameState, window: Window, teeth_light: Array, light: float) -> Array:
        """
        Paint the interior in a window of one frame.

        A weight of tongueOut up to .3 lifts the tip to the upper teeth, as in l, th and n; beyond, it stays there.
        Pursed lips cover more of the teeth.

        Args:
            state ([`FrameState`]): The frame's pose.
            window (`tuple[slice, slice]`): Rows and columns of the frame.
            teeth_light (`np.ndarray` of shape `(3,)`): Share of their light that reaches the teeth between the lips.
            light (`float`): The same for what is behind them.

        Returns:
            `np.ndarray` of shape `(height, width, 3)`, float32 in [0, 255].
        """
        vertices, camera, corner = state.head, state.camera, corner_of(window)
        half = 0.5 * float(np.ptp(vertices[list(INNER_CORNERS), 0])) / MILLIMETRE
        drop, pursed = jaw_drop(state), state.pursed
        # A lip lifted far above the crowns would bare the gums: the row goes along.
        incisal_edge = self.incisal_edge + min(
            0.0, float(vertices[INNER_MIDDLE[0], 1] - self.centre[1]) + MOST_BARED * MILLIMETRE - self.incisal_edge
        )
        incisal_edge -= pursed * COVERED * MILLIMETRE
        jaw_edge = self._jaw_edge(drop, float(vertices[INNER_MIDDLE[1], 1] - self.centre[1]))
        rise = TONGUE_RISE + TONGUE_LIFT * drop
        lift = min(1.0, float(state.weights[_TONGUE_OUT]) / LIFTED)
        # The blade's top goes from behind the lower teeth to behind the upper ones.
        low, high = jaw_edge + TIP_LOW * MILLIMETRE, incisal_edge - TIP_HIGH * MILLIMETRE
        blade = low + lift * min(0.0, high - low)
        painting = np.empty((*shape_of(window), 3), np.float32)
        painting[:] = light * self.throat[-1, 0, :3]
        back, front = (
            (TONGUE_SIZE[0], TONGUE_SIZE[1] + rise),
            (BLADE_SIZE[0], BLADE_SIZE[1] + (low - blade) / MILLIMETRE),
        )
        layers = (
            (self.throat, (THROAT_SIZE[0], THROAT_SIZE[1] + drop), -THROAT_TOP * MILLIMETRE, BEHIND.throat),
            (self.tongue, back, jaw_edge - rise * MILLIMETRE, BEHIND.tongue),
            (self.lower, TEETH_EXTENT, jaw_edge + pursed * LOWER_COVERED * MILLIMETRE, BEHIND.lower),
            (self.blade, front, blade, BEHIND.blade),
            (self.upper, TEETH_EXTENT, incisal_edge - TEETH_EXTENT[1] * MILLIMETRE, BEHIND.upper),
        )
        for texture, extent, top, behind in layers:
            share = min(1.0, BLADE_COMES * lift) if texture is self.blade else 1.0
            placement = self._placement(texture, extent, top, behind, camera, corner)
            if texture is self.upper or texture is self.lower:
                upper = texture is self.upper
                tilt, fades = (0.0, UPPER_SIDES) if upper else (TILT + drop / JAW, LOWER_SIDES)
                taken, reach = UPPER_CAST if upper else LOWER_CAST
                cast = taken, reach * MILLIMETRE * camera.scale
                places = _around_arch(placement, texture, camera, tilt, shape_of(window))
                sides = side_light(places[0], texture.shape[1], half, *fades)[..., None]
                _lay(painting, texture, places, share, sides * teeth_light, cast)
            else:
                _lay(painting, texture, placement, share, light)
        return painting

    def _jaw_edge(self, drop: float, lip: float) -> float:
        """
        Upper edge of the lower teeth under the closed lip line, with the jaw `drop` mm and the lip `lip` lower.

        They go with the jaw. A mouth opened wide pulls it farther down than the lip; the row then stays in sight.
        """
        edge = self.lower_edge + drop * MILLIMETRE
        return edge - smoothstep(drop / LIP_LEFT) * max(0.0, edge - (lip - LOWER_HINT * MILLIMETRE))

    def _placement(
        self, texture: Array, extent: tuple[float, float], top: float, behind: float, camera: Camera, corner: Array
    ) -> Array:
        """Affine map `(2, 3)` from a texture's pixels to the window, for a plane that far (in mm) behind the lips."""
        rotation, translation, scale = camera
        width, height = extent[0] * MILLIMETRE, extent[1] * MILLIMETRE
        origin = self.centre + np.array([-width / 2, top, behind * MILLIMETRE], np.float32)
        pixel = np.array([width / texture.shape[1], height / texture.shape[0]])
        axes = scale * rotation[:2, :2] * pixel
        # Pixels are squares: the middle of the first one lies half a pixel in.
        offset = scale * rotation[:2] @ origin + translation[:2] - corner + axes @ [0.5, 0.5]
        return np.column_stack([axes, offset]).astype(np.float32)


def jaw_drop(state: FrameState) -> float:
    """
    How far the jaw's teeth have gone down, in millimetres, at least 0. Lips that part or push forward may take the
    chin's skin along, but not the jaw and its teeth.
    """
    chin = state.rig.face.basis[np.ix_(JAW_SHAPES, CHIN)][..., 1].mean(1)
    return AT_TEETH * max(float(state.weights[list(JAW_SHAPES)] @ chin), 0.0) / MILLIMETRE


def _around_arch(
    placement: Array, texture: Array, camera: Camera, tilt: float, size: tuple[int, int]
) -> tuple[Array, Array]:
    """
    Where each pixel of a window shows a row of teeth, in the texture's pixels, `(height, width)` for x and for y.

    Teeth lie in an arch: the farther to the side, the farther back, so that a turned head shows more of one side; and
    the higher, by `tilt` for each way back.
    """
    inverse = cv2.invertAffineTransform(placement)
    x, y = np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32)[:, None]
    column, row = (by_x * x + by_y * y + start for by_x, by_y, start in inverse)
    # Way of a point in the picture, in the texture's pixels, for each square of a pixel to the side.
    pixel = TEETH_EXTENT[0] / texture.shape[1]
    back = camera.rotation[:2, 2] - tilt * camera.rotation[:2, 1]
    depth = ARCH * pixel**2 * MILLIMETRE * camera.scale * back
    right, down = inverse[:, :2] @ depth
    middle = 0.5 * (texture.shape[1] - 1)
    aside = column - middle
    aside = 2.0 * aside / (1.0 + np.sqrt(np.maximum(1.0 + 4.0 * right * aside, 0.0)))
    return (middle + aside).astype(np.float32), (row - down * aside**2).astype(np.float32)


def side_light(columns: Array, width: int, half: float, start: float, over: float) -> Array:
    """
    How light a row of teeth is towards its ends.

    Args:
        columns (`np.ndarray`): Of the row's picture, of any shape.
        width (`int`): Columns that this has.
        half (`float`): Millimetres from the middle of the mouth to its corners.
        start, over (`float`): Millimetres from the middle where it fades in speech, and over how many it does.

    Returns:
        `np.ndarray` of the same shape: shares of its light, in [0, 1].
    """
    aside = np.abs(columns - 0.5 * (width - 1)) * (TEETH_EXTENT[0] / width)
    start += PULLED * max(half - SPEAKING, 0.0)
    return np.asarray(1.0 - (1.0 - SIDE_LIGHT) * smoothstep((aside - start) / over), np.float32)


def _lay(
    painting: Array, texture: Array, placement: Array | tuple[Array, Array], share: float, lit: Array | float,
    cast: tuple[float, float] | None = None,
) -> None:  # fmt: skip
    """
    Lay a share of an RGBA texture over the painting, with a share of its light; moved flat, or pixel by pixel. Its
    shadow takes a share of the painting's light and reaches so many pixels.
    """
    if share == 0.0:
        return
    if isinstance(placement, tuple):
        warped = cv2.remap(texture, *placement, cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
    else:
        size = painting.shape[1::-1]
        warped = cv2.warpAffine(texture, placement, size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
    alpha = warped[..., 3:] * (share / 255.0)
    if cast:
        taken, reach = cast
        painting *= 1.0 - taken * cv2.GaussianBlur(alpha, (0, 0), reach)[..., None]
    painting *= 1.0 - alpha
    painting += lit * alpha * warped[..., :3]


def build_mouth(
    image: NDArray[np.uint8], landmarks: Array, face: FaceFit, dentition: Dentition, own: bool = True
) -> MouthInterior:
    """
    Colour teeth, tongue and throat by the photo.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The photo.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        face ([`FaceFit`]): The fit.
        dentition ([`Dentition`]): Most people's teeth.
        own (`bool`): Whether teeth that the photo shows are used, as far as they can be read.
    """
    lips = np.median(colours_at(image, landmarks[[*UPPER_LIP_ROWS[1], *LOWER_LIP_ROWS[1]], :2]), axis=0)
    skin = skin_of(image, landmarks)
    light = float(skin @ LUMINANCE)
    chroma = min(1.0, CHROMA * max(float(np.ptp(colour)) / max(float(colour.max()), 1.0) for colour in (skin, lips)))
    enamel, lighter = _enamel(skin, light, _eye_white(image, landmarks))
    teeth = find_upper_teeth(image, landmarks, light) if own else None
    row = personal_row(dentition, None if teeth is None else see_row(image, teeth, face), face)
    enamel += row.sure * (_own_enamel(row.colour, enamel) - enamel)
    enamel, lower = (_faded(colour, chroma) for colour in (enamel, LOWER_SHADE * enamel))
    gum, tongue, throat = (_faded(flesh.colour(lips, light), chroma) for flesh in (GUM, TONGUE, THROAT))
    tongue, throat = lighter * tongue, lighter * throat  # dark skin has gums as dark, and everybody's tongue
    edge, usual = float(np.clip(row.edge, *EDGE_RANGE)), _usual_edge(face)
    size, blur = face.scale * TEETH_EXTENT[0] * MILLIMETRE, blur_of(image, landmarks)
    return MouthInterior(
        upper=_coloured(row.picture, enamel, gum, chroma, size, blur),
        lower=_coloured(lower_row(face), lower, gum, chroma, size, blur),
        tongue=_tongue(tongue, BACK_SHADE),
        blade=_tongue(tongue, BLADE_SHADE),
        throat=_throat(throat),
        centre=lip_line(face),
        incisal_edge=(usual + row.sure * (edge - usual)) * MILLIMETRE,
        chroma=chroma,
    )


def skin_of(image: NDArray[np.uint8], landmarks: Array) -> Array:
    """Colour of the cheeks, `(3,)`."""
    return np.asarray(np.median(colours_at(image, landmarks[list(CHEEKS), :2]), axis=0), np.float32)


def _usual_edge(face: FaceFit) -> float:
    """How far below the closed lip line people with such an upper lip have the edge of their upper teeth."""
    length = float(lip_line(face)[1] - face.shape[NOSE_FOOT, 1]) / MILLIMETRE
    return float(np.clip(np.interp(length, LIP_LENGTHS, INCISAL_EDGES), *USUAL_RANGE))


def _own_enamel(seen: Array, enamel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour of teeth seen in the photo, in the light in which an open mouth would show them."""
    usual, least = float(enamel @ LUMINANCE), max(float(seen @ LUMINANCE), 1.0)
    return np.minimum(np.clip(least, OWN_RANGE[0] * usual, OWN_RANGE[1] * usual) / least * seen, 255.0)


def _enamel(skin: Array, light: float, eye_white: float) -> tuple[NDArray[np.float64], float]:
    """
    Colour `(3,)` of teeth in the light that a skin of a colour `(3,)` and the white of the eyes tell, and how many
    times the light is that which the skin alone tells.
    """
    tint = ENAMEL * (np.maximum(skin, 1.0) / max(light, 1.0)) ** TINT
    gain, more = ENAMEL_LIGHT
    enamel = ENAMEL_SHARE * tint * min(BRIGHTEST, gain * light + more) + ENAMEL_SKIN * skin
    # Next to dark skin teeth are lighter than it: the white of the eyes, in the same light, tells how much.
    lighter = float(np.clip(EYE_WHITE * eye_white / float(enamel @ LUMINANCE), 1.0, MOST_LIGHTER))
    lighter *= min(1.0, BRIGHTEST / (lighter * float(enamel.max())))
    enamel = lighter * enamel
    enamel[2] *= min(1.0, float((skin[2] + 1.0) / (skin[1] + 1.0)) / YELLOWEST) ** YELLOWED
    return np.asarray(enamel, np.float64), max(1.0, lighter)


def _eye_white(image: NDArray[np.uint8], landmarks: Array) -> float:
    """Brightness of the lighter parts of both eyes, without the lightest: highlights."""
    right, left = (polygon(landmarks[list(eye.outline), :2], image.shape) for eye in (RIGHT_EYE, LEFT_EYE))
    pixels = image[(right | left) > 0].astype(np.float32) @ np.array(LUMINANCE, np.float32)
    return float(np.percentile(pixels, EYE_LIGHTEST)) if len(pixels) else 0.0


def _faded(colour: NDArray[np.float64], chroma: float) -> NDArray[np.float64]:
    """The colour with only a share of its saturation."""
    grey = float(colour @ LUMINANCE)
    return grey + chroma * (colour - grey)


def _coloured(
    row: Array, enamel: NDArray[np.float64], gum: NDArray[np.float64], chroma: float, width: float, blur: float
) -> Array:
    """Teeth and gums in their colours, `width` pixels wide, as in a photo with such a blur."""
    brightness, share, alpha = np.dsplit(row.copy(), 3)
    colour = brightness ** (1.0 + chroma * (WARMTH - 1.0)) * ((1.0 - share) * enamel + share * gum)
    texture = np.concatenate([np.clip(colour, 0, 255), 255.0 * alpha], axis=-1).astype(np.float32)
    if width < texture.shape[1]:
        height = width * texture.shape[0] / texture.shape[1]
        size = (max(LEAST_ROW[0], round(width)), max(LEAST_ROW[1], round(height)))
        texture = cv2.resize(texture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), ROW_BLUR * blur * texture.shape[1] / width), np.float32)


def _throat(colour: NDArray[np.float64]) -> Array:
    """Red cheeks and floor around a darkness in the middle."""
    x = np.linspace(-1, 1, TEXTURE_WIDTH)[None]
    y = np.linspace(-1, 1, TEXTURE_HEIGHT)[:, None]
    away = x**2 + THROAT_UPRIGHT * (y - THROAT_MIDDLE) ** 2
    shade = np.clip(THROAT_DARK + THROAT_LIGHTER * away, 0.0, 1.0)
    rgb = shade[..., None] * colour
    return np.concatenate([rgb, np.full((*shade.shape, 1), 255.0)], axis=-1).astype(np.float32)


def _tongue(colour: NDArray[np.float64], edge: float) -> Array:
    """A soft hump, lightest where it bends to the front, with a faint groove; `edge` is its shade along the top."""
    x = np.linspace(-1, 1, TEXTURE_WIDTH)[None]
    y = np.linspace(0, 1, TEXTURE_HEIGHT)[:, None]
    middle, lower, steep = TONGUE_TOP
    under = y - (middle + lower * np.abs(x) ** steep)
    alpha = smoothstep(under * TONGUE_EDGE) * np.clip((1.0 - np.abs(x)) * TONGUE_SIDES, 0, 1)
    bent = np.clip(under * TONGUE_BENDS, 0, 1)
    groove = GROOVE_DEPTH * np.exp(-((x / GROOVE_WIDTH) ** 2)) * bent
    shade = edge + (1.0 - edge) * np.sin(0.5 * np.pi * bent) - groove - TONGUE_ROUND * x**2
    rgb = np.clip(shade[..., None] * colour, 0, 255)
    return np.concatenate([rgb, 255.0 * alpha[..., None]], axis=-1).astype(np.float32)
