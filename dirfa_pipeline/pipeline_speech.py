"""From sound to drawn animation, window by window."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from .animation.frame_rate import ANIMATION_FPS
from .media.audio import ENCODER_RATE, FEATURES_PER_FRAME, WHOLE_GRID, AudioClip, AudioFile
from .media.audio_stream import encoder_inputs, live_grid, mono_waveform
from .models.speech_features import encoder_field, speech_features
from .models.speech_stream import SpeechStream


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
def encode(pipe: "DirfaPipeline", waveform: Iterable[NDArray[np.float32]]) -> Iterator[torch.Tensor]:
    """Yield the features of each window, with its prosody in the last columns."""
    encoder = pipe.audio_encoder
    for samples, keep in encoder_inputs(waveform, WHOLE_GRID, encoder_field(encoder)):
        yield speech_features(encoder, samples, pipe._execution_device)[keep]


@torch.no_grad()
def encode_live(
    pipe: "DirfaPipeline", waveform: Iterable[NDArray[np.float32]], lookahead: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the features of each step, and provisional ones of the `lookahead` features after it."""
    stream = SpeechStream(pipe.audio_encoder, pipe._execution_device)
    grid = live_grid(lookahead, stream.past)
    for samples, keep in encoder_inputs(waveform, grid, encoder_field(pipe.audio_encoder)):
        yield stream.push(samples, keep)


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
    sampler, device = pipe.animation_sampler, pipe._execution_device
    takes = sampler.start(generators, diversity, expressiveness, follow_arousal)
    heard: Iterator[tuple[torch.Tensor, torch.Tensor | None]]
    if lookahead is None:
        heard = ((features, None) for features in encode(pipe, waveform))
    else:
        heard = encode_live(pipe, waveform, FEATURES_PER_FRAME * round(lookahead * ANIMATION_FPS))
    for features, preview in heard:
        preview = None if preview is None else preview.to(device, sampler.dtype)
        yield takes.push(features.to(device, sampler.dtype), preview).float().cpu().numpy()
    yield takes.finish().float().cpu().numpy()
