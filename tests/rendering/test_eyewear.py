"""Glasses: found where they are, and stiff."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.rendering.eyewear import eyewear_zone, find_glasses
from dirfa_pipeline.rendering.rims import find_rims


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


def drawn_rims(portrait: Portrait, spectacled: Portrait) -> np.ndarray:
    """Where the glasses are that were drawn on."""
    return np.abs(spectacled.image.astype(int) - portrait.image).max(2) > 60


def test_rims_are_found_and_nothing_else(portrait: Portrait, spectacled: Portrait) -> None:
    rims = find_rims(spectacled.image, spectacled.landmarks, spectacled.face)
    assert rims is not None and rims.sure == 1.0
    covered = np.zeros(portrait.image.shape[:2], np.float32)
    covered[rims.window] = rims.layer[..., 3]
    assert covered[drawn_rims(portrait, spectacled)].min() > 0.5
    foreheads, irises = [9, 151, 104, 333, *LIPS], [RIGHT_EYE.iris[0], LEFT_EYE.iris[0]]
    points = portrait.landmarks[[*foreheads, *irises], :2].round().astype(int)
    assert covered[points[:, 1], points[:, 0]].max() == 0.0


def test_no_rims_on_a_bare_face(portrait: Portrait, renderer: FaceRenderer) -> None:
    assert find_rims(portrait.image, portrait.landmarks, portrait.face) is None
    assert renderer.prepare(portrait).rims is None


def test_glasses_at_rest_are_the_photo(renderer: FaceRenderer, portrait: Portrait, spectacled: Portrait) -> None:
    """The rims and the skin behind them add up to what was taken apart."""
    frame = renderer.render(renderer.prepare(spectacled), spectacled.face.rest_coefficients()[None])[0]
    changed = np.abs(frame.astype(int) - spectacled.image).max(2)
    assert changed[drawn_rims(portrait, spectacled)].max() <= 1


def test_rims_stay_while_the_face_moves(renderer: FaceRenderer, portrait: Portrait, spectacled: Portrait) -> None:
    """Raised brows and a squint move the skin at the rims, but no glasses; brows above them rise as without."""
    sides = ("Left", "Right")
    raised = {f"{name}{side}": 0.8 for name in ("browOuterUp", "cheekSquint") for side in sides}
    coefficients = portrait.face.rest_coefficients() + Animation.from_curves(1, browInnerUp=0.8, **raised).coefficients
    rims = drawn_rims(portrait, spectacled)
    changes, brows = [], []
    for photo in (portrait, spectacled):
        prepared = renderer.prepare(photo)
        changed = np.abs(renderer.render(prepared, coefficients)[0].astype(int) - photo.image).max(2)
        changes.append(float(changed[rims].mean()))
        brows.append(prepared.pose(coefficients[0]).vertices[[66, 105, 296, 334], 1])
    assert changes[1] < 1.0 < changes[0]
    np.testing.assert_allclose(brows[1], brows[0], atol=0.02 * portrait.face.scale)
