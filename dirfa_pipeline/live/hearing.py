"""Encodes a face's own speech and samples its motion: rows of coefficients, as they are needed."""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Model

from ..animation.coefficients import NUM_COEFFICIENTS
from ..animation.frame_rate import ANIMATION_FPS
from ..media.audio import ENCODER_RATE, ENCODER_STRIDE, FEATURES_PER_FRAME, resample
from ..media.audio_stream import LIVE_HOP, LIVE_PAST
from ..models.animation_sampler import AnimationSampler
from ..models.speech_features import encoder_field
from ..models.speech_stream import SpeechStream
from .timeline import SOUND_RATE, Timeline


Array = NDArray[np.float32]

EDGE: Final = 240  # timeline samples (10 ms) that the resampler's filter reaches beyond a window
MOST_HOP: Final = 200  # most features (4 s) processed at once when catching up after a delay


class Hearing:
    """
    Samples motion for a timeline, a little ahead of what is played.

    Motion is sampled for silence, too, so that an idle face keeps moving. Once all that the encoder remembers is
    silence, its features no longer change and are reused.

    Args:
        encoder, sampler: The networks that encode sound and sample motion.
        timeline ([`Timeline`]): The speech.
        lookahead (`float`): Seconds of sound heard before a row of motion is decided.
        generator (`torch.Generator`, *optional*): The only source of randomness.
        follow_arousal (`bool`): See [`AnimationStream`].
        device (`torch.device`): Where the encoder runs.
    """

    def __init__(
        self, encoder: Wav2Vec2Model, sampler: AnimationSampler, timeline: Timeline, lookahead: float,
        generator: torch.Generator | None, follow_arousal: bool, device: torch.device,
    ) -> None:  # fmt: skip
        self._timeline, self._device, self._dtype = timeline, device, sampler.dtype
        self._speech, self._field = SpeechStream(encoder, device), encoder_field(encoder)
        self._future = FEATURES_PER_FRAME * round(lookahead * ANIMATION_FPS)
        self._take = sampler.start([generator], follow_arousal=follow_arousal)
        self._rows, self._first = np.zeros((0, NUM_COEFFICIENTS), np.float32), 0  # rows from number `_first` on
        self._silent = 0  # features encoded in a row whose sound was silent, as was the sound after them
        self._silence: tuple[torch.Tensor, torch.Tensor] | None = None  # the last ones of silence

    def follow_arousal(self, follow: bool) -> None:
        """Set whether motion sampled from now on is as lively as the voice."""
        self._take.follow_arousal = follow

    def row(self, time: float) -> Array:
        """Coefficients `(58,)` at `time`, in seconds from the beginning; call it with times in order."""
        place = max(0.0, time * ANIMATION_FPS - 0.5)
        low = math.floor(place + 1e-6)
        share = max(0.0, place - low)
        last = low + (1 if share > 1e-6 else 0)
        while self._first + len(self._rows) <= last:
            self._draw(last + 1 - self._first - len(self._rows))
        self._rows, self._first = self._rows[low - self._first :], low
        row = self._rows[0] if last == low else (1.0 - share) * self._rows[0] + share * self._rows[1]
        return np.asarray(row, np.float32)

    def _draw(self, num_rows: int) -> None:
        """Sample the next rows: at least `num_rows`, up to a limit."""
        done = FEATURES_PER_FRAME * (self._first + len(self._rows))
        hop = min(max(LIVE_HOP, FEATURES_PER_FRAME * num_rows), MOST_HOP)
        final, preview = (part.to(self._device, self._dtype) for part in self._features(done, hop))
        rows = self._take.push(final, preview)[0].float().cpu().numpy()
        self._rows = np.concatenate([self._rows, rows])

    def _features(self, start: int, hop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The next `hop` audio features, from `start` on, and provisional ones of what follows them."""
        keep = slice(self._speech.past, self._speech.past + hop)
        waveform = self._sound(start - keep.start, start + hop + self._future)
        self._silent = 0 if waveform.any() else self._silent + hop
        known = self._silence
        if self._silent > LIVE_PAST and known is not None and len(known[0]) == hop:
            return known
        features = self._speech.push(waveform, keep)
        self._silence = features if self._silent > LIVE_PAST else None
        return features

    def _sound(self, start: int, stop: int) -> Array:
        """The sound of the features from `start` to `stop` at 16 kHz; before the beginning there is silence."""
        padding = (self._field - ENCODER_STRIDE) // 2
        first, last = start * ENCODER_STRIDE - padding, (stop - 1) * ENCODER_STRIDE + self._field - padding
        begin = first * SOUND_RATE // ENCODER_RATE - EDGE
        end = math.ceil(last * SOUND_RATE / ENCODER_RATE) + EDGE
        edge = EDGE * ENCODER_RATE // SOUND_RATE
        return resample(self._timeline.look(begin, end), SOUND_RATE, ENCODER_RATE)[edge : edge + last - first]
