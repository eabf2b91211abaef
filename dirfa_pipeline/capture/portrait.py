"""Photos in: read, find the face, fit it, cut out the person."""

import warnings
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceNotFoundError
from ..face.fit import FaceFit, FaceFitter
from .detector import FaceDetector
from .doubts import UPSIDE_DOWN, doubts, is_upside_down, measure_face
from .faces import FaceChoice, FoundFace, check_choice, choose_face, find_faces, list_faces
from .fit_picture import draw_fit
from .mount import find_mount
from .pictures import ImageInput, Photo, read_photo


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

    def _repr_html_(self) -> str:
        """The photo with its fit, for notebooks."""
        return draw_fit(self.image, self.landmarks, self.face)

    @classmethod
    def from_image(
        cls,
        image: ImageInput,
        face_model: FaceFitter,
        max_size: int | None = None,
        detector: FaceDetector | None = None,
        face: FaceChoice | None = None,
    ) -> "Portrait":
        """
        Read a photo and fit its face.

        Args:
            face (`int` or `tuple[float, float]`, *optional*): Which one, where there are several: its place from the
                left, from 0, or a point in it, in the photo's own pixels; the largest, with a warning, if left out.

        Raises:
            ImageError: See [`read_photo`].
            FaceNotFoundError: No face or not the one asked for; one under 64 pixels, turned by more than 35 degrees,
                cut off, with a hidden mouth, upside down, or not human.
        """
        check_choice(face)
        photo = read_photo(image, max_size)
        if detector is None:
            with closing(FaceDetector()) as own:
                return cls._detect(photo, face_model, own, face)
        return cls._detect(photo, face_model, detector, face)

    @classmethod
    def _detect(
        cls, photo: Photo, face_model: FaceFitter, detector: FaceDetector, choice: FaceChoice | None
    ) -> "Portrait":
        picture, (chosen, faces) = photo.pixels, find_chosen(photo, detector, choice)
        if len(faces) > 1 and choice is None:
            _warn(
                f"{len(faces)} faces found, from left to right: {list_faces(faces)}; the largest one is animated, "
                f"{chosen.index}; choose another by its number (face, --face)"
            )
        fit = face_model.fit_image(chosen.landmarks)
        for doubt in doubts(measure_face(picture, chosen.landmarks, fit, detector)):
            if doubt.refused:
                raise FaceNotFoundError(doubt.text)
            _warn(doubt.text)
        mount = find_mount(picture)  # else the segmenter takes all of a round picture for the person
        mask = detector.person_mask(mount.below(picture) if mount else picture)
        if mount:
            mask = mount.around(picture, mask).below(mask)
        return cls(picture, mask, chosen.landmarks, fit)


def find_chosen(photo: Photo, detector: FaceDetector, choice: FaceChoice | None) -> tuple[FoundFace, list[FoundFace]]:
    """The face to animate, and all that were found; raises [`FaceNotFoundError`] if there is none, or no such one."""
    faces = find_faces(photo, detector)
    if not faces:
        raise FaceNotFoundError(why_no_face(photo, detector))
    return choose_face(faces, choice), faces


def why_no_face(photo: Photo, detector: FaceDetector) -> str:
    """What to tell of a photo in which no face is found."""
    height, width = photo.pixels.shape[:2]
    if is_upside_down(photo.pixels, detector):
        return UPSIDE_DOWN
    where, remedy = f"the {width} x {height} picture", "pass a photo that shows one face from the front, well lit"
    if photo.frames > 1:
        where, remedy = f"picture 1 of {photo.frames} in this file", "pass another one of them by itself"
    return f"no face found in {where}; {remedy}, with eyes and mouth visible"


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=4)
