"""The audio encoder with a log-mel read-out, which only training needs."""

import torch
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from ..media.audio import ENCODER_PADDING, ENCODER_RATE
from ..models.speech_head import SpeechHead


NUM_MELS = 80
FFT_SIZE, WINDOW, HOP = 512, 400, 160
LOG_FLOOR, LOG_MEAN, LOG_STD = 1e-5, -5.0, 4.0


def encoder_config(hidden: int = 256, layers: int = 6) -> Wav2Vec2Config:
    """
    A short, streamable front end (20 ms kernel, 5 ms first stride) and a small pre-norm transformer.

    In training, stretches of 120 ms and bands of features are masked (SpecAugment, Park et al., 2019).
    """
    return Wav2Vec2Config(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=max(1, hidden // 64),
        intermediate_size=4 * hidden, conv_dim=(320, 256, 256), conv_kernel=(320, 4, 3), conv_stride=(80, 2, 2),
        num_feat_extract_layers=3, feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True,
        num_conv_pos_embeddings=31, num_conv_pos_embedding_groups=16, layerdrop=0.0,
        hidden_dropout=0.15, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0,
        apply_spec_augment=True, mask_time_prob=0.06, mask_time_length=6, mask_feature_prob=0.06,
        mask_feature_length=16, vocab_size=32,
    )  # fmt: skip


class SpeechModel(nn.Module):
    """
    The audio encoder, its head, and a linear read-out of the log-mel from its convolutions.

    Args:
        config (`Wav2Vec2Config`): The config of the audio encoder.
    """

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.encoder = Wav2Vec2Model(config)
        self.head = SpeechHead(config.hidden_size)
        self.mel_readout = nn.Linear(config.conv_dim[-1], 2 * NUM_MELS)
        initialise_gabor(self.encoder.feature_extractor.conv_layers[0].conv)

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Process padded waveforms, `(batch, samples)`.

        Returns viseme logits `(batch, features, visemes)`, closure logits `(batch, features)` and the log-mel that is
        predicted from the convolutions, `(batch, features, 160)`.
        """
        output = self.encoder(waveforms)
        return *self.head(output.last_hidden_state), self.mel_readout(output.extract_features)


def log_mel(waveforms: Tensor) -> Tensor:
    """Normalised log-mel of padded waveforms, with two 10 ms frames stacked: `(batch, features, 160)`."""
    # The first frame is centred at 5 ms and the second at 15 ms; together they match feature 0.
    start = ENCODER_PADDING + HOP // 2 - FFT_SIZE // 2
    window = torch.hann_window(WINDOW, device=waveforms.device)
    spectrum = torch.stft(waveforms[:, start:], FFT_SIZE, HOP, WINDOW, window, center=False, return_complex=True)
    mels = mel_filters().to(waveforms.device) @ spectrum.abs().square()
    features = (waveforms.shape[1] - 560) // 320
    logs = ((mels + LOG_FLOOR).log() - LOG_MEAN) / LOG_STD
    return logs[..., : 2 * features].transpose(1, 2).unflatten(1, (features, 2)).flatten(2)


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
    """Initialise the first layer as windowed cosines and sines at mel-spaced frequencies (Gabor, 1946)."""
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
