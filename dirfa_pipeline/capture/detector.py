"""The only door to MediaPipe: landmarks of faces and the mask of the person."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..face.landmarks import LIPS
from ..face.measures import face_size


DETECTION_SIDE: Final = 1024
CROP_MARGIN: Final = 0.6  # of the face's size, on each side


class FaceDetector:
    """
    The only door to MediaPipe: landmarks and person mask.

    Args:
        video (`bool`, defaults to `False`): Whether pictures are consecutive frames of one video. Use one detector a
            thread and a clip.
    """

    def __init__(self, video: bool = False) -> None:
        with _quiet():
            from mediapipe.python.solutions import face_mesh

            self._video = video
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=not video, refine_landmarks=True, max_num_faces=1 if video else 5,
                min_detection_confidence=0.4,
            )  # fmt: skip

    def close(self) -> None:
        """Give back MediaPipe's threads and memory, which Python's garbage collection does not."""
        self._mesh.close()

    def reset(self) -> None:
        """Forget the frames before: the next one begins another shot."""
        with _quiet():
            self._mesh.reset()

    def landmarks(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Landmarks of all faces, each `(478, 3)` in pixels with z scaled like x, largest face first."""
        with _quiet():
            found = self._mesh.process(image).multi_face_landmarks or []
        height, width = image.shape[:2]
        size = np.array([width, height, width], np.float32)
        faces = [np.array([[p.x, p.y, p.z] for p in face.landmark], np.float32) * size for face in found]
        return sorted(faces, key=face_size, reverse=True)

    def find_faces(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """
        Landmarks of all faces in a picture of any size.

        Faces are looked for in the whole picture, then near the places that a long-range detector points at; each one
        is measured again in a crop around it, at its own resolution.
        """
        coarse = self._in_box(image, (0, 0, image.shape[1], image.shape[0]))
        boxes = [self._around(face, image) for face in coarse]
        if not boxes:
            boxes = self._distant_boxes(image)
        faces = [face for box in boxes for face in self._in_box(image, box)[:1]]
        return sorted(faces, key=face_size, reverse=True)

    def _in_box(self, image: NDArray[np.uint8], box: tuple[int, int, int, int]) -> list[NDArray[np.float32]]:
        x0, y0, x1, y1 = box
        crop = image[y0:y1, x0:x1]
        factor = min(1.0, DETECTION_SIDE / max(crop.shape[:2]))
        if factor < 1.0:
            size = (max(1, round(crop.shape[1] * factor)), max(1, round(crop.shape[0] * factor)))
            crop = np.array(Image.fromarray(crop).resize(size, Image.Resampling.BOX))
        factors = np.array(
            [(x1 - x0) / crop.shape[1], (y1 - y0) / crop.shape[0], (x1 - x0) / crop.shape[1]], np.float32
        )
        offset = np.array([x0, y0, 0], np.float32)
        return [face * factors + offset for face in self.landmarks(np.ascontiguousarray(crop))]

    def lip_disagreement(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32], mirrored: list[int]) -> float:
        """
        How far apart the lips of a face and of its mirror image are found, in inter-ocular distances.

        Args:
            landmarks (`np.ndarray` of shape `(478, 3)`): The face to look at.
            mirrored (`list[int]`): See [`FaceModel.mirrored_landmarks`].
        """
        x0, y0, x1, y1 = self._around(landmarks, image)
        crop = image[y0:y1, x0:x1]
        whole = (0, 0, crop.shape[1], crop.shape[0])
        both = [self._in_box(view, whole) for view in (crop, crop[:, ::-1])]
        if not all(both):
            return float("inf")
        straight, flipped = (faces[0][:, :2] for faces in both)
        back = (flipped * [-1.0, 1.0] + [crop.shape[1] - 1.0, 0.0])[mirrored]
        unit = np.linalg.norm(straight[[33, 133]].mean(0) - straight[[263, 362]].mean(0))
        return float(np.linalg.norm(straight[list(LIPS)] - back[list(LIPS)], axis=1).mean() / unit)

    @staticmethod
    def _around(face: NDArray[np.float32], image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
        low, high = face[:, :2].min(0), face[:, :2].max(0)
        margin = CROP_MARGIN * (high - low).max()
        limits = np.array(image.shape[1::-1])
        x0, y0 = np.clip(low - margin, 0, limits).astype(int)
        x1, y1 = np.clip(high + margin, 0, limits).astype(int)
        return int(x0), int(y0), int(x1), int(y1)

    def _distant_boxes(self, image: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
        from mediapipe.python.solutions import face_detection

        height, width = image.shape[:2]
        with _quiet(), face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.4) as detector:
            found = detector.process(image).detections or []
        boxes = []
        for detection in found:
            box = detection.location_data.relative_bounding_box
            corners = np.array([[box.xmin, box.ymin], [box.xmin + box.width, box.ymin + box.height]])
            boxes.append(self._around((corners * [width, height]).astype(np.float32), image))
        return boxes

    def person_mask(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probability that a pixel belongs to the person: `(height, width)` in [0, 1]."""
        from mediapipe.python.solutions import selfie_segmentation

        with _quiet(), selfie_segmentation.SelfieSegmentation(model_selection=0) as segmenter:
            mask = segmenter.process(image).segmentation_mask
        return np.asarray(mask, np.float32)


class _Silence:
    """Standard error of the process, closed from when the first thread asks until the last one is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = -1

    def begin(self) -> None:
        with self._lock:
            if self._users == 0:
                self._saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, 2)
                os.close(sink)
            self._users += 1

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                os.dup2(self._saved, 2)
                os.close(self._saved)


_silence = _Silence()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's C++ log lines off standard error; threads may overlap."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()
