"""Photos in: read, find the face, fit it, cut out the person."""

import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import FaceNotFoundError, ImageError
from .models.face_landmarks import LIPS, NUM_LANDMARKS, OVAL
from .models.mount import find_mount


if TYPE_CHECKING:  # pictures are checked before torch is loaded
    from .models.face_model import FaceFit, FaceModel

ImageInput = Image.Image | NDArray[Any] | str | os.PathLike[str]

MAX_PIXELS: Final = 40_000_000
MIN_SIDE: Final = 64
MIN_FACE: Final = 64  # pixels across
MAX_YAW: Final = 35.0  # degrees
DETECTION_SIDE: Final = 1024
# Where a mouth is covered its lips are guessed, and the guesses for a face and for its mirror image differ. Unit: the
# inter-ocular distance.
HIDDEN_MOUTH: Final = 0.06
CROP_MARGIN: Final = 0.6  # of the face's size, on each side


def read_image(image: ImageInput, max_size: int | None = None) -> NDArray[np.uint8]:
    """
    Read a picture as RGB with even sides.

    Args:
        image: A `PIL.Image.Image` (turned as its EXIF says; transparency becomes white), a path, or an array of shape
            `(height, width)`, `(height, width, 1 | 3 | 4)`: integers by their type's range, floats in [0, 1].
        max_size (`int`, *optional*): Longest side; larger pictures are scaled down.

    Returns:
        `np.ndarray` of shape `(height, width, 3)`, uint8.

    Raises:
        ImageError: Unreadable, over 40 megapixels, under 64 pixels, or an array of another kind.
    """
    if max_size is not None and max_size < MIN_SIDE:
        raise ImageError(f"max_size must be at least {MIN_SIDE} pixels, got {max_size}")
    if isinstance(image, str | os.PathLike):
        picture = _open(os.fspath(image))
    elif isinstance(image, Image.Image):
        picture = image
    else:
        picture = Image.fromarray(_array_to_uint8(np.asarray(image)))
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            f"pictures may hold up to {MAX_PIXELS // 1_000_000} megapixels, got {picture.width} x {picture.height}; "
            "scale it down first"
        )
    picture = _to_rgb(ImageOps.exif_transpose(picture))
    if max_size is not None and max(picture.size) > max_size:
        factor = max_size / max(picture.size)
        picture = picture.resize([max(2, round(side * factor)) for side in picture.size], Image.Resampling.LANCZOS)
    width, height = (side - side % 2 for side in picture.size)
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"pictures must be at least {MIN_SIDE} pixels wide and high, got {width} x {height}")
    return np.array(picture.crop((0, 0, width, height)))


def _open(path: str) -> Image.Image:
    if not os.path.isfile(path):
        raise ImageError(f"image file not found: {path}")
    try:
        picture = Image.open(path)
        if picture.width * picture.height <= MAX_PIXELS:
            picture.load()
        return picture
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path} cannot be read as a picture ({error}); pass a JPEG, PNG or WebP file") from error


def _array_to_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise ImageError(f"image arrays must have shape (height, width[, 1 | 3 | 4]), got {array.shape}")
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind != "f":
        raise ImageError(f"image arrays must be uint8, uint16 or float in [0, 1], got {array.dtype}")
    # NaN and infinity spoil the extremes, so that one comparison finds them too.
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ImageError(
            f"float images must be finite and in [0, 1], got {low:.3g} to {high:.3g}; divide by 255 or pass uint8"
        )
    return np.round(array * 255.0).astype(np.uint8)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        deep = picture.mode.startswith("I;16") or values.max() > 255
        picture = Image.fromarray(np.clip(values / (256.0 if deep else 1.0), 0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


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


def face_size(landmarks: NDArray[np.float32]) -> float:
    """Width or height of the face's box in pixels, the smaller one."""
    outline = landmarks[list(OVAL), :2]
    return float((outline.max(0) - outline.min(0)).min())


@dataclass(frozen=True, eq=False)
class Portrait:
    """
    A photo ready to be animated.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): uint8, both sides even.
        mask (`np.ndarray` of shape `(height, width)`): Where the person is, in [0, 1].
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        face ([`FaceFit`]): The fitted face.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    face: "FaceFit"

    @classmethod
    def from_image(
        cls,
        image: ImageInput,
        face_model: "FaceModel",
        max_size: int | None = None,
        detector: FaceDetector | None = None,
    ) -> "Portrait":
        """
        Read a photo and fit its face; of several faces the largest is taken, with a warning.

        Raises:
            ImageError: See [`read_image`].
            FaceNotFoundError: No face, one under 64 pixels, turned by more than 35 degrees, or cut off.
        """
        picture = read_image(image, max_size)
        if detector is None:
            with closing(FaceDetector()) as own:
                return cls._detect(picture, face_model, own)
        return cls._detect(picture, face_model, detector)

    @classmethod
    def _detect(cls, picture: NDArray[np.uint8], face_model: "FaceModel", detector: FaceDetector) -> "Portrait":
        faces = detector.find_faces(picture)
        if not faces:
            raise FaceNotFoundError(
                f"no face found in the {picture.shape[1]} x {picture.shape[0]} picture; pass a photo that shows one "
                "face from the front, well lit, with eyes and mouth visible"
            )
        if len(faces) > 1:
            warnings.warn(f"{len(faces)} faces found; the largest one is animated", UserWarning, stacklevel=3)
        landmarks = faces[0]
        _check_face(landmarks, picture.shape[1], picture.shape[0])
        unsure = detector.lip_disagreement(picture, landmarks, face_model.mirrored_landmarks)
        if unsure > HIDDEN_MOUTH:
            warnings.warn(
                f"the mouth may be hidden: two looks at the lips differ by {unsure:.0%} of the distance between the "
                f"eyes, usually by less than {HIDDEN_MOUTH:.0%}; pass a photo that shows the mouth",
                UserWarning,
                stacklevel=4,
            )
        face = face_model.fit_image(landmarks)
        yaw = math.degrees(float(face.head_angles()[0]))
        if abs(yaw) > MAX_YAW:
            raise FaceNotFoundError(
                f"the head may be turned by up to {MAX_YAW:.0f} degrees, got {yaw:.0f}; pass a photo from the front"
            )
        mount = find_mount(picture)  # else the segmenter takes all of a round picture for the person
        mask = detector.person_mask(mount.below(picture) if mount else picture)
        if mount:
            mask = np.maximum(mask, mount.below(mask))
        return cls(picture, mask, landmarks, face)


def _check_face(landmarks: NDArray[np.float32], width: int, height: int) -> None:
    if landmarks.shape != (NUM_LANDMARKS, 3):
        raise ImageError(f"landmarks must have shape ({NUM_LANDMARKS}, 3), got {landmarks.shape}")
    size = face_size(landmarks)
    if size < MIN_FACE:
        raise FaceNotFoundError(
            f"the face must be at least {MIN_FACE} pixels across, got {size:.0f}; pass a larger or closer picture"
        )
    low, high = landmarks[list(LIPS), :2].min(0), landmarks[list(LIPS), :2].max(0)
    if low.min() < 0 or high[0] > width or high[1] > height:
        raise FaceNotFoundError("the mouth reaches out of the picture; pass a photo that shows the whole face")
    oval = landmarks[list(OVAL), :2]
    outside = float(np.mean((oval < 0).any(1) | (oval[:, 0] > width) | (oval[:, 1] > height)))
    if outside > 0.4:
        raise FaceNotFoundError(
            f"{outside:.0%} of the face's outline is cut off; pass a photo that shows the whole face"
        )
    if outside > 0.05:
        warnings.warn(f"{outside:.0%} of the face's outline is cut off by the border", UserWarning, stacklevel=4)
