"""A film's pictures as 8-bit RGB in square pixels, upright; those of high dynamic range are mapped to BT.709."""

from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray


UNKNOWN_MATRIX: Final = 2  # AVCOL_SPC_UNSPECIFIED
HD_LINES: Final = 720  # from so many lines on players take BT.709 for films that do not say
# Pixels are at most so much wider than high, or higher than wide: beyond it the file is wrong.
MOST_SQUEEZED: Final = 4
PQ, HLG = 16, 18  # transfer characteristics (ITU-T H.273, table 3)
HDR_NAMES: Final = {PQ: "PQ", HLG: "HLG"}

REFERENCE_WHITE: Final = 203.0  # nits (ITU-R BT.2408, section 2)
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2  # nits of the display and its system gamma (ITU-R BT.2100, table 5)
DISPLAY_GAMMA: Final = 2.4  # of a standard display (ITU-R BT.1886)
KNEE: Final = 0.6  # of white: light beyond it is compressed; our own choice
BT2020_LUMA: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)
BT2020_TO_709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # ITU-R BT.2087, section 2 of annex 2


class FilmColours:
    """
    Turns a film's frames into pictures as players show them, all of the first one's size: one of another size, as
    calls and joined files have them, is fitted between black bars.

    Args:
        pixel_shape (`Fraction`, *optional*): Width over height of a pixel.
    """

    def __init__(self, pixel_shape: Fraction | None) -> None:
        sound = pixel_shape is not None and Fraction(1, MOST_SQUEEZED) <= pixel_shape <= MOST_SQUEEZED
        self._pixel_shape = pixel_shape if sound and pixel_shape is not None else Fraction(1)
        self._shape: tuple[int, ...] | None = None

    def picture(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame as uint8 of shape `(height, width, 3)`."""
        picture = self._whole_picture(frame)
        if self._shape is None:
            self._shape = picture.shape
        return picture if picture.shape == self._shape else _fitted(picture, *self._shape[:2])

    def _whole_picture(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame in its own size."""
        width, height = self._square_size(frame.width, frame.height)
        high_range = frame.color_trc in HDR_NAMES
        matrix: Any = None
        if frame.colorspace == UNKNOWN_MATRIX:
            matrix = Colorspace.ITU709 if frame.height >= HD_LINES else Colorspace.ITU601
        converted = frame.reformat(
            width, height, "rgb48le" if high_range else "rgb24", src_colorspace=matrix,
            interpolation=Interpolation.BICUBIC,
        )  # fmt: skip
        pixels = converted.to_ndarray()
        if high_range:
            pixels = self._curves[frame.color_trc](pixels)
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))

    def _square_size(self, width: int, height: int) -> tuple[int, int]:
        """The size in square pixels: the shorter sides of the pixels grow."""
        if self._pixel_shape >= 1:
            return round(width * self._pixel_shape), height
        return width, round(height / self._pixel_shape)

    @cached_property
    def _curves(self) -> dict[int, "HighRange"]:
        return {transfer: HighRange(transfer) for transfer in HDR_NAMES}


def _fitted(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The picture as large as it goes into another shape, in its middle."""
    scale = min(height / picture.shape[0], width / picture.shape[1])
    inner = max(1, round(scale * picture.shape[0])), max(1, round(scale * picture.shape[1]))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    fitted = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    fitted[top : top + inner[0], left : left + inner[1]] = cv2.resize(picture, inner[::-1], interpolation=way)
    return fitted


class HighRange:
    """
    Maps pictures of high dynamic range in BT.2020 to BT.709: light as the display gives it, over the white of
    graphics, in the narrower colours, compressed above a knee so that highlights keep their drawing.

    Args:
        transfer (`int`): `PQ` or `HLG`.
    """

    def __init__(self, transfer: int) -> None:
        self._hlg = transfer == HLG
        signal = np.arange(1 << 12) / ((1 << 12) - 1.0)
        self._light = (_hlg_scene_light(signal) if self._hlg else _pq_light(signal)).astype(np.float32)
        standard = np.linspace(0.0, 1.0, 1 << 12) ** (1.0 / DISPLAY_GAMMA)
        self._code = np.round(255.0 * standard).astype(np.uint8)

    def __call__(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """The picture `(height, width, 3)`, uint16 over its whole range, as uint8."""
        light = self._light[pixels >> 4]
        if self._hlg:
            luma = np.maximum(light @ BT2020_LUMA, 1e-6)[..., None]
            light = light * luma ** (HLG_GAMMA - 1.0) * (HLG_PEAK / REFERENCE_WHITE)
        light = np.maximum(cv2.transform(light, BT2020_TO_709), 0.0)
        brightest = light.max(axis=2, keepdims=True)
        over = np.maximum(brightest - KNEE, 0.0) / (1.0 - KNEE)
        compressed = np.minimum(brightest, KNEE) + (1.0 - KNEE) * (1.0 - np.exp(-over))
        light *= compressed / np.maximum(brightest, 1e-6)
        return self._code[(light * ((1 << 12) - 1) + 0.5).astype(np.uint16)]


def _pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light over reference white (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = signal ** (1.0 / m2)
    return 10_000.0 / REFERENCE_WHITE * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1.0 / m1)


def _hlg_scene_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scene's light in [0, 1] (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3.0, (np.exp((signal - c) / a) + b) / 12.0)
