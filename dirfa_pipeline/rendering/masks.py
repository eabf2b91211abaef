"""Where in a picture something is drawn: windows, masks with soft edges, sizes in pixels, and colours at places."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]
Window = tuple[slice, slice]  # rows and columns

SHIFT: Final = 4  # bits that OpenCV keeps of the parts of a pixel when it draws
EDGE: Final = 0.7  # pixels: blur that takes the steps out of a mask's edge; chosen by eye


class Softness(NamedTuple):
    """How far something is blurred (the Gaussian's deviation): with the size of the face, but never too little."""

    least: float  # pixels; under about .6 a blur changes nothing
    share: float  # of a length in the face

    def of(self, length: float) -> float:
        """In pixels, for a length in pixels."""
        return max(self.least, self.share * length)


def whole(length: float) -> int:
    """A length in whole pixels, 1 or more."""
    return max(1, round(length))


def window_around(points: Array, shape: tuple[int, ...], margin: int) -> Window | None:
    """Rows and columns of the picture around some points; `None` if they lie outside."""
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin + 1, shape[1::-1])
    if (high - low).min() < 1:
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def whole_window(shape: tuple[int, ...]) -> Window:
    """All rows and columns of a picture."""
    return slice(0, shape[0]), slice(0, shape[1])


def corner_of(window: Window) -> Array:
    """x and y of a window's first pixel, `(2,)`."""
    return np.array([window[1].start, window[0].start], np.float32)


def shape_of(window: Window) -> tuple[int, int]:
    """Height and width of a window."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def fixed_point(points: NDArray) -> NDArray[np.int32]:
    """Places in pixels as OpenCV draws them between pixels, with a `shift` of `SHIFT`."""
    return (points * 2.0**SHIFT).round().astype(np.int32)


def polygon_mask(points: Array, window: Window, blur: float = EDGE) -> Array:
    """Smooth-edged mask of a polygon in [0, 1], of the window's size."""
    mask = np.zeros(shape_of(window), np.uint8)
    cv2.fillPoly(mask, [fixed_point(points - corner_of(window))], 255, lineType=cv2.LINE_AA, shift=SHIFT)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0


def polygon(points: Array, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """1 inside a polygon and 0 around it, `(height, width)`, with no pixel between."""
    inside = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(inside, [points.round().astype(np.int32)], 1)
    return inside


def ellipse(radius: int) -> NDArray[np.uint8]:
    """The disc, `(2 radius + 1, 2 radius + 1)`, by which masks are grown and shrunk."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def colours_at(image: NDArray[np.uint8], points: NDArray) -> Array:
    """The picture's colours, `(n, channels)` float32, at places `(n, 2)`; the border's for places beyond it."""
    places = np.clip(points.round().astype(int), 0, np.array(image.shape[1::-1]) - 1)
    return image[places[:, 1], places[:, 0]].astype(np.float32)
