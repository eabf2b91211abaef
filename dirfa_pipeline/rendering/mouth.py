"""What an opening mouth shows: teeth rigid with the skull or the jaw, tongue and shade, in the photo's colours."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES
from ..face.fit import FaceFit
from ..face.landmarks import LEFT_EYE, LOWER_LIP_ROWS, RIGHT_EYE, UPPER_LIP_ROWS
from .teeth import find_own_teeth


Array = NDArray[np.float32]

MILLIMETRE: Final = 1.0 / 63.0  # of the inter-ocular distance
TEXTURE_HEIGHT, TEXTURE_WIDTH = 64, 128  # of tongue and throat
TEETH_EXTENT: Final = (64.0, 18.0)  # millimetres that a stored row of teeth covers, width and height
TONGUE_SIZE: Final = (38.0, 14.0)
BLADE_SIZE: Final = (30.0, 12.0)  # of the tongue's lifted front part
INCISAL_EDGE, LEAST_EDGE = 4.0, 2.5  # below the closed lip line: usual, and where the photo seems to say less
MOST_BARED: Final = 11.5  # millimetres of crowns and gums that a lifted lip shows
COVERED: Final = 2.0  # millimetres of them that rounded lips cover
LOWER_EDGE: Final = 3.0  # below the closed lip line, with the jaw shut
LOWER_HINT: Final = 2.2  # of the lower teeth, that a wide open mouth shows
TONGUE_RISE, TONGUE_LIFT = 5.0, 0.42  # of the tongue's back over the lower teeth: always, and for each mm of the jaw
LIFTED: Final = 0.3  # tongueOut at which the tip touches the upper teeth
BACK_SHADE, BLADE_SHADE = 0.55, 0.8  # how light the upper edge is of the tongue's back, and of its blade
THROAT_WIDTH: Final = 60.0
CHIN: Final = (152, 148, 377)

GAP_WIDTH, GAP_DEPTH = 2.0, 0.55  # reach in millimetres, and share of their shade that stays
SPIKE: Final = 1.6  # millimetres: what of the gums is narrower
GUM_GLOW: Final = 0.5  # of the shade in their folds that wet gums throw light into
WARMTH: Final = np.array([0.92, 1.03, 1.05], np.float32)  # exponents of shade: what reaches the back is reddish
ALL_LIGHT: Final = np.ones(3, np.float32)
LUMINANCE: Final = (0.299, 0.587, 0.114)
LEAST_WHITE: Final = 0.85  # brightness of the photo's own teeth over what its skin would give them
EYE_WHITE: Final = 1.35  # brightness of teeth over that of the white of the eyes, which lids shade

_TONGUE_OUT = EXPRESSION_NAMES.index("tongueOut")


@dataclass(frozen=True)
class MouthInterior:
    """
    One person's mouth: textures as `(height, width, 4)` float RGBA in [0, 255], and where it sits in the head.

    Args:
        centre (`np.ndarray` of shape `(3,)`): Middle of the closed lip line in the head's frame.
        incisal_edge (`float`): Lower edge of the upper teeth below it, in inter-ocular distances.
        own_teeth (`np.ndarray` of shape `(height, width, 4)`, *optional*): The photo's own, where it shows them.
        own_drop (`float`): How far these are lowered to show under a lip that no longer smiles.
        depth (`float`): z of the teeth in the photo, in pixels.
    """

    upper: Array
    lower: Array
    tongue: Array
    blade: Array
    throat: Array
    centre: Array
    incisal_edge: float
    own_teeth: NDArray[np.uint8] | None
    own_drop: float
    depth: float

    def draw(
        self, size: tuple[int, int], corner: Array, vertices: Array, weights: Array,
        camera: tuple[Array, Array, float], face: FaceFit, transform: Array, light: Array, rounded: float,
    ) -> Array:  # fmt: skip
        """
        Paint the interior for one frame.

        Args:
            size: Width and height of the window to paint.
            corner (`np.ndarray` of shape `(2,)`): Where the window lies in the picture.
            vertices (`np.ndarray` of shape `(478, 3)`): The frame's landmarks in the head's own frame.
            weights (`np.ndarray` of shape `(52,)`): The frame's expression. tongueOut up to .3 lifts the tip to the
                upper teeth, as in l, th and n; beyond, it stays there.
            camera: Rotation, translation and scale of the frame.
            face: The fit, for the chin's rest place.
            transform (`np.ndarray` of shape `(3, 4)`): The head's rigid motion, for the photo's own teeth.
            light (`np.ndarray` of shape `(3,)`): Share of their light that reaches the teeth between the lips.
            rounded (`float`): How round the lips are, in [0, 1]: they cover more of the teeth that they stand off.

        Returns:
            `np.ndarray` of shape `(height, width, 3)`, float32 in [0, 255].
        """
        chin = (vertices[list(CHIN)] - face.shape[list(CHIN)]).mean(0)
        drop = max(float(chin[1]), 0.0) / MILLIMETRE
        # A lip lifted far above the crowns would bare the gums: the row goes along.
        incisal_edge = self.incisal_edge + min(
            0.0, float(vertices[13, 1] - self.centre[1]) + MOST_BARED * MILLIMETRE - self.incisal_edge
        )
        incisal_edge -= rounded * COVERED * MILLIMETRE
        jaw_edge = self._jaw_edge(drop, float(vertices[14, 1] - self.centre[1]))
        rise = TONGUE_RISE + TONGUE_LIFT * drop
        lift = min(1.0, float(weights[_TONGUE_OUT]) / LIFTED)
        # The blade's top goes from behind the lower teeth to behind the upper ones.
        low, high = jaw_edge + 2.0 * MILLIMETRE, incisal_edge - 2.5 * MILLIMETRE
        blade = low + lift * min(0.0, high - low)
        painting = np.empty((size[1], size[0], 3), np.float32)
        painting[:] = self.throat[-1, 0, :3]
        layers = (
            (self.throat, (THROAT_WIDTH, 24.0 + drop), -10.0 * MILLIMETRE, 12.0),
            (self.tongue, (TONGUE_SIZE[0], TONGUE_SIZE[1] + rise), jaw_edge - rise * MILLIMETRE, 9.0),
            (self.lower, TEETH_EXTENT, jaw_edge, 5.0),
            (self.blade, (BLADE_SIZE[0], BLADE_SIZE[1] + (low - blade) / MILLIMETRE), blade, 4.0),
            (self.upper, TEETH_EXTENT, incisal_edge - TEETH_EXTENT[1] * MILLIMETRE, 3.0),
        )
        for index, (texture, extent, top, behind) in enumerate(layers):
            share = min(1.0, 3.0 * lift) if index == 3 else 1.0  # the blade comes up gradually
            lit = light if texture is self.upper or texture is self.lower else ALL_LIGHT
            _lay(painting, texture, self._placement(texture, extent, top, behind, camera, corner), share, lit)
        if self.own_teeth is not None:
            linear = transform[:2, :2]
            offset = transform[:2, 2] * self.depth + transform[:2, 3] - corner
            offset = offset + camera[2] * camera[0][:2, 1] * (self.own_drop + incisal_edge - self.incisal_edge)
            _lay(painting, self.own_teeth, np.column_stack([linear, offset]), lit=light)
        return painting

    def _jaw_edge(self, drop: float, lip: float) -> float:
        """
        Upper edge of the lower teeth under the closed lip line, with the chin `drop` mm and the lip `lip` lower.

        They go with the chin. A mouth opened wide pulls it farther down than the lip; the row then stays in sight.
        """
        edge = (LOWER_EDGE + drop) * MILLIMETRE
        t = min(1.0, drop / 12.0)
        return edge - t * t * (3.0 - 2.0 * t) * max(0.0, edge - (lip - LOWER_HINT * MILLIMETRE))

    def _placement(
        self, texture: Array, extent: tuple[float, float], top: float, behind: float,
        camera: tuple[Array, Array, float], corner: Array,
    ) -> Array:  # fmt: skip
        """Affine map `(2, 3)` from a texture's pixels to the window, for a plane that far (in mm) behind the lips."""
        rotation, translation, scale = camera
        width, height = extent[0] * MILLIMETRE, extent[1] * MILLIMETRE
        origin = self.centre + np.array([-width / 2, top, behind * MILLIMETRE], np.float32)
        pixel = np.array([width / texture.shape[1], height / texture.shape[0]])
        axes = scale * rotation[:2, :2] * pixel
        # Pixels are squares: the middle of the first one lies half a pixel in.
        offset = scale * rotation[:2] @ origin + translation[:2] - corner + axes @ [0.5, 0.5]
        return np.column_stack([axes, offset]).astype(np.float32)


def _lay(painting: Array, texture: NDArray, placement: Array, share: float = 1.0, lit: Array = ALL_LIGHT) -> None:
    """Warp an RGBA texture into the painting and lay a share of it over, with a share of its light."""
    if share == 0.0:
        return
    height, width = painting.shape[:2]
    warped = cv2.warpAffine(texture, placement, (width, height), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
    alpha = warped[..., 3:].astype(np.float32) * (share / 255.0)
    painting *= 1.0 - alpha
    painting += lit * alpha * warped[..., :3]


def build_mouth(image: NDArray[np.uint8], landmarks: Array, face: FaceFit, rows: tuple[Array, Array]) -> MouthInterior:
    """
    Colour a mouth for one photo, no more saturated than its skin: grey in a black and white one.

    Args:
        rows: Upper and lower teeth as `(height, width, 3)`: brightness, share of gum, alpha.
    """
    lips = _region_colour(image, landmarks, (*UPPER_LIP_ROWS[1], *LOWER_LIP_ROWS[1]))
    skin = _region_colour(image, landmarks, (50, 280, 205, 425, 101, 330))
    light = float(skin @ LUMINANCE)
    chroma = float(np.clip(5.0 * np.ptp(skin) / max(float(skin.max()), 1.0), 0.0, 1.0))
    # Teeth take the light's colour; the skin tells some of it.
    tint = np.array([1.0, 0.965, 0.90]) * (np.maximum(skin, 1.0) / max(light, 1.0)) ** 0.12
    enamel = 0.94 * tint * min(235.0, 1.02 * light + 28.0) + 0.08 * skin
    # Next to dark skin teeth are lighter than it: the white of the eyes, in the same light, tells how much.
    enamel *= np.clip(EYE_WHITE * _eye_white(image, landmarks) / float(enamel @ LUMINANCE), 1.0, 1.5)
    enamel *= min(1.0, 235.0 / float(enamel.max()))
    own, edge = find_own_teeth(image, landmarks, light)
    if own is not None:
        seen = np.percentile(own[..., :3][own[..., 3] > 0.75 * own[..., 3].max()], 60, axis=0)
        # Teeth between hardly parted lips are in their shade, which an open mouth takes off them.
        shaded = np.clip(LEAST_WHITE * float(enamel @ LUMINANCE) / max(float(seen @ LUMINANCE), 1.0), 1.0, 1.5)
        own[..., :3] = np.minimum(shaded * own[..., :3], 255.0)
        enamel = np.minimum(shaded * seen, 255.0)
    gum = _faded(0.60 * lips + 0.50 * light * np.array([1.0, 0.60, 0.60]), chroma)
    centre = 0.5 * (face.shape[13] + face.shape[14])
    incisal_edge, drop = INCISAL_EDGE * MILLIMETRE, 0.0
    if edge is not None:
        place = np.array([landmarks[13, 0], edge, landmarks[13, 2]], np.float32)
        measured = float(((place - face.translation) @ face.rotation / face.scale - centre)[1])
        incisal_edge = float(np.clip(measured, LEAST_EDGE * MILLIMETRE, 7.0 * MILLIMETRE))
        drop = max(0.0, incisal_edge - measured)
    size = face.scale * TEETH_EXTENT[0] * MILLIMETRE
    flesh = _faded(0.42 * lips + 0.54 * light * np.array([1.0, 0.52, 0.50]), chroma)
    return MouthInterior(
        upper=_coloured(rows[0], _faded(enamel, chroma), gum, size),
        lower=_coloured(rows[1], 0.88 * _faded(enamel, chroma), gum, size),
        tongue=_tongue(flesh, BACK_SHADE),
        blade=_tongue(flesh, BLADE_SHADE),
        throat=_throat(_faded(0.32 * lips + 0.30 * light * np.array([1.0, 0.42, 0.38]), chroma)),
        centre=centre.astype(np.float32),
        incisal_edge=incisal_edge,
        own_teeth=own,
        own_drop=drop,
        depth=float(landmarks[[13, 14], 2].mean()),
    )


def _region_colour(image: NDArray[np.uint8], landmarks: Array, indices: tuple[int, ...]) -> Array:
    points = landmarks[list(indices), :2].round().astype(int)
    points = np.clip(points, 0, np.array(image.shape[1::-1]) - 1)
    return np.median(image[points[:, 1], points[:, 0]].astype(np.float32), axis=0)


def _eye_white(image: NDArray[np.uint8], landmarks: Array) -> float:
    """Brightness of the lighter parts of both eyes, without the lightest: highlights."""
    inside = np.zeros(image.shape[:2], np.uint8)
    for eye in (RIGHT_EYE, LEFT_EYE):
        cv2.fillPoly(inside, [landmarks[list(eye.outline), :2].round().astype(np.int32)], 1)
    pixels = image[inside > 0].astype(np.float32) @ np.array(LUMINANCE, np.float32)
    return float(np.percentile(pixels, 85)) if len(pixels) else 0.0


def _faded(colour: Array, chroma: float) -> Array:
    """The colour with only a share of its saturation."""
    grey = float(colour @ LUMINANCE)
    return grey + chroma * (colour - grey)


def _coloured(row: Array, enamel: Array, gum: Array, width: float) -> Array:
    """Teeth and gums in their colours, no finer than the `width` pixels at which the photo shows them."""
    brightness, share, alpha = np.dsplit(row, 3)
    # Gums rise between teeth, but not as spikes.
    spike = round(SPIKE / TEETH_EXTENT[0] * row.shape[1])
    share = cv2.erode(share, np.ones((1, spike), np.uint8))[..., None]
    share = cv2.GaussianBlur(share, (0, 0), 0.25 * spike)[..., None]
    # Light that teeth scatter fills the gaps between them.
    coarse = cv2.GaussianBlur(brightness, (0, 0), GAP_WIDTH / TEETH_EXTENT[0] * row.shape[1])[..., None]
    brightness = np.where(brightness < coarse, coarse + GAP_DEPTH * (brightness - coarse), brightness)
    brightness = brightness + GUM_GLOW * share * np.maximum(1.0 - brightness, 0.0)
    colour = brightness**WARMTH * ((1.0 - share) * enamel + share * gum)
    texture = np.concatenate([np.clip(colour, 0, 255), 255.0 * alpha], axis=-1).astype(np.float32)
    if width < texture.shape[1]:
        size = (max(8, round(width)), max(4, round(width * texture.shape[0] / texture.shape[1])))
        texture = cv2.resize(texture, size, interpolation=cv2.INTER_AREA)
    return texture


def _throat(colour: Array) -> Array:
    """Red cheeks and floor around a darkness in the middle."""
    x = np.linspace(-1, 1, TEXTURE_WIDTH)[None]
    y = np.linspace(-1, 1, TEXTURE_HEIGHT)[:, None]
    shade = np.clip(0.5 + 0.6 * (x**2 + 0.5 * (y - 0.1) ** 2), 0.0, 1.0)
    rgb = shade[..., None] * colour
    return np.concatenate([rgb, np.full((*shade.shape, 1), 255.0)], axis=-1).astype(np.float32)


def _tongue(colour: Array, edge: float) -> Array:
    """A soft hump, lightest where it bends to the front, with a faint groove; `edge` is its shade along the top."""
    x = np.linspace(-1, 1, TEXTURE_WIDTH)[None]
    y = np.linspace(0, 1, TEXTURE_HEIGHT)[:, None]
    top = 0.03 + 0.62 * np.abs(x) ** 2.6
    inside = np.clip((y - top) * 7.0, 0, 1)
    alpha = inside * inside * (3.0 - 2.0 * inside) * np.clip((1.0 - np.abs(x)) * 4.0, 0, 1)
    over = np.clip((y - top) * 1.9, 0, 1)
    shade = edge + (1.0 - edge) * np.sin(0.5 * np.pi * over) - 0.09 * np.exp(-((x / 0.10) ** 2)) * over - 0.22 * x**2
    rgb = np.clip(shade[..., None] * colour, 0, 255)
    return np.concatenate([rgb, 255.0 * alpha[..., None]], axis=-1).astype(np.float32)
