"""The sampler: closures shut the lips, channels become coefficients, blinks follow their hazard, sounds are heard."""

import pytest
import torch
from tiny import tiny_sampler

from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, LIP_NAMES
from dirfa_pipeline.models.motion_channels import (
    HEAD_LIMITS,
    MOTION_NAMES,
    NUM_MOTIONS,
    coefficients_from_motion,
    limit_head,
    motion_from_coefficients,
)
from dirfa_pipeline.models.motion_draw import BlinkDraw
from dirfa_pipeline.models.speech_head import VISEME_NAMES


def speech_of(viseme: str, closure: float, frames: int = 40) -> torch.Tensor:
    speech = torch.zeros(1, 2 * frames, tiny_sampler().lip_dim)
    speech[..., VISEME_NAMES.index(viseme)] = 1.0
    speech[..., len(VISEME_NAMES)] = closure
    return speech


def test_closure_output_shuts_the_lips() -> None:
    sampler = tiny_sampler()
    sampler.lip_decoder.output.bias.data.fill_(0.5)
    lower = LIP_NAMES.index("mouthLowerDownLeft")
    assert sampler.lips(speech_of("open", closure=0.0))[0, 20, lower] > 0.2
    assert sampler.lips(speech_of("open", closure=1.0))[0, 20, lower] == 0.0
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
    animation = sampler.sample(torch.randn(2 * frames, 36), torch.Generator().manual_seed(0))
    assert animation.shape == (frames, 58)
    assert torch.isfinite(animation).all()


def draw_blinks(diversity: float, seed: int = 0) -> torch.Tensor:
    """Blinks in 120 s at a hazard of one in 2 s."""
    shape = tiny_sampler().blink_shape
    blinks = BlinkDraw(shape, torch.Generator().manual_seed(seed), diversity)
    for index in range(300):
        blinks.event(0.2, 10 * index)
    return blinks.curve(0, 3000)


def test_blinks_do_not_overlap_and_old_ones_are_forgotten() -> None:
    shape = tiny_sampler().blink_shape
    blinks = BlinkDraw(shape, torch.Generator().manual_seed(0), 1.0)
    parts = []
    for index in range(300):
        blinks.event(5.0, 4 * index)
        assert len(blinks._starts) <= 300
        parts.append(blinks.curve(2 * index, 2 * index + 2))
    curve = torch.cat(parts)
    starts = torch.nonzero((curve[1:] > 0) & (curve[:-1] == 0)).flatten()
    assert (starts.diff() >= len(shape)).all()


def onsets(blink: torch.Tensor) -> torch.Tensor:
    return torch.nonzero((blink[1:] > 0.5) & (blink[:-1] <= 0.5)).flatten()


def test_blinks_follow_the_hazard() -> None:
    assert 40 <= len(onsets(draw_blinks(diversity=1.0))) <= 75
    assert 30 <= len(onsets(draw_blinks(diversity=2.0))) <= 75
    regular = onsets(draw_blinks(diversity=0.0)).diff()
    assert (regular == regular[0]).all()


def test_wrong_features_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2 \* frames, 36\), got \(7, 36\)"):
        tiny_sampler().sample(torch.zeros(7, 36))


def test_head_stays_within_its_limits() -> None:
    calm, wild = torch.full((1, NUM_MOTIONS), 0.01), torch.full((1, NUM_MOTIONS), -5.0)
    torch.testing.assert_close(limit_head(calm), calm, atol=1e-4, rtol=0.0)
    assert (limit_head(wild)[0, :6] >= -torch.tensor(HEAD_LIMITS)).all()
    assert (limit_head(wild)[0, 6:] == -5.0).all()


def test_no_flash_between_two_closures() -> None:
    sampler = tiny_sampler()
    sampler.lip_decoder.output.bias.data.fill_(0.5)
    speech = speech_of("open", closure=1.0)
    lower = LIP_NAMES.index("mouthLowerDownLeft")
    speech[:, 40:42, len(VISEME_NAMES)] = 0.0  # one frame
    assert sampler.lips(speech)[0, 20, lower] == 0.0
    speech[:, 40:48, len(VISEME_NAMES)] = 0.0  # four frames
    assert sampler.lips(speech)[0, 21, lower] > 0.2
