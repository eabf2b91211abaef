"""Tests of where a photo's eyes look."""

import numpy as np
import pytest

from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES
from dirfa_pipeline.face.fit import LOOKS
from dirfa_pipeline.face.gaze import ABOVE, TURNS, photo_gaze
from dirfa_pipeline.face.landmarks import LEFT_EYE, RIGHT_EYE


SCALE = 70.0
NAMES = [EXPRESSION_NAMES[index] for index in LOOKS]


def eyes(across: float = 0.0, down: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Landmarks with eyes 30 wide whose irises lie off the middle by so many eye widths, in a rolled picture."""
    landmarks = np.zeros((478, 3))
    for eye, centre, outwards in ((RIGHT_EYE, -50, -15), (LEFT_EYE, 50, 15)):
        landmarks[eye.outer, 0], landmarks[eye.inner, 0] = centre + outwards, centre - outwards
        landmarks[eye.iris[0], :2] = centre + 30 * across, 30 * (down - ABOVE)
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    landmarks[:, :2] = landmarks[:, :2] @ turn + 200
    return landmarks


def test_the_camera_is_no_look() -> None:
    assert not photo_gaze(eyes(), 0.0, SCALE).any()
    assert not photo_gaze(eyes(0.04, -0.03), 0.0, SCALE).any()


def test_eyes_of_a_turned_head_may_stay_on_the_camera() -> None:
    yaw = 0.35
    assert not photo_gaze(eyes(TURNS * yaw), yaw, SCALE).any()
    assert photo_gaze(eyes(), yaw, SCALE).any()


@pytest.mark.parametrize("roll", [0.0, 0.4])
@pytest.mark.parametrize(
    ("way", "names"),
    [
        ((0.12, 0.0), {"eyeLookOutLeft", "eyeLookInRight"}),
        ((-0.12, 0.0), {"eyeLookInLeft", "eyeLookOutRight"}),
        ((0.0, 0.1), {"eyeLookDownLeft", "eyeLookDownRight"}),
        ((0.0, -0.1), {"eyeLookUpLeft", "eyeLookUpRight"}),
    ],
)
def test_looks_have_names(way: tuple[float, float], names: set[str], roll: float) -> None:
    weights = photo_gaze(eyes(*way, roll), 0.0, SCALE)
    assert {name for name, weight in zip(NAMES, weights, strict=True) if weight > 1e-6} == names
    assert weights.max() < 1.0
