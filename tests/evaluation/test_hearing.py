"""Likeness of takes, and how well they predict a real face."""

import numpy as np
import pytest

from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, coefficient_index
from dirfa_pipeline.evaluation.hearing import brow_raise, likeness
from dirfa_pipeline.evaluation.prediction import log_likelihood, prediction_scores, velocities


def take(seed: int, frames: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, len(COEFFICIENT_NAMES)))


def test_brow_raise() -> None:
    coefficients = np.zeros((1, len(COEFFICIENT_NAMES)))
    for name, value in (("browInnerUp", 0.5), ("browOuterUpLeft", 0.4), ("browDownRight", 0.2)):
        coefficients[:, coefficient_index(name)] = value
    assert brow_raise(coefficients)[0] == pytest.approx(0.5 + 0.2 - 0.1)


def test_one_performance_whatever_is_said() -> None:
    """Scale, offset, sign and length do not make another one of it."""
    same = likeness([take(0), 3 * take(0)[:300] + 1, -take(0)])
    assert same == pytest.approx(dict.fromkeys(("yaw", "pitch", "roll", "brows", "largest"), 1.0))


def test_performances_of_their_own() -> None:
    different = likeness([take(seed) for seed in range(4)])
    assert max(different.values()) < 0.2
    assert different["largest"] >= different["yaw"]


def test_nothing_to_compare() -> None:
    assert likeness([take(0)]) == {}
    assert likeness([np.zeros((50, 58)), take(0)])["largest"] == 0.0


def test_velocities() -> None:
    time = np.arange(500) / 25.0
    swing = np.sin(2 * np.pi * time)
    moving = velocities(np.radians(swing)[:, None] * [1, 0, 0], 0.02 * swing, 25.0)[50:-50]
    np.testing.assert_allclose(np.abs(moving).max(0), [2 * np.pi, 0, 0, 4 * np.pi], rtol=0.05, atol=1e-6)


def test_likelihood_of_what_takes_say() -> None:
    """The mean of a density of its own is most likely; the value is that of a Gaussian."""
    rng = np.random.default_rng(0)
    takes = rng.normal(0, 1, (256, 300, 2))
    assert log_likelihood(np.zeros((300, 2)), takes) > log_likelihood(np.full((300, 2), 2.0), takes)
    expected = -0.5 * (1.0 / 1.1 + np.log(2 * np.pi * 1.1))
    assert log_likelihood(rng.normal(0, 1, (300, 2)), takes) == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("hears", [True, False])
def test_own_takes_predict_best_only_if_they_hear(hears: bool) -> None:
    rng = np.random.default_rng(0)
    real = [rng.normal(size=(200 + 20 * index, 4)) for index in range(5)]
    takes = [[(clip if hears else 0) + rng.normal(size=clip.shape) for _ in range(32)] for clip in real]
    scores = prediction_scores(real, takes)
    gain, error = scores["likelihood_gain"], scores["likelihood_error"]
    assert gain == pytest.approx(scores["likelihood_own"] - scores["likelihood_other"])
    assert gain > 0.3 if hears else abs(gain) < 4 * error + 0.01


def test_one_clip_has_no_other() -> None:
    assert prediction_scores([np.zeros((10, 4))], [[np.ones((10, 4))]]) == {}
