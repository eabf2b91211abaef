"""The sampler: cached steps equal full attention, curves are smooth, closures shut the lips, blinks are events."""

import pytest
import torch
from tiny import tiny_sampler

from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, LIP_NAMES
from dirfa_pipeline.models.animation_sampler import MotionDistribution, TemporalAttention
from dirfa_pipeline.models.animation_stream import BlinkDraw, spline_weights
from dirfa_pipeline.models.motion_channels import (
    HEAD_LIMITS,
    MOTION_NAMES,
    NUM_MOTIONS,
    coefficients_from_motion,
    limit_head,
    motion_from_coefficients,
)
from dirfa_pipeline.models.speech_head import VISEME_NAMES


def speech_of(viseme: str, closure: float, frames: int = 40) -> torch.Tensor:
    speech = torch.zeros(1, 2 * frames, len(VISEME_NAMES) + 1)
    speech[..., VISEME_NAMES.index(viseme)] = 1.0
    speech[..., -1] = closure
    return speech


def test_cache_equals_full_attention() -> None:
    torch.manual_seed(0)
    attention = TemporalAttention(dim=16, num_heads=2, memory=4)
    hidden = torch.randn(2, 12, 16)
    whole, _ = attention(hidden)
    cache, steps = None, []
    for step in range(12):
        out, cache = attention(hidden[:, step : step + 1], cache)
        steps.append(out)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-4)
    assert cache[0].shape[2] == 4


def test_attention_is_causal_and_near_steps_weigh_more() -> None:
    bias = TemporalAttention(dim=16, num_heads=2, memory=40)._bias(6, 6)
    assert torch.isinf(bias[:, 0, 1:]).all()
    assert (bias[:, 5, 1:6].diff(dim=-1) > 0).all()


def test_spline_reproduces_lines() -> None:
    """Uniform cubic B-splines have linear precision: control points on a line give that line."""
    weights = spline_weights(5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(5))
    line = weights @ torch.tensor([-1.0, 0.0, 1.0, 2.0])
    torch.testing.assert_close(line, (torch.arange(5) + 0.5) / 5)


class GaussianVelocity(torch.nn.Module):
    """The exact velocity of a flow from noise to N(mean, std): noise minus offset, as expected from the state."""

    mean, std = 0.4, 0.25

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        state, time = inputs[..., -2:-1], inputs[..., -1:]
        excess = (state - (1 - time) * self.mean) / ((1 - time) ** 2 * self.std**2 + time**2)
        return time * excess - (self.mean + (1 - time) * self.std**2 * excess)


def test_flow_ends_in_the_distribution_it_was_taught() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (1, 20_000)
    distribution = MotionDistribution(
        GaussianVelocity(), 64, torch.zeros(*shape, 2), torch.full((*shape, 1), 1.0), torch.zeros(shape)
    )
    normal = torch.randn(*shape, 1, generator=generator)
    for diversity in (1.0, 2.0):
        draws = distribution.sample(diversity, normal)
        assert draws.mean() == pytest.approx(1.4, abs=0.02)
        assert draws.std() == pytest.approx(0.25 * diversity, rel=0.05)
    frozen = distribution.sample(0.0, normal)
    torch.testing.assert_close(frozen, torch.full_like(frozen, 1.4), atol=0.02, rtol=0.0)


def test_flow_loss_is_least_for_the_true_velocity() -> None:
    shape = (1, 20_000)
    points = 1.4 + 0.25 * torch.randn(*shape, 1, generator=torch.Generator().manual_seed(1))

    def loss(velocity: torch.nn.Module) -> float:
        distribution = MotionDistribution(
            velocity, 8, torch.zeros(*shape, 2), torch.full((*shape, 1), 1.0), torch.zeros(shape)
        )
        return distribution.loss(points, torch.Generator().manual_seed(2)).mean().item()

    wrong = GaussianVelocity()
    wrong.mean = 0.6
    assert loss(GaussianVelocity()) < loss(wrong) - 0.01


def test_closure_output_shuts_the_lips() -> None:
    sampler = tiny_sampler()
    sampler.lip_decoder.output.bias.data.fill_(0.5)
    jaw = LIP_NAMES.index("jawOpen")
    assert sampler.lips(speech_of("open", closure=0.0))[0, 20, jaw] > 0.2
    assert sampler.lips(speech_of("open", closure=1.0))[0, 20, jaw] == 0.0
    assert sampler.lips(speech_of("silence", closure=0.0))[0, 20].abs().max() == 0.0


def test_motion_channels_round_trip() -> None:
    motion = 0.2 * torch.rand(30, NUM_MOTIONS)
    motion[:, MOTION_NAMES.index("gazeYaw")] = torch.linspace(-0.2, 0.3, 30)
    coefficients = coefficients_from_motion(motion, torch.zeros(30))
    assert coefficients[:, :52].min() >= 0
    torch.testing.assert_close(motion_from_coefficients(coefficients), motion, atol=1e-5, rtol=1e-4)


def test_head_turns_while_eyes_stay() -> None:
    motion = torch.zeros(1, NUM_MOTIONS)
    motion[0, MOTION_NAMES.index("yaw")] = 0.2
    coefficients = coefficients_from_motion(motion, torch.zeros(1))[0]
    look = {name: float(coefficients[COEFFICIENT_NAMES.index(name)]) for name in ("eyeLookInLeft", "eyeLookOutLeft")}
    assert look["eyeLookInLeft"] > 0.3
    assert look["eyeLookOutLeft"] == 0.0


@pytest.mark.parametrize("frames", [1, 4, 5, 37])
def test_any_length(frames: int) -> None:
    sampler = tiny_sampler()
    animation = sampler.sample(torch.randn(2 * frames, 32), torch.Generator().manual_seed(0))
    assert animation.shape == (frames, 58)
    assert torch.isfinite(animation).all()


def draw_blinks(diversity: float, seed: int = 0) -> torch.Tensor:
    """Blinks in 120 s at a hazard of one in 2 s."""
    shape = tiny_sampler().blink_shape
    blinks = BlinkDraw(shape, stride=5, generator=torch.Generator().manual_seed(seed), diversity=diversity)
    for _ in range(600):
        blinks.step(0.1)
    return blinks.curve(0, 3000)


def onsets(blink: torch.Tensor) -> torch.Tensor:
    return torch.nonzero((blink[1:] > 0.5) & (blink[:-1] <= 0.5)).flatten()


def test_blinks_follow_the_hazard() -> None:
    assert 40 <= len(onsets(draw_blinks(diversity=1.0))) <= 75
    assert 30 <= len(onsets(draw_blinks(diversity=2.0))) <= 75
    regular = onsets(draw_blinks(diversity=0.0)).diff()
    assert (regular == regular[0]).all()


def test_wrong_features_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2 \* frames, 32\), got \(7, 32\)"):
        tiny_sampler().sample(torch.zeros(7, 32))


def test_head_stays_within_its_limits() -> None:
    calm, wild = torch.full((1, NUM_MOTIONS), 0.01), torch.full((1, NUM_MOTIONS), -5.0)
    torch.testing.assert_close(limit_head(calm), calm, atol=1e-4, rtol=0.0)
    assert (limit_head(wild)[0, :6] >= -torch.tensor(HEAD_LIMITS)).all()
    assert (limit_head(wild)[0, 6:] == -5.0).all()


def test_no_flash_between_two_closures() -> None:
    sampler = tiny_sampler()
    sampler.lip_decoder.output.bias.data.fill_(0.5)
    speech = speech_of("open", closure=1.0)
    speech[:, 40:42, -1] = 0.0  # one frame
    assert sampler.lips(speech)[0, 20].max() == 0.0
    speech[:, 40:48, -1] = 0.0  # four frames
    assert sampler.lips(speech)[0, 21].max() > 0.2
