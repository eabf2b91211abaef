"""Sound as .wav files, which every program reads."""

import os
import wave

import numpy as np

from .audio import AudioClip


def write_wav(path: str | os.PathLike[str], clip: AudioClip) -> None:
    """Write a clip with 16 bits a sample, at its own rate; louder than full scale is cut off."""
    samples = np.round(np.clip(clip.samples, -1.0, 1.0) * 32_767).astype("<i2")
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(clip.num_channels)
        file.setsampwidth(2)
        file.setframerate(clip.sampling_rate)
        file.writeframes(samples.T.tobytes())
