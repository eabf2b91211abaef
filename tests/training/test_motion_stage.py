"""What events moved is read back from curves that events moved; what depends on the sound is found to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import WEIGHTS, tiny_sampler
from voices import voice

from dirfa_pipeline.evaluation.beats import Loudness
from dirfa_pipeline.media.audio import FEATURES_PER_FRAME
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.gestures import NUM_DRAWN, compose
from dirfa_pipeline.models.motion_channels import GESTURE_CHANNELS, MIRRORED, NUM_MOTIONS
from dirfa_pipeline.models.motion_prior import CueScale
from dirfa_pipeline.models.sound_events import ACCENT_CUE, GESTURE_RISE, NUM_CUES, RISE, EventFinder, SoundEvent
from dirfa_pipeline.training.motion_data import style_of
from dirfa_pipeline.training.motion_stage import (
    BEAT_SHARE,
    LEASHES,
    MIRRORED_DRAWN,
    ROLL,
    ROLL_LEASH,
    SPREAD_SHARE,
    MotionExample,
    calibrate,
    crop_motion,
    explain_motion,
    fit_cue_scale,
    mean_beats,
    roll_out,
)


FRAMES = 200
PARTS, HEARD = 5, 25


def since_of(events: list[SoundEvent], frames: int = FRAMES) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames since each event, and which are ticks."""
    rows = torch.tensor([float(event.row) for event in events])
    slow = torch.tensor([float(event.kind == "tick") for event in events])
    return torch.arange(frames)[:, None] + 0.5 - (rows + 0.5) / FEATURES_PER_FRAME, slow


def events_every(rows: int, frames: int = FRAMES) -> list[SoundEvent]:
    """Accents, with a tick for every fourth."""
    places = range(20, FEATURES_PER_FRAME * frames - 50, rows)
    kinds = ["tick" if index % 4 == 3 else "accent" for index in range(len(places))]
    strong = np.zeros(NUM_CUES, np.float32)
    strong[ACCENT_CUE], strong[RISE] = 1.0, 2.0 * GESTURE_RISE
    return [
        SoundEvent(row, kind, strong if kind == "accent" else np.zeros(NUM_CUES, np.float32))
        for row, kind in zip(places, kinds, strict=True)
    ]


def drawn_by(events: list[SoundEvent], seed: int) -> torch.Tensor:
    drawn = 0.05 * torch.randn(len(events), NUM_DRAWN, generator=torch.Generator().manual_seed(seed))
    for index, event in enumerate(events):
        if event.kind == "tick":
            drawn[index, NUM_MOTIONS:] = 0.0
    return drawn


def agreement(found: torch.Tensor, true: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([found.flatten(), true.flatten()]))[0, 1])


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_steps_and_gestures_are_read_back(seed: int) -> None:
    events = events_every(40)
    drawn = drawn_by(events, seed)
    motion = 0.3 + compose(*since_of(events), drawn)
    found, level = explain_motion(motion, torch.ones(FRAMES, dtype=torch.bool), events)
    assert agreement(found[:, :NUM_MOTIONS], drawn[:, :NUM_MOTIONS]) > 0.95
    assert agreement(found[:, NUM_MOTIONS:], drawn[:, NUM_MOTIONS:]) > 0.9
    explained = motion[:1] + compose(*since_of(events), found)
    assert (explained - motion).std() < 0.1 * motion.std()
    before = 0.3 + drawn[:, :NUM_MOTIONS].cumsum(0) - drawn[:, :NUM_MOTIONS]
    torch.testing.assert_close(level, before, atol=0.05, rtol=0.0)


def test_ticks_make_no_gestures_and_rest_explains_itself() -> None:
    events = events_every(40)
    noise = 0.1 * torch.randn(FRAMES, NUM_MOTIONS, generator=torch.Generator().manual_seed(0))
    found, _ = explain_motion(noise, torch.ones(FRAMES, dtype=torch.bool), events)
    ticks = [event.kind == "tick" for event in events]
    assert (found[ticks][:, NUM_MOTIONS:] == 0).all()
    still, level = explain_motion(torch.full((FRAMES, NUM_MOTIONS), 0.2), torch.ones(FRAMES, dtype=torch.bool), events)
    assert still.abs().max() < 1e-3
    torch.testing.assert_close(level, torch.full_like(level, 0.2), atol=1e-3, rtol=0.0)


def test_frames_that_are_not_valid_teach_nothing() -> None:
    events = events_every(40)
    motion = compose(*since_of(events), drawn_by(events, 0))
    valid = torch.ones(FRAMES, dtype=torch.bool)
    valid[90:110] = False
    spoilt = motion.clone()
    spoilt[90:110] = 7.0
    for first, second in zip(
        explain_motion(motion, valid, events), explain_motion(spoilt, valid, events), strict=True
    ):
        torch.testing.assert_close(second, first)


def example_of(seed: int, frames: int = 250) -> MotionExample:
    """A made-up clip: syllables of other strength each, at which the face moves this far or that, and comes home."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.integers(14, 40, 60))
    rows = FEATURES_PER_FRAME * frames
    spoken = voice([int(start) for start in starts if start < rows - 20], rows)
    for start in starts[starts < rows - 20]:
        spoken.prosody[start : start + 10, 0] += rng.uniform(-0.5, 0.7)
    heard = spoken.heard()
    events = EventFinder().find(heard, 0, rows)
    cues = torch.from_numpy(np.stack([event.cues for event in events]))
    drawn, level = drawn_by(events, seed), torch.zeros(len(events), NUM_MOTIONS)
    for index in range(1, len(events)):
        level[index] = level[index - 1] + drawn[index - 1, :NUM_MOTIONS]
        drawn[index, :NUM_MOTIONS] -= 0.3 * level[index]
    motion = compose(*since_of(events, frames), drawn)
    loudness = spoken.prosody[:, 0].reshape(frames, 2).mean(1)
    loudness = (loudness - loudness.mean()) / loudness.std()
    rises = np.gradient(loudness)
    wide = torch.from_numpy(np.pad(heard, ((0, 0), (HEARD - heard.shape[1], 0))))
    return MotionExample(
        f"set/{seed}", cues, torch.zeros(len(events), PARTS, HEARD), drawn, level, torch.zeros(len(events)),
        style_of(motion), motion, wide, events, Loudness(loudness, np.maximum(rises / rises.std(), 0.0)),
    )  # fmt: skip


def planted(seeds: range, follow: float) -> list[MotionExample]:
    """Clips whose movements grow by `exp(follow)` with each unit of the rise, of a deviation of about 1."""
    examples = [example_of(seed) for seed in seeds]
    sizes = [(follow * rises(example).unsqueeze(1)).exp() for example in examples]
    drawn = [drawn_by(example.events, seed) for seed, example in zip(seeds, examples, strict=True)]
    return [replace(e, drawn=size * d) for e, size, d in zip(examples, sizes, drawn, strict=True)]


def rises(example: MotionExample) -> torch.Tensor:
    return (example.cues[:, RISE] / 1.5 - 1.0).clamp(-2.0, 2.0)


@pytest.mark.parametrize("follow", [0.0, 0.5])
def test_a_planted_dependence_is_found(follow: float) -> None:
    """The ridge takes a little of it."""
    sampler, examples = tiny_sampler(), planted(range(12), follow)
    fit_cue_scale(sampler, examples)
    spread = torch.cat([sampler.cue_scale(example.cues)[1][:, :6].log().mean(1) for example in examples])
    rise = torch.cat([rises(example) for example in examples])
    slope = float(torch.cov(torch.stack([rise, spread]))[0, 1] / rise.var())
    assert 0.7 * follow - 0.1 < slope < follow + 0.1
    assert not any(parameter.requires_grad for parameter in sampler.cue_scale.parameters())


def test_own_cues_are_likelier_than_anothers() -> None:
    """On clips that nothing was fitted to, where movements follow the sound; and no likelier where they do not."""
    gains = []
    for follow in (0.0, 0.7):
        sampler, held_out = tiny_sampler(), planted(range(20, 26), follow)
        fit_cue_scale(sampler, planted(range(12), follow))
        drawn, cues = (torch.cat([getattr(e, name) for e in held_out]) for name in ("drawn", "cues"))
        drawn = drawn[:, :NUM_MOTIONS]  # ticks make no gestures
        own, other = (_steps_likelihood(sampler.cue_scale, drawn, told) for told in (cues, cues.roll(7, 0)))
        gains.append(own - other)
    assert gains[1] > max(0.05, 3 * abs(gains[0]))


def _steps_likelihood(scale: CueScale, steps: torch.Tensor, cues: torch.Tensor) -> float:
    padded = torch.nn.functional.pad(steps, (0, NUM_DRAWN - NUM_MOTIONS))
    return float(scale.log_likelihood(padded, cues)[:, :NUM_MOTIONS].mean())


def test_crops_are_mirrored_half_of_the_time() -> None:
    sampler, example = tiny_sampler(), example_of(0)
    sampler.level_scale.data.fill_(1.0)
    for layer in (sampler.cue_scale.mean, sampler.cue_scale.log_spread):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    sampler.cue_scale.unit.data.fill_(1.0)
    count = len(example.events)
    crop = crop_motion([example], sampler, 200, count, torch.Generator().manual_seed(0))
    mirror = torch.ones(NUM_DRAWN)
    mirror[list(MIRRORED_DRAWN)] = -1.0
    plain = torch.isclose(crop["drawn"], example.drawn, atol=1e-6).flatten(1).all(1)
    turned = torch.isclose(crop["drawn"], mirror * example.drawn, atol=1e-6).flatten(1).all(1)
    assert (plain ^ turned).all()
    assert 70 <= turned.sum() <= 130
    where = crop["past"][turned][:, :, :NUM_MOTIONS]
    torch.testing.assert_close(where, (mirror[:NUM_MOTIONS] * example.level).expand_as(where))
    torch.testing.assert_close(crop["past"][:, 1:, NUM_MOTIONS:], crop["drawn"][:, :-1])
    assert (crop["past"][:, 0, NUM_MOTIONS:] == 0).all()


def test_mirrored_gestures_are_those_of_mirrored_channels() -> None:
    steps = [index for index in MIRRORED_DRAWN if index < NUM_MOTIONS]
    gestures = [GESTURE_CHANNELS[index - NUM_MOTIONS] for index in MIRRORED_DRAWN if index >= NUM_MOTIONS]
    assert steps == list(MIRRORED)
    assert set(gestures) == set(MIRRORED) & set(GESTURE_CHANNELS)


def test_short_clips_fill_their_crop_with_zeros() -> None:
    sampler, example = tiny_sampler(), example_of(0, frames=60)
    count = len(example.events) + 5
    crop = crop_motion([example], sampler, 3, count, torch.Generator().manual_seed(0))
    assert (crop["mask"].sum(1) == len(example.events)).all()
    assert (crop["drawn"][:, -5:] == 0).all()


SCATTER = 0.1  # of the beats of a few drawn takes


@pytest.mark.slow
def test_calibration_leads_towards_the_tracks() -> None:
    sampler, examples = tiny_sampler(), [example_of(seed) for seed in range(4)]
    sampler.level_scale.data = torch.cat([example.motion for example in examples]).std(0).clamp_min(1e-3)
    fit_cue_scale(sampler, examples)
    sampler.cue_scale.unit.data *= 0.3
    tracked = torch.stack([example.motion.std(0) for example in examples]).mean(0)

    def measured() -> tuple[float, list[float]]:
        drawn = [roll_out(sampler, example, 10 * index) for index, example in enumerate(examples)]
        spread = torch.stack([takes.std(1).mean(0) for takes in drawn]).mean(0)
        # A face weight has no side below its rest: only the head is free to stray as far as it likes.
        return float((spread / tracked / SPREAD_SHARE).log()[:6].abs().mean()), mean_beats(examples, drawn)

    aims = [BEAT_SHARE * beat for beat in mean_beats(examples, [example.motion[None] for example in examples])]
    before, beats_before = measured()
    calibrate(sampler, examples, FaceModel.from_pretrained(WEIGHTS / "face_model"))
    after, beats = measured()
    assert after < 0.5 * before
    for index in (0, 1):  # head and brows
        assert abs(beats[index] - aims[index]) < abs(beats_before[index] - aims[index]) + SCATTER
    low, high = LEASHES
    leashes = torch.cat([sampler.leash[:ROLL], sampler.leash[ROLL + 1 :]])
    assert ((leashes >= low - 1e-6) & (leashes <= high + 1e-6)).all()
    assert sampler.leash[ROLL] == pytest.approx(ROLL_LEASH)
