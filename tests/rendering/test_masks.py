"""Masks, windows and colours at places."""

import numpy as np

from dirfa_pipeline.rendering.masks import (
    Softness,
    colours_at,
    corner_of,
    ellipse,
    polygon,
    polygon_mask,
    shape_of,
    whole,
    whole_window,
    window_around,
)


SQUARE = np.array([[10.0, 20.0], [30.0, 20.0], [30.0, 40.0], [10.0, 40.0]], np.float32)


def test_a_window_holds_its_points_and_ends_with_the_picture() -> None:
    """With a margin around them; there is none of what lies outside."""
    window = window_around(SQUARE, (64, 32, 3), margin=4)
    assert window == (slice(16, 45), slice(6, 32))
    assert corner_of(window).tolist() == [6.0, 16.0]
    assert shape_of(window) == (29, 26)
    assert window_around(SQUARE + 100.0, (64, 32, 3), margin=4) is None


def test_masks_of_a_polygon_cover_it() -> None:
    """Its area, wholly inside and not at all outside; a soft edge is half there, between pixels too."""
    soft = polygon_mask(SQUARE, whole_window((64, 48)))
    assert soft[30, 20] == 1.0
    assert soft[30, 36] == soft[5, 20] == 0.0
    assert abs(soft.sum() - 21.0 * 21.0) < 25.0
    moved = polygon_mask(SQUARE + 0.5, whole_window((64, 48)))
    assert soft[30, 30] < moved[30, 30] < 1.0
    hard = polygon(SQUARE, (64, 48, 3))
    assert hard.sum() == hard[20:41, 10:31].sum() == 21 * 21


def test_a_window_of_a_mask_is_the_mask_in_that_window() -> None:
    """Where no edge of the window is near."""
    window = window_around(SQUARE, (64, 48), margin=6)
    assert window is not None
    assert np.array_equal(polygon_mask(SQUARE, window), polygon_mask(SQUARE, whole_window((64, 48)))[window])


def test_sizes_grow_with_the_face_and_never_vanish() -> None:
    """Blurs have a least width, lengths a least pixel, and a disc has its radius."""
    soft = Softness(0.7, 0.02)
    assert soft.of(10.0) == 0.7
    assert soft.of(100.0) == 2.0
    assert (whole(0.2), whole(3.6)) == (1, 4)
    disc = ellipse(3)
    assert disc.shape == (7, 7)
    assert disc[3].all()
    assert disc[0].sum() == 1


def test_colours_are_those_of_the_nearest_pixels() -> None:
    """Beyond the picture those of its border."""
    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    colours = colours_at(image, np.array([[1.4, 2.6], [-9.0, 99.0]], np.float32))
    assert colours.dtype == np.float32
    assert colours.tolist() == [image[3, 1].tolist(), image[4, 0].tolist()]
