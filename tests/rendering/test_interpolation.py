"""Cubic convolution by way of second differences."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.rendering.interpolation import lost_light


SIZE = 48


def sharpened(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The light of a picture `(height, width)` at places, as the renderer takes it."""
    light = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    lost = np.empty(light.shape, np.float32)
    for row in range(len(light)):
        lost_light(light, row, x[row], y[row], lost[row])
    return light + lost


def places(shift: float) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[4 : SIZE - 4, 4 : SIZE - 4].astype(np.float32)
    return x + np.float32(shift), y + np.float32(0.7 * shift)


@given(seed=st.integers(0, 2**31))
def test_whole_pixels_stay(seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE), np.uint8)
    np.testing.assert_allclose(sharpened(picture, *places(0.0)), picture[4:-4, 4:-4], atol=1e-3)


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75])
def test_more_of_a_fine_pattern_is_left_than_by_lines(shift: float) -> None:
    """A pattern of five pixels, moved by parts of one, keeps its contrast; a slope, which has no bend, is a slope."""
    y, x = np.mgrid[:SIZE, :SIZE]
    pattern = (127.5 + 100.0 * np.sin(2.0 * np.pi * x / 5.0)).astype(np.uint8)
    at = places(shift)
    truth = 127.5 + 100.0 * np.sin(2.0 * np.pi * at[0] / 5.0)
    linear = cv2.remap(pattern, *at, cv2.INTER_LINEAR)
    ours = sharpened(pattern, *at)
    assert np.abs(ours - truth).mean() < 0.5 * np.abs(linear - truth).mean()
    slope = (2 * x + y).astype(np.uint8)
    assert np.abs(sharpened(slope, *at) - (2.0 * at[0] + at[1])).max() < 1.0  # a level, of which linear has a half
