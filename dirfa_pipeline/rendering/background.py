"""What is behind the person: a soft cut-out that never eats into them, and a plate to fill what the head uncovers."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp
from ..capture.detector import PERSON
from .hair import along_edges, find_strands, share_pixels
from .inpainting import fill_smoothly, inpaint
from .masks import ellipse, whole


MARGIN, FEATHER = 0.005, 0.012  # of the picture's width; seen: heads turned before plain and busy walls
UNCOVERED, UNCOVERED_BODY = 0.32, 0.12  # of the face's height: how deep behind head and body a motion lets one see
LARGEST: Final = 1024  # pixels of the longer side at which a plate is filled
PLAIN, TEXTURED = 1.5, 4.0  # levels of fine detail: what is filled smoothly, what with texture alone
FINE, AROUND = 0.005, 0.015  # of the width: what detail is fine, and how far around a strand's wall is known from
RIM: Final = 0.012  # of the width: so far the mask may have drawn the outline too wide
CLEAR: Final = 0.022  # of the width: farther from the person nothing of them, hair or shadow, tints the plate
STRUCTURE: Final = 0.015  # of the width: how far around a line of the wall its detail counts
COARSER: Final = 4  # pixels of the picture in one of those in which variation is filled in
LEAST_WALL: Final = 0.01  # of the picture: with less that is no person's nothing is filled in
LEAST_BLUR: Final = 1.5  # pixels


def reach_of(width: int) -> float:
    """How far, in pixels, the cut-out reaches beyond the person before it has faded."""
    return max(2.0, (MARGIN + 0.5 * FEATHER) * width)


def cut_out(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """
    Alpha of the person, `(height, width)`: fully inside, then a margin, feathered outwards only.

    A soft matte would eat shoulders, a wide margin carry a halo of old background along with a turning head.
    """
    height, width = mask.shape
    margin, feather = whole(MARGIN * width), whole(FEATHER * width)
    binary = (mask > PERSON).astype(np.uint8)
    grown = cv2.dilate(binary, ellipse(margin))
    distance = cv2.distanceTransform(1 - grown, cv2.DIST_L2, cv2.DIST_MASK_5)
    alpha = np.clip(1.0 - distance / feather, 0.0, 1.0)
    # At the border only the person themself: what goes on beyond it is not the margin. Above it there is a crown.
    for border in (np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        person = cv2.GaussianBlur(binary[border].astype(np.float32)[None], (0, 0), 0.5 * feather)[0]
        alpha[border] = np.minimum(alpha[border], person)
    return (255.0 * alpha).astype(np.uint8)


@dataclass(frozen=True)
class Layers:
    """
    A photo taken apart.

    Args:
        cutout (`np.ndarray` of shape `(height, width, 4)`): The person's colours and alpha.
        plate (`np.ndarray` of shape `(height, width, 3)`): The picture without the person: known pixels stay; what a
            moving head may uncover is filled with the texture around, the rest smoothly.
        remainder (`np.ndarray` of shape `(height, width, 3)`): int16, what the photo has over the two together.
    """

    cutout: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    remainder: NDArray[np.int16]


def separate(image: NDArray[np.uint8], mask: NDArray[np.float32], landmarks: NDArray[np.float32]) -> Layers:
    """
    Take a photo apart; what is behind the person in large ones is filled at a smaller size.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): uint8.
        mask (`np.ndarray` of shape `(height, width)`): Where the person is, in [0, 1].
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
    """
    height, width = mask.shape
    alpha = cut_out(mask)
    factor = min(1.0, LARGEST / max(height, width))
    size = (round(factor * width), round(factor * height))
    small, faded = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (image, alpha))
    plate, unknown, spread = _fill(small, faded, landmarks * np.float32(factor))
    sure = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > PERSON
    body = _body(small, sure)
    if factor < 1.0:
        # What lies between a known and an unknown pixel of the small picture still is the large one's own.
        grown, spread, body = (cv2.resize(a, (width, height)) for a in (unknown.astype(np.float32), spread, body))
        unknown = grown > 0.5
        plate = np.where(unknown[..., None], cv2.resize(plate, (width, height), interpolation=cv2.INTER_CUBIC), image)
    person, outline = mask > PERSON, along_edges(image, mask > PERSON)
    own, alpha = share_pixels(image, _inside(person), alpha, outline, plate, unknown, spread, body)
    whole = 255 * plate.astype(np.int32) + alpha[..., None] * (own.astype(np.int32) - plate)
    return Layers(np.dstack([own, alpha]), plate, (image - (whole + 127) // 255).astype(np.int16))


def _inside(person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The person but for a rim that the mask may have wrong; they go on beyond the picture."""
    return cv2.erode(person.astype(np.uint8), ellipse(whole(RIM * person.shape[1]))) > 0


def _body(image: NDArray[np.uint8], person: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The person's colours, going on smoothly beyond their outline: `(height, width, 3)`."""
    inside = _inside(person).astype(np.float32)
    return np.clip(fill_smoothly(image * inside[..., None], inside), 0.0, 255.0)


def _fill(
    image: NDArray[np.uint8], alpha: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.float32]]:
    """The plate, where it is not the picture itself, and by how many levels it varies nearby."""
    reach = whole((CLEAR - MARGIN - FEATHER) * image.shape[1])
    near = cv2.dilate(alpha, ellipse(reach)) > 0
    near |= find_strands(image, near)
    known = (~near).astype(np.float32)
    if known.mean() < LEAST_WALL:
        return image.copy(), np.zeros(alpha.shape, np.bool_), np.zeros(alpha.shape, np.float32)
    smooth = np.clip(fill_smoothly(image * known[..., None], known), 0.0, 255.0)
    depth = cv2.distanceTransform(near.astype(np.uint8), cv2.DIST_L2, 5)
    top, chin = landmarks[:, 1].min(), landmarks[:, 1].max()
    below = ramp(np.arange(len(image), dtype=np.float64), chin, chin - top)[:, None]
    hidden = depth > (UNCOVERED + (UNCOVERED_BODY - UNCOVERED) * below) * (chin - top)
    detail, spread = np.moveaxis(_variation(image, known), -1, 0)
    # A plain wall's light goes on smoothly into the hole; patches from elsewhere would be too dark or too bright.
    texture = ramp(detail, PLAIN, TEXTURED - PLAIN)[..., None]
    unused = hidden | (near & (texture[..., 0] == 0.0))
    plate = smooth + texture * (inpaint(image, near, unused, smooth) - smooth)
    return np.clip(plate + 0.5, 0, 255).astype(np.uint8), near, spread


def _variation(image: NDArray[np.uint8], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how many levels what is known around varies, finely and more widely: `(height, width, 2)`."""
    squares = []
    for width in (FINE * image.shape[1], AROUND * image.shape[1]):
        width = max(LEAST_BLUR, width)
        share = cv2.GaussianBlur(known, (0, 0), width)
        local = cv2.GaussianBlur(image * known[..., None], (0, 0), width) / np.maximum(share, 1e-3)[..., None]
        apart = image - local
        squares.append(np.einsum("ijk,ijk->ij", apart, apart) / 3.0 * known)
    # Lines and edges of the wall go on into the hole with all that is near them.
    squares[0] = cv2.dilate(squares[0], ellipse(whole(STRUCTURE * image.shape[1]))) * known
    height, width = known.shape
    size = (whole(width / COARSER), whole(height / COARSER))
    *squares, share = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (*squares, known))
    filled = np.maximum(fill_smoothly(np.dstack(squares), share), 0.0)
    return cv2.resize(np.sqrt(filled), (width, height))
