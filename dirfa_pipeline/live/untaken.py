"""What happens to the sound of frames that nobody took."""

from dataclasses import replace

import numpy as np

from .face import AvatarFrame
from .timeline import FADE, SOUND_RATE
from .utterance import Utterance


def joined(old: AvatarFrame, new: AvatarFrame) -> AvatarFrame:
    """The new frame, with the sound of both."""
    spoken = dict(old.spoken)
    for utterance, samples in new.spoken.items():
        spoken[utterance] = spoken.get(utterance, 0) + samples
    audio = np.concatenate([old.audio, new.audio], axis=1)
    return replace(new, audio=audio, speaking=bool(spoken), spoken=spoken)


def hushed(frame: AvatarFrame, fades: bool) -> AvatarFrame:
    """The frame with silence of the same length; if `fades`, an utterance already being heard fades out first."""
    audio, spoken = np.zeros_like(frame.audio), dict[Utterance, int]()
    first = next(iter(frame.spoken), None)
    if fades and first is not None and first.handed > 0:
        length = min(round(FADE * SOUND_RATE), audio.shape[1])
        audio[:, :length] = frame.audio[:, :length] * np.linspace(1.0, 0.0, length, dtype=np.float32)
        spoken[first] = min(length, frame.spoken[first])
    return replace(frame, audio=audio, speaking=bool(spoken), spoken=spoken)
