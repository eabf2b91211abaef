"""Sound in, from anything that PyAV reads; the only owner of the arithmetic between samples, features and frames."""

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import soxr
from av.error import FFmpegError
from numpy.typing import ArrayLike, NDArray

from .errors import AudioError, CheckpointError


MIN_SECONDS: Final = 0.2
SILENT_PEAK: Final = 1e-4
CLIPPED_SHARE: Final = 0.01
MAX_PEAK: Final = 16.0  # of full scale: beyond it are integers stored as floats
MIN_RATE, MAX_RATE = 1_000, 384_000

# The audio encoder: one feature for every 20 ms at 16 kHz. The field is that of the encoder in the bundled weights, of
# kernels (320, 4, 3) and strides (80, 2, 2); `receptive_field` tells it for others.
ENCODER_RATE: Final = 16_000
ENCODER_STRIDE: Final = 320
ENCODER_RECEPTIVE_FIELD: Final = 320 + 3 * 80 + 2 * 160
ENCODER_PADDING: Final = (ENCODER_RECEPTIVE_FIELD - ENCODER_STRIDE) // 2


@dataclass(frozen=True, eq=False)
class AudioClip:
    """
    Sound in memory.

    Args:
        samples (`np.ndarray` of shape `(channels, num_samples)`): float32, nominally in [-1, 1].
        sampling_rate (`int`): Samples per second.

    Raises:
        AudioError: `samples` has another number of dimensions.
    """

    samples: NDArray[np.float32]
    sampling_rate: int

    def __post_init__(self) -> None:
        if np.ndim(self.samples) != 2:
            raise AudioError(
                f"AudioClip needs samples of shape (channels, num_samples), got {np.shape(self.samples)}; "
                "load_audio((sampling_rate, array)) takes other shapes"
            )
        object.__setattr__(self, "samples", np.asarray(self.samples, dtype=np.float32))

    @property
    def num_samples(self) -> int:
        """Samples of one channel."""
        return self.samples.shape[1]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sampling_rate

    def mono(self, sampling_rate: int) -> NDArray[np.float32]:
        """Mix the channels down and resample: `(num_samples,)` at `sampling_rate`."""
        return resample(self.samples.mean(0), self.sampling_rate, sampling_rate)


AudioInput = str | os.PathLike[str] | tuple[int, ArrayLike] | ArrayLike | AudioClip


def resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Resample `(num_samples,)` or `(channels, num_samples)` with soxr's high-quality filter."""
    if rate == new_rate:
        return samples
    resampled = soxr.resample(samples.T, rate, new_rate, quality="HQ").T
    return np.ascontiguousarray(resampled, dtype=np.float32)


def load_audio(audio: Any, sampling_rate: int | None = None) -> AudioClip:
    """
    Read sound and check it.

    Args:
        audio: A path to anything PyAV reads (wav, mp3, m4a, opus, flac, a video with sound), a
            `(sampling_rate, array)` tuple as Gradio gives, or an array with `sampling_rate`. Arrays are `(samples,)`
            or two-dimensional with the shorter axis as channels; integers are scaled by their type's range.
        sampling_rate (`int`, *optional*): Samples per second of an array.

    Raises:
        AudioError: Unreadable, without sound, under 0.2 s, not finite, silent, far over full
            scale, or of an impossible rate.
    """
    if isinstance(audio, AudioClip):
        clip = audio
    elif isinstance(audio, str | os.PathLike):
        clip = _read_file(os.fspath(audio))
    elif isinstance(audio, tuple):
        if len(audio) != 2:
            raise AudioError(f"an audio tuple must be (sampling_rate, array), got {len(audio)} items")
        clip = _from_array(audio[1], audio[0])
    else:
        clip = _from_array(audio, sampling_rate)
    return _checked(clip)


def _from_array(array: Any, sampling_rate: Any) -> AudioClip:
    if sampling_rate is None:
        raise AudioError("an audio array needs its sampling_rate: pass sampling_rate=... or (sampling_rate, array)")
    if not isinstance(sampling_rate, int | np.integer) or not MIN_RATE <= sampling_rate <= MAX_RATE:
        raise AudioError(
            f"sampling_rate must be a whole number from {MIN_RATE} to {MAX_RATE} per second, got {sampling_rate!r}"
        )
    try:
        values = np.asarray(array)
    except ValueError as error:
        raise AudioError(f"audio arrays must be regular: {error}") from error
    if values.dtype.kind in "iu":
        half_range = 2.0 ** (8 * values.dtype.itemsize - 1)
        values = values.astype(np.float64) / half_range - (1.0 if values.dtype.kind == "u" else 0.0)
    elif values.dtype.kind != "f":
        raise AudioError(f"audio arrays must hold integers or floats, got {values.dtype}")
    if values.ndim not in (1, 2):
        raise AudioError(f"audio arrays must be (samples,) or (channels, samples), got shape {values.shape}")
    if values.ndim == 2 and values.shape[0] > values.shape[1]:
        values = values.T
    return AudioClip(np.ascontiguousarray(np.atleast_2d(values), dtype=np.float32), int(sampling_rate))


def _read_file(path: str) -> AudioClip:
    if not os.path.isfile(path):
        raise AudioError(f"audio file not found: {path}")
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise AudioError(f"{path} holds no audio stream; pass a file with sound")
            return _decode(container, container.streams.audio[0])
    except (FFmpegError, ValueError, EOFError) as error:
        if isinstance(error, AudioError):
            raise
        raise AudioError(
            f"{path} cannot be read as audio ({error}); pass wav, mp3, m4a, opus, flac or a video"
        ) from error


def _decode(container: Any, stream: Any) -> AudioClip:
    """
    Decode a whole stream; time 0 is the start of the presentation: a stream that starts late is padded with silence.

    Encoder delay that the container declares (mp3, aac, opus) is skipped by the decoder and does not count.
    """
    rate = stream.codec_context.sample_rate
    resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
    blocks, start = [], None
    for frame in container.decode(stream):
        if start is None and frame.pts is not None:
            start = float(frame.pts * frame.time_base)
        blocks += [block.to_ndarray() for block in resampler.resample(frame)]
    blocks += [block.to_ndarray() for block in resampler.resample(None)]
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0), np.float32)
    has_picture = any(not other.disposition & av.stream.Disposition.attached_pic for other in container.streams.video)
    if has_picture and start is not None and start > 0:
        samples = np.pad(samples, ((0, 0), (round(start * rate), 0)))
    return AudioClip(samples.astype(np.float32, copy=False), rate)


def _checked(clip: AudioClip) -> AudioClip:
    if clip.num_samples == 0:
        raise AudioError("the audio is empty (0 samples); pass at least 0.2 seconds of speech")
    if clip.duration < MIN_SECONDS:
        raise AudioError(f"audio must last at least {MIN_SECONDS} s, got {clip.duration:.3f} s; pass a longer clip")
    if not np.isfinite(clip.samples).all():
        where = int(np.argwhere(~np.isfinite(clip.samples))[0, 1])
        raise AudioError(
            f"audio must be finite, got {clip.samples[:, where]} at sample {where}; clean the array first"
        )
    peak = float(np.abs(clip.samples).max())
    if peak < SILENT_PEAK:
        raise AudioError(f"the audio is silent (peak {peak:.1e} of 1.0); check the recording or the microphone")
    if peak > MAX_PEAK:
        raise AudioError(f"float audio must lie in [-1, 1], got a peak of {peak:.6g}; divide int16 values by 32768")
    clipped = float(np.mean(np.abs(clip.samples) >= 0.999))
    if clipped > CLIPPED_SHARE:
        warnings.warn(f"{clipped:.1%} of the audio is clipped; lips may be less accurate", UserWarning, stacklevel=3)
    return clip


def num_frames(num_samples: int, sampling_rate: int, fps: float) -> int:
    """Frames that cover the sound: its length in frames, rounded up."""
    exact = Fraction(num_samples, sampling_rate) * Fraction(fps).limit_denominator(100_000)
    return math.ceil(exact)


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """
    Samples that one feature of a stack of convolutions sees: `1 + sum((kernel - 1) * strides before it)`.

    Raises:
        CheckpointError: The strides do not multiply to 320: the features are not 50 Hz ones.
    """
    if math.prod(strides) != ENCODER_STRIDE:
        raise CheckpointError(
            f"the audio encoder must give a feature every {ENCODER_STRIDE} samples, its strides {list(strides)} give "
            f"one every {math.prod(strides)}; use a wav2vec2 encoder of 50 Hz"
        )
    return 1 + sum((kernel - 1) * math.prod(strides[:layer]) for layer, kernel in enumerate(kernels))


def pad_for_encoder(
    waveform: NDArray[np.float32], frames: int, field: int = ENCODER_RECEPTIVE_FIELD
) -> NDArray[np.float32]:
    """
    Pad a 16 kHz waveform with zeros so that an encoder of the given receptive field gives `2 * frames` features.

    ```
    |<- 280 ->|<------ waveform ------>|<- zeros ->|
    [--- 880 samples ---]                             feature 0, centred at 160 = 10 ms
         320 [--- 880 samples ---]                    feature 1, centred at 480 = 30 ms
    ```
    Feature `i` is centred at `(i + 0.5) * 20` ms; frame `f` at 25 fps owns features `2 f` and `2 f + 1`.
    """
    total = (2 * frames - 1) * ENCODER_STRIDE + field
    before = (field - ENCODER_STRIDE) // 2
    padded = np.zeros(total, np.float32)
    kept = min(len(waveform), total - before)
    padded[before : before + kept] = waveform[:kept]
    return padded


@dataclass(frozen=True)
class EncoderWindow:
    """One run of the encoder: which samples of the padded waveform go in, which of its features are kept."""

    samples: slice
    keep: slice


def encoder_windows(
    num_features: int, hop: int = 400, context: int = 50, field: int = ENCODER_RECEPTIVE_FIELD
) -> Iterator[EncoderWindow]:
    """
    Cut a clip into windows of `hop` features (8 s) with `context` (1 s) on both sides, on a grid that starts at 0.

    The grid depends on nothing but the clip's length, so results never depend on who asks for how much at a time.
    """
    for start in range(0, num_features, hop):
        stop = min(start + hop, num_features)
        first, last = max(0, start - context), min(num_features, stop + context)
        samples = slice(first * ENCODER_STRIDE, (last - 1) * ENCODER_STRIDE + field)
        yield EncoderWindow(samples, slice(start - first, stop - first))
