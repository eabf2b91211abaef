"""
Where the person ends.

In front of a plain wall: where the strands of loose hair are, how much of each pixel they cover, and what colour they
are. In front of a busy one: the outline that its edges show.

Where the wall is plain its colour behind a pixel is known from around, and so is the colour of the hair near by; a
pixel's share is how far it lies from the one towards the other (difference matting: Qian and Sezan, 1992). Colours are
unmixed by equation 1 of Levin et al., "A closed-form solution to natural image matting" (2008).
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp
from .masks import ellipse, whole


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
HARDLY: Final = 1e-3  # share below which a pixel has the colour of the person near by
CONTRAST: Final = 25.0  # levels between hair and wall from which on shares are trusted


# The outline before a busy wall, chosen by eye on photos of hair before leaves, lamps and rooms.
GUIDING: Final = 256  # pixels of the longer side at which edges are looked for
EDGES: Final = 0.024  # of the width: so far around a pixel colours tell where the person ends
FLAT: Final = 1e-4  # variance of light in [0, 1]: less is no edge, and the mask's own outline counts
PAIRS: Final = ((1, 2), (2, 0), (0, 1))  # of channels
SOLID: Final = (0.2, 0.5)  # of what is found along edges, a ramp: it is never quite 0 or 1


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
    out = np.maximum.reduce(cv2.split(cv2.absdiff(image, cv2.medianBlur(image, size))))
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


def along_edges(image: NDArray[np.uint8], person: NDArray[np.bool_]) -> Array:
    """
    The mask of a person, in [0, 1], with an outline that follows the picture's edges: guided filtering (He, Sun and
    Tang, "Guided image filtering", IEEE TPAMI 2013), whose result is filtered again.

    A small picture tells what colours the person has in each place (He and Sun, "Fast guided filter", 2015).
    """
    height, width = person.shape
    factor = min(1.0, GUIDING / max(height, width))
    size = (whole(factor * width), whole(factor * height))
    light, mask = (
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        for picture in (image.astype(np.float32) / 255.0, person.astype(np.float32))
    )
    colours = _Colours.around(light)
    slope, offset = colours.explain(mask)
    slope, offset = colours.explain(ramp(_product(slope, light) + offset, *SOLID))
    slope, offset = (cv2.resize(part, (width, height)) for part in (slope / np.float32(255.0), offset))
    return ramp(_product(slope, image.astype(np.float32)) + offset, *SOLID)


class _Colours(NamedTuple):
    """
    The colours around each pixel.

    Args:
        light (`np.ndarray` of shape `(height, width, 3)`): The picture, in [0, 1].
        size (`tuple[int, int]`): What is around a pixel, in pixels.
        mean (`np.ndarray` of shape `(height, width, 3)`): Their mean.
        squares (`np.ndarray` of shape `(height, width, 3)`): The means of red, green and blue squared.
        products (`np.ndarray` of shape `(height, width, 3)`): Those of green by blue, blue by red and red by green.
    """

    light: Array
    size: tuple[int, int]
    mean: Array
    squares: Array
    products: Array

    @classmethod
    def around(cls, light: Array) -> "_Colours":
        size = (2 * whole(EDGES * light.shape[1]) + 1,) * 2
        products = cv2.merge([light[..., a] * light[..., b] for a, b in PAIRS])
        return cls(light, size, *(cv2.blur(part, size) for part in (light, light * light, products)))

    def explain(self, mask: Array) -> tuple[Array, Array]:
        """
        How a mask goes with the colours: `(height, width, 3)`, by how much it grows with each of them, and
        `(height, width)`, what it is without any.
        """
        offset, slope = cv2.blur(mask, self.size), np.zeros_like(self.light)
        places = np.nonzero((offset > 0.0) & (offset < 1.0))  # elsewhere the mask is flat, whatever the colours
        mean = self.mean[places]
        both = cv2.blur(self.light * mask[..., None], self.size)[places] - mean * offset[places][:, None]
        variances = self.squares[places] - mean * mean + np.float32(FLAT)
        covariances = self.products[places] - np.stack([mean[:, a] * mean[:, b] for a, b in PAIRS], axis=1)
        slope[places] = solve_symmetric(variances, covariances, both)
        offset -= _product(slope, self.mean)
        return cv2.blur(slope, self.size), cv2.blur(offset, self.size)


def solve_symmetric(diagonal: Array, others: Array, right: Array) -> Array:
    """
    Solve systems of three equations whose matrices are symmetric, by Cramer's rule, in double precision: channels of
    a grey picture differ so little that single precision would lose it.

    Args:
        diagonal, others (`np.ndarray` of shape `(systems, 3)`): The matrices' elements 11, 22, 33 and 23, 31, 12.
        right (`np.ndarray` of shape `(systems, 3)`): The right sides.

    Returns:
        `np.ndarray` of shape `(systems, 3)`.
    """
    a, b, c = (part.astype(np.float64) for part in (diagonal, others, right))
    after, before = ([1, 2, 0], [2, 0, 1])
    minors = a[:, after] * a[:, before] - b * b
    mixed = b[:, after] * b[:, before] - a * b
    determinant = a[:, 0] * minors[:, 0] + b[:, 2] * mixed[:, 2] + b[:, 1] * mixed[:, 1]
    solved = minors * c + mixed[:, before] * c[:, after] + mixed[:, after] * c[:, before]
    return np.asarray(solved / determinant[:, None], np.float32)


def _product(slope: Array, light: Array) -> Array:
    """The sum over channels `(height, width)` of each pixel's slope times its light."""
    return np.asarray(np.einsum("ijk,ijk->ij", slope, light))


def share_pixels(
    image: NDArray[np.uint8], inside: NDArray[np.bool_], alpha: NDArray[np.uint8], outline: Array,
    plate: NDArray[np.uint8], unknown: NDArray[np.bool_], spread: Array, body: Array,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:  # fmt: skip
    """
    Colours of the person, `(height, width, 3)`, and their alpha, `(height, width)`.

    Args:
        inside (`np.ndarray` of shape `(height, width)`): Whether a pixel is surely all the person's.
        alpha (`np.ndarray` of shape `(height, width)`): The cut-out to fall back on, in [0, 255].
        outline (`np.ndarray` of shape `(height, width)`): That before a busy wall, from [`along_edges`].
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
    # Of all opinions as much as they are trusted, as of layers.
    outline = np.where(inside, np.float32(1.0), outline * unknown)
    layers = (
        (trust * share, unmixed),
        ((plain - trust) * alpha[rows, columns] / np.float32(255.0), seen),
        ((1.0 - plain) * outline[rows, columns], _own_colours(image, outline)[rows, columns]),
    )
    covered = np.sum([part for part, _ in layers], axis=0)
    # What shows nothing of the person has their colours, too: it is interpolated with what does.
    colour = np.sum([part[:, None] * colours for part, colours in layers], axis=0) + np.float32(HARDLY) * own
    person, faded = image.copy(), alpha.copy()
    person[rows, columns] = colour / (covered + np.float32(HARDLY))[:, None] + 0.5
    faded[rows, columns] = 255.0 * covered + 0.5
    return person, faded


def _own_colours(image: NDArray[np.uint8], share: Array) -> Array:
    """
    The person's colours, `(height, width, 3)`, where they cover a share of the pixels: those around, and what of the
    pixel these and the wall's do not explain (Forte, "Approximate fast foreground colour estimation", ICIP 2021).
    """
    size = (2 * whole(EDGES * share.shape[1]) + 1,) * 2
    picture, own = image.astype(np.float32), share[..., None]
    around, behind = (
        cv2.blur(picture * part, size) / np.maximum(cv2.blur(part, size), LEAST_SHARE)[..., None]
        for part in (own, 1.0 - own)
    )
    return np.clip(around + own * (picture - own * around - (1.0 - own) * behind), 0.0, 255.0)
