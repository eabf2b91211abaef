"""Shapes of phones, spreads of channels, lids without blinks, THEval's measures."""

import numpy as np
import pytest

from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, coefficient_index
from dirfa_pipeline.evaluation.metrics import Phone, blink_spans, lid_spread
from dirfa_pipeline.evaluation.phone_shapes import viseme_means, viseme_values, width_contrasts
from dirfa_pipeline.evaluation.rows import METRICS, Metric, format_table
from dirfa_pipeline.evaluation.spreads import CHANNELS, channel_spreads, format_spreads
from dirfa_pipeline.evaluation.theval import (
    LIP_OUTLINES,
    brow_dynamics,
    lip_dynamics,
    lip_sync,
    silent_lips,
    theval_measures,
    theval_scores,
)
from dirfa_pipeline.face.landmarks import INNER_LIP_PAIRS, LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE


FPS = 25.0


def phones(*names: str) -> list[Phone]:
    """Phones of .2 s, one after the other."""
    return [Phone(name, 0.2 * index, 0.2 * index + 0.2) for index, name in enumerate(names)]


def widths(*values: float) -> np.ndarray:
    """A curve that holds each value for .2 s."""
    return np.repeat(values, 5)


def test_width_contrasts() -> None:
    said = phones("IY", "UW", "S", "SH", "W")
    found = width_contrasts(widths(0.9, 0.6, 0.8, 0.7, 0.5), FPS, said)
    assert found == pytest.approx({"width_ee_oo": 0.35, "width_ss_sh": 0.1})
    assert np.isnan(width_contrasts(widths(0.9), FPS, phones("IY"))["width_ee_oo"])
    assert np.isnan(width_contrasts(widths(0.9), FPS, [])["width_ss_sh"])


def test_phones_behind_the_end_are_not_measured() -> None:
    said = phones("IY", "UW", "UW")
    assert width_contrasts(widths(0.9, 0.6), FPS, said)["width_ee_oo"] == pytest.approx(0.3)


def test_viseme_means() -> None:
    classes = {"P": ("closure",), "B": ("closure",), "AA": ("open",), "AY": ("open", "near_close")}
    values = viseme_values(widths(0.0, 0.4, 0.1, 0.3), FPS, phones("P", "AA", "B", "AY"), classes)
    assert {name: pytest.approx(v) for name, v in values.items()} == {"closure": [-0.2, -0.1], "open": [0.2]}
    assert viseme_means([values], least=2) == {"closure": pytest.approx(-0.15)}


def test_spreads() -> None:
    assert CHANNELS["mouthStretch"] == ("mouthStretchLeft", "mouthStretchRight")
    assert CHANNELS["jawOpen"] == ("jawOpen",)
    clip = np.full((101, len(COEFFICIENT_NAMES)), 0.2)
    clip[:, coefficient_index("jawOpen")] = np.linspace(0, 1, 101)
    spreads = channel_spreads([clip, clip[::-1]])
    assert spreads["jawOpen"].high == pytest.approx(0.95)
    assert spreads["jawOpen"].reach == pytest.approx(0.75)
    assert spreads["jawOpen"].std == pytest.approx(np.linspace(0, 1, 101).std())
    assert (spreads["mouthSmile"].std, spreads["mouthSmile"].reach) == pytest.approx((0, 0))
    assert "1.00" in format_spreads(spreads, spreads)


def test_lids_without_blinks() -> None:
    openness = np.tile([0.3, 0.32], 100)
    openness[50:54] = 0.05
    assert blink_spans(openness) == [(50, 54)]
    everything, awake = lid_spread(openness)
    assert awake == pytest.approx(0.01)
    assert everything > 0.03


def face(frames: int, scale: float = 1.0) -> np.ndarray:
    """A still face with eyes 100 apart, their outer corners 140, lips closed, brows 30 over the eyes."""
    points = np.zeros((frames, 478, 3))
    for eye, x, side in ((RIGHT_EYE, -50, -1), (LEFT_EYE, 50, 1)):
        points[:, eye.outer, 0], points[:, eye.inner, 0] = x + 20 * side, x - 20 * side
    for (upper_edge, _), x in zip((RIGHT_BROW, LEFT_BROW), (-50, 50), strict=True):
        points[:, list(upper_edge)] = [x, -30, 0]
    for index, point in enumerate(LIP_OUTLINES):
        points[:, point] = [index - 20, 60, 0]
    for column, (upper, lower) in enumerate(INNER_LIP_PAIRS):
        points[:, [upper, lower]] = [4 * column - 16, 60, 0]
    return scale * points


def open_lips(points: np.ndarray, gap: np.ndarray) -> np.ndarray:
    points = points.copy()
    points[:, [lower for _, lower in INNER_LIP_PAIRS], 1] += gap[:, None]
    return points


def test_forty_lip_landmarks() -> None:
    assert len(set(LIP_OUTLINES)) == 40


def test_lip_dynamics_does_not_depend_on_the_size_of_the_face() -> None:
    gap = 10 * np.sin(np.arange(50.0))
    assert lip_dynamics(face(50)) == pytest.approx(0)
    small, large = (lip_dynamics(scale * open_lips(face(50), gap)) for scale in (1.0, 3.0))
    assert small == pytest.approx(large)
    assert small > 0.1


def test_brow_dynamics() -> None:
    points = face(11)
    for upper_edge, _ in (RIGHT_BROW, LEFT_BROW):
        points[:, list(upper_edge), 1] -= 2.0 * (np.arange(11) % 2)[:, None]
    assert brow_dynamics(points) == pytest.approx(0.02)


def test_silent_lips() -> None:
    gap = np.tile([0.0, 14.0], 20)
    silent = np.arange(40) < 20
    assert silent_lips(open_lips(face(40), gap), silent) == pytest.approx(0.05)
    assert np.isnan(silent_lips(face(40), np.zeros(40, bool)))


def test_lip_sync() -> None:
    gap = np.linspace(0, 10, 41)
    speaking = np.zeros(41, bool)
    points = open_lips(face(41), gap)
    assert lip_sync(points, 3.0 * gap, speaking) == pytest.approx(0)
    assert lip_sync(points, gap[::-1], speaking) == pytest.approx(np.abs(gap - gap[::-1]).mean() / 10)
    assert np.isnan(lip_sync(points, gap, ~speaking))


def test_theval_scores() -> None:
    measured = theval_measures(face(30), np.zeros((30, 3)), np.ones(30), np.zeros(30, bool), FPS)
    assert measured["theval_head_motion"] == 0.0
    real = {"theval_lip_dynamics": 2.0, "theval_head_motion": 20.0}
    scores = theval_scores({"theval_lip_dynamics": 1.5, "theval_head_motion": 20.0, "theval_lip_sync": 1.0}, real)
    assert scores == pytest.approx({"theval_lip_dynamics": 0.75, "theval_head_motion": 1.0, "theval_mean": 0.875})
    assert theval_scores(measured, {}) == {}


@pytest.mark.parametrize(
    ("metric", "wanted", "good", "bad"),
    [
        (Metric("", 1.0), ">= 1", 1.0, 0.9),
        (Metric("", None, 0.5), "<= 0.5", 0.5, 0.6),
        (Metric("", 0.0, 1.0), "0 to 1", 0.5, 2.0),
    ],
)
def test_wanted(metric: Metric, wanted: str, good: float, bad: float) -> None:
    assert metric.wanted == wanted
    assert metric.holds(good) and not metric.holds(bad)


def test_table_marks_what_is_missed() -> None:
    table = format_table({"ours": {"head_beat": 0.1, "nods": 0.2}, "real video": {"head_beat": 0.41}})
    lines = table.splitlines()
    assert lines[0].split() == ["ours", "real", "video", "wanted"]
    assert lines[1].split() == ["head_beat", "0.10", "0.41", ">=", "0.3", "*"]
    assert lines[2].split() == ["nods", "0.20", "-", ">=", "0.15"]
    assert METRICS["head_beat"].averaged
