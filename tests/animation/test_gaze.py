"""Tests of gaze: weights as angles, and back."""

import numpy as np
import pytest
import torch

from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, NUM_COEFFICIENTS
from dirfa_pipeline.animation.gaze import GAZE_RANGE, eye_angles, gaze_angles, look_weights


def coefficients_of(weights: dict[str, np.ndarray]) -> np.ndarray:
    coefficients = np.zeros((len(next(iter(weights.values()))), NUM_COEFFICIENTS), np.float32)
    for name, values in weights.items():
        coefficients[:, COEFFICIENT_NAMES.index(name)] = np.clip(values, 0.0, 1.0)
    return coefficients


def test_weights_and_angles_are_inverse() -> None:
    yaw, pitch = np.random.default_rng(0).uniform(-GAZE_RANGE, GAZE_RANGE, (2, 50))
    coefficients = coefficients_of(look_weights(yaw, pitch))
    for angles in (gaze_angles(coefficients), eye_angles(coefficients, "Right"), eye_angles(coefficients, "Left")):
        np.testing.assert_allclose(angles, (yaw, pitch), atol=1e-6)


def test_looking_right_turns_the_left_eye_out_and_the_right_eye_in() -> None:
    weights = look_weights(np.array([GAZE_RANGE]), np.zeros(1))
    assert {name for name, (value,) in weights.items() if value > 0} == {"eyeLookOutLeft", "eyeLookInRight"}
    coefficients = coefficients_of({"eyeLookOutLeft": np.ones(1)})
    assert eye_angles(coefficients, "Left")[0] == pytest.approx(GAZE_RANGE)
    assert eye_angles(coefficients, "Right")[0] == 0.0


def test_tensors_give_what_arrays_give() -> None:
    coefficients = np.random.default_rng(1).random((20, NUM_COEFFICIENTS), np.float32)
    for ours, theirs in zip(gaze_angles(torch.from_numpy(coefficients)), gaze_angles(coefficients), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-6)
