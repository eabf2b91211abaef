"""Glasses: found in the photo by their rims, and kept stiff while the face behind them moves."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.fit import FaceFit
from ..face.landmarks import LEFT_EYE, NUM_LANDMARKS, RIGHT_EYE


Array = NDArray[np.float32]

BRIDGE: Final = 168

# The small picture, with level eyes, that rims are looked for in; places in it are rows and columns.
UNIT: Final = 100  # pixels between the eyes
HEIGHT, WIDTH = 2 * UNIT, 3 * UNIT
BLUR: Final = 1.5  # pixels: finer than any rim
SOBEL: Final = 0.125  # makes of the operator levels a pixel
SKIN: Final = np.s_[120:190, 60:240]  # cheeks and nose, whose light rims are dark or bright against
LEAST_LIGHT: Final = 10.0  # levels: in darker pictures noise is no rim
BAR: Final = np.s_[60:125, 140:161]  # where a bar crosses the nose
RIMS: Final = np.s_[118:158, 75:125], np.s_[118:158, 175:225]  # where rims pass under the eyes
# Contrast of bar and rims: none below, over so much more certainly glasses. Chosen between photos of bare faces and of
# glasses.
CONTRAST: Final = (0.11, 0.05)
DOUBTFUL: Final = 0.25  # seen: rims that are looked for where glasses are less sure than this are brows or wrinkles

# The face behind glasses, in inter-ocular distances; pairs for `ramp`, chosen by eye on photos of glasses: how far
# from the middle of the eyes it ends.
ACROSS: Final = (1.05, -0.27)
DOWN: Final = (0.78, -0.28)
UP: Final = (0.48, -0.26)
FREE: Final = (0.0, 0.12)  # how far above the eyes skin moves behind rims that are a layer of their own
FLAT: Final = 0.6  # how far skin there is brought into the plane of the glasses: a flat face would slide, not turn


def find_glasses(image: NDArray[np.uint8], landmarks: Array) -> float:
    """
    How sure glasses are, in [0, 1]: by the contrast, against the skin's light, of a bar across the bridge of the nose
    and of rims under both eyes.
    """
    upright, _ = level_eyes(image, landmarks)
    grey = cv2.GaussianBlur(cv2.cvtColor(upright, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), BLUR)
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=SOBEL))
    bar = float(edges[BAR].mean(1).max())
    rims = min(float(np.median(edges[place].max(0))) for place in RIMS)
    return ramp((bar + rims) / light_of(grey), *CONTRAST)


def level_eyes(image: NDArray[np.uint8], landmarks: Array) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The small picture, `(HEIGHT, WIDTH, 3)`, that rims are looked for in, and the map `(2, 3)` that leads there."""
    right, left = (landmarks[[eye.outer, eye.inner], :2].mean(0) for eye in (RIGHT_EYE, LEFT_EYE))
    along = (left - right) / np.square(left - right).sum() * UNIT
    turn = np.array([along, [-along[1], along[0]]], np.float64)
    offset = 0.5 * np.array([WIDTH, HEIGHT]) - turn @ (0.5 * (left + right))
    level = np.column_stack([turn, offset])
    return np.asarray(cv2.warpAffine(image, level, (WIDTH, HEIGHT), flags=cv2.INTER_AREA), np.uint8), level


def light_of(grey: Array) -> float:
    """The light of the skin in that picture, in levels: what the contrast of rims is a share of."""
    return float(grey[SKIN].mean()) + LEAST_LIGHT


def eyewear_zone(face: FaceFit, room: float = 0.0) -> Array:
    """
    How much of each landmark, `(478,)` in [0, 1], lies behind glasses: from the brows to the cheeks, and `room`
    inter-ocular distances around.
    """
    middle = face.shape[[RIGHT_EYE.outer, RIGHT_EYE.inner, LEFT_EYE.inner, LEFT_EYE.outer]].mean(0)
    across, down = np.abs(face.shape[:, 0] - middle[0]), face.shape[:, 1] - middle[1]
    zone = ramp(across - room, *ACROSS) * ramp(-down - room, *UP) * ramp(down - room, *DOWN)
    return smoothstep(zone).astype(np.float32)


def flatten(landmarks: Array, face: FaceFit, share: Array) -> Array:
    """
    Landmarks `(478, 3)` of which a share, `(478,)`, is brought into the plane of the glasses: through the bridge of
    the nose, square to the head's forward direction.
    """
    normal = face.rotation[:, 2]
    away = landmarks - landmarks[BRIDGE]
    plane = landmarks[BRIDGE, 2] - (away[:, :2] @ normal[:2]) / normal[2]
    flat = landmarks.copy()
    flat[:, 2] += share * (plane - landmarks[:, 2])
    return flat


def stiff_skin(zone: Array, face: FaceFit, rims: float) -> Array:
    """
    How much of the zone, `(478,)`, stays where glasses are: all but the lids' margins and the irises, which move
    behind them too, and as far as `rims`, in [0, 1], are a layer of their own, all that is above the eyes.
    """
    middle = face.shape[[RIGHT_EYE.outer, RIGHT_EYE.inner, LEFT_EYE.inner, LEFT_EYE.outer], 1].mean()
    stiff = zone * (1.0 - rims * smoothstep(ramp(middle - face.shape[:, 1], *FREE)))
    stiff[[*RIGHT_EYE.outline, *LEFT_EYE.outline]] = 0.0
    stiff[min(RIGHT_EYE.iris) : NUM_LANDMARKS] = 0.0
    return stiff.astype(np.float32)
