"""Sound that arrives in pieces: to 16 kHz mono, then to the encoder's windows, with bounded memory."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import AudioError
from .audio import (
    ENCODER_RATE,
    ENCODER_STRIDE,
    FEATURES_PER_FRAME,
    AudioClip,
    AudioFile,
    EncoderGrid,
    SoundCheck,
    as_sound,
    check_rate,
    to_float,
)
from .channels import VoiceMix


PIECE: Final = 16_384  # samples handled at a time, however long a chunk is
LIVE_HOP: Final = 4  # features of a live step: two frames
# Features that a step attends to before itself: four seconds. With half of them 1.2 % fewer are recognised, with twice
# as many no more (measured with these here: benchmarks/evaluate_lookahead.py, on nine of its native speakers' clips).
LIVE_PAST: Final = 200


def live_grid(lookahead: int, past: int = 0) -> EncoderGrid:
    """Steps for live use, with the sound of `past` features of 20 ms before them and `lookahead` after them."""
    return EncoderGrid(LIVE_HOP, past, lookahead)


def _each(chunks: Iterable[Any]) -> Iterator[Any]:
    """The chunks; of iterators that compare arrays with their end, as `iter(queue.get, None)` does, it says so."""
    iterator = iter(chunks)
    while True:
        try:
            chunk = next(iterator)
        except StopIteration:
            return
        except ValueError as error:
            if "truth value" not in str(error):
                raise
            raise AudioError(
                "the iterator of chunks compares arrays with its end, which NumPy refuses; in place of "
                "iter(queue.get, None) use a generator: while (chunk := queue.get()) is not None: yield chunk"
            ) from error
        yield chunk


class SoundStream:
    """
    Turns chunks of sound into a mono waveform.

    Chunks may have any length, none included, and any type: arrays of `(samples,)`, `(channels, samples)` or
    `(samples, channels)`, `(sampling_rate, array)` tuples, [`AudioClip`]s. Which axis of two-dimensional arrays holds
    the channels is taken from the first one: the shorter axis.

    Args:
        sampling_rate (`int`, *optional*): Samples per second of bare arrays.
        new_rate (`int`, defaults to 16000): Samples per second of the waveform.
        names (`tuple[str, ...]`): The channels' names, if known, see [`VoiceMix`].
    """

    def __init__(
        self, sampling_rate: int | None = None, new_rate: int = ENCODER_RATE, names: tuple[str, ...] = ()
    ) -> None:
        self.sampling_rate = None if sampling_rate is None else check_rate(sampling_rate)
        self._new_rate = new_rate
        self._check = SoundCheck()
        self._names, self._mix = names, VoiceMix(ENCODER_RATE, 1)
        self._resampler: soxr.ResampleStream | None = None
        self._shape: tuple[int, int] | None = None  # axis and number of the channels

    @property
    def num_samples(self) -> int:
        """Samples of one channel heard so far."""
        return self._check.num_samples

    def waveform(self, chunks: Iterable[Any]) -> Iterator[NDArray[np.float32]]:
        """
        Yield the waveform piece by piece, each `(num_samples,)`.

        Raises:
            AudioError: A chunk is no sound, holds a value that is not finite, or has another rate or other channels
                than the ones before it; or there was none.
        """
        for chunk in _each(chunks):
            yield from self.hear(chunk)
        if self.num_samples == 0:
            raise AudioError("audio_chunks held no sound (0 samples); pass at least 0.2 seconds of speech")
        yield self.finish()

    def hear(self, chunk: Any) -> Iterator[NDArray[np.float32]]:
        """Yield the waveform of one more chunk, as far as the resampler gives it; errors as for [`waveform`]."""
        samples = self._unpack(chunk)
        for start in range(0, samples.shape[1], PIECE):
            piece = to_float(samples[:, start : start + PIECE])
            self._check.update(piece)
            yield self._resample(self._mix.mix(piece), last=False)

    def finish(self) -> NDArray[np.float32]:
        """The end of the waveform, which the resampler held back; no chunk may follow."""
        return self._resample(self._mix.finish(), last=True)

    def _unpack(self, chunk: Any) -> NDArray[Any]:
        """A chunk as `(channels, num_samples)`."""
        if isinstance(chunk, AudioClip):
            chunk = (chunk.sampling_rate, chunk.samples)
        rate = self.sampling_rate
        if isinstance(chunk, tuple):
            if len(chunk) != 2:
                raise AudioError(f"an audio tuple must be (sampling_rate, array), got {len(chunk)} items")
            rate, chunk = check_rate(chunk[0]), chunk[1]
        if rate is None:
            raise AudioError("chunks that are arrays need sampling_rate=..., or be (sampling_rate, array) tuples")
        if self.sampling_rate not in (None, rate):
            raise AudioError(
                f"all chunks need one sampling rate, got {rate} after {self.sampling_rate}; resample them"
            )
        self.sampling_rate = rate
        return self._oriented(as_sound(chunk))

    def _oriented(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.size == 0:
            return np.zeros((1, 0), np.float32)
        if values.ndim == 1:
            values = values[None]
            axis = 0
        else:
            axis = int(values.shape[1] < values.shape[0]) if self._shape is None else self._shape[0]
        if self._shape is None:
            self._shape = (axis, values.shape[axis])
            self._mix = VoiceMix(self.sampling_rate or self._new_rate, values.shape[axis], self._names)
        if self._shape != (axis, values.shape[axis]):
            raise AudioError(
                f"all chunks need the same channels, got shape {values.shape} after chunks with {self._shape[1]} "
                f"channels on axis {self._shape[0]}"
            )
        return values if axis == 0 else values.T

    def _resample(self, samples: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        if self.sampling_rate in (None, self._new_rate):
            return samples
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(self.sampling_rate, self._new_rate, 1, dtype="float32", quality="HQ")
        return self._resampler.resample_chunk(samples, last=last)


def mono_waveform(audio: AudioClip | AudioFile) -> Iterator[NDArray[np.float32]]:
    """The sound at 16 kHz, mixed down, piece by piece: what [`AudioClip.mono`] gives as a whole."""
    return SoundStream(audio.sampling_rate, names=audio.names).waveform(
        (audio.sampling_rate, piece) for piece in audio.chunks()
    )


def encoder_inputs(
    waveform: Iterable[NDArray[np.float32]], grid: EncoderGrid, field: int
) -> Iterator[tuple[NDArray[np.float32], slice]]:
    """
    Cut a 16 kHz waveform that arrives in pieces into the encoder's windows, each as soon as it is full.

    Yields the samples of a window and which of their features are kept. The windows are those of
    [`encoder_windows`] on the waveform padded by [`pad_for_encoder`].
    """
    padded = np.zeros((field - ENCODER_STRIDE) // 2, np.float32)
    first = num_samples = start = 0  # `padded` begins at sample `first`; `start` is the next feature
    for piece in waveform:
        num_samples += len(piece)
        padded = np.concatenate([padded, piece])
        known = (first + len(padded) - field) // ENCODER_STRIDE + 1
        while start + grid.hop + grid.future <= known:
            window = grid.window(start, known, field)
            yield padded[window.samples.start - first : window.samples.stop - first], window.keep
            start += grid.hop
            oldest = max(0, start - grid.past) * ENCODER_STRIDE
            padded, first = padded[oldest - first :], oldest
    num_features = FEATURES_PER_FRAME * math.ceil(num_samples / (FEATURES_PER_FRAME * ENCODER_STRIDE))
    missing = (num_features - 1) * ENCODER_STRIDE + field - first - len(padded)
    padded = np.pad(padded, (0, max(0, missing)))
    for rest in range(start, num_features, grid.hop):
        window = grid.window(rest, num_features, field)
        yield padded[window.samples.start - first : window.samples.stop - first], window.keep
