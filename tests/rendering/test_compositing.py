"""Layers laid over each other, against the same sums said plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.rendering.compositing import blend_over_plate, lay_over
from dirfa_pipeline.rendering.interpolation import lost_light


HEIGHT, WIDTH, MARGIN = 5, 24, 3.0


def blended(seed: int, moved: float) -> tuple[np.ndarray, np.ndarray]:
    """Random layers blended by the kernel and by the formula that its docstring states."""
    generator = np.random.default_rng(seed)
    shape = (HEIGHT, WIDTH)
    alphas = generator.choice(np.array([0, 0, 90, 255, 255, 255], np.uint8), shape)
    alphas = np.repeat(alphas[:, ::4], 4, axis=1)  # runs, as a person has them
    warped, plate, photo = (generator.integers(0, 256, (*shape, 3), np.uint8) for _ in range(3))
    light, cutout = generator.integers(0, 256, shape, np.uint8), generator.integers(0, 256, (*shape, 4), np.uint8)
    remainder = generator.integers(-20, 20, (*shape, 3), np.int16)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    map_x, map_y = ((axis + moved * generator.standard_normal(shape)).astype(np.float32) for axis in (x, y))
    out = photo.copy()
    blend_over_plate(warped, alphas, light, cutout, plate, remainder, map_x, map_y, 0, 0, MARGIN, out)

    lost = np.empty(shape, np.float32)
    for row in range(HEIGHT):
        lost_light(light, row, map_x[row], map_y[row], lost[row])
    outside = (map_x < 0) | (map_y < 0) | (map_x > WIDTH - 1) | (map_y > HEIGHT - 1)
    near = np.floor(np.clip(map_y, 0, HEIGHT - 1) + 0.5).astype(int), np.floor(np.clip(map_x, 0, WIDTH - 1) + 0.5)
    alpha = np.where(outside, np.minimum(alphas, cutout[near[0], near[1].astype(int), 3]), alphas).astype(np.float32)
    rest = np.floor(255.0 - np.minimum(255.0, 255.0 / MARGIN**2 * ((map_x - x) ** 2 + (map_y - y) ** 2)))
    rest[(alpha == 255) & ~outside] = 0.0
    mixed = alpha[..., None] * (warped + lost[..., None]) + (255.0 - alpha)[..., None] * plate
    return out, np.clip((mixed + rest[..., None] * remainder) / 255.0, 0.0, 255.0)


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
