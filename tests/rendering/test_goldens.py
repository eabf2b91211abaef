"""The look of the faces in `tests/faces` is that of their goldens, region by region."""

from pathlib import Path

import numpy as np
import pytest
from look import (
    FACES,
    GOLDENS,
    LINE,
    LOUDER,
    MARGIN,
    REGIONS,
    Difference,
    Look,
    compare,
    draw_difference,
    draw_look,
    golden_of,
    read_golden,
    write_golden,
)
from poses import GUARDED

from dirfa_pipeline import FaceModel, FaceRenderer


def differences(look: Look, golden: np.ndarray) -> list[Difference]:
    return [difference for difference in compare(look, golden) if not difference.tolerated]


def test_every_face_has_its_golden() -> None:
    assert len(FACES) >= 10
    assert set(GOLDENS.glob("*")) == {golden_of(photo) for photo in FACES}


@pytest.mark.parametrize("photo", FACES, ids=lambda photo: photo.stem)
def test_look(photo: Path, face_model: FaceModel, renderer: FaceRenderer, tmp_path: Path) -> None:
    look, golden = draw_look(photo, face_model, renderer), read_golden(golden_of(photo))
    found = differences(look, golden)
    if found:
        picture = tmp_path / f"{photo.stem}.png"
        draw_difference(look, golden, found).save(picture)
        pytest.fail(
            f"{photo.stem} looks different; see {picture}. If that is wanted, `make goldens` accepts it.\n"
            + "\n".join(str(difference) for difference in found)
        )


def test_regions_cover_every_pose(face_model: FaceModel, renderer: FaceRenderer) -> None:
    look = draw_look(FACES[0], face_model, renderer)
    assert [list(regions) for regions in look.regions] == [list(REGIONS)] * len(GUARDED)
    for regions in look.regions:
        assert np.array_equal(sum(region.astype(int) for region in regions.values()), np.ones(look.frames.shape[1:3]))


def made_up_look() -> Look:
    """A look of noise whose only regions are a left and a right half."""
    frames = np.random.default_rng(0).integers(20, 200, (len(GUARDED), 40, 36, 3), np.uint8)
    left = np.arange(36)[None].repeat(40, 0) < 18
    return Look(frames, [{"mouth": left, "eyes": ~left} for _ in GUARDED])


def test_goldens_are_without_loss(tmp_path: Path) -> None:
    frames = made_up_look().frames
    write_golden(tmp_path / "golden.webp", frames)
    assert np.array_equal(read_golden(tmp_path / "golden.webp"), frames)


def test_a_difference_is_named_and_drawn() -> None:
    look = made_up_look()
    golden = look.frames.copy()
    golden[GUARDED.index("aa"), :, 18:] += 5
    (difference,) = differences(look, golden)
    assert str(difference) == "aa, eyes: mean 5.0, 95th percentile 5"
    picture = np.asarray(draw_difference(look, golden, [difference]))
    larger = picture.shape[1] // (3 * (18 + MARGIN))
    assert picture.shape[:2] == (2 * LINE + larger * 40, larger * 3 * (18 + MARGIN))
    assert (picture[-1, -1] == 128 - LOUDER * 5).all()
    assert (picture[-1, -larger * (18 + MARGIN)] == 128).all()


def test_roundings_are_no_difference() -> None:
    look = made_up_look()
    golden = look.frames.copy()
    golden[:, ::3] += 1
    assert not differences(look, golden)
