"""Glasses: found in the photo by their rims, and kept stiff while the face behind them moves."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.fit import FaceFit
from ..face.landmarks import LEFT_EYE, NUM_LANDMARKS, RIGHT_EYE


Array = NDArray[np.float32]

UNIT: Final = 100  # pixels between the eyes in the small picture that rims are looked for in
RIMS: Final = (0.11, 0.16)  # contrast of rims: none below, certainly glasses above
BRIDGE: Final = 168


def find_glasses(image: NDArray[np.uint8], landmarks: Array) -> float:
    """
    How sure glasses are, in [0, 1]: by the contrast, against the skin's light, of a bar across the bridge of the nose
    and of rims under both eyes.
    """
    right, left = (landmarks[[eye.outer, eye.inner], :2].mean(0) for eye in (RIGHT_EYE, LEFT_EYE))
    along = (left - right) / np.square(left - right).sum() * UNIT
    turn = np.array([along, [-along[1], along[0]]])
    offset = np.array([1.5, 1.0]) * UNIT - turn @ (0.5 * (left + right))
    upright = cv2.warpAffine(image, np.column_stack([turn, offset]), (3 * UNIT, 2 * UNIT), flags=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(upright, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125))
    light = float(grey[120:190, 60:240].mean()) + 10.0
    bridge = float(edges[60:125, 140:161].mean(1).max())
    rims = min(float(np.median(edges[118:158, columns].max(0))) for columns in (slice(75, 125), slice(175, 225)))
    low, high = RIMS
    return float(np.clip(((bridge + rims) / light - low) / (high - low), 0.0, 1.0))


def eyewear_zone(face: FaceFit) -> Array:
    """How much of each landmark, `(478,)` in [0, 1], lies behind glasses: from the brows to the cheeks."""
    middle = face.shape[[RIGHT_EYE.outer, RIGHT_EYE.inner, LEFT_EYE.inner, LEFT_EYE.outer]].mean(0)
    across, down = np.abs(face.shape[:, 0] - middle[0]), face.shape[:, 1] - middle[1]
    edges = (1.25 - across) / 0.3, (down + 0.62) / 0.27, (0.82 - down) / 0.3
    zone = np.prod([np.clip(edge, 0.0, 1.0) for edge in edges], axis=0)
    return (zone * zone * (3.0 - 2.0 * zone)).astype(np.float32)


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


def without_lids(zone: Array) -> Array:
    """The zone but for the lids' margins and the irises, which move behind glasses too."""
    stiff = zone.copy()
    stiff[[*RIGHT_EYE.outline, *LEFT_EYE.outline]] = 0.0
    stiff[min(RIGHT_EYE.iris) : NUM_LANDMARKS] = 0.0
    return stiff
