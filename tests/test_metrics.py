"""Measures of signals whose answer is known."""

import numpy as np
import pytest

from dirfa_pipeline.metrics import (
    EYE_CORNERS,
    EYELIDS,
    INNER_LIP_PAIRS,
    Phone,
    best_lag,
    closed_level,
    closure_minima,
    count_blinks,
    eye_openness,
    head_motion,
    inter_ocular_distance,
    jitter,
    lip_aperture,
    lip_scores,
)


def face(lips: np.ndarray, lids: np.ndarray, distance: float = 100.0) -> np.ndarray:
    """Landmarks with eyes `distance` apart, each 30 wide, and lips and lids that far apart, in pixels."""
    landmarks = np.zeros((len(lips), 478, 3))
    for (outer, inner), lid_pairs, x, side in zip(EYE_CORNERS, EYELIDS, (0, distance), (-1, 1), strict=True):
        landmarks[:, outer, 0], landmarks[:, inner, 0] = x + side * 15, x - side * 15
        for upper, lower in lid_pairs:
            landmarks[:, lower, 1] = lids
            landmarks[:, upper, 1] = 0
    for upper, lower in INNER_LIP_PAIRS:
        landmarks[:, upper, 1], landmarks[:, lower, 1] = 60, 60 + lips
    return landmarks


def test_distances() -> None:
    landmarks = face(lips=np.array([0.0, 10.0, 25.0]), lids=np.array([9.0, 6.0, 0.0]))
    np.testing.assert_allclose(inter_ocular_distance(landmarks), 100)
    np.testing.assert_allclose(lip_aperture(landmarks), [0, 0.1, 0.25])
    np.testing.assert_allclose(eye_openness(landmarks), [0.3, 0.2, 0], atol=1e-9)


def test_scale_and_place_do_not_matter() -> None:
    landmarks = face(np.array([5.0, 12.0]), np.array([8.0, 4.0]))
    moved = 2.5 * landmarks + [300.0, -40.0, 7.0]
    np.testing.assert_allclose(lip_aperture(moved), lip_aperture(landmarks))
    np.testing.assert_allclose(eye_openness(moved), eye_openness(landmarks))


@pytest.mark.parametrize(
    ("openness", "blinks"),
    [
        ([0.3] * 20, 0),
        ([0.3] * 5 + [0.05] * 3 + [0.3] * 5, 1),
        ([0.05] + [0.3] * 9 + [0.05] * 2 + [0.3] * 9, 2),
        ([0.3] * 5 + [0.2] * 3 + [0.3] * 5, 0),
    ],
)
def test_blinks(openness: list[float], blinks: int) -> None:
    assert count_blinks(np.array(openness)) == blinks


def test_closed_level() -> None:
    assert closed_level(np.linspace(0, 1, 101)) == pytest.approx(0.05 + 0.1 * 0.9)
    assert closed_level(np.full(10, 0.001)) == 0.02


def test_closure_minima() -> None:
    aperture = np.full(50, 0.2)
    aperture[25] = 0.0  # at 1.02 s
    np.testing.assert_allclose(closure_minima(aperture, 25, [1.02, 1.09, 1.2, 9.0]), [0, 0, 0.2])


def test_lips_that_follow_the_sound() -> None:
    """Closed at every p, wide at every ah, ajar between."""
    fps, aperture = 25, np.full(250, 0.1)
    phones = [Phone("SIL", 0.0, 1.0)]
    aperture[:25] = 0.04
    for start in np.arange(1.0, 10.0, 1.0):
        phones += [Phone("P", start + 0.2, start + 0.28), Phone("AA", start + 0.4, start + 0.6)]
        aperture[round((start + 0.2) * fps) : round((start + 0.28) * fps)] = 0.0
        aperture[round((start + 0.4) * fps) : round((start + 0.6) * fps)] = 0.3
    scores = lip_scores(aperture, fps, phones)
    assert scores.closure_recall == 1.0
    assert scores.closure_chance == pytest.approx(9 * 0.24 / 9.8, abs=0.05)
    assert scores.closed_aperture == 0.0
    assert scores.open_aperture == pytest.approx(0.3)
    assert scores.silent_aperture == pytest.approx(0.04)
    assert scores.std == pytest.approx(aperture.std())


def test_lips_that_never_close() -> None:
    aperture = 0.2 + 0.1 * np.sin(np.arange(100) / 3)
    scores = lip_scores(aperture, 25, [Phone("M", 0.28, 0.36)])  # the crest at 0.2 s is over, the trough is at 0.56
    assert scores.closure_recall == 0.0
    assert np.isnan(scores.open_aperture)
    assert np.isnan(scores.silent_aperture)


@pytest.mark.parametrize("late", [-5, -2, 0, 3, 5])
def test_lag(late: int) -> None:
    reference = np.random.default_rng(0).normal(size=200)
    lag, correlation = best_lag(np.roll(reference, late), reference)
    assert lag == late
    assert correlation == pytest.approx(1.0)


def test_lag_of_stillness() -> None:
    assert best_lag(np.zeros(30), np.arange(30.0))[1] == 0.0


@pytest.mark.parametrize(("power", "expected"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 6.0)])
def test_jitter(power: int, expected: float) -> None:
    """The third difference of t^3 is 6, of anything smoother 0."""
    landmarks = face(np.zeros(12), np.ones(12))
    landmarks[:, 152, 0] = 0.1 * np.arange(12.0) ** power
    assert jitter(landmarks, [152]) == pytest.approx(expected, abs=1e-6)


def test_head_motion() -> None:
    time = np.arange(250) / 25
    swing = np.stack([0.1 * np.sin(2 * np.pi * time), np.full(250, 0.3), np.zeros(250)], axis=1)
    motion = head_motion(swing, 25)
    assert motion["yaw_std"] == pytest.approx(np.degrees(0.1) / np.sqrt(2), rel=1e-3)
    assert motion["pitch_std"] == pytest.approx(0, abs=1e-9)
    assert motion["angular_speed"] == pytest.approx(4 * np.degrees(0.1), rel=0.02)
    turning = np.radians(np.arange(10.0))[:, None] * [1, 0, 0]
    assert head_motion(turning, 25)["angular_speed"] == pytest.approx(25)
    assert head_motion(turning[:1], 25)["angular_speed"] == 0.0
