"""Rows of teeth: aligned by their gaps, drawn for one person, and the photo's own as far as they were read surely."""

from dataclasses import replace

import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.rendering.tooth_rows import (
    MILLIMETRE,
    PER_MM,
    SIZE,
    Dentition,
    SeenRow,
    align,
    along,
    gaps_of,
    personal_row,
)


Array = np.ndarray
COLUMNS = np.arange(SIZE[1], dtype=np.float32)
FRONT = slice(SIZE[1] // 2 - 12 * PER_MM, SIZE[1] // 2 + 12 * PER_MM)


@pytest.fixture(scope="module")
def dentition(renderer: FaceRenderer) -> Dentition:
    return renderer._teeth()


def photographed(dentition: Dentition, way: Array, level: float) -> SeenRow:
    """The average row with moved columns, as a photo of teeth as light as that would show it."""
    light = along(dentition.upper[..., 0], way.astype(np.float32))
    cover = np.zeros(SIZE, np.float32)
    cover[SIZE[0] - 8 * PER_MM :, 4 * PER_MM : -4 * PER_MM] = 1.0
    colours = np.minimum(level * light[..., None] * [1.0, 0.95, 0.9], 255.0).astype(np.float32)
    return SeenRow(colours, cover, np.full(SIZE[1], 3.5, np.float32), (4 * PER_MM, SIZE[1] - 4 * PER_MM))


def large(portrait: Portrait) -> Portrait:
    """The same portrait, as if every millimetre had enough pixels to show teeth."""
    return replace(portrait, face=replace(portrait.face, scale=2.0 / MILLIMETRE))


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.07, 1.5), (0.92, -2.0)])
def test_a_row_is_aligned_by_its_gaps(dentition: Dentition, scale: float, shift: float) -> None:
    middle = 0.5 * (SIZE[1] - 1)
    moved = along(dentition.upper[..., 0], (COLUMNS - middle) / scale + middle - PER_MM * shift)
    way, alike = align(gaps_of(moved), dentition.pattern)
    assert alike > 0.9
    expected = scale * (COLUMNS + PER_MM * shift - middle) + middle
    assert np.abs(way - expected)[FRONT].max() < 0.6 * PER_MM


def test_people_have_teeth_of_their_own(dentition: Dentition, portrait: Portrait) -> None:
    """The same face always has the same, another one others; none is far from the average."""
    face = portrait.face
    other = replace(face, shape=(face.shape * [1.05, 0.97, 1.0]).astype(np.float32))
    first, again, another = (personal_row(dentition, None, each).picture for each in (face, face, other))
    np.testing.assert_array_equal(first, again)
    assert 0.005 < np.abs(first - another)[..., 0].mean() < 0.1


def test_own_teeth_are_used_as_far_as_they_are_sure(dentition: Dentition, portrait: Portrait) -> None:
    """Sure ones give a row their place, edge and colour; burnt-out or too small ones nothing."""
    face = large(portrait).face
    seen = photographed(dentition, COLUMNS + PER_MM, level=180.0)
    own = personal_row(dentition, seen, face)
    assert own.sure == 1.0
    assert own.edge == pytest.approx(3.5)
    assert own.colour[2] / own.colour[0] == pytest.approx(0.9, abs=0.01)
    without = personal_row(dentition, None, face).picture
    for unsure, of in ((photographed(dentition, COLUMNS, level=400.0), face), (seen, replace(face, scale=20.0))):
        row = personal_row(dentition, unsure, of)
        assert row.sure == 0.0
        np.testing.assert_allclose(row.picture, without, atol=1e-6)


def test_gums_in_a_photo_are_no_teeth(dentition: Dentition, portrait: Portrait) -> None:
    """A smile that bares pink gums makes no pink teeth."""
    seen = photographed(dentition, COLUMNS, level=180.0)
    seen.colours[SIZE[0] - 8 * PER_MM : SIZE[0] - 3 * PER_MM] *= [1.0, 0.7, 0.7]
    row = personal_row(dentition, seen, large(portrait).face)
    assert row.colour[1] / row.colour[0] == pytest.approx(0.95, abs=0.02)
