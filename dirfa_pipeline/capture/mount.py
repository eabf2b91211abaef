"""The mount around a round or framed picture, as avatars have it: it stays in front while the head moves behind."""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from .detector import PERSON


Value = TypeVar("Value", bound=np.generic)

FLAT: Final = 10  # levels by which a mount's colour varies, at most
LEAST: Final = 0.03  # of the picture: less of one colour is part of what it shows
ROUND: Final = 0.02  # of a circle's radius by which a round picture's edge is off it, at most
CONVEX: Final = 0.98  # share of its convex hull that another picture fills, at least; people before a wall fill less
EDGE: Final = 20  # levels between mount and picture, typically: a wall goes on more smoothly
RIM: Final = 0.008  # of the width: so far the mount's colour bleeds into the picture


@dataclass(frozen=True)
class Mount:
    """
    Args:
        cover (`np.ndarray` of shape `(height, width)`): How much of a pixel is the mount's, in [0, 255].
        places (`np.ndarray` of shape `(height, width, 2)`): Row and column that goes on at each pixel: below the mount
            the mirror image at its edge.
        edge (`np.ndarray` of shape `(height, width, 2)`): Row and column of the nearest pixel of the picture.
        own (`np.ndarray` of shape `(height, width, 3)`): int16, what the photo has over what goes on below.
    """

    cover: NDArray[np.uint8]
    places: NDArray[np.int32]
    edge: NDArray[np.int32]
    own: NDArray[np.int16]

    def below(self, picture: NDArray[Value]) -> NDArray[Value]:
        """What of a picture of the same height and width goes on below the mount."""
        return picture[self.places[..., 0], self.places[..., 1]]

    def around(self, image: NDArray[np.uint8], person: NDArray[np.float32]) -> "Mount":
        """
        The same mount with the mirror image only where a person, `(height, width)` in [0, 1], goes across its edge.

        What else is at the edge goes on as it is: hair mirrored above it would come into sight with a head that sinks.
        """
        across = person[self.edge[..., 0], self.edge[..., 1], None] > PERSON
        places = np.where(across, self.places, self.edge)
        return replace(self, places=places, own=_own(image, self.cover, places))


def find_mount(image: NDArray[np.uint8]) -> Mount | None:
    """The mount of a photo, `(height, width, 3)`: flat colour from the corners to a convex picture's hard edge."""
    height, width = image.shape[:2]
    flooded = np.zeros((height + 2, width + 2), np.uint8)
    picture = image.copy()  # floodFill wants to be able to write
    flags = 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    for corner in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        cv2.floodFill(picture, flooded, corner, 0, (FLAT,) * 3, (FLAT,) * 3, flags)
    inside = _shape((flooded[1:-1, 1:-1] == 0).astype(np.uint8))
    if inside is None or np.mean(inside == 0) < LEAST:
        return None
    rim = max(2, round(RIM * width))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    clean = cv2.erode(inside, kernel, borderValue=1)
    nearest = _nearest(clean)
    edge = (inside == 0) & (cv2.dilate(inside, kernel) > 0)
    across = image[tuple(nearest[edge].T)].astype(np.int16) - image[edge]
    if not clean.any() or len(across) == 0 or np.median(np.abs(across).max(-1)) < EDGE:
        return None
    here = np.moveaxis(np.indices((height, width), np.int32), 0, -1)
    places = np.clip(2 * nearest - here, 0, [height - 1, width - 1]).astype(np.int32)
    places = np.where(clean[places[..., 0], places[..., 1], None] > 0, places, nearest)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    cover = (255.0 * np.clip(1.0 - (distance - 1.0) / rim, 0.0, 1.0)).astype(np.uint8)
    return Mount(cover, places, nearest, _own(image, cover, places))


def _own(image: NDArray[np.uint8], cover: NDArray[np.uint8], places: NDArray[np.int32]) -> NDArray[np.int16]:
    """What a photo has over what goes on below its mount, `(height, width, 3)`."""
    bare = (255 - cover[..., None].astype(np.int32)) * image[places[..., 0], places[..., 1]]
    return (image - (bare + 127) // 255).astype(np.int16)


def _shape(rest: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The disc or convex shape that all but the corners fill, if any; a disc's sky may have the corners' colour."""
    contours, _ = cv2.findContours(rest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    shape = max(contours, key=cv2.contourArea)
    hull, area, blank = cv2.convexHull(shape), cv2.contourArea(shape), np.zeros_like(rest)
    # The circle through the hull's corners by least squares (Kasa, 1976): 2 x a + 2 y b + c = x^2 + y^2.
    points = hull[:, 0].astype(np.float64)
    a, b, c = np.linalg.lstsq(np.c_[2.0 * points, np.ones(len(points))], np.square(points).sum(1), rcond=None)[0]
    radius = float(np.sqrt(max(c + a * a + b * b, 0.0)))
    off = np.abs(np.hypot(points[:, 0] - a, points[:, 1] - b) - radius)
    if np.percentile(off, 90) < ROUND * radius and area > 0.9 * np.pi * radius**2:
        rows, columns = np.indices(rest.shape)
        out = np.hypot(columns - a, rows - b) / radius
        return ((out < 1.0 - ROUND) | ((out < 1.0 + ROUND) & (rest > 0))).astype(np.uint8)
    if area > CONVEX * cv2.contourArea(hull):
        return cv2.drawContours(blank, [shape], -1, 1, cv2.FILLED)
    return None


def _nearest(inside: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Row and column of the nearest pixel inside, `(height, width, 2)`."""
    _, labels = cv2.distanceTransformWithLabels(1 - inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.argwhere(inside > 0)
    by_label = np.zeros((int(labels.max()) + 1, 2), np.int32)
    by_label[labels[inside > 0]] = places
    return by_label[labels]
