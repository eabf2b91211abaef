"""Random augmented crops of the speech corpus, with labels at 50 Hz, made entirely on one device."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..animation.frame_rate import ANIMATION_FPS
from ..media.audio import ENCODER_PADDING, ENCODER_RATE, ENCODER_RECEPTIVE_FIELD, ENCODER_STRIDE, FEATURES_PER_FRAME
from ..models.speech_head import VISEME_NAMES
from .augment import change_some, degrade, uniform
from .corpus_file import read_source
from .held_out import is_validation_speaker


UNKNOWN: Final = -100
CLOSURE: Final = VISEME_NAMES.index("closure")
CLOSURE_EDGE: Final = 0.02  # seconds over which the closure target falls off outside the phone
LABEL_SECONDS: Final = 0.005  # resolution of the stored labels
SLACK: Final = ENCODER_RATE // 4  # samples by which a crop may extend beyond the ends of its utterance

SYNTHETIC: Final = ("flite", "festival", "espeak")  # sampled with half the weight per second


@dataclass(frozen=True)
class SpeechBatch:
    """
    A batch of crops of speech with their targets, one row each.

    Args:
        waveforms (`Tensor` of shape `(batch, samples)`): The crops, padded for the encoder.
        clean (`Tensor` of the same shape): The same crops before augmentation.
        visemes (`Tensor` of shape `(batch, features)`): Class of each 20 ms, -100 if unknown.
        closure (`Tensor` of shape `(batch, features)`): Soft target of lip closure in [0, 1].
    """

    waveforms: Tensor
    clean: Tensor
    visemes: Tensor
    closure: Tensor


class SpeechCorpus:
    """
    Sources written by `prepare_speech`, held in memory.

    Args:
        paths (`list[Path]`): The .npz files.
        validation (`bool`, defaults to `False`): Whether to load the recorded speakers kept for validation, instead
            of all others.
        device (`torch.device`): Where samples and labels are stored and batches are made.

    Raises:
        ValueError: No utterance is left, or a file lacks an array.
    """

    def __init__(self, paths: list[Path], validation: bool = False, device: torch.device | str = "cpu") -> None:
        samples: list[NDArray[np.int16]] = []
        visemes: list[NDArray[np.int64]] = []
        closure: list[NDArray[np.float32]] = []
        weights: list[float] = []
        for path in paths:
            for wave, classes, times, speaker in read_source(path):
                if (path.stem not in SYNTHETIC and is_validation_speaker(speaker)) != validation:
                    continue
                centres = (np.arange(round(len(wave) / ENCODER_RATE / LABEL_SECONDS)) + 0.5) * LABEL_SECONDS
                labels = frame_labels(classes, times, centres)
                samples.append(wave)
                visemes.append(labels[0])
                closure.append(labels[1])
                weights.append(len(wave) * (0.5 if path.stem in SYNTHETIC else 1.0))
        if not samples:
            kind = "speaker kept for validation" if validation else "speech to train on"
            raise ValueError(f"no {kind} in {[str(path) for path in paths]}; write more with prepare_speech")
        self.device = torch.device(device)
        self.samples, self.lengths, self.starts = _flatten(samples, torch.int16, self.device)
        self.visemes, self.label_lengths, self.label_starts = _flatten(visemes, torch.int16, self.device)
        self.closure, _, _ = _flatten(closure, torch.float16, self.device)
        self.weights = torch.tensor(weights, device=self.device)

    def hours(self) -> float:
        return len(self.samples) / ENCODER_RATE / 3600

    def batch(
        self, size: int, seconds: float, generator: torch.Generator, augment: bool = True, degraded: float = 1.0
    ) -> SpeechBatch:
        """
        Draw `size` crops of `seconds`, with utterances weighted by length. `generator` must be on the same device.

        With `augment`, crops are sped up or slowed down, and a share of `degraded` goes through [`degrade`].
        """
        features = FEATURES_PER_FRAME * round(seconds * ANIMATION_FPS)
        length = features * ENCODER_STRIDE
        rows = torch.multinomial(self.weights, size, replacement=True, generator=generator)
        low, high = (0.8, 1.25) if augment else (1.0, 1.0)
        speed = uniform(size, low, high, generator)
        room = (self.lengths[rows] - length * speed + 2 * SLACK).clamp_min(1.0)
        start = uniform(size, 0.0, 1.0, generator) * room - SLACK
        waves = self._read(rows, start[:, None] + torch.arange(length, device=self.device) * speed[:, None])
        centres = (torch.arange(features, device=self.device) + 0.5) * ENCODER_STRIDE * speed[:, None]
        visemes, closure = self._labels(rows, (start[:, None] + centres) / ENCODER_RATE)
        heard = change_some(degraded, degrade, waves, generator) if augment else waves
        return SpeechBatch(pad_waves(heard), pad_waves(waves), visemes, closure)

    def _read(self, rows: Tensor, position: Tensor) -> Tensor:
        """Samples at fractional positions by linear interpolation; zero outside the utterance."""
        last = self.lengths[rows][:, None] - 1
        inside = (position >= 0) & (position < last)
        position = torch.minimum(position.clamp_min(0), last - 1)
        index = position.long()
        left = self.samples[self.starts[rows][:, None] + index].float()
        right = self.samples[self.starts[rows][:, None] + index + 1].float()
        return torch.lerp(left, right, position - index) * inside / 32768.0

    def _labels(self, rows: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """Class and closure target at some times; outside the utterance there is silence."""
        last = self.label_lengths[rows][:, None] - 1
        index = (seconds / LABEL_SECONDS).floor().long()
        inside = (index >= 0) & (index <= last)
        index = self.label_starts[rows][:, None] + torch.minimum(index.clamp_min(0), last)
        visemes = torch.where(inside, self.visemes[index].long(), 0)
        return visemes, self.closure[index].float() * inside


def frame_labels(
    classes: NDArray[np.int8], times: NDArray[np.float32], centres: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Class and soft closure target at each time in `centres`; outside all segments there is silence."""
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


def pad_waves(waves: Tensor) -> Tensor:
    """Pad `(batch, features * 320)` like `pad_for_encoder`."""
    return F.pad(waves, (ENCODER_PADDING, ENCODER_RECEPTIVE_FIELD - ENCODER_STRIDE - ENCODER_PADDING))


def _flatten(rows: list[NDArray], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Concatenate rows of unequal length; also returns their lengths and starts."""
    lengths = torch.tensor([len(row) for row in rows], device=device)
    flat = torch.from_numpy(np.concatenate(rows)).to(dtype).to(device)
    return flat, lengths, lengths.cumsum(0) - lengths
