"""The sampler's input for a window of sound: the audio encoder's features, and prosody."""

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Model

from ..media.audio import receptive_field
from ..media.prosody import prosody


def encoder_field(encoder: Wav2Vec2Model) -> int:
    """Samples at 16 kHz that shape one of the encoder's features."""
    return receptive_field(encoder.config.conv_kernel, encoder.config.conv_stride)


@torch.no_grad()
def speech_features(encoder: Wav2Vec2Model, samples: NDArray[np.float32], device: torch.device | str) -> torch.Tensor:
    """
    Encode one window.

    Args:
        encoder (`Wav2Vec2Model`): The audio encoder.
        samples (`np.ndarray` of shape `(num_samples,)`): 16 kHz, padded by half of what [`encoder_field`] reaches
            beyond a feature's own 20 ms at each end.
        device (`torch.device`): Where the encoder computes.

    Returns:
        `torch.Tensor` of shape `(features, dim + 4)` at 50 Hz.
    """
    inputs = torch.from_numpy(samples).unsqueeze(0).to(device, encoder.dtype)
    features = encoder(inputs).last_hidden_state[0]
    heard = torch.from_numpy(prosody(samples, encoder_field(encoder))).to(features)
    return torch.cat([features, heard], dim=1)
