"""
Where the person ends.

In front of a plain wall: where the strands of loose hair are, how much of each pixel they cover, and what colour they
are. In front of a busy one: what of the cut-out's margin shows the wall.

Where the wall is plain its colour behind a pixel is known from around, and so is the colour of the hair near by; a
pixel's share is how far it lies from the one towards the other (difference matting: Qian and Sezan, 1992). Colours are
unmixed by equation 1 of Levin et al., "A closed-form solution to natural image matting" (2008).
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp
from .masks import Softness, ellipse


Array = NDArray[np.float32]

# Chosen by eye on photos of loose hair and turned heads.
REACH: Final = 0.12  # of the picture's width: how far from the cut-out a strand may go
SPARSE: Final = 0.05  # share of the wall that strands may cover
STRAND: Final = 0.02  # of the width: what is broader is no strand
VISIBLE: Final = 2.5  # levels by which a strand stands out from the wall, at least
CLEAR: Final = 4.0  # times that the wall varies by, that it stands out as well
# Levels that a wall varies by: up to the first, strands can be told from it; from the second on, they cannot.
QUIET, BUSY = 3.0, 7.0
JOIN, GROW = 3, 2  # pixels over which pieces of a strand belong together, and by which it is found too thin
CLEAN, NOISE = 3.0, 2.0  # levels off the wall that are still wall, and times that it varies by, more
FULL: Final = 0.8  # of the way from wall to hair: from here on a pixel is all hair, which varies itself
FAINT: Final = 0.35  # pixels with a smaller share take the hair's colour: their own is mostly noise
LEAST_SHARE: Final = 0.02  # that hair is unmixed by
CONTRAST: Final = 25.0  # levels between hair and wall from which on shares are trusted


# The margin before a busy wall: how far it is off the wall, of how far off the person; blur of that, of the width.
LIKE_WALL: Final = (0.6, -0.3)
LIKE_BLUR: Final = Softness(0.7, 0.002)


def find_strands(image: NDArray[np.uint8], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """
    Thin lines that stand out from what is around them and touch the person, `(height, width)`.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): uint8.
        near (`np.ndarray` of shape `(height, width)`): The person and what is close to them.
    """
    height, width = near.shape
    size = 2 * max(2, round(0.5 * STRAND * width)) + 1
    band = cv2.distanceTransform((~near).astype(np.uint8), cv2.DIST_L2, 5) <= REACH * width
    out = cv2.absdiff(image, cv2.medianBlur(image, size)).max(-1)
    # Strands are few, so the median shows how much the wall itself varies.
    quarter = cv2.resize(out, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_NEAREST)
    noise = cv2.resize(cv2.medianBlur(quarter, size), (width, height)).astype(np.float32)
    strong = (out > np.maximum(VISIBLE, CLEAR * noise)) & (noise <= QUIET) & ~near
    # Where there are many it is a pattern of the wall.
    box = (2 * round(0.5 * REACH * width) + 1,) * 2
    many, free = (cv2.blur(part.astype(np.float32), box) for part in (strong, ~near))
    strong &= band & (many < SPARSE * free)
    linked = cv2.morphologyEx((strong | near).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(JOIN))
    count, labels = cv2.connectedComponents(linked, connectivity=8)
    touching = np.zeros(count, np.bool_)
    touching[np.unique(labels[near])] = True
    touching[0] = False
    return (cv2.dilate((strong & touching[labels]).astype(np.uint8), ellipse(GROW)) > 0) & ~near


def share_pixels(
    image: NDArray[np.uint8], inside: NDArray[np.bool_], alpha: NDArray[np.uint8], plate: NDArray[np.uint8],
    unknown: NDArray[np.bool_], spread: Array, body: Array,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:  # fmt: skip
    """
    Colours of the person, `(height, width, 3)`, and their alpha, `(height, width)`.

    Args:
        inside (`np.ndarray` of shape `(height, width)`): Whether a pixel is surely all the person's.
        alpha (`np.ndarray` of shape `(height, width)`): The cut-out to fall back on, in [0, 255].
        plate (`np.ndarray` of shape `(height, width, 3)`): The picture without the person.
        unknown (`np.ndarray` of shape `(height, width)`): Where it is not the picture itself.
        spread (`np.ndarray` of shape `(height, width)`): Levels that the wall varies by.
        body (`np.ndarray` of shape `(height, width, 3)`): The person's colours, gone on beyond their outline.
    """
    rows, columns = np.nonzero(unknown & ~inside)
    seen, wall, own = (picture[rows, columns].astype(np.float32) for picture in (image, plate, body))
    noise = spread[rows, columns]
    apart = np.linalg.norm(seen - wall, axis=1)
    contrast = np.linalg.norm(own - wall, axis=1)
    floor = CLEAN + NOISE * noise
    share = np.clip((apart - floor) / np.maximum(FULL * contrast - floor, 1.0), 0.0, 1.0)
    plain = ramp(noise, BUSY, QUIET - BUSY)
    trust = plain * ramp(contrast, CONTRAST, CONTRAST)
    unmixed = np.clip(wall + (seen - wall) / np.maximum(share, LEAST_SHARE)[:, None], 0.0, 255.0)
    unmixed += np.clip(1.0 - share / FAINT, 0.0, 1.0)[:, None] * (own - unmixed)
    # Of both opinions as much as they are trusted, as of two layers.
    before = (1.0 - trust) * alpha[rows, columns] / np.float32(255.0)
    before *= 1.0 - (1.0 - plain) * _like_the_wall(image, inside, unknown)[rows, columns]
    share *= trust
    after = np.maximum(before + share, 1e-6)
    person, faded = image.copy(), alpha.copy()
    person[rows, columns] = seen + (share / after)[:, None] * (unmixed - seen) + 0.5
    faded[rows, columns] = 255.0 * after + 0.5
    return person, faded


def _like_the_wall(image: NDArray[np.uint8], inside: NDArray[np.bool_], unknown: NDArray[np.bool_]) -> Array:
    """
    How much each pixel looks like the nearest one of the wall and unlike the nearest one of the person, in [0, 1].

    A busy wall gives no share, but a margin that shows it must not turn with the head.
    """
    smooth = cv2.medianBlur(image, 3).astype(np.float32)
    off = []
    for known in (~unknown, inside):
        if not known.any():
            return np.zeros(inside.shape, np.float32)
        _, labels = cv2.distanceTransformWithLabels(
            (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        colours = np.zeros((labels.max() + 1, 3), np.float32)
        colours[labels[known]] = smooth[known]
        off.append(np.linalg.norm(smooth - colours[labels], axis=2))
    from_wall, from_person = off
    nearer = ramp(from_wall / np.maximum(from_person, 1.0), *LIKE_WALL)
    alike = nearer * ramp(from_person, CONTRAST, CONTRAST)
    return cv2.GaussianBlur(alike.astype(np.float32), (0, 0), LIKE_BLUR.of(image.shape[1]))
