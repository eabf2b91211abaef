"""Coefficients: their names, their rates, their files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dirfa_pipeline import COEFFICIENT_NAMES, EXPRESSION_NAMES, LIP_NAMES, Animation
from dirfa_pipeline.animation.coefficients import HEAD_NAMES, LIP_INDICES, coefficient_index


FPS = st.sampled_from([8.0, 12.5, 24.0, 25.0, 29.97, 30.0, 60.0])
CURVES = st.integers(1, 40).flatmap(lambda frames: arrays(np.float32, frames, elements=st.floats(-1, 1, width=32)))


def test_names() -> None:
    assert len(EXPRESSION_NAMES) == len(set(EXPRESSION_NAMES)) == 52
    assert HEAD_NAMES == ("yaw", "pitch", "roll", "x", "y", "z")
    assert COEFFICIENT_NAMES == EXPRESSION_NAMES + HEAD_NAMES
    assert [EXPRESSION_NAMES[i] for i in LIP_INDICES] == list(LIP_NAMES)
    assert not any(name.startswith(("eye", "brow", "nose")) for name in LIP_NAMES)
    assert {"jawOpen", "mouthClose", "cheekPuff", "tongueOut"} <= set(LIP_NAMES)


def test_both_sides_are_named() -> None:
    """Every name with a side has its mirror; jawLeft and mouthLeft are directions and mirror too."""
    for name in EXPRESSION_NAMES:
        for side, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side):
                assert name.removesuffix(side) + other in EXPRESSION_NAMES


@given(st.sampled_from(COEFFICIENT_NAMES))
def test_curves_by_name(name: str) -> None:
    animation = Animation.from_curves(3, **{name: [0.1, 0.2, 0.3]})
    np.testing.assert_allclose(animation[name], [0.1, 0.2, 0.3])
    assert animation.coefficients[:, coefficient_index(name)].tolist() == animation[name].tolist()
    assert np.count_nonzero(animation.coefficients) == 3


def test_replace_leaves_the_original_alone() -> None:
    before = Animation.from_curves(2, yaw=0.5)
    after = before.replace(yaw=0.1, jawOpen=[0.2, 0.4])
    np.testing.assert_allclose(before["yaw"], 0.5)
    np.testing.assert_allclose(after["yaw"], 0.1)
    np.testing.assert_allclose(after["jawOpen"], [0.2, 0.4])


@given(CURVES, FPS, FPS)
def test_resample_keeps_duration_and_bounds(curve: np.ndarray, fps: float, new_fps: float) -> None:
    animation = Animation.from_curves(len(curve), fps, yaw=curve)
    there = animation.resample(new_fps)
    assert there.fps == new_fps
    assert len(there) == max(1, round(len(curve) / fps * new_fps))
    assert there["yaw"].min() >= curve.min()
    assert there["yaw"].max() <= curve.max()


@given(CURVES, FPS)
def test_resample_to_its_own_rate_changes_nothing(curve: np.ndarray, fps: float) -> None:
    animation = Animation.from_curves(len(curve), fps, yaw=curve)
    assert animation.resample(fps) is animation


@given(CURVES, FPS, st.sampled_from([3, 5]))
def test_odd_factors_go_there_and_back(curve: np.ndarray, fps: float, factor: int) -> None:
    """Three times the rate keeps every old instant, so the way back is exact."""
    animation = Animation.from_curves(len(curve), fps, yaw=curve)
    finer = animation.resample(fps * factor if fps * factor <= 240 else fps, len(curve) * factor)
    if finer.fps > fps:
        back = finer.resample(fps)
        np.testing.assert_allclose(back["yaw"], curve, atol=1e-6)


@given(FPS, FPS, st.floats(-1, 1), st.floats(-1, 1))
def test_lines_stay_lines(fps: float, new_fps: float, offset: float, slope: float) -> None:
    """Frame `i` stands for `(i + 0.5) / fps` at every rate."""
    frames = round(2 * fps)
    animation = Animation.from_curves(frames, fps, x=offset + slope * (np.arange(frames) + 0.5) / fps)
    there = animation.resample(new_fps)
    times = (np.arange(len(there)) + 0.5) / new_fps
    inside = (times >= 0.5 / fps) & (times <= (frames - 0.5) / fps)
    np.testing.assert_allclose(there["x"][inside], (offset + slope * times)[inside], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 7, 50])
def test_resample_to_a_number_of_frames(frames: int) -> None:
    assert len(Animation.from_curves(20).resample(25, frames)) == frames


def test_npz_round_trip(tmp_path: Path) -> None:
    coefficients = np.random.default_rng(0).normal(size=(9, 58)).astype(np.float32)
    animation = Animation(coefficients, 29.97)
    animation.save_npz(tmp_path / "a.npz")
    loaded = Animation.load_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded.coefficients, coefficients)
    assert loaded.fps == 29.97
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_npz_in_another_order(tmp_path: Path) -> None:
    names = np.array(["pitch", "jawOpen"])
    np.savez(tmp_path / "b.npz", coefficients=[[0.1, 0.2], [0.3, 0.4]], names=names, fps=30)
    loaded = Animation.load_npz(tmp_path / "b.npz")
    np.testing.assert_allclose(loaded["pitch"], [0.1, 0.3])
    np.testing.assert_allclose(loaded["jawOpen"], [0.2, 0.4])
    assert np.count_nonzero(loaded.coefficients) == 4
    assert loaded.duration == pytest.approx(2 / 30)
