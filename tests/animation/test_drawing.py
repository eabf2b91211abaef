"""Curves as SVG: what moves is drawn, on an axis that holds it, for any length."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from dirfa_pipeline import Animation
from dirfa_pipeline.animation.drawing import MARGIN, ROW, draw_animation


SVG = "{http://www.w3.org/2000/svg}"


def heights(animation: Animation) -> list[float]:
    """How high the first curve, the jaw's, is drawn in each frame."""
    line = ElementTree.fromstring(draw_animation(animation)).find(f"{SVG}polyline")
    assert line is not None
    return [float(point.partition(",")[2]) for point in line.attrib["points"].split()]


def test_a_curve_is_drawn_within_its_frame() -> None:
    drawn = heights(Animation.from_curves(50, jawOpen=np.linspace(0.0, 2.0, 50)))
    assert drawn[0] == MARGIN + ROW and drawn[-1] == MARGIN
    assert drawn == sorted(drawn, reverse=True)
    assert set(heights(Animation.from_curves(50))) == {MARGIN + ROW}


@pytest.mark.parametrize("frames", [1, 25, 100_000])
def test_any_length_is_drawn(frames: int) -> None:
    picture = ElementTree.fromstring(Animation.from_curves(frames)._repr_html_())
    ticks = [text.text for text in picture.iter(f"{SVG}text") if (text.text or "").endswith(" s")]
    assert len(ticks) <= 13
    assert len(picture.findall(f"{SVG}polyline")) == 10
