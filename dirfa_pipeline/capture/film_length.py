"""A film and a speech of different lengths, made to fit."""

from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import InputError
from ..media.audio import AudioClip
from .films import FilmedFace


FITS: Final = ("film", "cut", "hold", "loop")
FADE: Final = 0.02  # seconds over which a speech that is cut off fades, for it not to click


def fit_lengths(film: FilmedFace, sound: AudioClip, fit: str = "film") -> tuple[FilmedFace, AudioClip]:
    """
    Make a film and a speech equally long.

    Args:
        film ([`FilmedFace`]): The film.
        sound ([`AudioClip`]): The speech.
        fit (`str`, defaults to `"film"`): `"film"`: as long as the film; the lips rest after the speech, and a longer
            speech is refused. `"cut"`: the longer one is cut off. `"hold"`: the film's last picture stays while a
            longer speech goes on. `"loop"`: the film starts again while a longer speech goes on.

    Raises:
        InputError: `fit` is none of these, or the speech is longer than the film and `fit` is `"film"`.
    """
    if fit not in FITS:
        raise InputError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    spoken = max(1, round(sound.duration * film.fps))  # frames
    if fit == "cut" and spoken < len(film):
        film = film.with_frames(np.arange(spoken))
    elif fit == "cut":
        sound = _cut(sound, len(film) / film.fps)
    elif fit in ("hold", "loop") and spoken > len(film):
        frames = np.arange(spoken)
        film = film.with_frames(np.minimum(frames, len(film) - 1) if fit == "hold" else frames % len(film))
    return film, film.fill_with_silence(sound)


def _cut(sound: AudioClip, seconds: float) -> AudioClip:
    """The beginning of a sound; its end fades."""
    samples = sound.samples[:, : round(seconds * sound.sampling_rate)].copy()
    if samples.shape[1] < sound.num_samples:
        count = min(samples.shape[1], round(FADE * sound.sampling_rate))
        samples[:, samples.shape[1] - count :] *= np.linspace(1.0, 0.0, count, dtype=np.float32)
    return replace(sound, samples=samples)
