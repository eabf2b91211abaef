"""The invisible watermark: a faint pattern in the luminance of every frame, whose sign alternates over time."""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .code import CODE_BITS, PAYLOAD_BITS, code_of
from .pattern import PUBLIC_KEY, TILE, TILES, patterns


Array = NDArray[np.float32]

MADE_HERE: Final = 0xD14FA001  # the default payload: "made with this software"
FREQUENCY: Final = 0.6  # hertz of the alternating sign; what stands still cancels over a few seconds
# Measured by benchmarks/evaluate_watermark.py: fainter marks do not survive strong compression, stronger ones are
# visible.
STRENGTH: Final = 1.5  # root mean square, in levels of 255, where the room is 1
MOST_ROOM: Final = 1.32  # highest root mean square over a frame; keeps the mark's PSNR above 42 dB in busy frames
MOST_LIFTED: Final = 1.25  # factor on the room of frames with little of it, up to the same root mean square
BEACON: Final = 0.3  # share of the mark's power in the beacon; the rest is in the bits
# Strength in flat areas, and how much is added in busy ones, where noise is not seen. With half as much again in flat
# areas, people who compared videos noticed mottled walls.
FLAT, BUSY = 0.3, 1.3
BUSY_LEVELS: Final = 4.0  # mean difference, in levels of 255, between pixels and their surroundings in a busy area
STEP: Final = 4  # pixels between those at which busyness is measured
NEAR: Final = (3, 3)  # in such steps: the neighbourhood a pixel is compared with, and that averaged over
# In such steps: what is narrower, such as an edge, is not busy. Beside edges, too, the mark was seen: straight ones
# rippled, and walls around heads were mottled.
WIDE: Final = np.ones((7, 7), np.uint8)


class Watermark:
    """
    Marks a video's frames.

    Args:
        payload (`int`, *optional*): A 32-bit number that can be read from the video.
        key (`int`, *optional*): The key of the patterns, needed to find the mark.

    Raises:
        InputError: `payload` does not fit into 32 bits.
    """

    def __init__(self, payload: int = MADE_HERE, key: int = PUBLIC_KEY) -> None:
        if not 0 <= payload < 2**PAYLOAD_BITS:
            raise InputError(f"a watermark's payload must be in [0, 2^{PAYLOAD_BITS}), got {payload}")
        self.payload = payload
        beacon, bits = patterns(key)
        number = np.tensordot(code_of(payload), bits, axes=1) / np.sqrt(CODE_BITS)
        self._tile = (np.sqrt(BEACON) * beacon + np.sqrt(1.0 - BEACON) * number).astype(np.float32)
        self._spread = lru_cache(maxsize=2)(self._spread_over)

    def mark(self, frame: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        """
        Return a marked copy of a frame.

        Args:
            frame (`np.ndarray` of shape `(height, width, 3)`): uint8.
            seconds (`float`): Its time in the video.
        """
        height, width = frame.shape[:2]
        sign = 1.0 if np.cos(2.0 * np.pi * FREQUENCY * seconds) >= 0.0 else -1.0
        spread, room = self._spread(height, width), _room(frame)
        # Saturating bytes make it faster to brighten and darken separately than to add one signed sum.
        more, less = (cv2.multiply(spread, room, scale=way * STRENGTH, dtype=cv2.CV_8U) for way in (sign, -sign))
        brighter = cv2.add(frame, cv2.cvtColor(more, cv2.COLOR_GRAY2RGB))
        return np.asarray(cv2.subtract(brighter, cv2.cvtColor(less, cv2.COLOR_GRAY2RGB), brighter), np.uint8)

    def _spread_over(self, height: int, width: int) -> Array:
        """The tile, repeated over a frame of this size, `(height, width)`."""
        to_tile = TILES * TILE / max(height, width)
        y, x = (np.mod(np.arange(size, dtype=np.float32) * to_tile, TILE) for size in (height, width))
        map_x, map_y = np.meshgrid(x, y)
        around = np.pad(self._tile, ((0, 1), (0, 1)), mode="wrap")
        return np.asarray(cv2.remap(around, map_x, map_y, cv2.INTER_LINEAR), np.float32)


def _room(frame: NDArray[np.uint8]) -> Array:
    """How strong the mark may be at each pixel, `(height, width)`, without being visible."""
    light = frame[::STEP, ::STEP, 1].astype(np.float32)
    rough = cv2.blur(np.abs(light - cv2.blur(light, NEAR)), NEAR)
    rough = cv2.blur(cv2.morphologyEx(rough, cv2.MORPH_OPEN, WIDE), NEAR)
    room = FLAT + BUSY * np.minimum(rough / BUSY_LEVELS, 1.0)
    room *= min(MOST_LIFTED, MOST_ROOM / float(np.sqrt(np.square(room).mean())))
    return np.asarray(cv2.resize(room, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
