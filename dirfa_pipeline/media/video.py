"""Frames and sound to a video file and back; the only owner of encoding."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np
import soxr
from av.error import FFmpegError
from numpy.typing import NDArray

from ..errors import ImageError, InputError
from .audio import AudioClip, AudioFile
from .channels import to_stereo
from .decoding import decode_frames
from .files import whole_file
from .film_colours import HDR_NAMES, FilmColours
from .opening import open_media
from .timestamps import (
    BACKWARDS,
    DEFAULT_RATE,
    LONGEST_STILL,
    film_times,
    on_steady_grid,
    presentation_start,
    steady_rate,
)
from .video_formats import FORMATS, SOUND_RATE, VideoFormat, check_frame, check_output_path, ending_of


AHEAD: Final = 8  # frames that wait for the encoder at most
PRESETS: Final = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
# Of H.264 where none is asked for: on two cores, a video waits for slower ones (`video_ms` of `dirfa bench`).
PRESET: Final = "veryfast"


class VideoWriter:
    """
    Write a video frame by frame, with bounded memory: .mp4 (H.264, yuv420p, AAC, moov atom in front), .mov (ProRes) or
    .webm (VP9, Opus). The last two keep the transparency of frames that have a fourth channel.

    A thread of its own encodes while the next frames are made. The file appears under its name only when all is
    written; an exception inside the `with` block leaves nothing.

    Args:
        path: Where the video goes; its ending says how it is coded.
        fps (`float`): Frames per second; 29.97 is taken as 30000/1001.
        audio ([`AudioClip`] or [`AudioFile`], *optional*): Goes in whole, from the first frame on.
        crf (`int`, defaults to 18): Quality from 0 (lossless) to 51; ProRes has one of its own.
        preset (`str`, defaults to `"veryfast"`): x264's trade of speed for size; other codecs have their own.
        comment (`str`, *optional*): Goes into the file's metadata.
        mark (`Callable`, *optional*): Makes what is encoded of a frame and its time in seconds.
        sign (`Callable`, *optional*): Is given the finished file's path, which is not yet its name, to complete it.

    Raises:
        InputError: The path's ending, folder, `crf` or `preset` cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float,
        audio: AudioClip | AudioFile | None = None,
        crf: int = 18,
        preset: str = PRESET,
        comment: str | None = None,
        mark: Callable[[NDArray[np.uint8], float], NDArray[np.uint8]] | None = None,
        sign: Callable[[Path], None] | None = None,
    ) -> None:
        check_output_path(path)
        if ending_of(path) not in FORMATS:
            raise InputError(f"this writer makes {', '.join(FORMATS)}, got {os.fspath(path)!r}; use write_video")
        if not 0 <= crf <= 51:
            raise InputError(f"crf must be in [0, 51], got {crf}; 18 looks lossless, 28 is small")
        if preset not in PRESETS:
            raise InputError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
        self._path = os.fspath(path)
        self._rate = frame_rate(fps)
        self._format = FORMATS[ending_of(path)]
        self._options = self._format.options | ({"crf": str(crf)} if self._format.adjustable else {})
        if self._format.codec == "libx264":
            self._options["preset"] = preset
        self._comment, self._mark, self._sign = comment, mark, sign
        self._sound = None if audio is None else EncodableSound(audio, self._format)
        self._blocks = iter(()) if self._sound is None else self._sound.blocks()
        self._block: NDArray[np.float32] | None = None
        self._shape: tuple[int, ...] | None = None
        self._video_stream: Any = None
        self._audio_stream: Any = None
        self._num_frames = self._num_samples = 0
        self._container: Any = None
        self._writing = self._write_file()
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        self._writing.__enter__()
        return self

    @contextmanager
    def _write_file(self) -> Iterator[None]:
        """The file is open; it is finished unless something fails."""
        kind = self._format
        with whole_file(self._path) as temporary:
            opened = av.open(str(temporary), "w", format=kind.container, options=kind.head)
            with closing(opened) as self._container:
                if self._comment is not None:
                    self._container.metadata["comment"] = self._comment
                try:
                    yield
                    self._finish()
                finally:
                    self._encoder.shutdown(cancel_futures=True)
            if self._sign is not None:
                self._sign(temporary)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 of shape `(height, width, 3)`, or 4 with alpha, with even sides."""
        check_frame(frame)
        if self._shape is None:
            self._open_streams(*frame.shape)
            self._shape = frame.shape
        if frame.shape != self._shape:
            raise ImageError(
                f"all frames must have one size, got {frame.shape[1]} x {frame.shape[0]} of {frame.shape[2]} channels "
                f"after {self._shape[1]} x {self._shape[0]} of {self._shape[2]}"
            )
        frame = np.array(frame)  # a copy: the caller may use theirs again
        if len(self._waiting) == AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._encoder.submit(self._encode, frame))

    def _encode(self, frame: NDArray[np.uint8]) -> None:
        """Encode a frame and its sound."""
        if self._mark is not None:
            frame = self._mark(frame, float(self._num_frames / self._rate))
        layout = "rgb24" if frame.shape[2] == 3 else "rgba"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=layout)
        picture = picture.reformat(format=self._video_stream.pix_fmt, dst_colorspace="ITU709")
        picture.pts = self._num_frames
        picture.time_base = 1 / self._rate
        self._container.mux(self._video_stream.encode(picture))
        self._num_frames += 1
        self._write_audio(until=self._num_frames / self._rate)

    def _open_streams(self, height: int, width: int, channels: int) -> None:
        kind, transparent = self._format, channels == 4
        check_output_path(self._path, transparent)
        if width % 2 or height % 2:
            raise ImageError(f"{kind.pixels} needs even sides, got {width} x {height}; crop or scale the frames")
        options = self._options | ({"profile": "4444" if transparent else "hq"} if kind.codec == "prores_ks" else {})
        stream = self._container.add_stream(kind.codec, rate=self._rate, options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = kind.clear_pixels if transparent else kind.pixels
        if transparent and kind.container == "webm":
            stream.metadata["alpha_mode"] = "1"  # players look for transparency only where this says so
        stream.codec_context.time_base = 1 / self._rate
        # Say which matrix the colours use: players guess otherwise.
        context = stream.codec_context
        context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1
        self._video_stream = stream
        if self._sound is not None:
            self._audio_stream = self._container.add_stream(
                kind.sound_codec, rate=self._sound.sampling_rate, layout=self._sound.layout,
                options={"aac_coder": "fast"} if kind.sound_codec == "aac" else {},
            )  # fmt: skip
            self._audio_stream.bit_rate = 128_000 * self._sound.num_channels
            self._block = next(self._blocks, None)

    def _write_audio(self, until: Fraction | None) -> None:
        """Encode sound up to a time, or to its end."""
        if self._sound is None or self._audio_stream is None:
            return
        rate = self._sound.sampling_rate
        while self._block is not None:
            size = self._block.shape[1]
            if until is not None and self._num_samples + size > until * rate:
                return
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(np.clip(self._block, -1.0, 1.0)), format="fltp", layout=self._sound.layout
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, self._num_samples, Fraction(1, rate)
            self._container.mux(self._audio_stream.encode(frame))
            self._num_samples += size
            self._block = next(self._blocks, None)

    def _finish(self) -> None:
        """Encode what waits, and the rest of the sound."""
        if self._video_stream is None:
            raise InputError("a video needs at least one frame, got none")
        while self._waiting:
            self._waiting.popleft().result()
        self._write_audio(until=None)
        for stream in (self._video_stream, self._audio_stream):
            if stream is not None:
                self._container.mux(stream.encode(None))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writing.__exit__(kind, error, trace)


def frame_rate(fps: float) -> Fraction:
    """Exact rate: whole, or one of the NTSC rates n * 1000/1001 written with three decimals or more."""
    if not 1 <= fps <= 120:
        raise InputError(f"fps must be in [1, 120], got {fps}")
    nearest = round(fps)
    if abs(fps - nearest) < 1e-6:
        return Fraction(nearest)
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    return ntsc if abs(float(ntsc) - fps) < 1e-5 * fps else Fraction(fps).limit_denominator(1000)


class EncodableSound:
    """
    Sound as a kind of file takes it: at most two channels, as players mix them, at a rate that it knows, in blocks.

    Args:
        audio ([`AudioClip`] or [`AudioFile`]): The sound, read piece by piece.
        kind ([`VideoFormat`]): The kind of file.
    """

    def __init__(self, audio: AudioClip | AudioFile, kind: VideoFormat) -> None:
        self._audio, self._size = audio, kind.block
        self.sampling_rate = audio.sampling_rate if audio.sampling_rate in kind.sound_rates else SOUND_RATE
        self.num_channels = min(audio.num_channels, 2)
        self.layout = "mono" if self.num_channels == 1 else "stereo"

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound, each block `(channels, 1024)` for AAC, the last one shorter."""
        pending = np.zeros((self.num_channels, 0), np.float32)
        for piece in self._resampled():
            pending = np.concatenate([pending, piece], axis=1)
            whole = pending.shape[1] - pending.shape[1] % self._size
            for start in range(0, whole, self._size):
                yield pending[:, start : start + self._size]
            pending = pending[:, whole:]
        if pending.shape[1]:
            yield pending

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        rate, stream, level = self._audio.sampling_rate, None, self._level()
        if self.sampling_rate != rate:
            stream = soxr.ResampleStream(rate, self.sampling_rate, self.num_channels, "float32", "HQ")
        for piece in self._audio.chunks():
            if len(piece) > 2:
                piece = level * to_stereo(piece, self._audio.names)
            yield piece if stream is None else stream.resample_chunk(np.ascontiguousarray(piece.T)).T
        if stream is not None:
            yield stream.resample_chunk(np.zeros((0, self.num_channels), np.float32), last=True).T

    def _level(self) -> float:
        """What the downmix of more than two channels is scaled by, so that it does not exceed full scale."""
        if self._audio.num_channels <= 2:
            return 1.0
        peaks = [np.abs(to_stereo(piece, self._audio.names)).max(initial=0.0) for piece in self._audio.chunks()]
        return 1.0 / max(1.0, *map(float, peaks))


@dataclass(frozen=True)
class VideoFile:
    """
    A video opened for reading: `fps`, `frames` (an iterator of uint8 RGB arrays, as players show them, at that steady
    rate), the path, for its sound, and how many `seconds` its time stamps span (`None` where they cannot be right).
    """

    path: str
    fps: float
    frames: Iterator[NDArray[np.uint8]]
    seconds: float | None = None


def read_video(path: str | os.PathLike[str]) -> VideoFile:
    """
    Open a video; frames are decoded as they are asked for.

    The rate is the film's own, exactly; a film whose rate varies, as phones and browsers record them, is read at that
    of its fastest second, each picture for as long as its time stamps say. Pixels are made square, films that were
    filmed sideways turned, and those of high dynamic range mapped to BT.709, with a warning. What cannot be decoded is
    passed over: the picture before it stands.

    Raises:
        InputError: Not a video, or without pictures.
    """
    name = os.fspath(path)
    with _open_pictures(name) as (container, stream):
        first = next(container.decode(stream), None)  # a text file named .jpg opens, and fails here
        if first is not None and first.color_trc in HDR_NAMES:
            warnings.warn(
                f"{name} has high dynamic range ({HDR_NAMES[first.color_trc]}): its colours are mapped to BT.709",
                UserWarning,
                stacklevel=2,
            )
    with _open_pictures(name) as (container, stream):
        start, declared = presentation_start(container), stream.average_rate
        times = film_times(container, stream)
    rate = steady_rate(times, declared)
    late = times[0] - start if len(times) else 0.0
    waiting = round(late * rate) if 0.0 < late <= LONGEST_STILL else 0
    seconds = float(times[-1] - times[0] + (1 + waiting) / rate) if len(times) else None
    return VideoFile(name, float(rate), _steady_pictures(name, times, rate, waiting), seconds)


def decode_pictures(path: str | os.PathLike[str]) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """
    Yield each frame of a video, uint8 of shape `(height, width, 3)`, and its time in seconds.

    Pictures are as [`read_video`] has them.

    Raises:
        InputError: Not a video, or without pictures.
    """
    with _open_pictures(os.fspath(path)) as (container, stream):
        colours = FilmColours(stream.sample_aspect_ratio)
        for frame, time in _timed_frames(container, stream):
            yield colours.picture(frame), time


def _steady_pictures(
    path: str, times: NDArray[np.float64], rate: Fraction, waiting: int
) -> Iterator[NDArray[np.uint8]]:
    """
    A film's pictures at a steady rate; all of them, one after another, where it has no time stamps. The first one
    stands for `waiting` periods more, while a sound that began before it is heard.
    """
    with _open_pictures(path) as (container, stream):
        colours = FilmColours(stream.sample_aspect_ratio)
        frames = _timed_frames(container, stream)
        steady = on_steady_grid(frames, times, rate) if len(times) else (frame for frame, _ in frames)
        last = picture = None
        for frame in steady:
            if frame is not last or picture is None:
                first = picture is None
                last, picture = frame, colours.picture(frame)
                yield from [picture] * (waiting if first else 0)
            yield picture


def _timed_frames(container: Any, stream: Any) -> Iterator[tuple[Any, float]]:
    """Frames that can be decoded and their times in seconds, which go up."""
    period, time, behind = float(1 / (stream.average_rate or DEFAULT_RATE)), None, 0.0
    for frame in decode_frames(container, stream, lambda packet: None):
        stamp = None if frame.pts is None else float(frame.pts * frame.time_base) + behind
        if stamp is not None and time is not None and stamp < time - BACKWARDS:
            behind, stamp = behind + time + period - stamp, time + period
        if stamp is None or (time is not None and stamp <= time):
            stamp = 0.0 if time is None else time + period
        time = stamp
        yield frame, time


@contextmanager
def _open_pictures(path: str) -> Iterator[tuple[Any, Any]]:
    """Open a file's first video stream that is no cover; failures inside the block become an [`InputError`]."""
    try:
        with open_media(path, path) as container:
            cover = av.stream.Disposition.attached_pic
            films = [
                stream for stream in container.streams.video
                if stream.codec_context is not None and not stream.disposition & cover
            ]  # fmt: skip
            if not films:
                raise InputError(f"{path} holds no pictures in a known coding; pass a video file")
            yield container, films[0]
    except (FFmpegError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as a video ({error})") from error
