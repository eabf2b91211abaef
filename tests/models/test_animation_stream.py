"""A take drawn bit by bit is the take drawn at once: for any cut of the speech, with memory that does not grow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import WEIGHTS, tiny_sampler

from dirfa_pipeline import AnimationSampler
from dirfa_pipeline.animation.coefficients import LIP_INDICES
from dirfa_pipeline.media.prosody import NUM_PROSODY
from dirfa_pipeline.models.animation_stream import (
    EVENTS_AHEAD,
    SMILE_INDICES,
    WINDOW,
    AnimationStream,
    event_windows,
)
from dirfa_pipeline.models.sound_events import DELAY


FRAMES = 150


def features(frames: int = FRAMES) -> torch.Tensor:
    """Random features; their prosody is that of a noise whose loudness jumps about."""
    generator = torch.Generator().manual_seed(1)
    heard = torch.randn(2 * frames, 32, generator=generator)
    return torch.cat([heard, torch.rand(2 * frames, 4, generator=generator) - 0.2], dim=1)


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stream() -> AnimationStream:
    return tiny_sampler().start([seeded()], 1.0)


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


@given(st.integers(7, 40), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_any_preview_that_is_long_enough_gives_the_same(preview: int, sizes: list[int]) -> None:
    """Frame by frame or several at once: what comes after a frame's own context moves nothing in it."""
    whole = tiny_sampler().sample(features(), seeded())
    parts = torch.cat(pushed(stream(), features(), sizes, preview))
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0.0)


def test_a_preview_gives_every_frame_at_once() -> None:
    parts = pushed(stream(), features(), [2], preview=tiny_sampler().lip_future)
    assert [len(part) for part in parts[:40]] == [2] * 40
    assert sum(map(len, parts)) == FRAMES


def test_a_preview_is_only_a_preview() -> None:
    """Wrong ones change the frames that they reach, and no listener, event or lip after them."""
    sampler = tiny_sampler()
    heard, ahead = features(), 2 * sampler.lip_future
    wrong = torch.randn(ahead, heard.shape[1])
    right, other = stream(), stream()
    right.push(heard[:100], heard[100 : 100 + ahead])
    other.push(heard[:100], wrong)
    assert right._listener == other._listener
    assert torch.equal(right._heard, other._heard)
    assert right._finder.decided == other._finder.decided


def test_frames_are_decided_on_six_frames_after_them() -> None:
    """Events that are decided by then move no frame before it; later sound moves none at all."""
    sampler = tiny_sampler()
    assert 2 * sampler.lip_future >= EVENTS_AHEAD + DELAY
    whole, cut = features(), 2 * 60
    changed = whole.clone()
    changed[cut:] = torch.randn_like(changed[cut:])
    before, after = (sampler.sample(heard, seeded()) for heard in (whole, changed))
    same = 60 - sampler.lip_future
    torch.testing.assert_close(after[:same], before[:same], atol=1e-5, rtol=0.0)
    assert not torch.equal(after[60:, -6:], before[60:, -6:])


def test_lip_past_and_future_are_what_reaches_a_frame() -> None:
    sampler = tiny_sampler()
    torch.manual_seed(0)
    torch.nn.init.normal_(sampler.lip_decoder.output.weight)
    speech = torch.rand(1, 80, sampler.lip_dim)
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


def test_windows_are_means_of_the_sound_around() -> None:
    heard = torch.arange(200.0)[:, None].expand(200, 3)
    window = event_windows(heard, 0, [100])[0, :, 0]
    expected = [100 + 0.5 * (start + stop - 1) for start, stop in WINDOW]
    assert window.tolist() == expected
    later = event_windows(heard[50:], 50, [100])[0, :, 0]
    assert later.tolist() == expected
    edges = event_windows(heard, 0, [2, 198])[:, :, 0]
    assert torch.isfinite(edges).all()
    assert edges[0, 0] == 0.0, "the first row repeats"


def test_memory_does_not_grow() -> None:
    sampler = tiny_sampler()
    sampler.motion_prior.output.bias.data[-1] = -4.0  # untrained lids would blink without end
    take = AnimationStream(sampler, [None])
    kept = []
    for _ in range(30):
        take.push(features(40))
        kept.append((take._heard.shape[1], len(take._moving), len(take._blinks[0]._starts)))
    assert all(rows <= 120 and moving <= 8 and blinks <= 6 for rows, moving, blinks in kept)
    assert take._heard.untyped_storage().nbytes() == take._heard.nbytes
    for motion in take._motions:
        assert all(part.shape[2] <= sampler.config.memory for cache in motion._caches for part in cache)


@given(st.integers(0, 50))
def test_frames_follow_one_another_smoothly(seed: int) -> None:
    """No event makes the head jump, however it is drawn and wherever the sound is cut."""
    drawn = torch.cat(pushed(tiny_sampler().start([seeded(seed)], 1.0), features(), [7]))[:, -6:]
    step = drawn.diff(dim=0).abs().amax()
    assert step < 0.6 * drawn.abs().amax()
    assert drawn.diff(n=3, dim=0).abs().amax() < step


def test_expressiveness_scales_what_head_and_face_do() -> None:
    def drawn(expressiveness: float) -> torch.Tensor:
        return tiny_sampler().sample(features(), seeded(), 1.0, expressiveness)

    still, usual, stage = (drawn(value) for value in (0.0, 1.0, 2.0))
    head = slice(-6, None)
    assert still[:, head].abs().max() == 0.0
    assert 1.2 < stage[:, head].std() / usual[:, head].std() < 3.0
    lips = [index for index in LIP_INDICES if index not in SMILE_INDICES]
    torch.testing.assert_close(stage[:, lips], still[:, lips])


def test_no_diversity_no_seed() -> None:
    first, second = (tiny_sampler().sample(features(), seeded(seed), 0.0) for seed in (1, 2))
    assert torch.equal(first, second)


def test_no_speech_no_frames() -> None:
    take = stream()
    assert take.push(features(0)).shape == (1, 0, 58)
    assert take.finish().shape == (1, 0, 58)


@pytest.mark.parametrize("diversity", [1.0, 1.5])
@pytest.mark.parametrize("takes", [2, 4, 5, 9])
@pytest.mark.parametrize("shipped", [False, True])
def test_takes_together_are_those_alone(shipped: bool, takes: int, diversity: float) -> None:
    sampler = AnimationSampler.from_pretrained(WEIGHTS / "animation_sampler") if shipped else tiny_sampler()
    heard = torch.randn(2 * FRAMES, sampler.config.audio_dim + NUM_PROSODY, generator=seeded(1))
    together = sampler.start([seeded(seed) for seed in range(takes)], diversity)
    drawn = torch.cat([together.push(heard), together.finish()], dim=1)
    for seed, take in enumerate(drawn):
        assert torch.equal(take, sampler.sample(heard, seeded(seed), diversity))
    assert (drawn[0, :, -6:] - drawn[1, :, -6:]).abs().max() > 1e-4
