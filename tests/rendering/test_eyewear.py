"""Glasses: found where they are, and stiff."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.rendering.eyewear import eyewear_zone, find_glasses


@pytest.fixture(scope="module")
def spectacled(portrait: Portrait) -> Portrait:
    """The portrait with glasses drawn on."""
    image = portrait.image.copy()
    unit = portrait.face.scale
    lenses = [portrait.landmarks[[eye.outer, eye.inner], :2].mean(0) for eye in (RIGHT_EYE, LEFT_EYE)]
    thickness = max(2, round(0.05 * unit))
    for lens in lenses:
        size = (round(0.36 * unit), round(0.33 * unit))
        cv2.ellipse(image, lens.round().astype(int).tolist(), size, 0, 0, 360, (20, 20, 30), thickness)
    inner = [lenses[0] + [0.36 * unit, 0], lenses[1] - [0.36 * unit, 0]]
    cv2.line(image, *(point.round().astype(int).tolist() for point in inner), (20, 20, 30), thickness)
    return replace(portrait, image=image)


def test_found_where_they_are(portrait: Portrait, spectacled: Portrait) -> None:
    assert find_glasses(portrait.image, portrait.landmarks) == 0.0
    assert find_glasses(spectacled.image, spectacled.landmarks) == 1.0


def test_the_zone_is_around_the_eyes(portrait: Portrait) -> None:
    zone = eyewear_zone(portrait.face)
    assert zone.min() >= 0.0
    assert zone[[*RIGHT_EYE.outline, *LEFT_EYE.outline, 168]].min() == 1.0
    assert zone[[*LIPS, 152, 10]].max() == 0.0


def test_rims_stay_while_the_face_moves(renderer: FaceRenderer, portrait: Portrait, spectacled: Portrait) -> None:
    """Raised brows and a squint move the skin at the rims, but no glasses."""
    sides = ("Left", "Right")
    raised = {f"{name}{side}": 0.8 for name in ("browOuterUp", "cheekSquint") for side in sides}
    coefficients = portrait.face.rest_coefficients() + Animation.from_curves(1, browInnerUp=0.8, **raised).coefficients
    rims = [247, 27, 190, 467, 257, 414, 119, 348, 101, 330]
    points = portrait.landmarks[rims, :2].round().astype(int)
    changes = []
    for photo in (portrait, spectacled):
        frame = renderer.render(renderer.prepare(photo), coefficients)[0]
        changed = np.abs(frame.astype(int) - photo.image).max(2)
        changes.append(cv2.blur(changed.astype(np.float32), (5, 5))[points[:, 1], points[:, 0]].mean())
    assert changes[1] < 0.25 * changes[0]
