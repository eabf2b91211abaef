"""The picture of a portrait's fit."""

import re
from dataclasses import replace

import numpy as np
import pytest

from dirfa_pipeline import Portrait
from dirfa_pipeline.capture.fit_picture import LONGEST, draw_fit
from dirfa_pipeline.face.rotations import rotation_matrix


def numbers(html: str, pattern: str) -> list[float]:
    return [float(value) for value in re.findall(pattern, html)]


def test_landmarks_lie_on_the_picture(portrait: Portrait) -> None:
    html = portrait._repr_html_()
    height, width = portrait.image.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    x, y = numbers(html, r'<circle cx="([-\d.]+)"'), numbers(html, r'cy="([-\d.]+)"')
    np.testing.assert_allclose(np.stack([x, y], 1), portrait.landmarks[:, :2] * scale, atol=0.06)
    assert f"{width} x {height} pixels" in html
    assert len(html) < 300_000, "a notebook holds it"


@pytest.mark.parametrize(("yaw", "side"), [(0.5, 1), (-0.5, -1)])
def test_the_arrow_points_to_where_the_face_looks(portrait: Portrait, yaw: float, side: int) -> None:
    turned = replace(portrait.face, rotation=rotation_matrix(np.array([yaw, 0.0, 0.0])))
    html = draw_fit(portrait.image, portrait.landmarks, turned)
    (start,), (tip,) = numbers(html, r'<line x1="([-\d.]+)"'), numbers(html, r' x2="([-\d.]+)"')
    assert np.sign(tip - start) == side
    assert f"turned by {np.degrees(yaw):+.0f}" in html
