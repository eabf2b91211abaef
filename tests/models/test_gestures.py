"""Steps and gestures of minimum jerk: smooth, at rest at both ends, added up."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.models.gestures import (
    BEGIN,
    MOST_GESTURES,
    MOST_STEPS,
    NUM_DRAWN,
    REACH,
    bound_moves,
    compose,
    gesture_curves,
    minimum_jerk,
    step_curves,
)
from dirfa_pipeline.models.motion_channels import FACE, GAZE, GESTURE_CHANNELS, HEAD, MOTION_NAMES, NUM_MOTIONS


SINCE = torch.linspace(-10.0, 40.0, 1001)


def drawn(events: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(events, NUM_DRAWN, generator=torch.Generator().manual_seed(seed))


def test_minimum_jerk_laws() -> None:
    t = torch.linspace(-0.5, 1.5, 2001, dtype=torch.float64)
    curve = minimum_jerk(t)
    assert (curve.diff() >= 0).all()
    assert (curve[t <= 0] == 0).all()
    torch.testing.assert_close(curve[t >= 1], torch.ones_like(curve[t >= 1]))
    torch.testing.assert_close(curve + curve.flip(0), torch.ones_like(curve))  # symmetric about its middle


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_minimum_jerk_rests_at_its_ends(end: float) -> None:
    t = torch.tensor(end, dtype=torch.float64, requires_grad=True)
    polynomial = t**3 * (10 - 15 * t + 6 * t**2)
    (speed,) = torch.autograd.grad(polynomial, t, create_graph=True)
    (acceleration,) = torch.autograd.grad(speed, t)
    assert abs(speed.item()) < 1e-9
    assert abs(acceleration.item()) < 1e-9
    torch.testing.assert_close(minimum_jerk(t), polynomial)


@pytest.mark.parametrize("slow", [0.0, 1.0])
def test_steps_rise_once_and_stay(slow: float) -> None:
    curves = step_curves(SINCE, torch.full_like(SINCE, slow))
    assert curves.shape == (len(SINCE), NUM_MOTIONS)
    assert (curves.diff(dim=0) >= 0).all()
    assert (curves[SINCE <= BEGIN] == 0).all()
    torch.testing.assert_close(curves[SINCE >= REACH], torch.ones_like(curves[SINCE >= REACH]))


@given(st.integers(0, 1000), st.floats(0.01, 100.0), st.floats(1.0, 2.0))
def test_moves_are_bounded_in_order(seed: int, size: float, scale: float) -> None:
    """However loudly an event sounds it moves nothing further than talkers do, and lesser moves stay."""
    moves, factor = size * drawn(5, seed), torch.tensor(scale)
    bounded = bound_moves(moves, factor)
    gestures = [MOST_GESTURES[MOTION_NAMES[channel]] for channel in GESTURE_CHANNELS]
    most = factor * torch.tensor([*(MOST_STEPS[name] for name in MOTION_NAMES), *gestures])
    assert (bounded.abs() <= most * 1.0001).all() and (bounded.abs() <= moves.abs() + 1e-7).all()
    assert (bounded * moves >= 0.0).all()
    small = moves.abs() < 0.5 * most
    torch.testing.assert_close(bounded[small], moves[small], rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("channel", GESTURE_CHANNELS)
def test_gestures_come_and_go(channel: int) -> None:
    curve = gesture_curves(SINCE)[:, GESTURE_CHANNELS.index(channel)]
    assert (curve[(SINCE <= BEGIN) | (SINCE >= REACH)].abs() < 1e-6).all()
    assert curve.max() == pytest.approx(1.0, abs=1e-3)
    assert curve.min() >= 0.0
    top = int(curve.argmax())
    assert (curve[: top + 1].diff() >= -1e-6).all()
    assert (curve[top:].diff() <= 1e-6).all()


def test_heads_take_longer_than_faces() -> None:
    """A head is heavy: it reaches the end of a step, and the top of a gesture, after brows and lids."""
    steps, gestures = step_curves(SINCE, torch.zeros_like(SINCE)), gesture_curves(SINCE)
    assert (steps[..., HEAD].sum(0) < steps[..., FACE].sum(0).min()).all()
    tops = gestures.argmax(0)
    assert tops[:3].min() > tops[3:].max()


def test_ticks_move_slowly_and_gaze_jumps() -> None:
    accent, tick = (step_curves(SINCE, torch.full_like(SINCE, slow)).diff(dim=0).amax(0) for slow in (0.0, 1.0))
    assert (tick[HEAD] < 0.5 * accent[HEAD]).all()
    assert (accent[GAZE] > 2.0 * accent[FACE].max()).all()
    torch.testing.assert_close(tick[GAZE], accent[GAZE])


@given(st.integers(0, 100), st.floats(-3.0, 3.0))
def test_compose_is_linear(seed: int, factor: float) -> None:
    since = SINCE[:, None] - torch.tensor([0.0, 4.0, 11.0])
    slow = torch.tensor([0.0, 1.0, 0.0])
    one, other = drawn(3, seed), drawn(3, seed + 1)
    both = compose(since, slow, one + factor * other)
    torch.testing.assert_close(
        both, compose(since, slow, one) + factor * compose(since, slow, other), atol=1e-4, rtol=1e-4
    )


def test_compose_adds_events_up() -> None:
    since, slow, moved = SINCE[:, None] - torch.tensor([0.0, 6.0]), torch.tensor([1.0, 0.0]), drawn(2)
    parts = [compose(since[:, i : i + 1], slow[i : i + 1], moved[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(compose(since, slow, moved), parts[0] + parts[1], atol=1e-5, rtol=1e-5)
    takes = torch.stack([moved, drawn(2, 5)])
    torch.testing.assert_close(compose(since, slow, takes)[0], compose(since, slow, moved))


@given(st.integers(0, 100), st.sampled_from([0.0, 1.0]))
def test_an_event_begins_and_ends_in_time(seed: int, slow: float) -> None:
    """Nothing before `BEGIN`; from `REACH` on the steps alone are left, and rest."""
    moved = drawn(1, seed)
    motion = compose(SINCE[:, None], torch.tensor([slow]), moved)
    assert (motion[SINCE <= BEGIN] == 0).all()
    after = motion[SINCE >= REACH]
    torch.testing.assert_close(after, moved[:, :NUM_MOTIONS].expand_as(after), atol=1e-5, rtol=1e-5)


def test_gestures_move_their_channels_alone() -> None:
    moved = drawn(1)
    moved[:, :NUM_MOTIONS] = 0.0
    motion = compose(SINCE[:, None], torch.zeros(1), moved)
    still = [channel for channel in range(NUM_MOTIONS) if channel not in GESTURE_CHANNELS]
    assert (motion[:, still] == 0).all()
    assert (motion[:, list(GESTURE_CHANNELS)].abs().amax(0) > 0).all()
