"""Photos in: read, find the face, fit it, cut out the person."""

import math
import warnings
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceNotFoundError, ImageError
from ..face.fit import FaceFit, FaceFitter
from ..face.landmarks import LIPS, NUM_LANDMARKS, OVAL
from ..face.measures import face_size
from .detector import FaceDetector
from .mount import find_mount
from .pictures import ImageInput, read_image


MIN_FACE: Final = 64  # pixels across
MAX_YAW: Final = 35.0  # degrees
# Where a mouth is covered its lips are guessed, and the guesses of several looks differ by so much, in inter-ocular
# distances. Measured: 2 of 720 photos of people are above it, both with full beards, and 9 of 10 of those whose mouths
# were painted over with patches, masks, microphones or hands.
HIDDEN_MOUTH: Final = 0.02


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
    face: FaceFit

    @classmethod
    def from_image(
        cls,
        image: ImageInput,
        face_model: FaceFitter,
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
    def _detect(cls, picture: NDArray[np.uint8], face_model: FaceFitter, detector: FaceDetector) -> "Portrait":
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
        unsure = detector.lip_disagreement(picture, landmarks)
        if unsure > HIDDEN_MOUTH:
            warnings.warn(
                f"the mouth may be hidden: looks at the lips differ by {unsure:.1%} of the distance between the eyes, "
                f"usually by less than {HIDDEN_MOUTH:.1%}; pass a photo that shows the mouth",
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
