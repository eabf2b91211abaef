"""Lips: closures come last, round lips stay round in them, silence rests, nothing far ahead is heard."""

import pytest
import torch
from tiny import tiny_sampler

from dirfa_pipeline import Animation, AnimationSampler, Portrait
from dirfa_pipeline.animation.coefficients import LIP_NAMES
from dirfa_pipeline.face.landmarks import LOWER_LIP_ROWS, UPPER_LIP_ROWS
from dirfa_pipeline.models.animation_stream import SPREAD
from dirfa_pipeline.models.lip_decoder import (
    CLOSE_SHARE,
    JAW_OPEN,
    JAW_STAYS,
    MOUTH_CLOSE,
    OPENING_NAMES,
    PARTING,
    PRESSED,
    LipDecoder,
)
from dirfa_pipeline.models.speech_head import VISEME_NAMES


CLOSURE = len(VISEME_NAMES)
OPENING = [LIP_NAMES.index(name) for name in OPENING_NAMES]
LIPS_ALONE = [index for index in OPENING if index not in (JAW_OPEN, MOUTH_CLOSE)]


def heard(viseme: str, frames: int = 40) -> torch.Tensor:
    rows = torch.zeros(1, 2 * frames, tiny_sampler().lip_dim)
    rows[..., VISEME_NAMES.index(viseme)] = 1.0
    return rows


def noise(frames: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    visemes = (3.0 * torch.randn(1, 2 * frames, len(VISEME_NAMES), generator=generator)).softmax(-1)
    closure = torch.rand(1, 2 * frames, 1, generator=generator) ** 4
    voice = torch.rand(1, 2 * frames, tiny_sampler().lip_dim - len(VISEME_NAMES) - 1, generator=generator)
    return torch.cat([visemes, closure, voice], dim=-1)


@pytest.fixture
def sampler() -> AnimationSampler:
    """Lips that are all half on, and move with what is heard."""
    sampler = tiny_sampler()
    torch.nn.init.normal_(sampler.lip_decoder.output.weight, std=0.3)
    sampler.lip_decoder.output.bias.data.fill_(0.5)
    return sampler


def test_closures_shut_the_lips_last_and_keep_them_round(sampler: AnimationSampler) -> None:
    sampler.closed_lips.data[LIP_NAMES.index("mouthPressLeft")] = 0.9
    sampler.lip_decoder.output.weight.data.zero_()
    speech = heard("round_close")
    speech[:, 40:44, CLOSURE] = 1.0
    lips = sampler.lips(speech)[0]
    assert (lips[20:22, LIPS_ALONE] == 0.0).all()
    assert (lips[16, OPENING] > 0.4).all()
    assert lips[20, LIP_NAMES.index("mouthPucker")].item() == pytest.approx(0.5)
    assert lips[20, LIP_NAMES.index("mouthPressLeft")].item() == pytest.approx(0.9)


def test_f_draws_the_lower_lip_in_to_the_teeth(sampler: AnimationSampler) -> None:
    """The lower lip in, the upper one up, the jaw as it was; and never at a closure."""
    sampler.lip_decoder.output.weight.data.zero_()
    sampler.lip_decoder.output.bias.data.fill_(0.1)
    speech = heard("open")
    speech[:, 40:44] = heard("labiodental", 2)
    lips = dict(zip(LIP_NAMES, sampler.lips(speech)[0].T, strict=True))
    assert lips["mouthRollLower"][20] > 0.5 > lips["mouthRollLower"][10]
    assert lips["mouthLowerDownLeft"][20] == 0.0 < lips["mouthLowerDownLeft"][10]
    assert lips["mouthUpperUpLeft"][20] > 0.0
    assert lips["jawOpen"][20] == lips["jawOpen"][10]
    speech[:, 40:44, CLOSURE] = 1.0
    assert (sampler.lips(speech)[0, 20, LIPS_ALONE] == 0.0).all()


def test_lips_meet_over_a_jaw_that_stays_lowered(sampler: AnimationSampler) -> None:
    sampler.lip_decoder.output.weight.data.zero_()
    speech = heard("open")
    speech[:, 40:44, CLOSURE] = 1.0
    lips = sampler.lips(speech)[0]
    assert lips[20, JAW_OPEN].item() == pytest.approx(JAW_STAYS * lips[10, JAW_OPEN].item())
    assert lips[20, MOUTH_CLOSE] > lips[20, JAW_OPEN]


@pytest.mark.parametrize("jaw", [0.3, 0.6, 1.0])
def test_lips_over_a_lowered_jaw_touch(portrait: Portrait, jaw: float) -> None:
    """Also when a take has made the jaw stronger."""
    stays = JAW_STAYS * jaw
    pose = Animation.from_curves(1, jawOpen=SPREAD["jawOpen"] * stays, mouthClose=CLOSE_SHARE * stays).coefficients
    head = portrait.face.head_vertices(pose)[0]
    gaps = head[list(LOWER_LIP_ROWS[-1]), 1] - head[list(UPPER_LIP_ROWS[-1]), 1]
    assert gaps.max() < 0.01


def test_lips_part_in_more_than_one_frame(sampler: AnimationSampler) -> None:
    sampler.lip_decoder.output.weight.data.zero_()
    speech = heard("open")
    speech[:, 40:44, CLOSURE] = 1.0
    lower = sampler.lips(speech)[0, :, LIP_NAMES.index("mouthLowerDownLeft")]
    for frame, share in ((18, 1.0), (19, 1.0 - PARTING), (22, 1.0 - PARTING), (23, 1.0)):
        assert lower[frame].item() == pytest.approx(share * lower[10].item())


def test_closures_press_lips_that_do_nothing_else(sampler: AnimationSampler) -> None:
    sampler.lip_decoder.output.weight.data.zero_()
    sampler.lip_decoder.output.bias.data.zero_()
    speech = heard("open")
    speech[:, 40:44, CLOSURE] = 1.0
    lips = sampler.lips(speech)[0, 20]
    assert {name: lips[LIP_NAMES.index(name)].item() for name in PRESSED} == pytest.approx(PRESSED)


def test_a_pause_rests_and_no_closure_is_left_in_it(sampler: AnimationSampler) -> None:
    speech = heard("silence")
    speech[..., CLOSURE] = 1.0
    assert sampler.lips(speech).abs().max() == 0.0


def test_weights_are_in_range(sampler: AnimationSampler) -> None:
    lips = sampler.lips(noise(60))
    assert lips.min() >= 0.0
    assert lips.max() <= 1.0
    assert lips.std() > 0.1


def test_a_frame_hears_its_context_and_no_more(sampler: AnimationSampler) -> None:
    speech, frame = noise(60), 30
    lips = sampler.lips(speech)[0, frame]
    for reach, side in ((sampler.lip_past, slice(0, 2 * (frame - sampler.lip_past))),
                        (sampler.lip_future, slice(2 * (frame + sampler.lip_future) + 2, None))):  # fmt: skip
        assert reach <= 8
        nudged = speech.clone()
        nudged[:, side] = noise(60, seed=1)[:, side]
        torch.testing.assert_close(sampler.lips(nudged)[0, frame], lips)
    assert sampler.lip_future <= 6, "a live stream waits for it"


def test_pieces_give_what_the_whole_gives(sampler: AnimationSampler) -> None:
    speech, cut = noise(60), 33
    whole = sampler.lips(speech)
    first = sampler.lips(speech[:, : 2 * (cut + sampler.lip_future)])[:, :cut]
    second = sampler.lips(speech[:, 2 * (cut - sampler.lip_past) :])[:, sampler.lip_past :]
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


def test_remapped_lips_are_the_map_of_the_lips() -> None:
    torch.manual_seed(0)
    decoder = LipDecoder(4, 8, 3).eval()
    speech, matrix, offset = torch.randn(1, 20, 4), torch.randn(3, 3), torch.randn(3)
    mapped = decoder(speech) @ matrix.T + offset
    decoder.remap(matrix, offset)
    torch.testing.assert_close(decoder(speech), mapped, atol=1e-5, rtol=1e-4)
