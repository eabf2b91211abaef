"""Tests of what landmarks say about a face."""

import numpy as np
import pytest

from dirfa_pipeline.face.landmarks import INNER_LIP_PAIRS, LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from dirfa_pipeline.face.measures import (
    brow_height,
    eye_centres,
    eye_openness,
    inter_ocular_distance,
    lip_aperture,
    lip_shape,
    mouth_width,
    whole_lip_aperture,
)


def face(lips: np.ndarray, lids: np.ndarray, distance: float = 100.0) -> np.ndarray:
    """Landmarks with eyes `distance` apart, each 30 wide, and lips and lids that far apart, in pixels."""
    landmarks = np.zeros((len(lips), 478, 3))
    for eye, centre, outwards in ((RIGHT_EYE, 0, -15), (LEFT_EYE, distance, 15)):
        landmarks[:, eye.outer, 0], landmarks[:, eye.inner, 0] = centre + outwards, centre - outwards
        for lower in eye.lower:
            landmarks[:, lower, 1] = lids
    for upper, lower in INNER_LIP_PAIRS:
        landmarks[:, upper, 1], landmarks[:, lower, 1] = 60, 60 + lips
    return landmarks


def test_distances() -> None:
    landmarks = face(lips=np.array([0.0, 10.0, 25.0]), lids=np.array([9.0, 6.0, 0.0]))
    np.testing.assert_allclose(inter_ocular_distance(landmarks), 100)
    np.testing.assert_allclose(lip_aperture(landmarks), [0, 0.1, 0.25])
    assert whole_lip_aperture(landmarks[2]) == pytest.approx(25)
    np.testing.assert_allclose(eye_openness(landmarks), [0.3, 0.2, 0], atol=1e-9)


def test_scale_and_place_do_not_matter() -> None:
    landmarks = face(np.array([5.0, 12.0]), np.array([8.0, 4.0]))
    moved = 2.5 * landmarks + [300.0, -40.0, 7.0]
    np.testing.assert_allclose(lip_aperture(moved), lip_aperture(landmarks))
    np.testing.assert_allclose(eye_openness(moved), eye_openness(landmarks))


def test_brows_and_mouth_width() -> None:
    landmarks = face(np.array([5.0, 5.0]), np.array([8.0, 8.0]))
    for upper_edge, _ in (RIGHT_BROW, LEFT_BROW):
        landmarks[:, list(upper_edge), 1] = [[-30.0], [-40.0]]
    landmarks[:, 61, 0], landmarks[:, 291, 0] = [20, 15], [80, 85]
    landmarks[:, 61, 1] = landmarks[:, 291, 1] = 62
    middle = eye_centres(landmarks)[..., 1].mean(0)
    np.testing.assert_allclose(brow_height(landmarks), (middle - [-30, -40]) / 100, atol=1e-6)
    np.testing.assert_allclose(mouth_width(landmarks), [0.6, 0.7])


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.0])
def test_lip_shape_ignores_where_the_head_is(angle: float) -> None:
    landmarks = np.random.default_rng(0).normal(size=(6, 478, 3))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = landmarks.copy()
    moved[..., :2] = 3.0 * landmarks[..., :2] @ turn.T + [40.0, -7.0]
    lips = [61, 13, 14, 291]
    np.testing.assert_allclose(lip_shape(moved, lips), lip_shape(landmarks, lips), atol=1e-9)
