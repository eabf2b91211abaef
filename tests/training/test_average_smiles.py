"""The light of a smile, learned from photos of people with and without one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import Animation, FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.training.average_smiles import HELD_OUT, Pair, average_smile, find_pairs


FACES = Path(__file__).parents[1] / "faces"


@pytest.fixture
def rendered(tmp_path: Path, face_model: FaceModel, renderer: FaceRenderer) -> list[Pair]:
    """Faces before and after they were made to smile."""
    pairs = []
    for name in ("bald", "braids", "long_hair"):
        portrait = Portrait.from_image(str(FACES / f"{name}.jpg"), face_model, max_size=512)
        smiles = [0.0, 0.7]
        frames = renderer.render(
            renderer.prepare(portrait),
            Animation.from_curves(2, mouthSmileLeft=smiles, mouthSmileRight=smiles).coefficients,
        )
        pair = Pair(tmp_path / f"{name}-calm.png", tmp_path / f"{name}-smiling.png")
        for path, frame in zip(pair, frames, strict=True):
            Image.fromarray(frame).save(path)
        pairs.append(pair)
    return pairs


def test_the_light_that_renders_draw_is_learned_from_them(
    rendered: list[Pair], face_model: FaceModel, renderer: FaceRenderer
) -> None:
    smile = average_smile(rendered, face_model, renderer.config.smile_size)
    drawn = renderer.smile_light.numpy()
    np.testing.assert_allclose(smile.places, renderer.smile_places.numpy(), atol=1e-4)
    np.testing.assert_allclose(smile.light, smile.light[:, ::-1], atol=1e-6)
    assert smile.light.shape == drawn.shape
    alike = np.corrcoef(smile.light.ravel(), drawn.ravel())[0, 1]
    upside_down = np.corrcoef(smile.light.ravel(), drawn[::-1].ravel())[0, 1]
    assert alike > max(0.5, upside_down + 0.25), (alike, upside_down)


def test_every_fourth_person_is_held_out(tmp_path: Path) -> None:
    for person in range(1, 10):
        (tmp_path / f"inst_neutral_front_{person:03}_03.jpg").touch()
        (tmp_path / f"inst_smiling_front_{person:03}_08.jpg").touch()
    (tmp_path / "inst_neutral_front_010_03.jpg").touch()  # nobody smiles
    learned, held_out = find_pairs(tmp_path)
    assert len(learned) == 6 and len(held_out) == 3 and HELD_OUT == 4
    assert not set(learned) & set(held_out)
    for calm, smiling in learned + held_out:
        assert calm.stem.split("_")[3] == smiling.stem.split("_")[3]
