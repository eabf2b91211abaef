"""The small "AI-generated" mark in the corner of a video."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


TEXT: Final = "AI-generated"
SHARE: Final = 26  # the picture's shorter side over the height of the letters
LEAST: Final = 11  # pixels: the smallest letters that can be read


def burn_label(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, uint8 of shape `(height, width, 3)`, with the mark in their lower left corner."""
    mark: NDArray[np.float32] | None = None
    for frame in frames:
        if mark is None:
            mark = _draw(frame.shape[0], frame.shape[1])
        height, width = mark.shape[:2]
        margin = height // 3
        rows, columns = slice(-height - margin, -margin), slice(margin, margin + width)
        labelled = frame.copy()
        colour, alpha = mark[..., :3], mark[..., 3:]
        labelled[rows, columns] = np.round(frame[rows, columns] * (1 - alpha) + colour * alpha)
        yield labelled


def _draw(height: int, width: int) -> NDArray[np.float32]:
    """White letters on a dark, half-transparent plate: colours in [0, 255] and alpha in [0, 1]."""
    font = ImageFont.load_default(max(LEAST, min(height, width) // SHARE))
    left, top, right, bottom = font.getbbox(TEXT)
    pad = (bottom - top) // 2
    size = int(right - left + 2 * pad), int(bottom - top + 2 * pad)
    plate = Image.new("RGBA", size)
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), pad, fill=(16, 16, 16, 150))
    draw.text((pad - left, pad - top), TEXT, (255, 255, 255, 235), font)
    room = max(1, width - 2 * (size[1] // 3))
    if size[0] > room:  # better small than cut off
        plate = plate.resize((room, max(1, size[1] * room // size[0])))
    mark = np.asarray(plate, np.float32).copy()
    mark[..., 3] /= 255.0
    return mark
