"""What is drawn into a photo is as sharp as the photo."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.rendering.mouth import build_mouth
from dirfa_pipeline.rendering.sharpness import blur_of


def blurred(image: np.ndarray, blur: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)


@pytest.mark.parametrize("blur", [0.8, 1.2])
def test_the_blur_of_a_photo_is_measured(portrait: Portrait, blur: float) -> None:
    own = blur_of(portrait.image, portrait.landmarks)
    measured = blur_of(blurred(portrait.image, blur), portrait.landmarks)
    assert measured == pytest.approx(np.hypot(own, blur), rel=0.15)


def test_a_picture_without_edges_is_not_blurred(portrait: Portrait) -> None:
    assert blur_of(np.full_like(portrait.image, 120), portrait.landmarks) == pytest.approx(0.3)


def test_teeth_are_as_soft_as_the_photo(renderer: FaceRenderer, portrait: Portrait) -> None:
    """Between neighbouring teeth of a blurred photo there is less contrast."""

    def contrast(image: np.ndarray) -> float:
        row = build_mouth(image, portrait.landmarks, portrait.face, renderer._teeth(), own=False).upper
        middle = slice(3 * row.shape[1] // 8, 5 * row.shape[1] // 8)
        line = row[round(0.8 * len(row)), middle, :3].mean(1)
        return float(np.abs(np.diff(line)).mean() / line.mean())

    assert contrast(blurred(portrait.image, 2.0)) < 0.9 * contrast(portrait.image)
