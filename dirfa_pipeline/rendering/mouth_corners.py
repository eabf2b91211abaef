"""
The dark corners of a mouth, which it loses when it is narrow: lips that are pulled together, or open and narrower than
in the photo, end round, and the photo's pointed corners would stay beside them as dark lines.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from .masks import Softness, Window, corner_of, ellipse, whole, window_around


Array = NDArray[np.float32]

# Chosen by eye on pursed mouths of 31 hard photos. Unit: the inter-ocular distance.
SIDES: Final = ((61, 291), (291, 61))  # landmarks of a corner, each with the other one
CHEEKS: Final = (50, 280)
OUTWARDS: Final = 0.06  # how far beyond the corner the zone has its middle: the lips' own tips stay
REACH: Final = (0.17, 0.12)  # along the mouth and across, where the zone has ended
FULL: Final = 0.45  # share of that up to which it is whole
LINE: Final = 0.05  # half of the width of a dark line or pointed end, at most
SMOOTH: Final = Softness(0.7, 0.02)  # of what is filled in: where a line was there is no texture
LINES: Final = (0.05, 0.08)  # of the light, that lines lack, a ramp: what lacks less is the skin's texture
FINE: Final = Softness(0.8, 0.012)  # of what is finer
BEARDED: Final = (0.028, 0.01)  # its contrast, over that of a cheek, a ramp: beards are dark at many places, and stay
LIGHTER: Final = 0.75  # share of a corner's darkness that a narrow mouth loses


@dataclass(frozen=True)
class MouthCorner:
    """
    One corner in the photo.

    Args:
        window (`tuple[slice, slice]`): Rows and columns around it.
        gain (`np.ndarray` of shape `(height, width, 3)`): float32, in levels; the light that it gains once the mouth
            is narrow, 0 but on dark lines and pointed ends.
    """

    window: Window
    gain: Array

    def lighten(self, picture: NDArray[np.uint8], share: float) -> None:
        """Lighten the corner in a picture `(height, width, 4)` by a share of its gain, in place."""
        patch = picture[self.window][..., :3]
        patch[:] = np.clip(patch + np.float32(share) * self.gain + np.float32(0.5), 0.0, 255.0)


def find_corners(picture: NDArray[np.uint8], landmarks: Array, scale: float) -> tuple[MouthCorner, ...]:
    """
    The dark corners of a mouth in a picture `(height, width, 4)`; none of a beard, or outside of the picture.

    Args:
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        scale (`float`): The inter-ocular distance in pixels.
    """
    around = whole((max(REACH) + LINE) * scale)
    zones = []
    for corner, other in SIDES:
        along = landmarks[corner, :2] - landmarks[other, :2]
        along /= max(float(np.linalg.norm(along)), 1e-6)
        middle = landmarks[corner, :2] + OUTWARDS * scale * along
        window = window_around(middle[None], picture.shape, margin=around)
        if window is not None:
            zones.append((window, picture[window][..., :3], middle - corner_of(window), along))
    cheeks = (window_around(landmarks[[place], :2], picture.shape, margin=around) for place in CHEEKS)
    smooth = min((_texture(picture[window][..., :3], scale) for window in cheeks if window is not None), default=0.0)
    # Both corners together: of a beard one may look smooth.
    rough = float(np.mean([_texture(patch, scale) for _, patch, *_ in zones])) if zones else 0.0
    share = LIGHTER * (1.0 - ramp(rough - smooth, *BEARDED))
    corners = (
        MouthCorner(window, share * _lacking(patch, middle, along, scale)) for window, patch, middle, along in zones
    )
    return tuple(corner for corner in corners if corner.gain.any())


def _lacking(patch: NDArray[np.uint8], middle: Array, along: Array, scale: float) -> Array:
    """How much darker than around them lines and pointed ends are, within the zone: `(height, width, 3)`."""
    y, x = np.indices(patch.shape[:2], np.float32) - middle[::-1, None, None]
    away = np.hypot((x * along[0] + y * along[1]) / REACH[0], (y * along[0] - x * along[1]) / REACH[1]) / scale
    closed = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, ellipse(whole(LINE * scale))).astype(np.float32)
    closed = cv2.GaussianBlur(closed, (0, 0), SMOOTH.of(scale))
    lacking = np.maximum(closed - patch, 0.0)
    zone = smoothstep(ramp(away, 1.0, FULL - 1.0)) * smoothstep(ramp(lacking.mean(2) / (closed.mean(2) + 1.0), *LINES))
    return np.asarray(zone[..., None] * lacking, np.float32)


def _texture(patch: NDArray[np.uint8], scale: float) -> float:
    """Contrast of the finest structure, as a share of the light, at half of the places: a line alone has little."""
    coarse = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), FINE.of(scale)) + 1.0
    return float(np.median(np.abs(patch + 1.0 - coarse).mean(2) / coarse.mean(2)))
