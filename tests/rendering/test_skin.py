"""Skin: lines deepen and fade where there are any, and nowhere else."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dirfa_pipeline import FaceRenderer, Portrait
from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES
from dirfa_pipeline.rendering.folds import FOLDS, MOST_DEEP, OwnLines, SmileLight
from dirfa_pipeline.rendering.skin import SkinShading, build_skin


SMOOTH = 170
RIGHT_AND_LEFT_FOLD, CHEEK = (206, 426), 50  # landmarks
OWN_LINES = [2 * index + side for index, fold in enumerate(FOLDS) if isinstance(fold, OwnLines) for side in (0, 1)]


@pytest.fixture(scope="module")
def smile(renderer: FaceRenderer) -> SmileLight:
    return renderer._smile()


def skin_of(image: np.ndarray, portrait: Portrait, smile: SmileLight) -> SkinShading:
    """The skin of that photo, as if the face in it were calm."""
    skin = build_skin(image, portrait.landmarks, portrait.face, smile)
    return replace(skin, own=np.zeros_like(skin.own))


@pytest.fixture
def smooth(portrait: Portrait) -> np.ndarray:
    """A face of one colour, with grain."""
    noise = np.random.default_rng(0).normal(0.0, 2.0, portrait.image.shape[:2])
    return np.repeat(np.clip(SMOOTH + noise, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def deepest(skin: SkinShading) -> list[float]:
    return [max(0.0, -float(skin.folds[index][1].min(initial=0.0))) for index in OWN_LINES]


def weights_of(**moved: float) -> np.ndarray:
    """Weights of expressions whose names begin like that."""
    return np.array([moved.get(name.removesuffix("Left").removesuffix("Right"), 0.0) for name in EXPRESSION_NAMES])


def test_smooth_skin_gets_no_lines(portrait: Portrait, smooth: np.ndarray, smile: SmileLight) -> None:
    assert max(deepest(skin_of(smooth, portrait, smile))) < 0.006


@pytest.fixture
def lined(portrait: Portrait, smooth: np.ndarray) -> np.ndarray:
    """The same with a line across the forehead and one between the brows."""
    forehead, between = portrait.landmarks[151, :2], 0.5 * (portrait.landmarks[8, :2] + portrait.landmarks[9, :2])
    image = smooth.copy()
    for place, way in ((forehead, (0.4, 0.0)), (between, (0.0, 0.1))):
        ends = [(place + sign * portrait.face.scale * np.array(way)).round().astype(int).tolist() for sign in (-1, 1)]
        cv2.line(image, *ends, (SMOOTH - 25,) * 3, 1)
    return image


def test_lines_of_the_photo_deepen(
    portrait: Portrait, smooth: np.ndarray, lined: np.ndarray, smile: SmileLight
) -> None:
    """Across the forehead as brows rise, between them as they frown; lines the other way do not."""
    before, after = (deepest(skin_of(image, portrait, smile)) for image in (smooth, lined))
    for calm, deep in zip(before, after, strict=True):
        assert calm < 0.5 * deep and deep <= MOST_DEEP


@pytest.mark.parametrize(
    ("line", "deepened", "faded"), [(151, "browInnerUp", "browDown"), (8, "browDown", "browInnerUp")]
)
def test_lines_fade_as_the_brows_go_the_other_way(
    portrait: Portrait, lined: np.ndarray, smile: SmileLight, line: int, deepened: str, faded: str
) -> None:
    skin = skin_of(lined, portrait, smile)
    changes = [around(skin, portrait, line, weights_of(**{moved: 1.0})) for moved in (deepened, faded)]
    assert changes[0].min() < -0.01 and changes[1].max() > 0.01


def around(skin: SkinShading, portrait: Portrait, landmark: int, weights: np.ndarray) -> np.ndarray:
    """The change of light around a landmark of the photo."""
    column, row = portrait.landmarks[landmark, :2].round().astype(int) - [skin.window[1].start, skin.window[0].start]
    change = skin.shading(weights.astype(np.float32), np.eye(3, dtype=np.float32), relaxed=0.0)
    return change[row - 2 : row + 3, column - 2 : column + 3]


def test_a_smile_darkens_the_fold_beside_the_nose_on_its_side(
    portrait: Portrait, smooth: np.ndarray, smile: SmileLight
) -> None:
    skin = skin_of(smooth, portrait, smile)
    one_sided = np.array([float(name == "mouthSmileRight") for name in EXPRESSION_NAMES])
    right, left = (around(skin, portrait, fold, one_sided).mean() for fold in RIGHT_AND_LEFT_FOLD)
    assert right < -0.08 and abs(left) < 0.02
    cheek = around(skin, portrait, CHEEK, weights_of(mouthSmile=1.0)).mean()
    assert cheek > 0.0


def test_skin_lights_its_own_folds(portrait: Portrait, smooth: np.ndarray, smile: SmileLight) -> None:
    """Folds of skin are redder than the skin; those of a grey photo are as grey."""
    skin = np.clip(smooth * np.array([1.1, 0.8, 0.65]), 0, 255).astype(np.uint8)
    red, green, blue = skin_of(skin, portrait, smile).tint
    assert red < green < blue and green == 1.0
    np.testing.assert_array_equal(skin_of(smooth, portrait, smile).tint, 1.0)
    pale = np.clip(smooth * np.array([1.02, 0.94, 0.9]), 0, 255).astype(np.uint8)
    assert skin_of(pale, portrait, smile).tint[0] < 0.92  # in proportion to its colour, which looked grey: .95


def test_creases_of_lips_go_as_they_are_pulled(portrait: Portrait, smooth: np.ndarray, smile: SmileLight) -> None:
    creased = smooth.copy()
    creased[:, ::4] -= 30
    before = creased[..., 0].astype(float)
    skin = skin_of(creased, portrait, smile)
    change = skin.shading(weights_of(mouthSmile=0.8).astype(np.float32), np.eye(3, dtype=np.float32), relaxed=0.0)
    after = before[skin.window] * (1.0 + change)
    middle = 0.5 * (portrait.landmarks[14, :2] + portrait.landmarks[17, :2])
    column, row = middle.round().astype(int) - [skin.window[1].start, skin.window[0].start]
    lip = np.s_[row - 1 : row + 2, column - 6 : column + 6]
    assert after[lip].std() < 0.75 * before[skin.window][lip].std()


@pytest.mark.parametrize("way", [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_faces_cut_off_by_the_border_have_skin(
    portrait: Portrait, smooth: np.ndarray, smile: SmileLight, way: tuple[int, int]
) -> None:
    half = 0.5 * np.ptp(portrait.landmarks[:, :2], axis=0)
    height, width = smooth.shape[:2]
    target = np.array([width, height]) * (np.array(way) > 0) + np.array([0.5 * width, 0.5 * height]) * (
        np.array(way) == 0
    )
    moved = portrait.landmarks.copy()
    moved[:, :2] += target - 0.5 * (moved[:, :2].min(0) + moved[:, :2].max(0)) + 0.2 * half * np.array(way)
    skin = build_skin(smooth, moved.astype(np.float32), portrait.face, smile)
    change = skin.shading(weights_of(mouthSmile=1.0).astype(np.float32), np.eye(3, dtype=np.float32), relaxed=0.0)
    assert np.isfinite(change).all() and change.shape == skin.inside.shape
