"""Tests of the upper lid that is drawn as an eye closes."""

from typing import Final

import numpy as np
import pytest

from dirfa_pipeline.face.landmarks import RIGHT_EYE
from dirfa_pipeline.rendering.eyelids import WARM, UpperLid, build_upper_lid


SKIN: Final = (200, 150, 120)
WINDOW: Final = (slice(0, 120), slice(0, 160))


def eye_points(shut: float) -> np.ndarray:
    """Landmarks of an eye 80 wide, 24 high when open, its crease 16 above it and the brow 40."""
    landmarks = np.zeros((478, 3), np.float32)
    eye, x = RIGHT_EYE, np.linspace(50.0, 110.0, 7)
    arch = np.sin(np.linspace(0.4, np.pi - 0.4, 7))
    landmarks[eye.outer, :2], landmarks[eye.inner, :2] = (40, 70), (120, 70)
    for line, height in ((eye.upper, 24 * (1 - shut)), (eye.lower, 0), (eye.crease, 40), (eye.brow_side, 60)):
        landmarks[list(line), 0], landmarks[list(line), 1] = x, 70 - height * arch
    return landmarks


def photo(skin: tuple[int, int, int] = SKIN) -> np.ndarray:
    """Plain skin with dark lashes along the lid, and under the brow a dark bar as of glasses."""
    image = np.full((120, 160, 3), skin, np.uint8)
    upper = eye_points(0.0)[list(RIGHT_EYE.upper), :2]
    for x in range(44, 117):
        y = round(float(np.interp(x, upper[:, 0], upper[:, 1])))
        image[y - 5 : y + 1, x] = (40, 30, 30)
    image[34:38] = (20, 20, 60)
    return image


def build(glasses: float) -> UpperLid:
    return build_upper_lid(photo(), eye_points(0.0), RIGHT_EYE, glasses, WINDOW)


def draw(lid: UpperLid, closed: float) -> np.ndarray:
    patch = np.full((120, 160, 3), 90.0, np.float32)
    lid.draw(patch, eye_points(closed)[:, :2], closed)
    return patch


def test_an_open_eye_has_no_lid() -> None:
    np.testing.assert_array_equal(draw(build(0.0), 0.0), 90.0)


@pytest.mark.parametrize("glasses", [0.0, 1.0])
def test_a_shut_lid_is_skin_without_lashes_or_rims(glasses: float) -> None:
    middle = draw(build(glasses), 1.0)[52:62, 70:90]
    np.testing.assert_allclose(middle.mean((0, 1)), SKIN, rtol=0.12)
    assert middle.std((0, 1)).max() < 12.0


def test_lashes_turn_down() -> None:
    """Half-way they still stand above the margin; of a shut eye they hang below it."""
    lid = build(0.0)
    half, shut = (draw(lid, closed)[:, 80].mean(1) for closed in (0.5, 1.0))
    assert half[58 - 4 : 58].min() < 0.6 * np.mean(SKIN)
    assert shut[71:76].mean() < 75.0  # of 90
    assert shut[66 - 6 : 66 - 3].mean() > 0.75 * np.mean(SKIN)


def test_a_shut_lid_gets_darker_towards_its_lashes() -> None:
    """Not at once, as if they were drawn with a pencil: at heights above the margin its light is as measured."""
    middle = draw(build(0.0), 1.0)[:, 70:90].mean((1, 2))
    heights = np.array([0.05, 0.10, 0.15, 0.20])
    light = np.interp(70.0 - 80.0 * heights, np.arange(120), middle) / middle[40:68].max()
    np.testing.assert_allclose(light, [0.48, 0.78, 0.92, 0.97], atol=0.14)


def test_the_line_of_lashes_is_thinner_at_the_corners() -> None:
    shut = draw(build(0.0), 1.0).mean(2)[71:]
    inner, middle = ((shut[:, columns] < 85.0).sum(0).mean() for columns in (slice(112, 117), slice(75, 85)))
    assert 0.0 < inner < 0.7 * middle


@pytest.mark.parametrize(("skin", "warm"), [(SKIN, 1.0), ((150, 150, 150), 0.0), ((200, 205, 215), 0.0)])
def test_lashes_are_warm_on_warm_skin_only(skin: tuple[int, int, int], warm: float) -> None:
    lid = build_upper_lid(photo(skin), eye_points(0.0), RIGHT_EYE, 0.0, WINDOW)
    np.testing.assert_allclose(lid.tint, 1.0 + warm * (WARM - 1.0), atol=1e-6)


def test_only_glasses_are_over_the_lid() -> None:
    assert not build(0.0).over.any()
    over = build(1.0).over
    assert over[35:37, 60:100].mean() > 0.8
    assert over[42:44, 70:90].max() < 0.2


def test_lids_darken_gradually() -> None:
    """No step between frames of a blink is much larger than another: nothing pops in."""
    lid = build(0.0)
    frames = np.stack([draw(lid, closed) for closed in np.linspace(0.0, 1.0, 41)])
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert steps.max() < 6.0 * np.median(steps)
