"""Skin: lines deepen and fade where there are any, and nowhere else."""

import cv2
import numpy as np
import pytest

from dirfa_pipeline import Portrait
from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES
from dirfa_pipeline.rendering.skin import FOLDS, MOST_DEEP, OwnLines, SkinShading, build_skin


SMOOTH = 170
OWN_LINES = [2 * index + side for index, fold in enumerate(FOLDS) if isinstance(fold, OwnLines) for side in (0, 1)]


def skin_of(image: np.ndarray, portrait: Portrait) -> SkinShading:
    return build_skin(image, portrait.landmarks, portrait.face)


@pytest.fixture
def smooth(portrait: Portrait) -> np.ndarray:
    """A face of one colour, with grain."""
    noise = np.random.default_rng(0).normal(0.0, 2.0, portrait.image.shape[:2])
    return np.repeat(np.clip(SMOOTH + noise, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def deepest(skin: SkinShading) -> list[float]:
    return [max(0.0, -float(skin.folds[index][1].min(initial=0.0))) for index in OWN_LINES]


def test_smooth_skin_gets_no_lines(portrait: Portrait, smooth: np.ndarray) -> None:
    assert max(deepest(skin_of(smooth, portrait))) < 0.006


@pytest.fixture
def lined(portrait: Portrait, smooth: np.ndarray) -> np.ndarray:
    """The same with a line across the forehead and one between the brows."""
    forehead, between = portrait.landmarks[151, :2], 0.5 * (portrait.landmarks[8, :2] + portrait.landmarks[9, :2])
    image = smooth.copy()
    for place, way in ((forehead, (0.4, 0.0)), (between, (0.0, 0.1))):
        ends = [(place + sign * portrait.face.scale * np.array(way)).round().astype(int).tolist() for sign in (-1, 1)]
        cv2.line(image, *ends, (SMOOTH - 25,) * 3, 1)
    return image


def test_lines_of_the_photo_deepen(portrait: Portrait, smooth: np.ndarray, lined: np.ndarray) -> None:
    """Across the forehead as brows rise, between them as they frown; lines the other way do not."""
    before, after = (deepest(skin_of(image, portrait)) for image in (smooth, lined))
    for calm, deep in zip(before, after, strict=True):
        assert calm < 0.5 * deep and deep <= MOST_DEEP


@pytest.mark.parametrize(
    ("line", "deepened", "faded"), [(151, "browInnerUp", "browDown"), (8, "browDown", "browInnerUp")]
)
def test_lines_fade_as_the_brows_go_the_other_way(
    portrait: Portrait, lined: np.ndarray, line: int, deepened: str, faded: str
) -> None:
    skin = skin_of(lined, portrait)
    column, row = portrait.landmarks[line, :2].round().astype(int) - [skin.window[1].start, skin.window[0].start]
    changes = []
    for moved in (deepened, faded):
        weights = np.array([float(name.startswith(moved)) for name in EXPRESSION_NAMES], np.float32)
        change = skin.shading(weights, np.eye(3, dtype=np.float32), relaxed=0.0)
        changes.append(change[row - 2 : row + 3, column - 2 : column + 3])
    assert changes[0].min() < -0.01 and changes[1].max() > 0.01
