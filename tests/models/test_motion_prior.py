"""The motion prior: cached steps equal full attention, the flow draws what it was taught, cues scale movements."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_sampler

from dirfa_pipeline.models.gestures import NUM_DRAWN
from dirfa_pipeline.models.motion_prior import (
    NUM_PAST,
    CueScale,
    MotionDistribution,
    MotionPrior,
    SoundAttention,
    TemporalAttention,
)
from dirfa_pipeline.models.sound_events import NUM_CUES


HEARD, WINDOW, STEPS = 7, 5, 12


def tiny_prior() -> MotionPrior:
    torch.manual_seed(0)
    return MotionPrior(
        HEARD, style_dim=2, dim=16, num_layers=2, num_heads=2, flow_channels=16, flow_steps=4, memory=4,
        window=WINDOW, dropout=0.1,
    ).eval()  # fmt: skip


def inputs(seed: int = 0, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Past, cues, windows and style."""
    generator = torch.Generator().manual_seed(seed)
    sizes = ((batch, STEPS, NUM_PAST), (batch, STEPS, NUM_CUES), (batch, STEPS, WINDOW, HEARD), (batch, 2))
    past, cues, windows, style = (torch.randn(*size, generator=generator) for size in sizes)
    return past, cues, windows, style


def test_cache_equals_full_attention() -> None:
    torch.manual_seed(0)
    attention = TemporalAttention(dim=16, num_heads=2, memory=4)
    hidden = torch.randn(2, STEPS, 16)
    whole, _ = attention(hidden)
    cache, steps = None, []
    for step in range(STEPS):
        out, cache = attention(hidden[:, step : step + 1], cache)
        steps.append(out)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-4)
    assert cache[0].shape[2] == 4


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_step_by_step_is_all_at_once(sizes: list[int]) -> None:
    prior = tiny_prior()
    past, cues, windows, style = inputs()
    whole = prior(past, cues, windows, style)
    caches, contexts, blinks, start = None, [], [], 0
    while start < STEPS:
        here = slice(start, start + sizes[len(contexts) % len(sizes)])
        part, caches = prior.step(past[:, here], cues[:, here], prior.hear(windows[:, here]), style, caches)
        contexts.append(part.context)
        blinks.append(part.blink_logits)
        start = here.stop
    torch.testing.assert_close(torch.cat(contexts, dim=1), whole.context, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(blinks, dim=1), whole.blink_logits, atol=1e-5, rtol=1e-4)


@given(st.integers(1, STEPS - 1))
def test_no_event_knows_the_next(cut: int) -> None:
    prior = tiny_prior()
    *before, style = inputs(0)
    *other, _ = inputs(1)
    changed = [torch.cat([a[:, :cut], b[:, cut:]], dim=1) for a, b in zip(before, other, strict=True)]
    first, second = prior(*before, style).context, prior(*changed, style).context
    torch.testing.assert_close(second[:, :cut], first[:, :cut])
    assert (second[:, cut] - first[:, cut]).abs().max() > 1e-3


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_everything_is_listened_to(part: int) -> None:
    prior, given = tiny_prior(), list(inputs())
    before = prior(*given).context
    given[part] = given[part] + 1.0
    assert (prior(*given).context - before).abs().max() > 1e-3


def test_attention_is_causal_and_near_steps_weigh_more() -> None:
    bias = TemporalAttention(dim=16, num_heads=2, memory=40)._bias(6, 6)
    assert torch.isinf(bias[:, 0, 1:]).all()
    assert (bias[:, 5, 1:6].diff(dim=-1) > 0).all()


def test_parts_of_the_window_are_told_apart() -> None:
    torch.manual_seed(0)
    attention = SoundAttention(16, 2, WINDOW)
    hidden, windows = torch.randn(1, 3, 16), torch.randn(1, 3, WINDOW, 16)
    turned = windows.flip(2)
    torch.testing.assert_close(attention(hidden, attention.hear(turned)), attention(hidden, attention.hear(windows)))
    torch.nn.init.normal_(attention.position)
    first, second = (attention(hidden, attention.hear(sound)) for sound in (windows, turned))
    assert (first - second).abs().max() > 1e-3


class GaussianVelocity(torch.nn.Module):
    """The exact velocity of a flow from noise to N(mean, std) in each of what is drawn, as expected from the state."""

    mean, std = 1.4, 0.25

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        state, time = inputs[..., -NUM_DRAWN - 1 : -1], inputs[..., -1:]
        excess = (state - (1 - time) * self.mean) / ((1 - time) ** 2 * self.std**2 + time**2)
        return time * excess - (self.mean + (1 - time) * self.std**2 * excess)


def gaussian(velocity: GaussianVelocity, count: int, steps: int) -> MotionDistribution:
    return MotionDistribution(velocity, steps, torch.zeros(1, count, 2), torch.zeros(1, count))


def test_flow_ends_in_the_distribution_it_was_taught() -> None:
    distribution = gaussian(GaussianVelocity(), 2000, 64)
    normal = torch.randn(1, 2000, NUM_DRAWN, generator=torch.Generator().manual_seed(0))
    for diversity in (1.0, 2.0):
        draws = distribution.sample(diversity, normal)
        assert draws.mean() == pytest.approx(1.4, abs=0.02)
        assert draws.std() == pytest.approx(0.25 * diversity, rel=0.05)
    frozen = distribution.sample(0.0, normal)
    torch.testing.assert_close(frozen, torch.full_like(frozen, 1.4), atol=0.02, rtol=0.0)


def test_flow_loss_is_least_for_the_true_velocity() -> None:
    drawn = 1.4 + 0.25 * torch.randn(1, 2000, NUM_DRAWN, generator=torch.Generator().manual_seed(1))

    def loss(velocity: GaussianVelocity) -> float:
        return gaussian(velocity, 2000, 8).loss(drawn, torch.Generator().manual_seed(2)).mean().item()

    wrong = GaussianVelocity()
    wrong.mean = 1.6
    assert loss(GaussianVelocity()) < loss(wrong) - 0.01


def random_scale(seed: int) -> CueScale:
    torch.manual_seed(seed)
    scale = CueScale().requires_grad_(False)
    scale.unit.uniform_(0.01, 0.1)
    return scale


def student(scale: CueScale, cues: torch.Tensor, seed: int) -> torch.Tensor:
    """What events with these cues move, of four degrees of freedom as the scale takes it to be."""
    generator = torch.Generator().manual_seed(seed)
    mean, spread = scale(cues)
    normals = torch.randn(5, *mean.shape, generator=generator)
    return mean + spread * normals[0] / normals[1:].square().mean(0).sqrt()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from(["mean", "log_spread"]), st.sampled_from([-0.3, 0.3]))
def test_the_true_scale_is_likeliest(seed: int, part: str, shift: float) -> None:
    scale, cues = random_scale(seed), torch.randn(4000, NUM_CUES, generator=torch.Generator().manual_seed(seed))
    drawn = student(scale, cues, seed)
    true = scale.log_likelihood(drawn, cues).mean(0)
    getattr(scale, part).weight[:, seed % NUM_CUES] += shift
    assert (scale.log_likelihood(drawn, cues).mean(0) < true).all()


@given(st.floats(0.05, 0.8))
def test_spread_grows_with_its_cue(effect: float) -> None:
    scale = CueScale().requires_grad_(False)
    for layer in (scale.mean, scale.log_spread):
        layer.weight.zero_()
        layer.bias.zero_()
    scale.log_spread.weight[3, 0] = effect
    cues = torch.zeros(7, NUM_CUES)
    cues[:, 0] = torch.linspace(-10.0, 10.0, 7)
    mean, spread = scale(cues)
    assert (mean == 0).all()
    assert (spread[:, 3].diff() >= 0).all()
    assert spread[-1, 3] == pytest.approx(float(torch.tensor(3.0 * effect).clamp(max=3.0).exp()), rel=1e-4)
    torch.testing.assert_close(spread[:, :3], torch.ones(7, 3))


def test_the_sampler_has_one_of_each() -> None:
    sampler = tiny_sampler()
    mean, spread = sampler.cue_scale(torch.zeros(3, NUM_CUES))
    assert mean.shape == spread.shape == (3, NUM_DRAWN)
    assert (spread > 0).all()
