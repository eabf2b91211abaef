"""Irises: dull ones are drawn clear, clear ones stay the photo's."""

import numpy as np
import pytest

from dirfa_pipeline.rendering.irises import (
    GLINT_AT,
    Highlight,
    clear_iris,
    find_highlight,
    places_around,
    unclear_for_its_size,
)


SIZE, RADIUS = 60, 20.0
MIDDLE = np.array([30.0, 30.0], np.float32)
SHOWN = np.ones((SIZE, SIZE), np.float32)
PLACES = places_around((SIZE, SIZE), MIDDLE, RADIUS)
GIVEN = Highlight(0.0, *GLINT_AT)
BROWN = np.array([90.0, 60.0, 45.0], np.float32)


def dull() -> np.ndarray:
    """An eyeball whose iris is one dark blur."""
    patch = np.full((SIZE, SIZE, 3), 200, np.uint8)
    patch[PLACES.away < 1.0] = BROWN.astype(np.uint8)
    return patch


def light_at(patch: np.ndarray, x: float, y: float) -> float:
    column, row = (MIDDLE + RADIUS * np.array([x, y])).round().astype(int)
    return float(patch[row, column].mean())


@pytest.mark.parametrize("place", [(-0.3, -0.4), (0.2, -0.1)])
def test_a_highlight_is_found_where_it_is(place: tuple[float, float]) -> None:
    patch = dull()
    patch[np.hypot(PLACES.x - place[0], PLACES.y - place[1]) < 0.15] = 250
    found = find_highlight(patch, SHOWN, PLACES)
    assert found.missing == 0.0
    assert np.hypot(found.x - place[0], found.y - place[1]) < 0.15


def test_neither_white_of_the_eye_nor_a_wet_lid_is_one() -> None:
    patch = dull()
    patch[(PLACES.y > 0.4) & (np.abs(PLACES.x) < 0.2)] = 250
    assert find_highlight(patch, SHOWN, PLACES).missing == 1.0
    assert find_highlight(patch, 0.0 * SHOWN, PLACES).missing == 1.0


def test_a_dull_iris_gets_a_pupil_and_a_highlight() -> None:
    patch = dull()
    cleared = clear_iris(patch, SHOWN, PLACES, BROWN, 1.0, GIVEN)
    assert light_at(cleared, *GLINT_AT) > 180.0
    assert light_at(cleared, 0.1, 0.2) < 0.7 * light_at(patch, 0.1, 0.2)
    np.testing.assert_array_equal(cleared[PLACES.away > 1.1], patch[PLACES.away > 1.1])


def test_a_clear_iris_and_what_lids_hide_stay() -> None:
    patch = dull()
    np.testing.assert_array_equal(clear_iris(patch, SHOWN, PLACES, BROWN, 0.0, GIVEN), patch)
    np.testing.assert_array_equal(clear_iris(patch, 0.0 * SHOWN, PLACES, BROWN, 1.0, GIVEN), patch)


def test_a_faint_highlight_is_partly_missing_and_few_pixels_are_unclear() -> None:
    patch = dull()
    patch[np.hypot(PLACES.x, PLACES.y + 0.3) < 0.15] = 140
    assert 0.0 < find_highlight(patch, SHOWN, PLACES).missing < 1.0
    few, some, many = (unclear_for_its_size(radius) for radius in (5.0, 12.0, 30.0))
    assert few > some > many == 0.0


def test_an_iris_of_very_few_pixels_stays_as_light_as_it_was() -> None:
    """There the photo's own pupil has darkened the colour that is taken for the iris."""
    lights = []
    for radius in (5.0, 20.0):
        places = places_around((SIZE, SIZE), MIDDLE, radius)
        patch = np.full((SIZE, SIZE, 3), 200, np.uint8)
        patch[places.away < 1.0] = BROWN.astype(np.uint8)
        hidden = Highlight(0.0, 5.0, 5.0)  # outside of the iris
        cleared = clear_iris(patch, np.ones((SIZE, SIZE), np.float32), places, BROWN, 1.0, hidden)
        lights.append(float(cleared[places.away < 0.8].mean()) / float(patch[places.away < 0.8].mean()))
    few, many = lights
    assert few > 0.9 > many
