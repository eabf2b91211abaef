"""The lower row of teeth: as many crowns as there are, in one line, a little different for each face."""

from dataclasses import replace

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dirfa_pipeline import Portrait
from dirfa_pipeline.rendering.lower_row import CHARACTERS, KINDS, draw_lower_row, lower_row
from dirfa_pipeline.rendering.tooth_rows import PER_MM, SIZE


TEETH = 2 * len(KINDS)
MIDDLE = SIZE[1] // 2
AVERAGE = np.zeros((TEETH, CHARACTERS))
characters = arrays(float, (TEETH, CHARACTERS), elements=st.floats(-3.0, 3.0))


def test_the_average_row_is_symmetric_and_has_all_its_teeth() -> None:
    row = draw_lower_row(AVERAGE)
    assert np.abs(row - row[:, ::-1]).mean() < 1e-3  # but for which of two neighbours covers the other
    light = row[3 * PER_MM, :, 0]
    gaps = np.flatnonzero((light[1:-1] < light[:-2]) & (light[1:-1] <= light[2:])) + 1
    assert len(gaps) == TEETH - 1
    front = gaps[np.abs(gaps - MIDDLE) < 12 * PER_MM]
    widths = np.diff(front) / PER_MM
    assert (widths[[0, -1]] > widths[len(widths) // 2]).all()  # incisors are the narrowest
    assert 4.5 < widths.min() < widths.max() < 7.0


def test_its_edges_are_nearly_level() -> None:
    tops = (draw_lower_row(AVERAGE)[..., 2] > 0.5).argmax(0) / PER_MM
    assert tops.min() < 1.0 and tops[MIDDLE - 10 * PER_MM : MIDDLE + 10 * PER_MM].max() < 2.0


def test_the_same_face_has_the_same_teeth(portrait: Portrait) -> None:
    face = portrait.face
    other = replace(face, shape=(face.shape * [1.05, 0.97, 1.0]).astype(np.float32))
    first, again, another = (lower_row(each) for each in (face, face, other))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - another).mean() > 0.003


def test_no_gum_shows_along_the_edges() -> None:
    """Not even where a blur mixes a crown with what is above it."""
    row = draw_lower_row(AVERAGE)
    blurred = cv2.GaussianBlur(row, (0, 0), 2.0)
    shown = (blurred[: 4 * PER_MM, MIDDLE - 10 * PER_MM : MIDDLE + 10 * PER_MM, 2]) > 0.2
    assert blurred[: 4 * PER_MM, MIDDLE - 10 * PER_MM : MIDDLE + 10 * PER_MM, 1][shown].max() < 0.02


@settings(max_examples=25, deadline=None)
@given(characters)
def test_any_row_is_a_picture_of_teeth(each: np.ndarray) -> None:
    """However a person's teeth stand: shares are shares, and below their edges nothing is seen through."""
    row = draw_lower_row(each)
    assert np.isfinite(row).all() and row[..., 0].min() >= 0.0 and row[..., 0].max() < 1.7
    assert row[..., 1:].min() >= 0.0 and row[..., 1:].max() <= 1.0
    assert row[12 * PER_MM :, :, 2].min() == 1.0
    assert row[2 * PER_MM : 5 * PER_MM, MIDDLE - 8 * PER_MM : MIDDLE + 8 * PER_MM, 1].mean() < 0.02
