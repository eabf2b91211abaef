"""Loudness, pitch, voicing and brightness of sounds whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.media.audio import ENCODER_RECEPTIVE_FIELD, ENCODER_STRIDE
from dirfa_pipeline.media.prosody import PROSODY_NAMES, prosody


LOUDNESS, PITCH, VOICING, BRIGHTNESS = range(len(PROSODY_NAMES))
RATE = 16_000


def buzz(frequency: np.ndarray | float, seconds: float = 0.6, harmonics: int = 8) -> np.ndarray:
    """A tone with overtones, each half as strong as the one before; `frequency` may glide."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, round(seconds * RATE))) / RATE
    return (0.1 * sum(np.sin(k * phase) / 2**k for k in range(1, harmonics + 1))).astype(np.float32)


def noise(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).normal(size=round(seconds * RATE))).astype(np.float32)


def semitones(frequency: np.ndarray | float) -> np.ndarray | float:
    return 12 * np.log2(np.asarray(frequency) / 100.0)


@given(st.floats(80.0, 480.0))
def test_pitch_of_a_tone(frequency: float) -> None:
    rows = prosody(buzz(frequency))
    assert np.abs(rows[:, PITCH] - semitones(frequency)).max() < 0.1
    assert rows[:, VOICING].min() > 0.9


@given(st.floats(150.0, 220.0), st.floats(-12.0, 12.0))
def test_pitch_of_a_gliding_tone(frequency: float, speed: float) -> None:
    """A glide of up to an octave a second; each row tells the pitch at its middle."""
    instants = np.arange(round(0.6 * RATE)) / RATE
    glide = frequency * 2 ** (speed * instants / 12)
    rows = prosody(buzz(glide))
    middles = np.arange(len(rows)) * ENCODER_STRIDE + ENCODER_RECEPTIVE_FIELD // 2
    assert np.abs(rows[:, PITCH] - semitones(glide[middles])).max() < 0.1


def test_a_tone_in_noise_keeps_its_pitch() -> None:
    rows = prosody(buzz(150.0, 1.0) + 0.2 * noise())
    assert np.median(np.abs(rows[:, PITCH] - semitones(150.0))) < 0.1


def test_noise_is_not_voiced_and_bright() -> None:
    hiss, tone = prosody(noise()), prosody(buzz(120.0))
    assert np.percentile(hiss[:, VOICING], 95) < 0.5
    assert hiss[:, BRIGHTNESS].min() > tone[:, BRIGHTNESS].max() + 0.5


@pytest.mark.parametrize("level", [0.0, 1e-6, 0.25])
def test_silence_and_a_constant_offset(level: float) -> None:
    rows = prosody(np.full(RATE, level, np.float32))
    assert np.isfinite(rows).all()
    assert rows[:, LOUDNESS].max() < -8.5
    assert (rows[:, VOICING] == 0.0).all()


@given(st.floats(-30.0, 12.0), st.sampled_from(["buzz", "noise"]))
def test_gain_changes_loudness_alone(decibels: float, kind: str) -> None:
    sound = buzz(140.0) if kind == "buzz" else noise()
    before, after = prosody(sound), prosody((10 ** (decibels / 20) * sound).astype(np.float32))
    np.testing.assert_allclose(after[:, LOUDNESS] - before[:, LOUDNESS], decibels / 10, atol=1e-3)
    np.testing.assert_allclose(after[:, PITCH:], before[:, PITCH:], atol=1e-3)


@given(st.integers(0, 30), st.integers(1, 30))
def test_rows_do_not_depend_on_their_window(first: int, count: int) -> None:
    sound = buzz(110.0, 1.5) + 0.3 * noise(1.5)
    start = first * ENCODER_STRIDE
    part = prosody(sound[start : start + (count - 1) * ENCODER_STRIDE + ENCODER_RECEPTIVE_FIELD])
    np.testing.assert_array_equal(part, prosody(sound)[first : first + count])


@pytest.mark.parametrize("length", [0, 1, ENCODER_RECEPTIVE_FIELD - 1])
def test_too_little_sound_has_no_rows(length: int) -> None:
    assert prosody(np.zeros(length, np.float32)).shape == (0, len(PROSODY_NAMES))
    assert len(prosody(np.zeros(ENCODER_RECEPTIVE_FIELD, np.float32))) == 1
