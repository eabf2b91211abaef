"""The shipped sampler hears: another sound is another performance, and heads move with the speech that is heard."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import WEIGHTS, tiny_sampler

from dirfa_pipeline import DirfaPipeline, load_audio
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.beats import beat_scores, loudness_of
from dirfa_pipeline.evaluation.hearing import likeness, pose_curves
from dirfa_pipeline.evaluation.metrics import head_motion
from dirfa_pipeline.media.audio import ENCODER_RATE, AudioClip
from dirfa_pipeline.models.motion_channels import FACE, NUM_MOTIONS
from dirfa_pipeline.models.motion_draw import FURTHEST, MotionDraw
from dirfa_pipeline.models.sound_events import GESTURE_RISE, NUM_CUES, RISE


PART = 4.0  # seconds
SPEECH = Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "speech.flac"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(cues: torch.Tensor, windows: torch.Tensor, amplitude: float = 1.0, spread: float = 0.02) -> torch.Tensor:
    """What events move, `(takes, events, drawn)`."""
    sampler = tiny_sampler()
    sampler.cue_scale.unit.data.fill_(spread)
    events = MotionDraw(sampler, [seeded(0), seeded(1)], 1.0).events(
        cues, windows, torch.full((len(cues),), amplitude)
    )
    return torch.stack([moved for moved, _ in events], dim=1)


def sound(seed: int, events: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Cues of accents, and the sound around each."""
    generator = seeded(seed)
    cues = torch.randn(events, NUM_CUES, generator=generator)
    cues[:, -2:] = torch.tensor([1.0, 0.0])
    cues[:, RISE] = 2.0 * GESTURE_RISE  # so strong that each makes gestures
    return cues, torch.randn(events, 5, tiny_sampler().heard_dim, generator=generator)


@torch.no_grad()
def test_another_sound_with_the_same_noise_moves_otherwise() -> None:
    first, second = draw(*sound(0)), draw(*sound(1))
    assert (first - second).abs().mean() > 0.05 * first.abs().mean()
    assert torch.equal(draw(*sound(0)), first)


@torch.no_grad()
def test_ticks_make_steps_and_no_gestures() -> None:
    cues, windows = sound(0)
    cues[::2, -2:] = 0.0
    drawn = draw(cues, windows)
    assert (drawn[:, ::2, NUM_MOTIONS:] == 0).all()
    assert (drawn[:, ::2, :NUM_MOTIONS].abs().amax(-1) > 0).all()
    assert (drawn[:, 1::2, NUM_MOTIONS:].abs().amax(-1) > 0).all()


@pytest.mark.parametrize("spread", [0.02, 5.0])
@torch.no_grad()
def test_no_channel_goes_too_far_and_no_face_under_its_rest(spread: float) -> None:
    level = draw(*sound(0), spread=spread)[..., :NUM_MOTIONS].cumsum(1)
    limit = FURTHEST * tiny_sampler().level_scale
    assert (level.abs() <= limit + 1e-4).all()
    assert (level[..., FACE] >= -1e-4).all()


@torch.no_grad()
def test_nothing_moves_at_amplitude_0() -> None:
    assert draw(*sound(0), amplitude=0.0).abs().max() == 0.0


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return DirfaPipeline.from_pretrained(WEIGHTS)


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    return load_audio(SPEECH).mono(ENCODER_RATE)


def takes_of(pipeline: DirfaPipeline, wave: np.ndarray, seeds: range) -> list[np.ndarray]:
    clip = AudioClip(wave[None], ENCODER_RATE)
    return [take.coefficients for take in pipeline.sample_animations(clip, [seeded(seed) for seed in seeds])]


@pytest.mark.slow
def test_parts_of_a_speech_with_one_seed_are_different_performances(pipeline: DirfaPipeline, wave: np.ndarray) -> None:
    ends = range(0, len(wave) + 1, round(PART * ENCODER_RATE))
    parts = [takes_of(pipeline, wave[start:stop], range(8)) for start, stop in pairwise(ends)]
    assert len(parts) >= 2
    alike = [likeness(takes) for takes in zip(*parts, strict=True)]  # of one seed each
    assert np.mean([scores["yaw"] for scores in alike]) < 0.6


@pytest.mark.slow
def test_heads_move_with_the_speech_and_not_with_its_reverse(pipeline: DirfaPipeline, wave: np.ndarray) -> None:
    takes = takes_of(pipeline, wave, range(8))
    beats = []
    for heard in (wave, wave[::-1]):
        loudness = loudness_of(heard, ENCODER_RATE, len(takes[0]), ANIMATION_FPS)
        scores = [beat_scores(p[:, :3], p[:, 3], loudness, ANIMATION_FPS) for p in map(pose_curves, takes)]
        beats.append(np.nanmean([(score["head_beat"], score["brow_beat"], score["nods"]) for score in scores], axis=0))
    own, reverse = beats
    assert own[0] > reverse[0] + 0.1
    assert own.mean() > reverse.mean() + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("emphasis", [1.0, 1.8])
def test_heads_turn_no_faster_than_talkers(pipeline: DirfaPipeline, wave: np.ndarray, emphasis: float) -> None:
    """Tracked talkers reach 150 degrees a second in their fastest frames; so do takes, for emphatic voices, too."""
    loud = np.abs(wave) ** emphasis * np.sign(wave)
    takes = takes_of(pipeline, (loud * np.abs(wave).max() / np.abs(loud).max()).astype(np.float32), range(6))
    fastest = [head_motion(take[:, -6:-3], ANIMATION_FPS)["angular_speed_peak"] for take in takes]
    assert max(fastest) < 150.0 and np.mean(fastest) > 30.0, fastest


@pytest.mark.slow
def test_brows_stay_up_or_down_for_a_phrase(pipeline: DirfaPipeline, wave: np.ndarray) -> None:
    """Half a second later they are still where they were, more than where they were not."""
    half = round(0.5 * ANIMATION_FPS)
    brows = [pose_curves(take)[:, 3] for take in takes_of(pipeline, wave, range(8))]
    assert np.mean([np.corrcoef(brow[half:], brow[:-half])[0, 1] for brow in brows]) > 0.25
