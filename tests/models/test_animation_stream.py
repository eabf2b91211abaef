"""A take drawn bit by bit is the take drawn at once: for any cut of the speech, with memory that does not grow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import WEIGHTS, tiny_sampler

from dirfa_pipeline import AnimationSampler
from dirfa_pipeline.models.animation_stream import AnimationStream


FRAMES = 150


def features(frames: int = FRAMES) -> torch.Tensor:
    return torch.randn(2 * frames, 32, generator=torch.Generator().manual_seed(1))


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stream(lookahead: int | None = None) -> AnimationStream:
    return tiny_sampler().start([seeded()], 1.0, lookahead)


def pushed(take: AnimationStream, given: torch.Tensor, sizes: list[int], preview: int = 0) -> list[torch.Tensor]:
    """Push `given` in pieces of `sizes` frames, over and over, each with a preview."""
    parts, start = [], 0
    while start < len(given):
        stop = start + 2 * sizes[len(parts) % len(sizes)]
        ahead = given[stop : stop + 2 * preview] if preview else None
        parts.append(take.push(given[start:stop], ahead)[0])
        start = stop
    return [*parts, take.finish()[0]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_the_cut_does_not_matter(sizes: list[int]) -> None:
    whole = tiny_sampler().sample(features(), seeded())
    parts = torch.cat(pushed(stream(), features(), sizes))
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0.0)


@given(st.integers(6, 40), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_lookahead_decides_not_the_cut(lookahead: int, sizes: list[int]) -> None:
    """With the same lookahead, frame by frame or several at once, the take is the same."""
    single = torch.cat(pushed(stream(lookahead), features(), [1], lookahead))
    several = torch.cat(pushed(stream(lookahead), features(), sizes, lookahead))
    torch.testing.assert_close(several, single, atol=1e-5, rtol=0.0)


def test_lookahead_gives_every_frame_at_once() -> None:
    parts = pushed(stream(lookahead=7), features(), [2], preview=7)
    assert [len(part) for part in parts[:60]] == [2] * 60
    assert sum(map(len, parts)) == FRAMES


def test_lips_with_enough_lookahead_are_those_of_the_whole_clip() -> None:
    sampler = tiny_sampler()
    sampler.motion_scale.data.zero_()
    whole = sampler.sample(features())
    parts = torch.cat(pushed(AnimationStream(sampler, [None], lookahead=sampler.lip_future), features(), [3], 6))
    lips = slice(14, 41)
    torch.testing.assert_close(parts[:, lips], whole[:, lips], atol=1e-5, rtol=0.0)


def test_lip_past_and_future_are_what_reaches_a_frame() -> None:
    sampler = tiny_sampler()
    torch.manual_seed(0)
    torch.nn.init.normal_(sampler.lip_decoder.output.weight)
    speech = torch.rand(1, 80, 19)
    first, stop = 2 * (20 - sampler.lip_past), 2 * (20 + sampler.lip_future + 1)
    changed = speech.clone()
    changed[:, stop:] = torch.rand_like(changed[:, stop:])
    changed[:, :first] = torch.rand_like(changed[:, :first])
    assert torch.equal(sampler.lips(changed)[0, 20], sampler.lips(speech)[0, 20])
    decoded = sampler.lip_decoder(speech)[0, 20]
    for feature in (2 * (20 - sampler.lip_decoder.context), 2 * (20 + sampler.lip_decoder.context) + 1):
        nudged = speech.clone()
        nudged[:, feature] += 1.0
        assert not torch.equal(sampler.lip_decoder(nudged)[0, 20], decoded)


def test_windows_are_those_of_the_whole_clip() -> None:
    sampler = tiny_sampler()
    speech = sampler.speech(features(73)[None])
    take = AnimationStream(sampler, [None])
    steps = -(-73 // sampler.config.stride)
    windows = take._windows(speech, range(steps), steps - 1, ended=True)
    torch.testing.assert_close(windows, sampler.speech_windows(speech)[0])


def test_memory_does_not_grow() -> None:
    sampler = tiny_sampler()
    sampler.motion_prior.output.bias.data[-1] = -4.0  # untrained lids would blink without end
    take = AnimationStream(sampler, [None])
    kept = []
    for _ in range(30):
        take.push(features(40))
        kept.append((take._speech.shape[1], len(take._points), len(take._blinks[0]._starts)))
    assert [max(sizes) for sizes in zip(*kept, strict=True)] <= [120, 3, 3]
    assert take._speech.untyped_storage().nbytes() == take._speech.nbytes


def test_no_speech_no_frames() -> None:
    take = stream()
    assert take.push(features(0)).shape == (1, 0, 58)
    assert take.finish().shape == (1, 0, 58)


@pytest.mark.parametrize("diversity", [1.0, 1.5])
@pytest.mark.parametrize("takes", [2, 4, 5, 9])
@pytest.mark.parametrize("shipped", [False, True])
def test_takes_together_are_those_alone(shipped: bool, takes: int, diversity: float) -> None:
    sampler = AnimationSampler.from_pretrained(WEIGHTS / "animation_sampler") if shipped else tiny_sampler()
    heard = torch.randn(2 * FRAMES, sampler.config.audio_dim, generator=seeded(1))
    together = sampler.start([seeded(seed) for seed in range(takes)], diversity)
    drawn = torch.cat([together.push(heard), together.finish()], dim=1)
    for seed, take in enumerate(drawn):
        assert torch.equal(take, sampler.sample(heard, seeded(seed), diversity))
    assert (drawn[0, :, -6:] - drawn[1, :, -6:]).abs().max() > 1e-4
