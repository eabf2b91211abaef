"""The only door to the networks that see: landmarks of faces and the mask of the person."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..bundled import detector_folder
from ..face.landmarks import LIPS
from ..face.measures import face_size, inter_ocular_distance
from ..media.files import whole_file
from .landmarker import FaceFinder, FaceMesh, next_square
from .network import Network
from .squares import Square


Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels

DETECTION_SIDE: Final = 1024
CROP_MARGIN: Final = 0.6  # of the face's size, on each side
# Mean distance of two looks at a face in inter-ocular distances. Measured on 326 photos: up to .08 for faces, .47 for
# a window that one look took for one.
SAME_FACE: Final = 0.2
# Looks at one face: its centre moved, in sides of the square it is measured in; how much nearer; turned by degrees.
LOOKS: Final = (
    ((0.0, 0.0), 1.0, 0.0),
    ((0.0, 0.0), 1.0, 12.0),
    ((0.0, 0.0), 1.15, 0.0),
    ((-0.06, 0.0), 1.0, 0.0),
    ((0.0, 0.06), 1.0, 0.0),
)
MOST_FACES: Final = 12  # in a photo
SMALLEST_TILE: Final = 320  # pixels a side: in one of them the smallest face that can be animated is found
PERSON_SIZE: Final = 256  # pixels a side of the segmenter's input
PERSON: Final = 0.35  # more of the person's mask is the person; seen: heads turned before plain and busy walls

FACES_FILE: Final = "faces.tflite"
LANDMARKS_FILE: Final = "landmarks.tflite"
PERSON_FILE: Final = "person.tflite"
DETECTOR_FILES: Final = (FACES_FILE, LANDMARKS_FILE, PERSON_FILE)


class Disagreement(NamedTuple):
    """
    Root mean square distances of landmarks from their mean over five looks, in inter-ocular distances: of the lips,
    and of all else; infinity where one of the looks shows no face.
    """

    lips: float
    rest: float


class FaceDetector:
    """
    The only door to the networks that see: landmarks and person mask.

    Args:
        video (`bool`, defaults to `False`): Whether pictures are consecutive frames of one video, of which one face is
            followed. Use one detector a thread and a clip.
        folder (`Path`, *optional*): Where the networks' files lie; by default those of the bundled weights.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
    """

    def __init__(self, video: bool = False, folder: Path | None = None) -> None:
        self._folder = detector_folder() if folder is None else folder
        self._video = video
        self._followed: Square | None = None
        self._finder = FaceFinder(self._folder / FACES_FILE)
        self._mesh = FaceMesh(self._folder / LANDMARKS_FILE)

    def close(self) -> None:
        """Free the networks' memory; the detector cannot be used any more."""
        del self._finder, self._mesh

    def reset(self) -> None:
        """Forget the frames before: the next one begins another shot."""
        self._followed = None

    def landmarks(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Landmarks of all faces, each `(478, 3)` in pixels with z scaled like x, largest face first."""
        return self._follow(image) if self._video else self._find(image)

    def _find(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        squares = self._finder.find(image, MOST_FACES)
        faces = [face for square in squares if (face := self._mesh.measure(image, square)) is not None]
        return sorted(faces, key=face_size, reverse=True)

    def _follow(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The face of the frame before, or the surest one where there was none or it has gone."""
        face = None if self._followed is None else self._mesh.measure(image, self._followed)
        if face is None:
            squares = self._finder.find(image, 1)
            face = self._mesh.measure(image, squares[0]) if squares else None
        self._followed = None if face is None else next_square(face)
        return [] if face is None else [face]

    def find_faces(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """
        Landmarks of all faces in a picture of any size.

        Faces are looked for in the whole picture and, as long as there is none, in smaller and smaller tiles of it.
        Each one is measured again in a crop around it, at its own resolution; what looks like another face there is
        none.
        """
        height, width = image.shape[:2]
        for side in _tile_sides(max(height, width)):
            seen = [face for tile in _tiles(width, height, side) for face in self._in_box(image, tile)]
            faces = [again for face in _apart(seen) if (again := self._measure_again(image, face)) is not None]
            if faces:
                return sorted(faces, key=face_size, reverse=True)
        return []

    def _measure_again(self, image: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32] | None:
        looks = self._in_box(image, self._around(face, image))
        shifts = [np.linalg.norm(look[:, :2] - face[:, :2], axis=1).mean() / _eye_distance(face) for look in looks]
        return looks[int(np.argmin(shifts))] if shifts and min(shifts) < SAME_FACE else None

    def _in_box(self, image: NDArray[np.uint8], box: Box) -> list[NDArray[np.float32]]:
        crop, scale, offset = _reduced_crop(image, box)
        return [face * scale + offset for face in self._find(crop)]

    def disagreement(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Disagreement:
        """
        How far landmarks move when a face is detected again in a changed picture: turned, closer, off the middle.

        What is seen stays where it is; what is hidden, or is not there, is guessed from what is around it.

        Args:
            image (`np.ndarray` of shape `(height, width, 3)`): The picture.
            landmarks (`np.ndarray` of shape `(478, 3)`): The face to look at.
        """
        crop, scale, offset = _reduced_crop(image, self._around(landmarks, image))
        known = (landmarks - offset) / scale
        square, looks = next_square(known), []
        for (right, down), nearer, degrees in LOOKS:
            centre = square.x + right * square.side, square.y + down * square.side
            moved = Square(*centre, square.side / nearer, square.angle + math.radians(degrees))
            face = self._mesh.measure(crop, moved)
            if face is None:
                return Disagreement(float("inf"), float("inf"))
            looks.append(face[:, :2])
        apart = (np.array(looks) - np.mean(looks, axis=0)) / _eye_distance(known)
        spread = np.sqrt((apart**2).sum(-1).mean(0))
        return Disagreement(float(spread[list(LIPS)].mean()), float(np.delete(spread, LIPS).mean()))

    @staticmethod
    def _around(face: NDArray[np.float32], image: NDArray[np.uint8]) -> Box:
        low, high = face[:, :2].min(0), face[:, :2].max(0)
        margin = CROP_MARGIN * (high - low).max()
        limits = np.array(image.shape[1::-1])
        x0, y0 = np.clip(low - margin, 0, limits).astype(int)
        x1, y1 = np.clip(high + margin, 0, limits).astype(int)
        return int(x0), int(y0), int(x1), int(y1)

    def person_mask(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probability that a pixel belongs to the person: `(height, width)` in [0, 1]."""
        network = Network(self._folder / PERSON_FILE)
        height, width = image.shape[:2]
        # The segmenter was trained on single pixels at these places: averages over their surroundings change the mask.
        squeeze = np.array([[width / PERSON_SIZE, 0.0, 0.0], [0.0, height / PERSON_SIZE, 0.0]])
        inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        small = cv2.warpAffine(image, squeeze, (PERSON_SIZE, PERSON_SIZE), flags=inverse)
        mask = network(small.astype(np.float32) / 255.0)[0][0, :, :, 0]
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def copy_networks(source: Path, target: Path) -> None:
    """Copy a detector's files into another folder, which is made if there is none."""
    target.mkdir(parents=True, exist_ok=True)
    for name in DETECTOR_FILES:
        if (source / name).resolve() != (target / name).resolve():
            with whole_file(target / name) as path:
                shutil.copyfile(source / name, path)


def _reduced_crop(
    image: NDArray[np.uint8], box: Box
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """A part of a picture at the size that faces are looked for in; scale and offset of its points in the picture."""
    x0, y0, x1, y1 = box
    crop = image[y0:y1, x0:x1]
    factor = min(1.0, DETECTION_SIDE / max(crop.shape[:2]))
    if factor < 1.0:
        size = (max(1, round(crop.shape[1] * factor)), max(1, round(crop.shape[0] * factor)))
        crop = np.array(Image.fromarray(crop).resize(size, Image.Resampling.BOX))
    across, down = (x1 - x0) / crop.shape[1], (y1 - y0) / crop.shape[0]
    scale, offset = np.array([across, down, across], np.float32), np.array([x0, y0, 0], np.float32)
    return np.ascontiguousarray(crop), scale, offset


def _apart(faces: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The faces without those that overlapping tiles have found again, largest first, up to twelve."""
    kept: list[NDArray[np.float32]] = []
    for face in sorted(faces, key=face_size, reverse=True):
        middle = face[:, :2].mean(0)
        if all(np.linalg.norm(middle - other[:, :2].mean(0)) > 0.5 * face_size(other) for other in kept):
            kept.append(face)
    return kept[:MOST_FACES]


def _eye_distance(face: NDArray[np.float32]) -> float:
    return float(inter_ocular_distance(face[None])[0])


def _tile_sides(longest: int) -> Iterator[int]:
    """The whole picture, then halves and halves of them."""
    yield longest
    while longest > SMALLEST_TILE:
        longest = max(SMALLEST_TILE, longest // 2)
        yield longest


def _tiles(width: int, height: int, side: int) -> Iterator[Box]:
    """Squares that cover a picture and overlap by half, so that each small face lies whole in one of them."""
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top, min(left + side, width), min(top + side, height)


def _starts(length: int, side: int) -> list[int]:
    count = max(1, 2 * math.ceil(length / side) - 1)
    return [round(start) for start in np.linspace(0, max(0, length - side), count)]
