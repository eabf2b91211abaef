"""Random crops of the speech corpus with labels at 50 Hz, under augmentation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..audio import ENCODER_RATE, pad_for_encoder
from ..models.speech_head import VISEME_NAMES


UNKNOWN = -100
CLOSURE = VISEME_NAMES.index("closure")
CLOSURE_EDGE = 0.02  # seconds over which the closure target falls off outside the phone
FEATURE_SECONDS = 0.02

SYNTHETIC = ("flite", "espeak")  # each second of these counts half

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class SpeechBatch:
    """
    Args:
        waveforms (`Tensor` of shape `(batch, samples)`): Padded for the encoder.
        visemes (`Tensor` of shape `(batch, features)`): Class of each 20 ms, -100 where unknown.
        closure (`Tensor` of shape `(batch, features)`): Soft target in [0, 1].
    """

    waveforms: Tensor
    visemes: Tensor
    closure: Tensor


class SpeechCorpus:
    """
    Sources written by `prepare_speech`, held in memory.

    Args:
        paths (`list[Path]`): The .npz files.
        labelled (`bool`, defaults to `True`): Leave out sources without labels.
    """

    def __init__(self, paths: list[Path], labelled: bool = True) -> None:
        self.samples: list[NDArray[np.int16]] = []
        self.visemes: list[NDArray[np.int8]] = []
        self.times: list[NDArray[np.float32]] = []
        self.weights: list[float] = []
        for path in paths:
            with np.load(path) as file:
                offsets, owner = file["offsets"], file["segment_utterance"]
                if labelled and not len(owner):
                    continue
                flat, classes, times = file["samples"], file["segment_viseme"], file["segment_times"]
                for index in range(len(offsets) - 1):
                    first, last = np.searchsorted(owner, [index, index + 1])
                    self.samples.append(flat[offsets[index] : offsets[index + 1]])
                    self.visemes.append(classes[first:last])
                    self.times.append(times[first:last])
                    self.weights.append(len(self.samples[-1]) * (0.5 if path.stem in SYNTHETIC else 1.0))

    def hours(self) -> float:
        return sum(map(len, self.samples)) / ENCODER_RATE / 3600

    def batch(self, size: int, seconds: float, rng: np.random.Generator, augment: bool = True) -> SpeechBatch:
        """Draw `size` crops of `seconds`, utterances weighted by their length."""
        frames = round(seconds * 25)
        indices = rng.choice(len(self.samples), size=size, p=np.array(self.weights) / sum(self.weights))
        crops = [self._crop(int(index), frames * 640, rng, augment) for index in indices]
        waves = [wave for wave, _, _ in crops]
        if augment:
            waves = [degrade(wave, waves, rng) for wave in waves]
        return SpeechBatch(
            torch.from_numpy(np.stack([pad_for_encoder(wave, frames) for wave in waves])),
            torch.from_numpy(np.stack([visemes for _, visemes, _ in crops])),
            torch.from_numpy(np.stack([closure for _, _, closure in crops])),
        )

    def _crop(
        self, index: int, length: int, rng: np.random.Generator, augment: bool
    ) -> tuple[Wave, NDArray[np.int64], Wave]:
        samples = self.samples[index]
        speed = rng.uniform(0.88, 1.14) if augment else 1.0
        needed = int(length * speed) + 2
        start = int(rng.integers(-ENCODER_RATE // 4, max(1, len(samples) - needed + ENCODER_RATE // 4)))
        wave = np.zeros(needed, np.float32)
        first, last = max(start, 0), min(start + needed, len(samples))
        wave[first - start : last - start] = samples[first:last] / 32768.0
        if speed != 1.0:
            wave = np.interp(np.arange(length) * speed, np.arange(needed), wave).astype(np.float32)
        features = length // 320
        centres = (np.arange(features) + 0.5) * FEATURE_SECONDS * speed + start / ENCODER_RATE
        visemes, closure = frame_labels(self.visemes[index], self.times[index], centres)
        return wave[:length], visemes, closure


def frame_labels(
    classes: NDArray[np.int8], times: NDArray[np.float32], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int64], Wave]:
    """Class and soft closure target at each instant of `centres`; outside all segments it is silent."""
    if not len(classes):
        return np.full(len(centres), UNKNOWN, np.int64), np.zeros(len(centres), np.float32)
    position = np.searchsorted(times[:, 0], centres, side="right") - 1
    inside = (position >= 0) & (centres < times[np.maximum(position, 0), 1])
    visemes = np.where(inside, classes[np.maximum(position, 0)], 0).astype(np.int64)
    closed = times[classes == CLOSURE]
    if not len(closed):
        return visemes, np.zeros(len(centres), np.float32)
    distance = np.maximum(closed[:, 0] - centres[:, None], centres[:, None] - closed[:, 1]).min(1)
    return visemes, np.clip(1.0 - distance / CLOSURE_EDGE, 0.0, 1.0).astype(np.float32)


def degrade(wave: Wave, others: list[Wave], rng: np.random.Generator) -> Wave:
    """Room, noise or babble, band limit and gain, each by chance."""
    if rng.random() < 0.3:
        wave = add_reverb(wave, rng)
    if rng.random() < 0.7:
        snr = rng.uniform(0.0, 30.0)
        noise = babble(others, len(wave), rng) if rng.random() < 0.3 else coloured_noise(len(wave), rng)
        wave = add_noise(wave, noise, snr)
    else:
        wave = wave + 10.0 ** rng.uniform(-4.5, -3.0) * coloured_noise(len(wave), rng)
    if rng.random() < 0.3:
        wave = band_limit(wave, rng)
    peak = float(np.abs(wave).max())
    level = 10.0 ** (rng.uniform(-26.0, 0.0) / 20.0)
    return (wave * (level / max(peak, 1e-4))).astype(np.float32) if peak > 3e-3 else wave.astype(np.float32)


def add_noise(wave: Wave, noise: Wave, snr: float) -> Wave:
    """Add noise at a signal-to-noise ratio in dB, over the whole crop."""
    power, noise_power = float(np.mean(wave**2)), float(np.mean(noise**2))
    if power < 1e-8 or noise_power < 1e-12:
        return wave + 1e-3 * noise
    return wave + noise * np.float32(np.sqrt(power / noise_power / 10.0 ** (snr / 10.0)))


def coloured_noise(length: int, rng: np.random.Generator) -> Wave:
    """Noise of unit deviation whose power falls with a random power of frequency, from 0 (white) to 2 (brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(length).astype(np.float32))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0) ** (rng.uniform(0.0, 2.0) / 2)
    noise = np.fft.irfft(spectrum, length).astype(np.float32)
    return noise / (noise.std() + 1e-9)


def babble(others: list[Wave], length: int, rng: np.random.Generator) -> Wave:
    """Several other crops at once."""
    chosen = rng.choice(len(others), size=min(4, len(others)), replace=False)
    return np.sum([np.roll(others[int(i)], int(rng.integers(length)))[:length] for i in chosen], axis=0)


def add_reverb(wave: Wave, rng: np.random.Generator) -> Wave:
    """Convolve with exponentially decaying noise after a direct path (Moorer, 1979), reverberation time .1 to .7 s."""
    time = rng.uniform(0.1, 0.7)
    length = int(time * ENCODER_RATE)
    decay = np.exp(-6.9 * np.arange(length) / length)
    response = rng.standard_normal(length) * decay * rng.uniform(0.02, 0.12)
    response[0] = 1.0
    size = len(wave) + length
    mixed = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)
    return mixed[: len(wave)].astype(np.float32)


def band_limit(wave: Wave, rng: np.random.Generator) -> Wave:
    """A telephone's band, or the low-pass of a strong compression."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / ENCODER_RATE)
    low, high = (300.0, 3400.0) if rng.random() < 0.4 else (rng.uniform(20.0, 120.0), rng.uniform(3500.0, 7500.0))
    spectrum[(frequency < low) | (frequency > high)] *= 0.02
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)
