"""
The sound of a file, decoded as players do: one rate, one set of channels and one clock, whatever happens on the way.

Damage becomes silence as long as what was lost, format changes are converted, and time goes by the file's stamps.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from numpy.typing import NDArray

from ..errors import AudioError, InputError
from .channels import VoiceMix, to_stereo
from .decoding import Damage, decode_frames
from .opening import open_media
from .timestamps import presentation_start


MAX_PEAK: Final = 16.0  # of full scale: beyond it are integers stored as floats, or a damaged packet's noise
TOLERANCE: Final = 0.04  # seconds by which stamps may be off; browsers' are
LONGEST_GAP: Final = 60.0  # seconds: stamps that leap further are wrong
MOST_SILENCE: Final = 1800.0  # seconds that stamps may ask for in all
UNSTAMPED: Final = ("mp3", "aac", "ac3", "eac3", "dts")  # containers that count packets: lost ones shift their clock
NAMELESS: Final = ("NONE", "UNK", "UNSD")
USUAL_NAMES: Final = {
    1: ("FC",), 2: ("FL", "FR"), 6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}  # fmt: skip
UNCHECKED_FLOATS: Final = "pcm_f"  # codecs of plain floats: whatever is in them was meant


class SoundFile:
    """
    A file with sound; `sampling_rate`, `num_channels`, their `names` where they are known, and `blocks()` tell it.

    Args:
        path (`str`): Anything PyAV reads.

    Raises:
        AudioError: It is not there, not media, or has no sound.
    """

    def __init__(self, path: str) -> None:
        check_audio_file(path)
        self.path = path
        self.damage = Damage()
        self._parts: list[BytesIO] | list[str] = ogg_parts(path) or [path]
        with _open_sound(path, self._parts[0]) as (_, stream):
            context = stream.codec_context
            self.sampling_rate: int = context.sample_rate
            self.num_channels: int = context.layout.nb_channels
            self.names = channel_names(context.layout)
        if not self.sampling_rate or not self.num_channels:
            raise AudioError(
                f"{path} names no sampling rate or no channels ({self.sampling_rate} a second, {self.num_channels}); "
                "its head is damaged"
            )

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """
        Yield the sound, each block `(channels, num_samples)`; what is lost is counted in `damage`.

        Time 0 is the start of the presentation: the sound of a film that starts late begins with silence. Encoder
        delay that the container declares (mp3, aac, opus) is skipped by the decoder and does not count.

        Raises:
            AudioError: Nothing can be decoded.
        """
        self.damage = Damage()
        self._written = self._silence = 0
        for part in self._parts:
            with _open_sound(self.path, part) as (container, stream):
                for block in self._decode(container, stream):
                    self._written += block.shape[1]
                    yield block

    def _decode(self, container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:
        """A part's sound on the clock; it begins where the part before ended."""
        clock = _Clock(container, stream, self._written, self.sampling_rate)
        converter = _Converter(self.sampling_rate, self.num_channels)
        guarded = not stream.codec_context.name.startswith(UNCHECKED_FLOATS)
        if stream.codec_context.name == "flac":  # else it decodes damage to loud noise
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
        for frame in decode_frames(container, stream, clock.lose):
            blocks = list(converter.convert(frame))
            missing = clock.missing_before(frame, self._written)
            if missing and self._silence + missing <= MOST_SILENCE * self.sampling_rate:
                if clock.started:
                    self.damage.add(self._written / self.sampling_rate, missing / self.sampling_rate)
                self._silence += missing
                yield np.zeros((self.num_channels, missing), np.float32)
            clock.started = True
            for block in blocks:
                if guarded and not np.abs(block).max(initial=0.0) <= MAX_PEAK:
                    self.damage.add(self._written / self.sampling_rate, block.shape[1] / self.sampling_rate)
                    block = np.zeros_like(block)
                yield block
        yield from converter.finish()
        if clock.lost:
            self.damage.add(self._written / self.sampling_rate, clock.lost)


class _Clock:
    """
    Tells how much sound is missing before a frame.

    Args:
        container, stream: PyAV's.
        start (`int`): Samples written before this part of the file.
        rate (`int`): Samples per second that are written.
    """

    def __init__(self, container: Any, stream: Any, start: int, rate: int) -> None:
        pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        self.started = False
        self.lost = 0.0  # seconds, since the last frame
        self._start, self._rate = start, rate
        self._origin: float | None = presentation_start(container) if pictures else None
        self._unstamped = container.format.name in UNSTAMPED
        self._bytes_per_second = (stream.bit_rate or container.bit_rate or 0) / 8

    def lose(self, packet: Any) -> None:
        """Count a packet that could not be decoded."""
        if packet is None:
            return
        seconds = float((packet.duration or 0) * packet.time_base)
        if self._unstamped and self._bytes_per_second:
            # The packet is all that lay between two good ones, and the clock counts it as one.
            longer = max(seconds, packet.size / self._bytes_per_second)
            if self._origin is not None:
                self._origin -= longer - seconds
            seconds = longer
        self.lost += seconds

    def missing_before(self, frame: Any, written: int) -> int:
        """Samples by which the frame comes later than what was written so far."""
        exact, self.lost = self.lost > 0.0, 0.0
        if frame.pts is None:
            return 0
        time = float(frame.pts * frame.time_base)
        if self._origin is None:
            self._origin = time
        missing = self._start + round((time - self._origin) * self._rate) - written
        least = 0.0 if exact or not self.started else TOLERANCE
        if least * self._rate < missing <= LONGEST_GAP * self._rate:
            return missing
        if abs(missing) > TOLERANCE * self._rate and (self.started or missing > 0):  # it goes on from here
            self._origin = time - (written - self._start) / self._rate
        return 0


class _Converter:
    """
    Turns frames of any format into blocks of one rate and one number of channels.

    Args:
        rate (`int`): Samples per second.
        num_channels (`int`): Channels; where a frame has others, it is mixed down or spread.
    """

    def __init__(self, rate: int, num_channels: int) -> None:
        self._rate, self._num_channels = rate, num_channels
        self._format: tuple[Any, ...] = ()
        self._resampler: Any = None

    def convert(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        """Yield what is known of the sound up to the end of a frame."""
        found = (frame.format.name, frame.layout.nb_channels, channel_names(frame.layout), frame.sample_rate)
        if found != self._format:
            yield from self.finish()
            # One plane for all channels: PyAV stacks planes for its arrays, and crashes where there are eight.
            self._format, self._resampler = found, av.AudioResampler(format="flt", rate=self._rate)
        yield from self._blocks(frame)

    def finish(self) -> Iterator[NDArray[np.float32]]:
        """Yield what the resampler held back."""
        if self._resampler is not None:
            yield from self._blocks(None)
            self._resampler = None

    def _blocks(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        for packed in self._resampler.resample(frame):
            block = packed.to_ndarray().reshape(-1, self._format[1]).T
            yield np.ascontiguousarray(self._with_channels(block, self._format[2]), dtype=np.float32)

    def _with_channels(self, block: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
        """The block in as many channels as the clip began with."""
        if len(block) == self._num_channels:
            return block
        if self._num_channels == 1:
            return VoiceMix(self._rate, len(block), names).whole(block)[None]
        whole = np.zeros((self._num_channels, block.shape[1]), np.float32)
        whole[:2] = to_stereo(block, names)
        return whole


def channel_names(layout: Any) -> tuple[str, ...]:
    """FFmpeg's names of the channels; where a file has none, those that players take; `()` for other numbers."""
    names = tuple(channel.name for channel in layout.channels)
    return names if set(names).isdisjoint(NAMELESS) else USUAL_NAMES.get(len(names), ())


def check_audio_file(path: str | os.PathLike[str]) -> None:
    """Raise [`AudioError`] unless the file is there; what is in it shows when it is decoded."""
    if not os.path.isfile(path):
        raise AudioError(f"audio file not found: {os.fspath(path)}")


def ogg_parts(path: str) -> list[BytesIO]:
    """
    The parts of an Ogg file that was put together of several, which players play one after another and FFmpeg refuses
    where their channels differ; none for any other file.

    A part begins with one page or more that are marked as first (RFC 3533, section 6).
    """
    starts, first_before = [], False
    with open(path, "rb") as file:
        at = 0
        while len(head := file.read(27)) == 27 and head[:4] == b"OggS":
            first = bool(head[5] & 2)
            if first and not first_before:
                starts.append(at)
            first_before = first
            at += 27 + head[26] + sum(file.read(head[26]))
            file.seek(at)
        if len(starts) < 2:
            return []
        parts = []
        for start, stop in zip(starts, [*starts[1:], None], strict=True):
            file.seek(start)
            parts.append(BytesIO(file.read() if stop is None else file.read(stop - start)))
    return parts


@contextmanager
def _open_sound(path: str, source: str | BytesIO) -> Iterator[tuple[Any, Any]]:
    """Open a file's first audio stream that can be decoded; failures inside the block become an [`AudioError`]."""
    if isinstance(source, BytesIO):
        source.seek(0)
    try:
        with open_media(source, path) as container:
            streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
            if not streams:
                raise AudioError(f"{path} holds no audio stream in a known coding; pass a file with sound")
            yield container, streams[0]
    except (FFmpegError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        reason = (
            "it is damaged, or no sound" if isinstance(error, InvalidDataError) else getattr(error, "strerror", error)
        )
        raise AudioError(
            f"{path} cannot be read as audio ({reason}); pass wav, mp3, m4a, opus, flac or a video"
        ) from error
