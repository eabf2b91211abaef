"""The audio encoder with what only training needs: a log-mel input for the teacher, a read-out for distillation."""

import torch
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from ..audio import ENCODER_PADDING, ENCODER_RATE
from ..models.speech_head import SpeechHead


NUM_MELS = 80
FFT_SIZE, WINDOW, HOP = 512, 400, 160
LOG_FLOOR, LOG_MEAN, LOG_STD = 1e-5, -5.0, 4.0


def encoder_config(hidden: int = 256, layers: int = 4) -> Wav2Vec2Config:
    """A short, streamable front end (20 ms kernel, 5 ms first stride) and a small pre-norm transformer."""
    return Wav2Vec2Config(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=max(1, hidden // 64),
        intermediate_size=4 * hidden, conv_dim=(320, 256, 256), conv_kernel=(320, 4, 3), conv_stride=(80, 2, 2),
        num_feat_extract_layers=3, feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True,
        num_conv_pos_embeddings=31, num_conv_pos_embedding_groups=16, mask_time_prob=0.0, layerdrop=0.0,
        hidden_dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0,
        apply_spec_augment=False, vocab_size=32,
    )  # fmt: skip


class SpeechModel(nn.Module):
    """
    Student and teacher in one: the same transformer and head behind a learned front end or behind log-mel.

    Args:
        config (`Wav2Vec2Config`): The audio encoder's.
    """

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.mel_filters: Tensor
        self.encoder = Wav2Vec2Model(config)
        self.head = SpeechHead(config.hidden_size)
        self.mel_input = nn.Linear(2 * NUM_MELS, config.hidden_size)
        self.mel_readout = nn.Linear(config.conv_dim[-1], 2 * NUM_MELS)
        self.register_buffer("mel_filters", mel_filters(), persistent=False)
        initialise_gabor(self.encoder.feature_extractor.conv_layers[0].conv)

    def log_mel(self, waveforms: Tensor) -> Tensor:
        """Normalised log-mel of padded waveforms, two 10 ms frames stacked: `(batch, features, 160)`."""
        # The first frame is centred 5 ms into the sound, the second 15 ms: together they are feature 0.
        start = ENCODER_PADDING + HOP // 2 - FFT_SIZE // 2
        window = torch.hann_window(WINDOW, device=waveforms.device)
        spectrum = torch.stft(
            waveforms[:, start:], FFT_SIZE, HOP, WINDOW, window, center=False, return_complex=True
        )  # fmt: skip
        mels = self.mel_filters @ spectrum.abs().square()
        features = (waveforms.shape[1] - 560) // 320
        logs = ((mels + LOG_FLOOR).log() - LOG_MEAN) / LOG_STD
        return logs[..., : 2 * features].transpose(1, 2).unflatten(1, (features, 2)).flatten(2)

    def from_mel(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Teacher: features, viseme logits and closure logits from log-mel."""
        features = self.encoder.encoder(self.mel_input(mel)).last_hidden_state
        return features, *self.head(features)

    def from_wave(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Student: the same from the waveform."""
        features = self.encoder(waveforms).last_hidden_state
        return features, *self.head(features)

    def read_mel(self, waveforms: Tensor) -> Tensor:
        """What the learned front end knows of the log-mel."""
        extracted = self.encoder.feature_extractor(waveforms).transpose(1, 2)
        return self.mel_readout(self.encoder.feature_projection.layer_norm(extracted))

    @torch.no_grad()
    def adopt_front_end(self, distilled: "SpeechModel") -> None:
        """Put a distilled front end under this teacher: its projection is the read-out followed by the mel input."""
        self.encoder.feature_extractor.load_state_dict(distilled.encoder.feature_extractor.state_dict())
        projection = self.encoder.feature_projection
        projection.layer_norm.load_state_dict(distilled.encoder.feature_projection.layer_norm.state_dict())
        projection.projection.weight.copy_(self.mel_input.weight @ distilled.mel_readout.weight)
        projection.projection.bias.copy_(
            self.mel_input.weight @ distilled.mel_readout.bias + self.mel_input.bias
        )  # fmt: skip


def mel_points(count: int, low: float = 40.0, high: float = 7800.0) -> Tensor:
    """Frequencies in Hz evenly spaced on the mel scale (O'Shaughnessy, 1987)."""
    ends = 2595.0 * torch.log10(1.0 + torch.tensor([low, high]) / 700.0)
    return 700.0 * (10.0 ** (torch.linspace(float(ends[0]), float(ends[1]), count) / 2595.0) - 1.0)


def mel_filters() -> Tensor:
    """Triangular filters, of shape `(80, 257)`."""
    edges = mel_points(NUM_MELS + 2)
    bins = torch.linspace(0.0, ENCODER_RATE / 2, FFT_SIZE // 2 + 1)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rise, fall).clamp_min(0.0)


@torch.no_grad()
def initialise_gabor(conv: nn.Conv1d) -> None:
    """Start the first layer as pairs of windowed cosines and sines at mel-spaced frequencies (Gabor, 1946)."""
    count, kernel = conv.out_channels // 2, conv.kernel_size[0]
    time = (torch.arange(kernel) - (kernel - 1) / 2) / ENCODER_RATE
    frequency = mel_points(count + 2)
    bandwidth = (frequency[2:] - frequency[:-2]).clamp_min(60.0)[:, None]
    envelope = torch.exp(-((time * bandwidth).square()) * 2.0) * torch.hann_window(kernel, periodic=False)
    phase = 2.0 * torch.pi * frequency[1:-1, None] * time
    filters = torch.cat([envelope * phase.cos(), envelope * phase.sin()])
    conv.weight.copy_((filters / filters.norm(dim=1, keepdim=True)).unsqueeze(1))
    assert conv.bias is not None
    conv.bias.copy_(torch.linspace(-0.02, 0.02, conv.out_channels))
