"""
DIRFA's probabilistic mapping network: speech features in, facial animation drawn from a learned distribution out.

The idea is that of Wu et al., "Audio-driven talking face generation with diverse yet realistic facial animations",
Pattern Recognition 2023, DOI 10.1016/j.patcog.2023.109865: a transformer draws the animation autoregressively and a
temporally-biased mask lets near frames weigh more. All numbers and the split below are this project's own:

- lips are nearly determined by the sound, so [`LipDecoder`] regresses them from phone posteriors, and a closure gate,
  applied after all smoothing, shuts the mouth at p, b and m;
- everything else is drawn: [`MotionPrior`] is a causal transformer over the control points of a cubic B-spline (five a
  second); a flow leads from noise to the next one. Curves are smooth by construction, noise never becomes
  jitter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from ..animation.coefficients import LIP_INDICES
from ..media.audio import FEATURES_PER_FRAME
from .animation_stream import AnimationStream
from .lip_decoder import LipDecoder, LipGates
from .motion_channels import NUM_MOTIONS
from .speech_head import VISEME_NAMES, SpeechHead
from .strict_model import StrictModel


Heard = tuple[Tensor, Tensor]  # keys and values


class TemporalAttention(nn.Module):
    """
    Self-attention over the past with a temporally-biased mask: each step back lowers a head's score by its slope.

    The linear bias is ALiBi's (Press et al., 2022); slopes are 2^(-8h/heads) for head h = 1..heads.
    """

    def __init__(self, dim: int, num_heads: int, memory: int) -> None:
        super().__init__()
        self.num_heads, self.memory = num_heads, memory
        self.qkv = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)

    def forward(
        self, hidden: Tensor, cache: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """
        Attend from `hidden`, of shape `(batch, steps, dim)`, to itself and to the cached steps before it.

        Returns the result and the cache for the next call: keys and values of the last `memory` steps.
        """
        query, key, value = (self._heads(part) for part in self.qkv(hidden).chunk(3, dim=-1))
        if cache is not None:
            key, value = torch.cat([cache[0], key], dim=2), torch.cat([cache[1], value], dim=2)
        bias = self._bias(query.shape[2], key.shape[2]).to(query)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        kept = (key[:, :, -self.memory :], value[:, :, -self.memory :])
        return self.output(attended.transpose(1, 2).flatten(2)), kept

    def _heads(self, part: Tensor) -> Tensor:
        return part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _bias(self, num_queries: int, num_keys: int) -> Tensor:
        return _temporal_bias(self.num_heads, num_queries, num_keys, self.memory, self.qkv.weight.device)


@lru_cache(maxsize=128)
def _temporal_bias(num_heads: int, num_queries: int, num_keys: int, memory: int, device: torch.device) -> Tensor:
    """What is added to the scores, `(heads, queries, keys)`; the last key is the last query's own step."""
    with torch.inference_mode(False):  # what is kept must serve training, too
        positions = torch.arange(num_keys - num_queries, num_keys, device=device)
        age = positions[:, None] - torch.arange(num_keys, device=device)[None]
        slopes = 2.0 ** (-8.0 * torch.arange(1, num_heads + 1, device=device) / num_heads)
        bias = -slopes[:, None, None] * age
        return bias.masked_fill((age < 0) | (age > memory), -math.inf)


class AudioAttention(nn.Module):
    """Cross-attention of each step to its own window of audio tokens, told apart by a learned position."""

    def __init__(self, dim: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.position = nn.Parameter(torch.zeros(window, dim))
        self.query, self.key_value, self.output = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def hear(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of windows `(batch, steps, window, dim)`, each `(batch, steps, heads, window, head_dim)`."""
        key, value = self.key_value(windows + self.position).chunk(2, dim=-1)
        key, value = (part.unflatten(-1, (self.num_heads, -1)).transpose(2, 3) for part in (key, value))
        return key, value

    def forward(self, hidden: Tensor, heard: tuple[Tensor, Tensor]) -> Tensor:
        """Attend from `hidden`, of shape `(batch, steps, dim)`, to what [`hear`] gave for the same steps."""
        query = self.query(hidden).unflatten(-1, (self.num_heads, 1, -1))
        return self.output(F.scaled_dot_product_attention(query, *heard).flatten(2))


class MotionBlock(nn.Module):
    """Pre-norm transformer block: past motion, window of audio, feed-forward."""

    def __init__(self, dim: int, num_heads: int, memory: int, window: int, dropout: float) -> None:
        super().__init__()
        self.past_norm, self.audio_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.past = TemporalAttention(dim, num_heads, memory)
        self.audio = AudioAttention(dim, num_heads, window)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, hidden: Tensor, heard: tuple[Tensor, Tensor], cache: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        past, cache = self.past(self.past_norm(hidden), cache)
        hidden = hidden + self.dropout(past)
        hidden = hidden + self.dropout(self.audio(self.audio_norm(hidden), heard))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden))), cache


@dataclass
class MotionDistribution:
    """
    The learned distribution of the next control point, in units of each channel's standard deviation.

    A flow leads from noise to the point's offset from the last one (flow matching: Lipman et al., "Flow matching for
    generative modeling", 2023): at time t, from 1 down to 0, the state is `(1 - t) * offset + t * noise`.

    Args:
        velocity (`nn.Module`): Maps context, state and time to the flow's velocity, `noise - offset` on average.
        flow_steps (`int`): Steps of the integration.
        context (`Tensor` of shape `(batch, steps, dim)`): What the transformer makes of past and sound.
        last (`Tensor` of shape `(batch, steps, motions)`): The last control point.
        blink_logits (`Tensor` of shape `(batch, steps)`): Log odds that a blink begins during this step.
    """

    velocity: nn.Module
    flow_steps: int
    context: Tensor
    last: Tensor
    blink_logits: Tensor

    def loss(self, points: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of the velocity towards `points`, of shape `(batch, steps, motions)`, one value a step."""
        noise = torch.randn(points.shape, generator=generator)
        time = torch.rand((*points.shape[:-1], 1), generator=generator)
        offset = points - self.last
        velocity = self._velocity((1.0 - time) * offset + time * noise, time)
        return (velocity - (noise - offset)).square().mean(-1)

    def sample(self, diversity: float, normal: Tensor) -> Tensor:
        """
        Draw a control point: `centre + diversity * (draw - centre)`, so 1 gives the learned spread.

        The centre is where no noise leads; `normal`, `(batch, steps, motions)`, is the noise of the draw.
        """
        draw = self._follow(normal)
        if diversity == 1.0:
            return self.last + draw
        centre = self._follow(torch.zeros_like(normal))
        return self.last + centre + diversity * (draw - centre)

    def _follow(self, state: Tensor) -> Tensor:
        for step in range(self.flow_steps, 0, -1):
            time = state.new_full((*state.shape[:-1], 1), step / self.flow_steps)
            state = state - self._velocity(state, time) / self.flow_steps
        return state

    def _velocity(self, state: Tensor, time: Tensor) -> Tensor:
        return self.velocity(torch.cat([self.context, state, time], dim=-1))


class MotionPrior(nn.Module):
    """Causal transformer over control points of head, gaze, brows and smile, conditioned on speech and style."""

    def __init__(
        self, speech_dim: int, style_dim: int, dim: int, num_layers: int, num_heads: int, flow_channels: int,
        flow_steps: int, memory: int, window: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.flow_steps = flow_steps
        self.point_input, self.style_input = nn.Linear(2 * NUM_MOTIONS, dim), nn.Linear(style_dim, dim)
        self.audio_input = nn.Linear(speech_dim, dim)
        self.blocks = nn.ModuleList(MotionBlock(dim, num_heads, memory, window, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, dim + 1)
        self.velocity = nn.Sequential(
            nn.Linear(dim + NUM_MOTIONS + 1, flow_channels), nn.SiLU(), nn.Linear(flow_channels, flow_channels),
            nn.SiLU(), nn.Linear(flow_channels, NUM_MOTIONS),
        )  # fmt: skip

    def forward(self, points: Tensor, windows: Tensor, style: Tensor) -> MotionDistribution:
        """
        Tell what follows each of several steps.

        Args:
            points (`Tensor` of shape `(batch, steps, 2 * motions)`): For each step the last control point and its
                difference from the one before it.
            windows (`Tensor` of shape `(batch, steps, window, speech_dim)`): Speech around each step.
            style (`Tensor` of shape `(batch, style_dim)`): How lively the head and the face are.
        """
        return self.step(points, self.hear(windows), style)[0]

    def hear(self, windows: Tensor) -> list[Heard]:
        """What each block attends to, for all the steps whose speech is known: no step waits for another's draw."""
        audio = self.audio_input(windows)
        attentions = [module for module in self.blocks.modules() if isinstance(module, AudioAttention)]
        return [attention.hear(audio) for attention in attentions]

    def step(
        self, points: Tensor, heard: list[Heard], style: Tensor, caches: list[Heard] | None = None
    ) -> tuple[MotionDistribution, list[Heard]]:
        """As [`forward`], from what [`hear`] gave; `caches` are those that the call for the steps before returned."""
        hidden = self.point_input(points) + self.style_input(style).unsqueeze(1)
        new_caches = []
        for index, block in enumerate(self.blocks):
            hidden, cache = block(hidden, heard[index], None if caches is None else caches[index])
            new_caches.append(cache)
        return self._distribution(self.output(self.norm(hidden)), points), new_caches

    def _distribution(self, output: Tensor, points: Tensor) -> MotionDistribution:
        last = points[..., :NUM_MOTIONS]
        return MotionDistribution(self.velocity, self.flow_steps, output[..., :-1], last, output[..., -1])


class AnimationSampler(StrictModel, ModelMixin, ConfigMixin):
    """
    Draws facial animation for speech: deterministic lips, everything else from a learned distribution.

    Args:
        audio_dim (`int`, defaults to 256): Width of the audio encoder's `last_hidden_state`.
        lip_channels (`int`, defaults to 192): Width of the lip decoder.
        dim, num_layers, num_heads (`int`): Size of the motion transformer.
        flow_channels (`int`, defaults to 128): Width of the network that gives the flow's velocity.
        flow_steps (`int`, defaults to 8): Steps from noise to the next control point.
        stride (`int`, defaults to 5): Frames between control points (0.2 s at 25 fps).
        memory (`int`, defaults to 40): Control points of its own past that the transformer sees.
        audio_past, audio_future (`int`): Control steps of speech seen before and after each step.
        style_dim (`int`, defaults to 2): Style values: liveliness of the head, liveliness of the upper face.
        closure_low, closure_high, rest_low, rest_high (`float`), rest_length, rest_margin, rest_future (`int`): See
            [`LipGates`].
        dropout (`float`, defaults to 0.1): While training.
    """

    @register_to_config
    def __init__(
        self,
        audio_dim: int = 256,
        lip_channels: int = 192,
        dim: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        flow_channels: int = 128,
        flow_steps: int = 8,
        stride: int = 5,
        memory: int = 40,
        audio_past: int = 4,
        audio_future: int = 3,
        style_dim: int = 2,
        closure_low: float = 0.08,
        closure_high: float = 0.22,
        rest_low: float = 0.75,
        rest_high: float = 0.95,
        rest_length: int = 13,
        rest_margin: int = 3,
        rest_future: int = 10,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        speech_dim = len(VISEME_NAMES) + 1
        self.speech_head = SpeechHead(audio_dim)
        self.lip_decoder = LipDecoder(speech_dim, lip_channels, len(LIP_INDICES), dropout)
        self.motion_prior = MotionPrior(
            speech_dim, style_dim, dim, num_layers, num_heads, flow_channels, flow_steps, memory,
            window=audio_past + 1 + audio_future, dropout=dropout,
        )  # fmt: skip
        # Measured on the training data and stored, never trained by gradient.
        self.motion_scale = nn.Parameter(torch.ones(NUM_MOTIONS), requires_grad=False)
        self.leash = nn.Parameter(torch.zeros(NUM_MOTIONS), requires_grad=False)
        self.style_mean = nn.Parameter(torch.zeros(style_dim), requires_grad=False)
        self.style_std = nn.Parameter(torch.ones(style_dim), requires_grad=False)
        self.lip_gain = nn.Parameter(torch.ones(len(LIP_INDICES)), requires_grad=False)
        self.closed_lips = nn.Parameter(torch.zeros(len(LIP_INDICES)), requires_grad=False)
        self.blink_shape = nn.Parameter(torch.zeros(11), requires_grad=False)

    def speech(self, features: Tensor) -> Tensor:
        """
        Turn encoder features, of shape `(batch, 2 * frames, audio_dim)`, into what the sound says.

        Returns viseme posteriors and, last, the closure probability: `(batch, 2 * frames, visemes + 1)`.
        """
        viseme_logits, closure_logits = self.speech_head(features)
        return torch.cat([viseme_logits.softmax(-1), closure_logits.sigmoid().unsqueeze(-1)], dim=-1)

    @property
    def lip_gates(self) -> LipGates:
        return LipGates(**{field.name: self.config[field.name] for field in fields(LipGates)})

    def lips(self, speech: Tensor) -> Tensor:
        """Lip and jaw weights `(batch, frames, lips)` in the order of `LIP_NAMES`, shut at p, b, m and in silence."""
        lips = (self.lip_decoder(speech) * self.lip_gain).clamp(0.0, 1.0)
        return self.lip_gates.shut(lips, self.closed_lips, speech)

    def speech_windows(self, speech: Tensor) -> Tensor:
        """Average the speech over control steps; gather each step's window: `(batch, steps, window, speech_dim)`."""
        per_step = FEATURES_PER_FRAME * self.config.stride
        missing = -speech.shape[1] % per_step
        padded = F.pad(speech.transpose(1, 2), (0, missing), mode="replicate") if missing else speech.transpose(1, 2)
        tokens = F.avg_pool1d(padded, per_step)
        tokens = F.pad(tokens, (self.config.audio_past, self.config.audio_future), mode="replicate")
        window = self.config.audio_past + 1 + self.config.audio_future
        return tokens.unfold(-1, window, 1).permute(0, 2, 3, 1)

    @property
    def lip_past(self) -> int:
        """Frames of speech before a frame that its [`lips`] hear; they ask whether the frame before it is closed."""
        return max(self.lip_decoder.context, self.lip_gates.past)

    @property
    def lip_future(self) -> int:
        """Frames of speech after a frame that its [`lips`] hear."""
        return max(self.lip_decoder.context, self.lip_gates.future)

    @apply_forward_hook
    def start(
        self,
        generators: Sequence[torch.Generator | None] = (None,),
        diversity: float = 1.0,
        lookahead: int | None = None,
    ) -> AnimationStream:
        """Begin takes of one sound whose features come bit by bit; see [`AnimationStream`] for the arguments."""
        return AnimationStream(self, generators, diversity, lookahead)

    def sample(self, features: Tensor, generator: torch.Generator | None = None, diversity: float = 1.0) -> Tensor:
        """
        Draw the animation for one clip.

        Args:
            features (`Tensor` of shape `(2 * frames, audio_dim)`): The audio encoder's features at 50 Hz.
            generator (`torch.Generator`, *optional*): The only source of randomness; a CPU generator gives the same
                draw on every device.
            diversity (`float`, defaults to 1.0): Scale of the learned spread, in [0, 2]; at 0 no seed matters.

        Returns:
            `Tensor` of shape `(frames, 58)`: Coefficients at 25 fps.
        """
        take = self.start([generator], diversity)
        return torch.cat([take.push(features), take.finish()], dim=1)[0]
