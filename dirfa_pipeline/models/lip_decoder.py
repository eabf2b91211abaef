"""Lips from what is heard: a decoder of phones and effort, and gates that shut the mouth after all smoothing."""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..animation.coefficients import LIP_NAMES
from ..media.audio import FEATURES_PER_FRAME
from .speech_head import VISEME_NAMES


# Weights that part the lips or, as mouthClose, undo what parts them; all others move closed lips as well as open ones.
OPENING_NAMES: Final = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthShrugUpper",
    "mouthUpperUpLeft", "mouthUpperUpRight",
)  # fmt: skip
# Share of a closure in the frames before and after it: lips meet and part within 80 ms. By eye, on consecutive frames.
PARTING: Final = 0.3
# At closures the jaw keeps this share of its weight, because it is too slow to go up and down for each of them; the
# opening then tells a little less of the chin's way, as in films (benchmarks/measure_shown.py). By eye. As much of
# mouthClose as there is jawOpen brings lips together, as ARKit has it; takes make the jaw 1.05 times stronger
# afterwards (`SPREAD` in `animation_stream.py`).
JAW_STAYS, CLOSE_SHARE = 0.6, 1.1
JAW_OPEN, MOUTH_CLOSE = LIP_NAMES.index("jawOpen"), LIP_NAMES.index("mouthClose")
# Lips that meet are also pressed and rolled in a little. Tracks with the fewest shapes show none of it
# (benchmarks/compare_spreads.py), so this is by eye.
PRESSED: Final = {"mouthPressLeft": 0.25, "mouthPressRight": 0.25, "mouthRollLower": 0.15, "mouthRollUpper": 0.1}
# At f and v the lower lip is drawn in and meets the upper teeth, which show. Tracks at 25 frames a second hardly see
# it (a rolled lip of .13 on average), so this is how a phonetician poses it; weights from which on the lips are there.
TUCKED: Final = {"mouthRollLower": 0.6, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2}
UNTUCKING: Final = ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel")
TUCK_LOW, TUCK_HIGH = 0.3, 0.6  # chances of f or v where the lip begins to be drawn in and is


class LipDecoder(nn.Module):
    """What is heard at 50 Hz -> lip and jaw weights at 25 fps, by convolutions over 0.25 s on each side."""

    def __init__(self, in_channels: int, channels: int, num_lips: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.input = nn.Conv1d(in_channels, channels, kernel_size=9, padding=4)
        self.hidden = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size=5, padding=2 * dilation, dilation=dilation)
            for dilation in (1, 2)
        )
        self.to_frames = nn.Conv1d(channels, channels, kernel_size=FEATURES_PER_FRAME, stride=FEATURES_PER_FRAME)
        self.output = nn.Conv1d(channels, num_lips, kernel_size=3, padding=1)
        self.dropout = nn.Dropout(dropout)

    @property
    def context(self) -> int:
        """Frames on each side of a frame that shape it."""
        reach = sum((layer.kernel_size[0] - 1) // 2 * layer.dilation[0] for layer in (self.input, *self.hidden))
        return math.ceil(reach / FEATURES_PER_FRAME) + (self.output.kernel_size[0] - 1) // 2

    def forward(self, speech: Tensor) -> Tensor:
        """Map `(batch, 2 * frames, in_channels)` to `(batch, frames, num_lips)`."""
        hidden = F.gelu(self.input(speech.transpose(1, 2)))
        for layer in self.hidden:
            hidden = hidden + self.dropout(F.gelu(layer(hidden)))
        hidden = F.gelu(self.to_frames(hidden))
        return self.output(hidden).transpose(1, 2)

    @torch.no_grad()
    def remap(self, matrix: Tensor, offset: Tensor) -> None:
        """Give `matrix @ lips + offset` instead of the present lips from now on."""
        bias = self.output.bias
        assert bias is not None  # a Conv1d has one unless told otherwise
        self.output.weight.copy_(torch.einsum("ij,jck->ick", matrix, self.output.weight))
        bias.copy_(matrix @ bias + offset)


@dataclass(frozen=True)
class LipGates:
    """
    Shut the lips at p, b and m, draw the lower one in at f and v, and let both rest in pauses: applied after all
    smoothing, which blurs them.

    Args:
        closure_low, closure_high (`float`): Closure probabilities where the gate begins to shut and is shut.
        rest_low, rest_high (`float`): Mean chances of silence where the mouth begins to rest and is at rest.
        rest_length (`int`): Features of a pause over which that mean is: a real mouth does not close in the short gaps
            of running speech.
        rest_margin (`int`): Features before a pause's end at which the mouth may open, ahead of the sound.
        rest_future (`int`): Features ahead that may belong to the pause; they cost a live stream time.
    """

    closure_low: float
    closure_high: float
    rest_low: float
    rest_high: float
    rest_length: int
    rest_margin: int
    rest_future: int

    @property
    def past(self) -> int:
        """Frames of speech before a frame that shape its gates; they ask whether the frame before it is closed."""
        return math.ceil(self._rest_past / FEATURES_PER_FRAME) + 1

    @property
    def future(self) -> int:
        """Frames of speech after a frame that shape its gates."""
        return math.ceil(self.rest_future / FEATURES_PER_FRAME) + 1

    def shut(self, lips: Tensor, closed_lips: Tensor, speech: Tensor) -> Tensor:
        """
        Gate `lips`, of shape `(batch, frames, lips)`, by `speech`, of shape `(batch, 2 * frames, visemes + 1)`.

        In pauses they go to zero. At f and v the lower lip meets the upper teeth. At closures nothing opens them;
        `closed_lips`, of shape `(lips,)`, and [`PRESSED`] say how far they are pressed at least. The jaw stays lowered
        in part, and round and wide lips stay so: "boo" is not "bee".
        """
        rest, closure = self._rest(speech), self._closure(speech)
        # No flash of 40 ms in a pause or between two closed frames, and no snap next to one.
        quiet = torch.maximum(rest, torch.minimum(*_beside(rest)))
        lone = torch.minimum(*_beside(torch.maximum(closure, rest)))
        parting = PARTING * torch.maximum(*_beside(closure))
        lips = _tuck(lips, speech) * (1.0 - quiet)
        shut = torch.maximum(torch.maximum(closure, lone), parting) * (1.0 - quiet)
        opens = torch.tensor([name in OPENING_NAMES for name in LIP_NAMES], device=lips.device)
        pressed = torch.maximum(closed_lips, lips.new_tensor([PRESSED.get(name, 0.0) for name in LIP_NAMES]))
        closed = torch.maximum(lips, pressed).masked_fill(opens, 0.0)
        closed[..., JAW_OPEN] = JAW_STAYS * lips[..., JAW_OPEN]
        closed[..., MOUTH_CLOSE] = CLOSE_SHARE * closed[..., JAW_OPEN]
        return lips + shut * (closed - lips)

    def _closure(self, speech: Tensor) -> Tensor:
        per_frame = speech[..., len(VISEME_NAMES)].unflatten(-1, (-1, FEATURES_PER_FRAME)).mean(-1, keepdim=True)
        return _smoothstep(per_frame, self.closure_low, self.closure_high)

    def _rest(self, speech: Tensor) -> Tensor:
        silence = speech[..., VISEME_NAMES.index("silence")].unsqueeze(1)
        padded = F.pad(silence, (self._rest_past, self.rest_future), mode="replicate")
        pauses = F.avg_pool1d(padded, self.rest_length, stride=1)
        # The best of the pauses that hold a feature.
        around = F.max_pool1d(pauses, self.rest_future - self.rest_margin + 1, stride=1)
        per_frame = around.squeeze(1).unflatten(-1, (-1, FEATURES_PER_FRAME)).mean(-1, keepdim=True)
        return ((per_frame - self.rest_low) / (self.rest_high - self.rest_low)).clamp(0.0, 1.0)

    @property
    def _rest_past(self) -> int:
        return self.rest_length - 1 - self.rest_margin


def _tuck(lips: Tensor, speech: Tensor) -> Tensor:
    """Lips with the lower one drawn in where f or v is heard."""
    chance = speech[..., VISEME_NAMES.index("labiodental")].unflatten(-1, (-1, FEATURES_PER_FRAME)).mean(-1)
    least = lips.new_tensor([TUCKED.get(name, 0.0) for name in LIP_NAMES])
    gone = torch.tensor([name in UNTUCKING for name in LIP_NAMES], device=lips.device)
    tucked = torch.maximum(lips, least).masked_fill(gone, 0.0)
    return lips + _smoothstep(chance, TUCK_LOW, TUCK_HIGH).unsqueeze(-1) * (tucked - lips)


def _smoothstep(values: Tensor, low: float, high: float) -> Tensor:
    """From 0 at `low` to 1 at `high`, without a corner."""
    x = ((values - low) / (high - low)).clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _beside(closed: Tensor) -> tuple[Tensor, Tensor]:
    """What the frame before and the one after have, each `(batch, frames, 1)`; beyond the ends all is open."""
    return F.pad(closed[:, :-1], (0, 0, 1, 0)), F.pad(closed[:, 1:], (0, 0, 0, 1))
