"""Tests of how far lids are shut, and of lids that open."""

import numpy as np
import pytest

from dirfa_pipeline import Animation, Portrait
from dirfa_pipeline.face.fit import BLINKS, SQUINTS
from dirfa_pipeline.face.landmarks import LEFT_EYE, RIGHT_EYE, EyeLandmarks
from dirfa_pipeline.face.lids import (
    AWAKE,
    CURVE,
    LIVELY,
    MOST_NARROWED,
    NARROWED,
    SAG,
    TALKING,
    close_lids,
    half_shut,
    open_lids,
    squint_lids,
    unroll_lids,
)


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


@pytest.mark.parametrize("sags", [0.0, 2.0 * SAG])
def test_lids_of_a_photo_meet_where_lids_on_film_do(sags: float) -> None:
    """A straight lower lid, as that of a smile, gives way; one that sags anyway meets the other where it is."""
    points = face(0.7, 0.7)
    for eye, x in ((RIGHT_EYE, 0.0), (LEFT_EYE, 60.0)):
        points[eye.outer, 0], points[eye.inner, 0] = x - 3.0, x + 21.0
        points[[*eye.upper, *eye.lower], 1] += 4.0 * sags * 24.0 * np.tile(_arch(7), 2)
    closed = close_lids(np.zeros((52, 478, 3)), points)
    unrolled = unroll_lids(closed, points, np.eye(3))
    for eye, column in BLINKS.items():
        upper, lower, before = (
            points[list(lid), 1] + basis[column, list(lid), 1]
            for lid, basis in ((eye.upper, unrolled), (eye.lower, unrolled), (eye.lower, closed))
        )
        np.testing.assert_allclose(upper, lower, atol=1e-9)
        np.testing.assert_allclose(lower, np.maximum(before, 4.0 * SAG * 24.0 * _arch(7)), atol=1e-9)
        assert (unrolled[column, list(eye.crease), 1] < 0.2 * closed[column, list(eye.upper), 1]).all()


def _arch(count: int) -> np.ndarray:
    """s (1 - s) at places between the corners."""
    s = np.arange(1, count + 1) / (count + 1)
    return s * (1.0 - s)


def test_a_wink_is_meant() -> None:
    assert set(half_shut(face(0.7, 0.3)).values()) == {0.0}


@pytest.mark.parametrize(("rise", "narrowed"), [(0.25, NARROWED), (0.05, None)])
def test_squints_narrow_eyes_alike_unless_the_model_hardly_does(rise: float, narrowed: float | None) -> None:
    """Cheeks rise with the lid, as far as the model has them do."""
    points, cheek = face(0.7, 0.9), 50
    basis = np.zeros((52, 478, 3), np.float32)
    for eye, column in zip(BLINKS, SQUINTS, strict=True):
        basis[column, list(eye.lower), 1] = -rise * (points[list(eye.lower), 1] - points[list(eye.upper), 1])
        basis[column, cheek, 1] = -1.0
    squinting = squint_lids(basis, points)
    for eye, column in zip(BLINKS, SQUINTS, strict=True):
        left = gap(points + squinting[column], eye) / gap(points, eye)
        assert left == pytest.approx(1.0 - narrowed, rel=1e-3) if narrowed else left > 1.0 - NARROWED
        assert 1.0 < -squinting[column, cheek, 1] <= MOST_NARROWED


@pytest.mark.parametrize("blink", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("squint", [0.5, 1.0])
def test_lids_never_cross(portrait: Portrait, blink: float, squint: float) -> None:
    weights = {"eyeBlinkLeft": blink, "eyeBlinkRight": blink, "eyeSquintLeft": squint, "eyeSquintRight": squint}
    shut = portrait.face.head_vertices(Animation.from_curves(1, **weights).coefficients)[0]
    for eye in (RIGHT_EYE, LEFT_EYE):
        assert (shut[list(eye.lower), 1] - shut[list(eye.upper), 1]).min() > -0.01
