"""Features of speech that arrives in steps: each step encodes what is new, on what the encoder keeps of the past."""

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import Wav2Vec2Model
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2Attention

from ..media.audio_stream import LIVE_PAST
from ..media.prosody import prosody
from .speech_features import encoder_field


class SpeechStream:
    """
    The audio encoder with a memory: [`push`] a step's sound, get its features and provisional ones of what follows.

    The layers attend to keys and values of the last [`LIVE_PAST`] features, kept from the steps that gave them, as
    language models do with their past. Provisional features are not kept: the step that they become part of encodes
    them anew.

    Args:
        encoder (`Wav2Vec2Model`): The audio encoder; one serves any number of streams.
        device (`torch.device` or `str`): Where it computes.
    """

    def __init__(self, encoder: Wav2Vec2Model, device: torch.device | str) -> None:
        self._encoder, self._device = encoder, device
        self._near = torch.empty(1, 0, encoder.config.hidden_size)  # what the positional convolution reaches back to
        self._keys = [torch.empty(1, 0, encoder.config.hidden_size)] * len(encoder.encoder.layers)
        self._values = list(self._keys)

    @property
    def past(self) -> int:
        """
        Features before a step whose sound must be passed with it: those over which the encoder's first layer takes the
        mean and spread of the sound, if it does.
        """
        return LIVE_PAST if self._encoder.config.feat_extract_norm == "group" else 0

    @torch.no_grad()
    def push(self, samples: NDArray, keep: slice) -> tuple[Tensor, Tensor]:
        """
        Encode a step.

        Args:
            samples (`np.ndarray` of shape `(num_samples,)`): 16 kHz, padded as for [`speech_features`]: the sound of
                up to [`past`] features before the step, of the step, and of what is known after it.
            keep (`slice`): The step's features among them.

        Returns:
            The features `(hop, dim + 4)` of the step, and provisional ones `(rest, dim + 4)` of what follows.
        """
        inputs = torch.from_numpy(samples).unsqueeze(0).to(self._device, self._encoder.dtype)
        sounds = self._encoder.feature_extractor(inputs).transpose(1, 2)[:, keep.start :]
        hop = keep.stop - keep.start
        encoded = self._encode(self._encoder.feature_projection(sounds)[0], hop)[0]
        heard = prosody(samples, encoder_field(self._encoder))[keep.start :]
        features = torch.cat([encoded, torch.from_numpy(heard).to(encoded)], dim=1)
        return features[:hop], features[hop:]

    def _encode(self, hidden: Tensor, hop: int) -> Tensor:
        """The transformer's output for `(1, rows, dim)`, of which the first `hop` rows are kept for later steps."""
        encoder, stable = self._encoder.encoder, self._encoder.config.do_stable_layer_norm
        hidden = hidden + self._position(hidden, hop)
        if not stable:
            hidden = encoder.layer_norm(hidden)
        for number, layer in enumerate(encoder.layers):
            # Wav2Vec2 normalises before each part of a layer if it is of the stable kind, else after it.
            attended = self._attend(number, layer.attention, layer.layer_norm(hidden) if stable else hidden, hop)
            if stable:
                hidden = hidden + attended
                hidden = hidden + layer.feed_forward(layer.final_layer_norm(hidden))
            else:
                hidden = layer.layer_norm(hidden + attended)
                hidden = layer.final_layer_norm(hidden + layer.feed_forward(hidden))
        return encoder.layer_norm(hidden) if stable else hidden

    def _position(self, hidden: Tensor, hop: int) -> Tensor:
        """The positional convolution over some rows and the ones before them."""
        reach = self._encoder.config.num_conv_pos_embeddings // 2
        known, self._near = _remember(self._near, hidden, hop, reach)
        return self._encoder.encoder.pos_conv_embed(known)[:, -hidden.shape[1] :]

    def _attend(self, number: int, attention: Wav2Vec2Attention, hidden: Tensor, hop: int) -> Tensor:
        """Attention of some rows to themselves and to the past."""
        keys, self._keys[number] = _remember(self._keys[number], attention.k_proj(hidden), hop, LIVE_PAST)
        values, self._values[number] = _remember(self._values[number], attention.v_proj(hidden), hop, LIVE_PAST)
        parts = (attention.q_proj(hidden), keys, values)
        heads = (part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(*heads)
        return attention.out_proj(attended.transpose(1, 2).flatten(2))


def _remember(past: Tensor, new: Tensor, hop: int, most: int) -> tuple[Tensor, Tensor]:
    """The past and the new rows, and what a later step remembers of them: up to `most` rows, `hop` of them new."""
    known = torch.cat([past.to(new), new], dim=1)
    stop = past.shape[1] + hop
    return known, known[:, max(0, stop - most) : stop].clone()
