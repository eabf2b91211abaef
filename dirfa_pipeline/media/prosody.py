"""
How something is said: loudness, pitch, voicing and brightness of a 16 kHz waveform, 50 times a second.

Each row hears the same samples as a feature of the audio encoder, so that both come at the same time from the same
windows of a stream.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .audio import ENCODER_RATE, ENCODER_RECEPTIVE_FIELD, ENCODER_STRIDE


Array = NDArray[np.float32]

PROSODY_NAMES: Final = ("loudness", "pitch", "voicing", "brightness")
NUM_PROSODY: Final = len(PROSODY_NAMES)
LEAST_POWER: Final = 1e-9  # of full scale squared, -90 dB, about one step of 16 bits: what is quieter is silence
PITCH_RANGE: Final = (70.0, 500.0)  # hertz: from a deep man's to a child's voice
BRIGHT: Final = 2000.0  # hertz: effort and fricatives add energy above
# A period's second peak is as high as its first; the nearer one counts unless a later one is clearly higher.
OCTAVE_COST: Final = 0.06  # of the peak's height, per octave (after Boersma, 1993, "Accurate short-term analysis ...")
SEMITONES: Final = 12.0
FFT_LENGTH: Final = 2048  # samples: no lag of a window wraps around


def prosody(samples: Array, field: int = ENCODER_RECEPTIVE_FIELD) -> Array:
    """
    Measure a window of a waveform.

    Pitch is the strongest peak of the autocorrelation, divided by that of the window (Boersma, 1993, "Accurate
    short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound").

    Args:
        samples (`np.ndarray` of shape `(num_samples,)`): 16 kHz, padded as for the audio encoder.
        field (`int`, defaults to that of the bundled encoder, 880): Samples that shape a feature of the encoder; of
            more, the middle 880 are heard.

    Returns:
        `np.ndarray` of shape `(features, 4)`: loudness, log10 of the mean square; pitch in semitones over 100 Hz, of
        the strongest period even where nothing is voiced; voicing, the height of its peak in [0, 1]; brightness,
        log10 of the share of power above 2 kHz.
    """
    count = (len(samples) - field) // ENCODER_STRIDE + 1
    if count <= 0:
        return np.zeros((0, NUM_PROSODY), np.float32)
    length = min(field, ENCODER_RECEPTIVE_FIELD)
    heard = samples[(field - length) // 2 :]
    frames = np.lib.stride_tricks.sliding_window_view(heard, length)[::ENCODER_STRIDE][:count]
    window = np.hanning(length)
    windowed = (frames - frames.mean(1, keepdims=True)) * window
    power = np.square(np.abs(np.fft.rfft(windowed, FFT_LENGTH)))
    total = power.sum(1)
    mean_square = np.square(windowed).sum(1) / np.square(window).sum()
    bright = power[:, round(BRIGHT / ENCODER_RATE * FFT_LENGTH) :].sum(1)
    pitch, voicing = _strongest_period(power, window)
    quiet = mean_square < LEAST_POWER
    rows = [
        np.log10(mean_square + LEAST_POWER),
        pitch,
        np.where(quiet, 0.0, voicing),
        np.log10((bright + 1e-3 * total + 1e-12) / (total + 1e-12)),
    ]
    return np.stack(rows, axis=1).astype(np.float32)


def _strongest_period(power: NDArray[np.float64], window: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Pitch in semitones over 100 Hz and height in [0, 1] of the highest peak of each autocorrelation."""
    low, high = (round(ENCODER_RATE / frequency) for frequency in reversed(PITCH_RANGE))
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, FFT_LENGTH))), FFT_LENGTH)[: high + 2]
    correlation = np.fft.irfft(power, FFT_LENGTH)[:, : high + 2]
    correlation = correlation / (correlation[:, :1] + 1e-12) / (own / own[0])
    lags = np.arange(low, high + 1)
    height = correlation[:, lags] - OCTAVE_COST * np.log2(lags / low)
    is_peak = (correlation[:, lags] >= correlation[:, lags - 1]) & (correlation[:, lags] >= correlation[:, lags + 1])
    best = np.where(is_peak, height, -np.inf).argmax(1)
    rows = np.arange(len(power))
    before, here, after = (correlation[rows, lags[best] + step] for step in (-1, 0, 1))
    bend = before - 2.0 * here + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0.0, 1.0, bend), 0.0)
    frequency = ENCODER_RATE / (lags[best] + np.clip(shift, -0.5, 0.5))
    return SEMITONES * np.log2(frequency / 100.0), np.clip(here, 0.0, 1.0)
