"""From sound to drawn animation, window by window."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from .animation.frame_rate import ANIMATION_FPS
from .media.audio import ENCODER_RATE, FEATURES_PER_FRAME, WHOLE_GRID, AudioClip, AudioFile, EncoderGrid
from .media.audio_stream import encoder_inputs, live_grid, mono_waveform
from .models.speech_features import encoder_field, speech_features


if TYPE_CHECKING:
    from .pipeline_dirfa import DirfaPipeline


def waveform_of(pipe: "DirfaPipeline", audio: AudioClip | AudioFile) -> Iterator[NDArray[np.float32]]:
    """The sound at 16 kHz, piece by piece; whole where the feature extractor must see all of it."""
    waveform = mono_waveform(audio)
    if not pipe.feature_extractor.do_normalize:
        return waveform
    whole = np.concatenate(list(waveform))
    return iter(pipe.feature_extractor(whole, sampling_rate=ENCODER_RATE, return_tensors="np").input_values)


@torch.no_grad()
def encode(
    pipe: "DirfaPipeline", waveform: Iterable[NDArray[np.float32]], grid: EncoderGrid
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """
    Yield the features of each window, with its prosody in the last columns, and, provisionally, those of the sound
    that it hears after them.
    """
    encoder = pipe.audio_encoder
    for samples, keep in encoder_inputs(waveform, grid, encoder_field(encoder)):
        features = speech_features(encoder, samples, pipe._execution_device)
        yield features[keep], features[keep.stop :]


@torch.no_grad()
def draw(
    pipe: "DirfaPipeline",
    waveform: Iterable[NDArray[np.float32]],
    generators: Sequence[torch.Generator | None],
    diversity: float,
    lookahead: float | None,
    expressiveness: float = 1.0,
    follow_arousal: bool = False,
) -> Iterator[NDArray[np.float32]]:
    """Yield the next coefficients, `(takes, frames, 58)` at 25 fps, as the sound comes."""
    sampler, grid, frames = pipe.animation_sampler, WHOLE_GRID, None
    if lookahead is not None:
        frames = round(lookahead * ANIMATION_FPS)
        grid = live_grid(FEATURES_PER_FRAME * frames)
    takes = sampler.start(generators, diversity, expressiveness, follow_arousal)
    for features, preview in encode(pipe, waveform, grid):
        features, preview = (part.to(pipe._execution_device, sampler.dtype) for part in (features, preview))
        yield takes.push(features, None if frames is None else preview).float().cpu().numpy()
    yield takes.finish().float().cpu().numpy()
