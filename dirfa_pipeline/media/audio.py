"""Sound in memory and on the disk, checked; also all arithmetic between samples, features and frames."""

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from ..errors import AudioError, CheckpointError
from .channels import VoiceMix
from .sound_file import MAX_PEAK, SoundFile


MIN_SECONDS: Final = 0.2
SILENT_PEAK: Final = 1e-4
CLIPPED_SHARE: Final = 0.01
MIN_RATE, MAX_RATE = 1_000, 384_000

# The audio encoder: one feature for every 20 ms at 16 kHz, two for each of an animation's 25 frames a second. The
# field is that of the encoder in the bundled weights, of kernels (320, 4, 3) and strides (80, 2, 2); `receptive_field`
# tells it for others.
ENCODER_RATE: Final = 16_000
ENCODER_STRIDE: Final = 320
FEATURES_PER_FRAME: Final = 2
ENCODER_RECEPTIVE_FIELD: Final = 320 + 3 * 80 + 2 * 160
ENCODER_PADDING: Final = (ENCODER_RECEPTIVE_FIELD - ENCODER_STRIDE) // 2


@dataclass(frozen=True, eq=False)
class AudioClip:
    """
    Sound in memory.

    Args:
        samples (`np.ndarray` of shape `(channels, num_samples)`): float32, nominally in [-1, 1].
        sampling_rate (`int`): Samples per second.
        names (`tuple[str, ...]`): The channels' names, as FFmpeg has them, if they are known: "FL", "FC", "LFE"...

    Raises:
        AudioError: `samples` has another number of dimensions.
    """

    samples: NDArray[np.float32]
    sampling_rate: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if np.ndim(self.samples) != 2:
            raise AudioError(
                f"AudioClip needs samples of shape (channels, num_samples), got {np.shape(self.samples)}; "
                "load_audio((sampling_rate, array)) takes other shapes"
            )
        object.__setattr__(self, "samples", np.asarray(self.samples, dtype=np.float32))

    @property
    def num_channels(self) -> int:
        """Channels."""
        return self.samples.shape[0]

    @property
    def num_samples(self) -> int:
        """Samples of one channel."""
        return self.samples.shape[1]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sampling_rate

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """The sound in pieces of a second, each `(channels, num_samples)`."""
        for start in range(0, self.num_samples, self.sampling_rate):
            yield self.samples[:, start : start + self.sampling_rate]

    def mono(self, sampling_rate: int) -> NDArray[np.float32]:
        """Mix the channels down, see [`VoiceMix`], and resample: `(num_samples,)` at `sampling_rate`."""
        mixed = VoiceMix(self.sampling_rate, self.num_channels, self.names).whole(self.samples)
        return resample(mixed, self.sampling_rate, sampling_rate)


@dataclass(frozen=True)
class AudioFile:
    """
    Sound that stays on the disk; it is decoded piece by piece each time it is used.

    Args:
        path (`str`): Anything PyAV reads.
        sampling_rate (`int`): Samples per second.
        num_channels, num_samples (`int`): Channels, and samples of each.
        names (`tuple[str, ...]`): The channels' names, as FFmpeg has them.
    """

    path: str
    sampling_rate: int
    num_channels: int
    num_samples: int
    names: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sampling_rate

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """The sound in the pieces that the decoder gives, each `(channels, num_samples)`."""
        yield from SoundFile(self.path).blocks()


AudioInput = str | os.PathLike[str] | tuple[int, ArrayLike] | ArrayLike | AudioClip | AudioFile


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
            or two-dimensional with the shorter axis as channels; integers are scaled by their type's range. An
            [`AudioClip`] or [`AudioFile`] is taken as it is.
        sampling_rate (`int`, *optional*): Samples per second of an array.

    Raises:
        AudioError: Unreadable, without sound, under 0.2 s, not finite, silent, far over full
            scale, or of an impossible rate.
    """
    if isinstance(audio, AudioClip):
        clip = audio
    elif isinstance(audio, AudioFile):
        clip = _read_file(audio.path)
    elif isinstance(audio, str | os.PathLike):
        clip = _read_file(os.fspath(audio))
    elif isinstance(audio, tuple):
        if len(audio) != 2:
            raise AudioError(f"an audio tuple must be (sampling_rate, array), got {len(audio)} items")
        clip = _from_array(audio[1], audio[0])
    else:
        clip = _from_array(audio, sampling_rate)
    return _checked(clip)


def open_audio(path: str | os.PathLike[str]) -> AudioFile:
    """
    Check a file as [`load_audio`] does, by decoding it once, without keeping it in memory.

    Raises:
        AudioError: As [`load_audio`].
    """
    file, check = SoundFile(os.fspath(path)), SoundCheck()
    for block in file.blocks():
        check.update(block)
    file.damage.warn(file.path, "of sound are lost")
    check.finish(file.sampling_rate)
    return AudioFile(file.path, file.sampling_rate, check.num_channels, check.num_samples, file.names)


def check_rate(sampling_rate: Any) -> int:
    """Return the rate as a plain number; raises [`AudioError`] if sound cannot have it."""
    if not isinstance(sampling_rate, int | np.integer) or not MIN_RATE <= sampling_rate <= MAX_RATE:
        raise AudioError(
            f"sampling_rate must be a whole number from {MIN_RATE} to {MAX_RATE} per second, got {sampling_rate!r}"
        )
    return int(sampling_rate)


def as_sound(array: Any) -> NDArray[Any]:
    """Return an array of integers or floats with one or two dimensions; raises [`AudioError`] for anything else."""
    if isinstance(array, bytes | bytearray | memoryview):
        raise AudioError("audio must be an array, got bytes; pass np.frombuffer(data, np.int16) or its true type")
    try:
        values = np.asarray(array)
    except ValueError as error:
        raise AudioError(f"audio arrays must be regular: {error}") from error
    if values.dtype.kind not in "iuf":
        raise AudioError(f"audio arrays must hold integers or floats, got {values.dtype}")
    if values.ndim not in (1, 2):
        raise AudioError(f"audio arrays must be (samples,) or (channels, samples), got shape {values.shape}")
    return values


def to_float(values: NDArray[Any]) -> NDArray[np.float32]:
    """Floats as they are, integers scaled by their type's range to [-1, 1), unsigned ones around their middle."""
    if values.dtype.kind in "iu":
        half_range = 2.0 ** (8 * values.dtype.itemsize - 1)
        values = values.astype(np.float64) / half_range - (1.0 if values.dtype.kind == "u" else 0.0)
    return np.ascontiguousarray(values, dtype=np.float32)


def _from_array(array: Any, sampling_rate: Any) -> AudioClip:
    if sampling_rate is None:
        raise AudioError("an audio array needs its sampling_rate: pass sampling_rate=... or (sampling_rate, array)")
    rate, values = check_rate(sampling_rate), as_sound(array)
    if values.ndim == 2 and values.shape[0] > values.shape[1]:
        values = values.T
    return AudioClip(to_float(np.atleast_2d(values)), rate)


def _read_file(path: str) -> AudioClip:
    file = SoundFile(path)
    blocks = list(file.blocks())
    file.damage.warn(path, "of sound are lost")
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((file.num_channels, 0), np.float32)
    return AudioClip(samples, file.sampling_rate, file.names)


class SoundCheck:
    """Finds what is wrong with sound that comes in pieces."""

    def __init__(self) -> None:
        self.num_samples = self.num_channels = 0
        self._peak, self._clipped = 0.0, 0

    def update(self, samples: NDArray[np.float32]) -> None:
        """Check the next piece, `(channels, num_samples)`; raises [`AudioError`] if not finite or far too loud."""
        if not np.isfinite(samples).all():
            where = int(np.argwhere(~np.isfinite(samples))[0, 1])
            raise AudioError(
                f"audio must be finite, got {samples[:, where]} at sample {self.num_samples + where}; "
                "clean the array first"
            )
        magnitude = np.abs(samples)
        peak = float(magnitude.max(initial=0.0))
        if peak > MAX_PEAK:
            raise AudioError(
                f"float audio must lie in [-1, 1], got a peak of {peak:.6g}; divide int16 values by 32768"
            )
        self._peak = max(self._peak, peak)
        self._clipped += int(np.count_nonzero(magnitude >= 0.999))
        self.num_channels = len(samples)
        self.num_samples += samples.shape[1]

    def finish(self, sampling_rate: int) -> None:
        """Raise [`AudioError`] if the whole is empty, too short or silent; warn if much of it is clipped."""
        duration = self.num_samples / sampling_rate
        if self.num_samples == 0:
            raise AudioError("the audio is empty (0 samples); pass at least 0.2 seconds of speech")
        if duration < MIN_SECONDS:
            raise AudioError(f"audio must last at least {MIN_SECONDS} s, got {duration:.3f} s; pass a longer clip")
        if self._peak < SILENT_PEAK:
            raise AudioError(
                f"the audio is silent: the loudest sample may not be under {SILENT_PEAK:g} of full scale, got "
                f"{self._peak:.2g}; check the recording or the microphone"
            )
        clipped = self._clipped / (self.num_samples * self.num_channels)
        if clipped > CLIPPED_SHARE:
            warnings.warn(
                f"{clipped:.1%} of the audio is clipped; lips may be less accurate", UserWarning, stacklevel=4
            )


def _checked(clip: AudioClip) -> AudioClip:
    check = SoundCheck()
    check.update(clip.samples)
    check.finish(clip.sampling_rate)
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
    total = (FEATURES_PER_FRAME * frames - 1) * ENCODER_STRIDE + field
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


@dataclass(frozen=True)
class EncoderGrid:
    """
    Windows on a fixed grid that starts at 0, so that results never depend on who asks for how much at a time.

    Args:
        hop (`int`): Features that a window gives, of 20 ms each.
        past, future (`int`): Features around them that it hears.
    """

    hop: int
    past: int
    future: int

    def window(self, start: int, num_features: int, field: int) -> EncoderWindow:
        """The window that gives the features from `start` on, cut at the ends of a clip."""
        stop = min(start + self.hop, num_features)
        first, last = max(0, start - self.past), min(num_features, stop + self.future)
        samples = slice(first * ENCODER_STRIDE, (last - 1) * ENCODER_STRIDE + field)
        return EncoderWindow(samples, slice(start - first, stop - first))


WHOLE_GRID: Final = EncoderGrid(hop=400, past=50, future=50)  # 8 s with 1 s on both sides


def encoder_windows(
    num_features: int, grid: EncoderGrid = WHOLE_GRID, field: int = ENCODER_RECEPTIVE_FIELD
) -> Iterator[EncoderWindow]:
    """Cut a clip into the windows of a grid; `field` is the encoder's receptive field in samples."""
    for start in range(0, num_features, grid.hop):
        yield grid.window(start, num_features, field)
