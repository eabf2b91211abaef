"""Means where a warp shows much of a picture in few pixels."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline.rendering.minification import MOST, average_squeezed


SIZE = 16


def warp(picture: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture taken at columns `xs` and rows `ys` pixel by pixel, and the same averaged."""
    x, y = np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))
    taken = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    averaged = taken.copy()
    average_squeezed(averaged, picture, x, y)
    return taken, averaged


@pytest.mark.parametrize("times", [2, 4, MOST])
@pytest.mark.parametrize("along", ["columns", "rows"])
def test_squeezed_stripes_become_their_mean(along: str, times: int) -> None:
    """Taken pixel by pixel, every pixel shows the same one of two colours."""
    stripes = np.where(np.arange(times * SIZE) % 2, 200, 0).astype(np.uint8)
    picture = np.repeat(np.tile(stripes, (SIZE, 1))[..., None], 4, axis=2)
    squeezed, plain = times * np.arange(SIZE), np.arange(SIZE)
    if along == "rows":
        taken, averaged = warp(picture.transpose(1, 0, 2).copy(), plain, squeezed)
    else:
        taken, averaged = warp(picture, squeezed, plain)
    assert (taken == 0).all()
    np.testing.assert_allclose(averaged[1:-1, 1:-1].astype(float), 100.0, atol=1.0)


@pytest.mark.parametrize("times", [0.3, 1.0, 1.4])
def test_what_is_hardly_squeezed_stays(times: float) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (2 * SIZE, 2 * SIZE, 3), np.uint8)
    taken, averaged = warp(picture, times * np.arange(SIZE), times * np.arange(SIZE))
    np.testing.assert_array_equal(averaged, taken)


def test_pixels_on_both_sides_of_a_fold_share_what_it_hides() -> None:
    picture = np.zeros((SIZE, 64, 3), np.uint8)
    picture[:, 21:] = 240
    taken, averaged = (
        np.abs(np.diff(frame[SIZE // 2, :, 0].astype(int))).max()
        for frame in warp(picture, np.concatenate([np.arange(18), np.arange(22, 40)]), np.arange(SIZE))
    )
    assert taken == 240
    assert averaged < 180
