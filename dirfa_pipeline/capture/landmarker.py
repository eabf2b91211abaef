"""
Two networks of MediaPipe's: BlazeFace finds faces, and a face mesh measures each of them.

The geometry around them (anchors, the square that a face is measured in) is that of MediaPipe's face landmarker: the
networks were trained with it.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .network import Network
from .squares import Square


Array = NDArray[np.float32]

FIND_SIZE: Final = 128  # pixels of BlazeFace's input
ANCHOR_GRIDS: Final = ((16, 2), (8, 6))  # cells a side, anchors a cell
BOX_POINTS: Final = 6  # eyes, nose, mouth, ears
MIN_SCORE: Final = 0.4
SAME_FACE: Final = 0.3  # intersection over union from which on two boxes show one face

MEASURE_SIZE: Final = 256  # pixels of the face mesh's input
MARGIN: Final = 1.5  # of the square to measure in, in long sides of the face's box
EYE_ENDS: Final = (33, 263)  # landmarks: outer corners of the right and the left eye
MIN_PRESENCE: Final = 0.5


class FaceFinder:
    """
    BlazeFace for near faces, those that fill more than about a tenth of the picture.

    Args:
        path (`Path`): The network's file.
    """

    def __init__(self, path: Path) -> None:
        self._network = Network(path)
        self._anchors = _anchors()

    def find(self, picture: NDArray[np.uint8], most: int) -> list[Square]:
        """The squares to measure faces in, up to `most`, the surest face first."""
        height, width = picture.shape[:2]
        whole = Square(0.5 * width, 0.5 * height, max(width, height))
        boxes = self._boxes(whole.view(picture, FIND_SIZE))[:most]
        return [_face_square(whole.to_picture(box.reshape(-1, 2), FIND_SIZE)) for box in boxes]

    def _boxes(self, view: NDArray[np.uint8]) -> list[Array]:
        """Low corner, high corner and six points of each face, `(16,)` in pixels of the view."""
        raw, logits = self._network(view.astype(np.float32) / 127.5 - 1.0)
        scores = _sigmoid(logits[0, :, 0])
        kept = scores >= MIN_SCORE
        values, anchors = raw[0, kept], self._anchors[kept]
        centre, half = values[:, :2] + anchors, 0.5 * values[:, 2:4]
        points = values[:, 4:] + np.tile(anchors, BOX_POINTS)
        return merge_boxes(np.concatenate([centre - half, centre + half, points], axis=1), scores[kept])


def merge_boxes(boxes: Array, scores: Array) -> list[Array]:
    """
    One box for each face: the mean of those that overlap its surest one, weighted by their scores.

    Args:
        boxes (`np.ndarray` of shape `(n, 4 + 2 * points)`): Low corner, high corner, points.
        scores (`np.ndarray` of shape `(n,)`): How sure each is.
    """
    order = np.argsort(-scores, kind="stable")
    merged = []
    while len(order):
        same = _overlap(boxes[order[0]], boxes[order]) > SAME_FACE
        same[0] = True  # a box without an area overlaps nothing, not even itself
        together = order[same]
        merged.append(np.average(boxes[together], axis=0, weights=scores[together]))
        order = order[~same]
    return merged


class FaceMesh:
    """
    478 landmarks of the face in a square.

    Args:
        path (`Path`): The network's file.
    """

    def __init__(self, path: Path) -> None:
        self._network = Network(path)

    def measure(self, picture: NDArray[np.uint8], square: Square) -> Array | None:
        """Landmarks `(478, 3)` in pixels of the picture with z scaled like x, `None` if the square shows no face."""
        view = square.view(picture, MEASURE_SIZE).astype(np.float32) / 255.0
        points, presence, *_ = self._network(view)
        if _sigmoid(presence.ravel())[0] < MIN_PRESENCE:
            return None
        return square.to_picture(points.reshape(-1, 3), MEASURE_SIZE)


def next_square(landmarks: Array) -> Square:
    """The square in which the next frame of a video shows the face of this one."""
    flat = landmarks[:, :2]
    right, left = EYE_ENDS
    return Square.around(flat.min(0), flat.max(0), MARGIN, across=flat[left] - flat[right])


def _face_square(box: Array) -> Square:
    low, high, right_eye, left_eye = box[:4]
    return Square.around(low, high, MARGIN, across=left_eye - right_eye)


def _anchors() -> Array:
    """Centres of BlazeFace's anchors, `(896, 2)` in pixels of its input."""
    centres = []
    for cells, each in ANCHOR_GRIDS:
        steps = (np.arange(cells) + 0.5) * (FIND_SIZE / cells)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, each, axis=0))
    return np.concatenate(centres).astype(np.float32)


def _overlap(box: Array, others: Array) -> Array:
    """Intersection over union of a box and `n` others, `(n,)`."""
    sides = np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0.0).prod(1)
    areas = np.maximum(others[:, 2:4] - others[:, :2], 0.0).prod(1)
    area = float(np.maximum(box[2:4] - box[:2], 0.0).prod())
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-6), np.float32)


def _sigmoid(logits: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))), np.float32)
