"""Tests of how far lids are shut, and of lids that open."""

import numpy as np
import pytest

from dirfa_pipeline.face.landmarks import LEFT_EYE, RIGHT_EYE, EyeLandmarks
from dirfa_pipeline.face.lids import AWAKE, CURVE, LIVELY, TALKING, half_shut, open_lids


def face(right: float, left: float) -> np.ndarray:
    """Landmarks whose lids part by so many diameters of irises that are 10 wide."""
    landmarks = np.zeros((478, 3))
    for eye, gap, x in ((RIGHT_EYE, right, 0.0), (LEFT_EYE, left, 60.0)):
        for index, (upper, lower) in enumerate(zip(eye.upper, eye.lower, strict=True)):
            landmarks[[upper, lower], 0] = x + 3.0 * index
            landmarks[upper, 1] = -10.0 * gap * CURVE[index]
        landmarks[list(eye.iris[1:]), :2] = [[x + 5, 0], [x, 5], [x - 5, 0], [x, -5]]
        landmarks[eye.iris[0], :2] = x, 0
    return landmarks


def gap(points: np.ndarray, eye: EyeLandmarks) -> float:
    return float((points[list(eye.lower), 1] - points[list(eye.upper), 1]).max()) / 10.0


@pytest.mark.parametrize("opening", [TALKING, 0.8, 1.1])
def test_open_eyes_are_in_no_blink(opening: float) -> None:
    assert set(half_shut(face(opening, opening)).values()) == {0.0}


@pytest.mark.parametrize(("right", "left"), [(0.3, 0.3), (0.55, 0.45), (0.05, 0.05)])
def test_both_eyes_open_evenly(right: float, left: float) -> None:
    points = face(right, left)
    for eye, blink in half_shut(points).items():
        assert gap(open_lids(points, eye, blink), eye) == pytest.approx(AWAKE, rel=0.12)


@pytest.mark.parametrize("opening", [0.62, 0.66, 0.7])
def test_heavy_lids_go_most_of_the_way_to_those_of_people_who_speak(opening: float) -> None:
    points = face(opening, opening)
    for eye, blink in half_shut(points).items():
        wanted = max(AWAKE, opening + LIVELY * (TALKING - opening))
        assert gap(open_lids(points, eye, blink), eye) == pytest.approx(wanted, rel=0.01)


def test_shut_lids_open_along_the_common_curve() -> None:
    """The little that landmarks show between shut lids is noise."""
    points = face(0.05, 0.05)
    points[list(RIGHT_EYE.upper), 1] += np.random.default_rng(1).normal(0.0, 0.2, len(CURVE))
    blink = half_shut(points)[RIGHT_EYE]
    opened = open_lids(points, RIGHT_EYE, blink)
    gaps = opened[list(RIGHT_EYE.lower), 1] - opened[list(RIGHT_EYE.upper), 1]
    np.testing.assert_allclose(gaps, 10 * AWAKE * CURVE, atol=1.2)


def test_a_wink_is_meant() -> None:
    assert set(half_shut(face(0.7, 0.3)).values()) == {0.0}
