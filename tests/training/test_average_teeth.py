"""The average row of teeth and its modes, from rows that are known."""

import numpy as np

from dirfa_pipeline import FaceRenderer
from dirfa_pipeline.rendering.tooth_rows import PER_MM, SIZE, SeenRow, along, gaps_of
from dirfa_pipeline.training.average_teeth import average_teeth


def test_rows_meet_tooth_by_tooth(renderer: FaceRenderer) -> None:
    """Rows that lie aside average to a row as sharp as they are; what they differ in comes back as a mode."""
    drawn = renderer._teeth().upper
    columns = np.arange(SIZE[1], dtype=np.float32)
    cover = np.zeros(SIZE, np.float32)
    cover[SIZE[0] - 7 * PER_MM :, 4 * PER_MM : -4 * PER_MM] = 1.0
    canines = np.abs(np.abs(columns / PER_MM - 32.0) - 17.0) < 3.0
    rows = []
    for index, shift in enumerate(np.linspace(-2.0, 2.0, 9)):
        longer = np.where(canines, 0.25 * index, 0.0)
        light = along(drawn[..., 0], columns + np.float32(PER_MM * shift))
        edge = np.interp(columns + PER_MM * shift, columns, 3.0 + longer)
        colours = (180.0 * light[..., None] * [1.0, 0.95, 0.9]).astype(np.float32)
        rows.append(SeenRow(colours, cover, edge.astype(np.float32), (24, SIZE[1] - 24)))
    average = average_teeth(rows, drawn, modes=2)
    assert average.upper.shape == (*SIZE, 3)
    assert average.shapes.shape == (3, 2, SIZE[1])
    assert average.textures.shape == (2, SIZE[0] // 2, SIZE[1] // 2)
    pattern = gaps_of(drawn[..., 0])
    assert np.corrcoef(gaps_of(average.upper[..., 0])[84:-84], pattern[84:-84])[0, 1] > 0.9
    np.testing.assert_allclose(average.upper, average.upper[:, ::-1], atol=1e-5)
    assert average.shapes[0, 0].min() == 0.0
    varying = np.abs(average.shapes[1:, 0]).max(0)
    assert varying[canines].mean() > 5.0 * varying[SIZE[1] // 2 - 36 : SIZE[1] // 2 + 36].mean()
