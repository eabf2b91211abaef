"""How sharp a picture of a face is, so that what is drawn into it can be as sharp."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from .masks import window_around


Array = NDArray[np.float32]

# Chosen by eye on photos between sharp and blurred.
AGAIN: Final = 1.0  # pixels: blur by which edges are blurred once more
EDGES: Final = 95  # percentile of the slopes around an eye or the lips from which on they are edges
ROOM: Final = 0.25  # of the size of these, looked at around them
RANGE: Final = (0.3, 2.0)  # pixels: less is no blur, more is a photo of something else than an edge


def blur_of(image: NDArray[np.uint8], landmarks: Array) -> float:
    """
    Blur of the edges of eyes and lips: the deviation, in pixels, of the Gaussian that blurs a step as much.

    An edge that is blurred once more loses the more of its slope the sharper it was (Zhuo and Sim, "Defocus map
    estimation from a single image", Pattern Recognition, 2011).

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): The picture.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
    """
    blurs = []
    for part in (RIGHT_EYE.outline, LEFT_EYE.outline, LIPS):
        points = landmarks[list(part), :2]
        window = window_around(points, image.shape, round(ROOM * float(np.ptp(points, axis=0).max())))
        if window is None:
            continue
        grey = cv2.cvtColor(image[window], cv2.COLOR_RGB2GRAY).astype(np.float32)
        slopes, flatter = _slopes(grey), _slopes(cv2.GaussianBlur(grey, (0, 0), AGAIN))
        edges = slopes >= max(float(np.percentile(slopes, EDGES)), 1.0)
        if edges.any():
            lost = float(np.median(slopes[edges] / np.maximum(flatter[edges], 1e-3)))
            blurs.append(AGAIN / np.sqrt(max(lost**2 - 1.0, 1e-6)))
    return float(np.clip(np.mean(blurs), *RANGE)) if blurs else RANGE[0]


def _slopes(grey: Array) -> Array:
    return np.asarray(cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)), np.float32)
