"""Voices that are hardly any: whispered, monotone, clipped, from a telephone, long silent. The face lives on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import WEIGHTS

from dirfa_pipeline import Animation, AudioClip, DirfaPipeline, load_audio
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, LIP_INDICES
from dirfa_pipeline.media.audio import ENCODER_RATE, resample
from dirfa_pipeline.models.animation_stream import SMILE_INDICES


Wave = NDArray[np.float32]

JAW = COEFFICIENT_NAMES.index("jawOpen")
SPEECH = Path(__file__).parents[1] / "dirfa_pipeline" / "examples" / "speech.flac"
WINDOW, HOP = 512, 128


@pytest.fixture(scope="module")
def pipe() -> DirfaPipeline:
    """The shipped networks: what a toy makes of a whisper tells nothing."""
    return DirfaPipeline.from_pretrained(WEIGHTS)


@pytest.fixture(scope="module")
def spoken() -> Wave:
    """About 12 s of speech."""
    wave = load_audio(SPEECH).mono(ENCODER_RATE).astype(np.float32)
    return np.tile(wave, int(np.ceil(12 * ENCODER_RATE / len(wave))))[: 12 * ENCODER_RATE]


def excited(wave: Wave, source: Wave) -> Wave:
    """The vocal tract of a voice, its spectrum's smooth outline, driven by another source."""
    window = np.hanning(WINDOW)
    result = np.zeros(len(wave) + WINDOW)
    for start in range(0, len(wave) - WINDOW, HOP):
        here = slice(start, start + WINDOW)
        outline = np.convolve(np.abs(np.fft.rfft(window * wave[here])), np.ones(9) / 9, "same")
        driven = np.fft.rfft(window * source[here])
        size = np.convolve(np.abs(driven), np.ones(9) / 9, "same") + 1e-6
        result[here] += window * np.fft.irfft(driven / size * outline)
    return (0.1 * result[: len(wave)] / max(result.std(), 1e-9)).clip(-1, 1).astype(np.float32)


def whispered(wave: Wave) -> Wave:
    return excited(wave, np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32))


def monotone(wave: Wave) -> Wave:
    """A pulse 120 times a second, as of a vocoder."""
    pulses = np.zeros(len(wave), np.float32)
    pulses[:: ENCODER_RATE // 120] = 1.0
    return excited(wave, pulses)


def clipped(wave: Wave) -> Wave:
    return (40.0 * wave).clip(-1.0, 1.0)


def telephoned(wave: Wave) -> Wave:
    return resample(resample(wave, ENCODER_RATE, 8000), 8000, ENCODER_RATE)


def unvoiced(wave: Wave) -> Wave:
    """Nothing below 2 kHz."""
    spectrum = np.fft.rfft(wave)
    spectrum[: round(2000 / (ENCODER_RATE / len(wave)))] = 0.0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def drawn(pipe: DirfaPipeline, wave: Wave, seed: int = 3) -> Animation:
    clip = AudioClip(wave[None], ENCODER_RATE)
    return pipe.sample_animation(clip, torch.Generator().manual_seed(seed), follow_arousal=True)


def check_alive(take: Animation) -> None:
    """It moves its head, shows its brows and blinks; nothing is broken."""
    assert np.isfinite(take.coefficients).all()
    assert take.coefficients[:, :52].min() >= 0.0
    assert take.coefficients[:, :52].max() <= 1.0
    for part in np.array_split(take.coefficients[:, 52], max(1, len(take) // 300)):
        assert np.degrees(part.std()) > 0.5, "the head stands still"
    brows = take["browInnerUp"] + take["browOuterUpLeft"] + take["browDownLeft"]
    assert brows.std() > 0.02, "the brows stand still"
    assert (take["eyeBlinkLeft"] > 0.8).any(), "no blink"


@pytest.mark.parametrize("change", [whispered, monotone, clipped, telephoned, unvoiced])
def test_a_voice_is_answered(pipe: DirfaPipeline, spoken: Wave, change: Callable[[Wave], Wave]) -> None:
    take = drawn(pipe, change(spoken))
    check_alive(take)
    own = drawn(pipe, spoken)
    jaws = np.corrcoef(take["jawOpen"], own["jawOpen"])[0, 1]
    assert jaws > 0.35, "lips of another speech"


def test_a_long_silence_lives_with_lips_at_rest(pipe: DirfaPipeline, spoken: Wave) -> None:
    """A minute of nothing, then speech: it is answered as if nothing had been."""
    take = drawn(pipe, np.concatenate([np.zeros(60 * ENCODER_RATE, np.float32), spoken]))
    check_alive(Animation(take.coefficients[: 60 * 25]))
    check_alive(Animation(take.coefficients[60 * 25 :]))
    still = [index for index in LIP_INDICES if index not in SMILE_INDICES]
    assert take.coefficients[: 59 * 25, still].max() < 0.1
    assert take.coefficients[: 59 * 25].T[JAW].max() < 0.05
    jaws = np.corrcoef(take["jawOpen"][60 * 25 :], drawn(pipe, spoken)["jawOpen"])[0, 1]
    assert jaws > 0.95


def music(seconds: float) -> Wave:
    """Plucked notes of six partials, two a second, with a tick at each."""
    rng, time = np.random.default_rng(0), np.arange(ENCODER_RATE // 2) / ENCODER_RATE
    notes = [
        sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 7)) * np.exp(-3 * time) * 0.12
        + 0.2 * rng.standard_normal(len(time)) * np.exp(-40 * time)
        for pitch in (220, 262, 330, 392)
    ]
    return np.concatenate([notes[index % 4] for index in range(round(2 * seconds))]).astype(np.float32)


def test_a_breath_hardly_parts_the_lips(pipe: DirfaPipeline, spoken: Wave) -> None:
    rng = np.random.default_rng(0)
    hiss = np.convolve(rng.standard_normal(ENCODER_RATE), np.ones(8) / 8, "same") * np.hanning(ENCODER_RATE)
    quiet = np.zeros(ENCODER_RATE // 2, np.float32)
    wave = np.concatenate([quiet, quiet, 0.05 * hiss, quiet, spoken[: 4 * ENCODER_RATE]]).astype(np.float32)
    jaw = drawn(pipe, wave)["jawOpen"]
    assert jaw[24:54].max() < 0.1
    assert jaw[65:].max() > 0.3


def test_lips_rest_while_music_plays(pipe: DirfaPipeline, spoken: Wave) -> None:
    voice = spoken[: 6 * ENCODER_RATE]
    take = drawn(pipe, np.concatenate([music(8.0), voice]))
    still = [index for index in LIP_INDICES if index not in SMILE_INDICES]
    assert take.coefficients[:190, still].max() < 0.01
    alone, under = (drawn(pipe, wave)["jawOpen"] for wave in (voice, voice + 0.3 * music(6.0)))
    assert np.corrcoef(take["jawOpen"][200:], alone)[0, 1] > 0.9
    assert np.corrcoef(under, alone)[0, 1] > 0.8  # a voice over music is a voice
