"""What is behind the person: a soft cut-out that never eats into them, and a plate to fill what the head uncovers."""

import cv2
import numpy as np
from numpy.typing import NDArray


THRESHOLD = 0.35
MARGIN, FEATHER = 0.005, 0.012  # of the picture's width
CLEAR = 0.022  # of the width: farther from the person nothing of them, hair or shadow, tints the plate


def reach_of(width: int) -> float:
    """How far, in pixels, the cut-out reaches beyond the person before it has faded."""
    return max(2.0, (MARGIN + 0.5 * FEATHER) * width)


def cut_out(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """
    Alpha of the person, `(height, width)`: fully inside, then a margin, feathered outwards only.

    A soft matte would eat shoulders, a wide margin carry a halo of old background along with a turning head.
    """
    height, width = mask.shape
    margin, feather = max(1, round(MARGIN * width)), max(1, round(FEATHER * width))
    binary = (mask > THRESHOLD).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    grown = cv2.dilate(binary, kernel)
    distance = cv2.distanceTransform(1 - grown, cv2.DIST_L2, 5)
    return (255.0 * np.clip(1.0 - distance / feather, 0.0, 1.0)).astype(np.uint8)


def fill_plate(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    The picture without the person: known pixels stay, the rest is pulled in from around (push-pull, Gortler et al.,
    1996), with the grain of the known part laid over.
    """
    reach = max(1, round((CLEAR - MARGIN - FEATHER) * image.shape[1]))
    near = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    known = (near == 0).astype(np.float32)
    if known.mean() < 0.01:
        return image.copy()
    filled = _pull(image.astype(np.float32) * known[..., None], known)
    noise = image - cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.float32)
    grain = np.random.default_rng(0).normal(0.0, 1.0, image.shape[:2]).astype(np.float32)
    filled += min(6.0, float(noise[known > 0].std())) * grain[..., None]
    plate = np.where(known[..., None] > 0, image, np.clip(filled, 0, 255))
    return plate.astype(np.uint8)


def _pull(colour: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average known pixels into ever coarser levels, then fill each level's gaps from the coarser one."""
    height, width = weight.shape
    if min(height, width) <= 2:
        return colour / max(float(weight.sum()), 1e-6) if weight.sum() else colour
    size = ((width + 1) // 2, (height + 1) // 2)
    coarse_colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    coarse_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    share = np.maximum(coarse_weight, 1e-6)[..., None]
    grown = np.minimum(1.0, 4.0 * coarse_weight)
    coarse = _pull(coarse_colour / share * grown[..., None], grown)
    up = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return colour + (1.0 - weight[..., None]) * up
