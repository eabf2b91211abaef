"""Beats and accents of movements whose relation to the sound is known."""

import numpy as np
import pytest

from dirfa_pipeline.evaluation.accents import Answers, accent_scores, answers, find_accents
from dirfa_pipeline.evaluation.beats import (
    Loudness,
    averaged,
    band_pass,
    beat,
    beat_scores,
    head_speed,
    loudness_of,
    movement_peaks,
    quiet_blinks,
    standardise,
)


FPS = 25.0
FRAMES = 500
BURSTS = np.arange(30, FRAMES - 30, 40)  # frames at which the test sound bursts and the test face moves


def bumps(frames: np.ndarray, width: float = 4.0, heights: np.ndarray | float = 1.0) -> np.ndarray:
    """Gaussian bumps at some frames, `(500,)`."""
    instants = np.arange(FRAMES)[:, None]
    return (heights * np.exp(-0.5 * np.square((instants - frames) / width))).sum(1)


@pytest.fixture
def speech() -> Loudness:
    """A tone that swells at the bursts."""
    envelope = np.interp(np.arange(FRAMES * 640) / 640, np.arange(FRAMES), 0.02 + bumps(BURSTS))
    return loudness_of(envelope * np.sin(np.arange(FRAMES * 640) * 0.3), 16000, FRAMES, FPS)


def test_loudness_does_not_depend_on_gain(speech: Loudness) -> None:
    tone = np.sin(np.arange(FRAMES * 640) * 0.3) * np.interp(np.arange(FRAMES * 640), [0, 3e5], [0.1, 0.9])
    loud, soft = (loudness_of(gain * tone, 16000, FRAMES, FPS) for gain in (1.0, 0.3))
    np.testing.assert_allclose(loud.level, soft.level, atol=1e-3)
    np.testing.assert_allclose([speech.level.mean(), speech.level.std()], [0, 1], atol=1e-9)
    assert speech.rise.min() == 0.0
    assert speech.rise[BURSTS - 5].min() > 5 * speech.rise[BURSTS + 5].max()


def test_silence_has_no_loudness() -> None:
    silence = loudness_of(np.zeros(16000), 16000, 25, FPS)
    np.testing.assert_array_equal(silence.level, 0)
    np.testing.assert_array_equal(silence.rise, 0)


def test_averages_at_the_ends_count_what_is_there() -> None:
    np.testing.assert_allclose(averaged(np.full(40, 3.0), FPS), 3.0)
    np.testing.assert_allclose(averaged(np.arange(40.0), FPS)[[0, 20, 39]], [2.5, 20, 36.5])


def test_band_keeps_gestures_and_drops_posture_and_noise() -> None:
    time = np.arange(FRAMES) / FPS
    for frequency, kept in ((1.0, 1.0), (0.02, 0.0), (10.0, 0.0)):
        passed = band_pass(np.sin(2 * np.pi * frequency * time), FPS)[100:-100]
        assert np.abs(passed).max() == pytest.approx(kept, abs=0.06)


def test_peaks() -> None:
    np.testing.assert_allclose(movement_peaks(bumps(BURSTS), FPS), BURSTS, atol=1)
    assert len(movement_peaks(np.zeros(FRAMES), FPS)) == 0
    assert len(movement_peaks(bumps(BURSTS)[:40], FPS)) == 0


def test_movement_with_the_sound_scores_and_against_it_loses(speech: Loudness) -> None:
    moving, resting = bumps(BURSTS), bumps(BURSTS + 20)
    assert beat(moving, speech.level, FPS) > 1.0
    assert beat(resting, speech.level, FPS) < -0.5
    assert beat(bumps(BURSTS - 5), speech.rise, FPS) > 1.0
    assert np.isnan(beat(np.zeros(FRAMES), speech.level, FPS))
    assert np.isnan(beat(moving, np.zeros(FRAMES), FPS))


def test_a_face_that_does_not_hear_scores_nothing(speech: Loudness) -> None:
    rng = np.random.default_rng(0)
    deaf = [beat(rng.normal(size=FRAMES).cumsum(), speech.level, FPS) for _ in range(60)]
    assert abs(np.nanmean(deaf)) < 0.1


def test_beat_scores(speech: Loudness) -> None:
    rotations = np.zeros((FRAMES, 3))
    rotations[:, 1] = 0.1 * (bumps(BURSTS) - bumps(BURSTS + 20))
    scores = beat_scores(rotations, bumps(BURSTS - 5), speech, FPS)
    assert scores["nods"] > 1.0
    assert scores["nods_down"] < -0.3
    assert scores["brow_beat"] > 1.0
    assert np.isfinite(scores["head_beat"])
    short = beat_scores(rotations[:400], bumps(BURSTS)[:400], speech, FPS)
    assert short["nods"] > 1.0


def test_head_speed() -> None:
    rotations = np.radians(np.arange(50.0)[:, None] * [3, 4, 0])
    np.testing.assert_allclose(head_speed(rotations, FPS), 5 * FPS)


@pytest.mark.parametrize(("frames", "share"), [(BURSTS + 20, 1.0), (BURSTS, 0.0)])
def test_blinks_in_pauses(speech: Loudness, frames: np.ndarray, share: float) -> None:
    assert quiet_blinks(0.3 - 0.29 * bumps(frames, width=2.0), speech, FPS) == share
    assert np.isnan(quiet_blinks(np.full(FRAMES, 0.3), speech, FPS))


def test_accents_are_the_rises(speech: Loudness) -> None:
    frames, prominence = find_accents(speech, FPS)
    assert len(frames) == len(BURSTS)
    assert np.all((frames < BURSTS) & (frames > BURSTS - 20))
    assert prominence.min() > 1.0


def test_answers(speech: Loudness) -> None:
    """One take raises its brows at every accent, one never moves, one only far from them."""
    frames, _ = find_accents(speech, FPS)
    still = np.zeros((FRAMES, 3))
    found = answers([(still, bumps(frames)), (still, np.zeros(FRAMES)), (still, bumps(frames + 20))], speech, FPS)
    np.testing.assert_array_equal((found.sizes > 0).mean(0), [1, 0, 0])
    assert 0 < found.by_chance < 0.5


def test_accent_scores() -> None:
    rng = np.random.default_rng(1)
    prominence = rng.uniform(1, 4, 200)
    shown = rng.random((200, 8)) < 0.5
    following = Answers(prominence, shown * (prominence[:, None] + rng.normal(0, 0.1, (200, 8))), 0.3)
    scores = accent_scores([following])
    assert scores["accent_share"] == pytest.approx(0.5, abs=0.05)
    assert scores["accent_chance"] == pytest.approx(0.3)
    assert scores["accent_size"] > 0.95
    deaf = Answers(prominence, shown * rng.uniform(1, 3, (200, 8)), 0.3)
    assert abs(accent_scores([deaf])["accent_size"]) < 0.1
    none = Answers(np.zeros(0), np.zeros((0, 8)), 0.0)
    assert np.isnan(accent_scores([none])["accent_share"])


def test_standardise() -> None:
    np.testing.assert_allclose(standardise(np.array([1.0, 3.0])), [-1, 1])
    np.testing.assert_array_equal(standardise(np.full(3, 7.0)), 0)
