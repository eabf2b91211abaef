"""Holes filled with the picture's own texture."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline.rendering.background import separate
from dirfa_pipeline.rendering.inpainting import fill_smoothly, inpaint


def stripes(side: int = 120, period: int = 12) -> np.ndarray:
    """Vertical stripes, `(side, side, 3)`."""
    row = np.where(np.arange(side) // (period // 2) % 2, 220, 40)
    return np.repeat(np.broadcast_to(row, (side, side))[..., None], 3, axis=2).astype(np.uint8)


def hole_of(shape: tuple[int, ...]) -> np.ndarray:
    hole = np.zeros(shape[:2], np.bool_)
    hole[40:80, 45:75] = True
    return hole


def fill(image: np.ndarray, hole: np.ndarray, unused: np.ndarray | None = None) -> np.ndarray:
    unused = np.zeros_like(hole) if unused is None else unused
    return inpaint(image, hole, unused, np.full(image.shape, 128.0, np.float32))


def test_a_pattern_goes_on() -> None:
    image = stripes()
    hole = hole_of(image.shape)
    filled = fill(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert np.abs(filled - image)[hole].mean() < 10  # a smooth filling misses by 90


def test_a_filling_meets_the_light_around() -> None:
    """In a place that is lighter than any that it can be copied from."""
    rows, columns = np.indices((120, 120))
    away = np.hypot(rows - 60, columns - 60)
    light = 60.0 + 110.0 * np.exp(-np.square(away / 35.0))
    image = light + np.random.default_rng(0).normal(0.0, 6.0, away.shape)
    filled = fill(np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2), away < 24)[..., 0]
    off = cv2.blur(filled - light, (5, 5))
    assert np.abs(off[(away > 22) & (away < 24)]).mean() < 10  # copied only: over 12


def test_a_narrow_rest_of_a_window_goes_on_and_not_the_curtains_around() -> None:
    rows, columns = np.indices((420, 420))
    curtains = np.stack([170 + 30 * np.sin(columns / 3.0), np.full(rows.shape, 60.0), np.full(rows.shape, 55.0)], -1)
    window = np.repeat(np.random.default_rng(0).normal(100.0, 25.0, (210, 210, 1)), 3, axis=2)
    panes = cv2.resize(window, (420, 420), interpolation=cv2.INTER_CUBIC)
    away = np.abs(columns - 210)
    image = np.where(((away < 108) & (rows > 100))[..., None], panes, curtains).clip(0, 255).astype(np.uint8)
    hole = (away < 90) & (rows > 120)
    known = (~hole).astype(np.float32)
    filled = inpaint(image, hole, np.zeros_like(hole), fill_smoothly(image * known[..., None], known))
    red = filled[..., 0] - filled[..., 1] > 40.0
    assert red[hole & (away > 60)].mean() < 0.2  # of patches that are known as a whole: .84


def test_same_filling_every_time() -> None:
    image = stripes()
    hole = hole_of(image.shape)
    np.testing.assert_array_equal(fill(image, hole), fill(image, hole))


@pytest.mark.parametrize(("hole", "unused"), [(True, False), (True, True)], ids=["nothing known", "nothing needed"])
def test_the_guess_stays(hole: bool, unused: bool) -> None:
    shape = (100, 80)
    filled = fill(np.zeros((*shape, 3), np.uint8), np.full(shape, hole), np.full(shape, unused))
    np.testing.assert_array_equal(filled, 128.0)


@pytest.mark.parametrize("shape", [(64, 64), (66, 1200), (700, 2100)])
def test_a_plate_keeps_what_is_far_from_the_person(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = np.zeros(shape, np.float32)
    mask[20:50, 20:40] = 1.0
    landmarks = np.array([[20.0, 20.0, 0.0], [40.0, 50.0, 0.0]], np.float32)
    plate = separate(image, mask, landmarks).plate
    np.testing.assert_array_equal(plate[:, -10:], image[:, -10:])
    assert plate.dtype == np.uint8
    assert (plate[25:45, 25:35] != image[25:45, 25:35]).mean() > 0.9


def test_light_goes_on_behind_the_person() -> None:
    """A wall lit from one spot beside the head has no edge where the head was."""
    rows, columns = np.indices((200, 200))
    glow = 50 + 150 * np.exp(-((rows - 110) ** 2 + (columns - 100) ** 2) / 1000)
    image = np.repeat(glow[..., None], 3, axis=2).astype(np.uint8)
    mask = ((rows - 100) ** 2 + (columns - 60) ** 2 < 35**2).astype(np.float32)
    image[mask > 0] = 10
    landmarks = np.array([[30.0, 65.0, 0.0], [90.0, 135.0, 0.0]], np.float32)
    plate = separate(image, mask, landmarks).plate[..., 0].astype(np.float32)
    behind = cv2.dilate(mask, np.ones((15, 15), np.uint8)) > 0
    steepest, lit = (np.hypot(*np.gradient(light)).max() for light in (np.where(behind, plate, glow), glow))
    assert steepest < 2.5 * lit  # texture from elsewhere would make an edge ten times as steep


def test_a_faint_edge_of_a_plain_wall_goes_on_behind_the_head() -> None:
    """A plain wall's light goes on smoothly, which alone would let the edge fade before it reaches the outline."""
    rows, columns = np.indices((260, 260))
    image = np.full((260, 260, 3), 180, np.uint8)
    image[:130] = 150
    head = (np.hypot(rows - 150, columns - 130) < 60).astype(np.float32)
    image[head > 0] = (150, 110, 90)
    plate = separate(image, head, np.array([[80.0, 100.0, 0.0], [180.0, 205.0, 0.0]], np.float32)).plate
    behind = 75 + 10  # a column ten pixels inside the outline, at the height of the edge
    assert head[130, behind] == 1.0
    assert plate[133:137, behind].mean() - plate[123:127, behind].mean() > 25.0  # of 30; smooth alone: 18


@pytest.mark.parametrize("width", [1, 2, 3])
def test_narrow_holes_are_filled_on_all_sides_of_the_grid(width: int) -> None:
    image = stripes(side=121)
    for start in (50, 51):
        hole = np.zeros(image.shape[:2], np.bool_)
        hole[start : start + width, 20:100] = True
        assert np.abs(fill(image, hole) - image)[hole].mean() < 25.0
