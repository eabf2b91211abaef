"""Augmentation of speech in batches: rooms, noise, babble, telephones, codecs and gain, as recordings have them."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ..media.audio import ENCODER_RATE


FFT_SIZE: Final = 512  # samples in a block of the simulated codec


def degrade(waves: Tensor, generator: torch.Generator) -> Tensor:
    """Put each row of `waves`, `(batch, samples)` in [-1, 1], through a random chain of its own; keeps the shape."""
    batch = len(waves)
    waves = change_some(0.3, add_reverb, waves, generator)
    noise = choose(0.3, babble(waves, generator), coloured_noise(waves, generator), generator)
    snr = uniform(batch, 0.0, 30.0, generator)
    floor = 10.0 ** uniform(batch, -4.5, -3.0, generator)[:, None] * coloured_noise(waves, generator)
    waves = choose(0.7, add_noise(waves, noise, snr), waves + floor, generator)
    waves = change_some(0.3, band_limit, waves, generator)
    waves = change_some(0.2, compress, waves, generator)
    return set_level(waves, uniform(batch, -26.0, 0.0, generator))


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draw `(count,)` values between `low` and `high` on the generator's device."""
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def choose(chance: float, changed: Tensor, waves: Tensor, generator: torch.Generator) -> Tensor:
    """Take each row from `changed` with probability `chance`, otherwise from `waves`."""
    return torch.where(uniform(len(waves), 0.0, 1.0, generator)[:, None] < chance, changed, waves)


def change_some(
    chance: float, change: Callable[[Tensor, torch.Generator], Tensor], waves: Tensor, generator: torch.Generator
) -> Tensor:
    """Put each row through `change` at random; rows that are not chosen take no time."""
    rows = (uniform(len(waves), 0.0, 1.0, generator) < chance).nonzero().squeeze(1)
    return waves.index_copy(0, rows, change(waves[rows], generator)) if len(rows) else waves


def set_level(waves: Tensor, decibels: Tensor) -> Tensor:
    """Scale each row to a peak in dB relative to full scale; nearly silent rows are left as they are."""
    peak = waves.abs().amax(1, keepdim=True)
    level = 10.0 ** (decibels[:, None] / 20.0)
    return torch.where(peak > 3e-3, waves * level / peak.clamp_min(1e-4), waves)


def add_noise(waves: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """Add noise at a signal-to-noise ratio in dB, `(batch,)`, over the whole row."""
    power, noise_power = waves.square().mean(1), noise.square().mean(1)
    gain = (power.clamp_min(1e-8) / noise_power.clamp_min(1e-12) / 10.0 ** (snr / 10.0)).sqrt()
    return waves + gain[:, None] * noise


def coloured_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of unit deviation whose power falls with a random power of frequency, from 0 (white) to 2 (brown)."""
    batch, length = like.shape
    white = torch.randn(like.shape, generator=generator, device=generator.device)
    spectrum = torch.fft.rfft(white)
    bins = torch.arange(spectrum.shape[1], device=generator.device).clamp_min(20)
    noise = torch.fft.irfft(spectrum * bins ** (-0.5 * uniform(batch, 0.0, 2.0, generator)[:, None]), length)
    return noise / noise.std(1, keepdim=True).clamp_min(1e-9)


def babble(waves: Tensor, generator: torch.Generator) -> Tensor:
    """The sum of three other rows, each from a random starting point."""
    batch, length = waves.shape
    time = torch.arange(length, device=generator.device)
    mixed = torch.zeros_like(waves)
    for _ in range(3):
        rows = torch.randint(batch, (batch, 1), generator=generator, device=generator.device)
        starts = torch.randint(length, (batch, 1), generator=generator, device=generator.device)
        mixed = mixed + waves[rows, (time + starts) % length]
    return mixed


def add_reverb(waves: Tensor, generator: torch.Generator) -> Tensor:
    """Convolve with exponentially decaying noise after a direct path (Moorer, 1979), reverberation time .1 to .7 s."""
    batch, length = waves.shape
    tail = int(0.7 * ENCODER_RATE)
    seconds = torch.arange(tail, device=generator.device) / ENCODER_RATE
    decay = torch.exp(-6.9 * seconds / uniform(batch, 0.1, 0.7, generator)[:, None])
    response = torch.randn(batch, tail, generator=generator, device=generator.device) * decay
    response = response * uniform(batch, 0.02, 0.12, generator)[:, None]
    response[:, 0] = 1.0
    size = length + tail
    return torch.fft.irfft(torch.fft.rfft(waves, size) * torch.fft.rfft(response, size), size)[:, :length]


def band_limit(waves: Tensor, generator: torch.Generator) -> Tensor:
    """Filter to a telephone's band, or with the low-pass of a cheap microphone."""
    batch, length = waves.shape
    telephone = uniform(batch, 0.0, 1.0, generator) < 0.4
    low = torch.where(
        telephone, torch.full_like(telephone, 300, dtype=torch.float), uniform(batch, 20, 120, generator)
    )
    high = torch.where(telephone, torch.full_like(low, 3400.0), uniform(batch, 3500.0, 7500.0, generator))
    frequency = torch.fft.rfftfreq(length, 1 / ENCODER_RATE, device=generator.device)
    outside = (frequency < low[:, None]) | (frequency > high[:, None])
    return torch.fft.irfft(torch.where(outside, 0.02, 1.0) * torch.fft.rfft(waves), length)


def compress(waves: Tensor, generator: torch.Generator) -> Tensor:
    """Simulate a low-bit-rate codec (mp3, opus): drop bins far below the loudest of their frame."""
    window = torch.hann_window(FFT_SIZE, device=generator.device)
    spectrum = torch.stft(waves, FFT_SIZE, window=window, return_complex=True)
    size = spectrum.abs()
    threshold = 10.0 ** (-uniform(len(waves), 20.0, 40.0, generator)[:, None, None] / 20.0)
    kept = size > threshold * size.amax(1, keepdim=True)
    return torch.istft(spectrum * kept, FFT_SIZE, window=window, length=waves.shape[1])
