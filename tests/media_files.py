"""Sound and video files written by PyAV, without the library's own writer."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dirfa_pipeline import AudioClip


def speech(seconds: float = 2.0, rate: int = 16_000, channels: int = 1) -> AudioClip:
    """Syllables: a gliding buzz at four a second with hiss between; the second channel is quieter."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * time)) / rate
    buzz = sum(np.sin(k * pitch) / k for k in range(1, 12))
    hiss = np.random.default_rng(0).normal(size=len(time))
    voiced = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    wave = 0.15 * voiced * buzz + 0.02 * (1 - voiced) * hiss
    return AudioClip((wave * np.array([[1.0], [0.5]])[:channels]).astype(np.float32), rate)


def write_media(
    path: Path, clip: AudioClip | None, codec: str = "", pictures: int = 0, start: float = 0.0, first: int = 0
) -> Path:
    """
    Write sound, pictures (25 a second) or both; the sound begins at `start` seconds, the pictures `first` periods on.
    """
    with av.open(str(path), "w") as container:
        video = None
        if pictures:
            video = container.add_stream("mpeg4", rate=25)
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = None
        if clip is not None:
            layout = "mono" if len(clip.samples) == 1 else "stereo"
            sound = container.add_stream(codec, rate=clip.sampling_rate, layout=layout)
        for index in range(pictures):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            picture.pts, picture.time_base = first + index, Fraction(1, 25)
            container.mux(video.encode(picture))
        if clip is not None:
            block = av.AudioFrame.from_ndarray(clip.samples, format="fltp", layout=layout)
            block.sample_rate, block.time_base = clip.sampling_rate, Fraction(1, clip.sampling_rate)
            block.pts = round(start * clip.sampling_rate)
            container.mux(sound.encode(block))
        for stream in (video, sound):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


def lag(heard: np.ndarray, sent: np.ndarray) -> int:
    """Samples by which `heard` is late."""
    spectrum = np.fft.rfft(heard, 2 * max(len(heard), len(sent)))
    correlation = np.fft.irfft(spectrum * np.conj(np.fft.rfft(sent, 2 * max(len(heard), len(sent)))))
    best = int(np.argmax(correlation))
    return best if best < len(correlation) // 2 else best - len(correlation)
