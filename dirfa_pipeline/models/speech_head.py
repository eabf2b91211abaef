"""What the sound says about the lips: viseme and closure logits from speech features."""

from typing import Final

from torch import Tensor, nn


# Classes of sounds that look alike on the lips.
VISEME_NAMES: Final[tuple[str, ...]] = (
    "silence", "closure", "labiodental", "dental", "alveolar", "sibilant", "postalveolar", "velar", "rhotic",
    "round_close", "round_mid", "round_open", "open", "open_front", "central", "mid_front", "close_front",
    "near_close",
)  # fmt: skip


class SpeechHead(nn.Module):
    """
    Linear read-out of the audio encoder.

    Args:
        audio_dim (`int`): Width of the features.
    """

    def __init__(self, audio_dim: int) -> None:
        super().__init__()
        self.visemes = nn.Linear(audio_dim, len(VISEME_NAMES))
        self.closure = nn.Linear(audio_dim, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map `(..., audio_dim)` to viseme logits `(..., visemes)` and closure logits `(...)`."""
        return self.visemes(features), self.closure(features).squeeze(-1)
