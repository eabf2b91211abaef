"""Layers laid over each other, against the same sums said plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.rendering.compositing import blend_over_plate, lay_over
from dirfa_pipeline.rendering.interpolation import lost_light


HEIGHT, WIDTH, MARGIN = 5, 24, 3.0
LEFT, TOP, ROWS, COLUMNS = 2, 1, 8, 29  # a window that is smaller than its picture
ABOVE = 3  # rows that the person's picture has above it


def blended(seed: int, moved: float) -> tuple[np.ndarray, np.ndarray]:
    """Random layers blended by the kernel and by the formula that its docstring states."""
    generator = np.random.default_rng(seed)
    shape, whole = (HEIGHT, WIDTH), (ROWS, COLUMNS)
    alphas = generator.choice(np.array([0, 0, 90, 255, 255, 255], np.uint8), shape)
    alphas = np.repeat(alphas[:, ::4], 4, axis=1)  # runs, as a person has them
    warped, light = (generator.integers(0, 256, (*shape, *more), np.uint8) for more in ((3,), ()))
    plate, photo = (generator.integers(0, 256, (*whole, 3), np.uint8) for _ in range(2))
    cutout = generator.integers(0, 256, (ABOVE + ROWS, COLUMNS, 4), np.uint8)
    remainder = generator.integers(-20, 20, (*whole, 3), np.int16)
    y, x = np.mgrid[ABOVE + TOP : ABOVE + TOP + HEIGHT, LEFT : LEFT + WIDTH].astype(np.float32)
    map_x, map_y = ((axis + moved * generator.standard_normal(shape)).astype(np.float32) for axis in (x, y))
    out = photo.copy()
    blend_over_plate(warped, alphas, light, cutout, plate, remainder, map_x, map_y, LEFT, TOP, ABOVE, MARGIN, out)

    lost = np.empty(shape, np.float32)
    for row in range(HEIGHT):
        lost_light(light, row, map_x[row], map_y[row], lost[row])
    outside = (map_x < 0) | (map_y < 0) | (map_x > COLUMNS - 1) | (map_y > ABOVE + ROWS - 1)
    near_y, near_x = (
        np.floor(np.clip(axis, 0, n - 1) + 0.5).astype(int) for axis, n in ((map_y, ABOVE + ROWS), (map_x, COLUMNS))
    )
    alpha = np.where(outside, np.minimum(alphas, cutout[near_y, near_x, 3]), alphas).astype(np.float32)
    rest = np.floor(255.0 - np.minimum(255.0, 255.0 / MARGIN**2 * ((map_x - x) ** 2 + (map_y - y) ** 2)))
    rest[(alpha == 255) & ~outside] = 0.0
    window = slice(TOP, TOP + HEIGHT), slice(LEFT, LEFT + WIDTH)
    mixed = alpha[..., None] * (warped + lost[..., None]) + (255.0 - alpha)[..., None] * plate[window]
    expected = photo.astype(np.float32)
    expected[window] = np.clip((mixed + rest[..., None] * remainder[window]) / 255.0, 0.0, 255.0)
    return out, expected


@given(seed=st.integers(0, 2**31), moved=st.sampled_from([0.0, 0.4, 2.0, 8.0]))
def test_person_over_plate_is_the_sum_of_the_layers(seed: int, moved: float) -> None:
    out, expected = blended(seed, moved)
    assert np.abs(out - expected).max() < 1.6  # levels: of rounding, and of shares in whole 255ths


@pytest.mark.parametrize("cover", [0, 128, 255])
def test_a_mount_covers_as_much_as_it_says(cover: int) -> None:
    frame = np.full((4, 4, 3), 200, np.uint8)
    own = np.full((4, 4, 3), 30, np.int16)
    lay_over(frame, np.full((4, 4), cover, np.uint8), own)
    expected = 200 if cover == 0 else 200 * (255 - cover) / 255 + 30
    assert np.abs(frame - expected).max() <= 1
