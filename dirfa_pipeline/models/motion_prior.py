"""
The distribution of motion: a causal transformer over the events of a voice, and a flow that draws what each one moves.

The temporally-biased mask is DIRFA's idea: near events weigh more. Each event attends to the sound around it. How far
a movement goes depends on how the event sounds, by [`CueScale`], which few numbers tell reliably even where few clips
teach; which of the likely movements happen is left to the flow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gestures import NUM_DRAWN
from .motion_channels import NUM_MOTIONS
from .sound_events import NUM_CUES


Heard = tuple[Tensor, Tensor]  # keys and values

NUM_PAST = NUM_MOTIONS + NUM_DRAWN  # where the face is, and what the last event moved


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

    def forward(self, hidden: Tensor, cache: Heard | None = None) -> tuple[Tensor, Heard]:
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


class SoundAttention(nn.Module):
    """Cross-attention of each event to the window of sound around it, whose parts are distinguished by a position."""

    def __init__(self, dim: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.position = nn.Parameter(torch.zeros(window, dim))
        self.query, self.key_value, self.output = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def hear(self, windows: Tensor) -> Heard:
        """Keys and values of windows `(batch, steps, window, dim)`, each `(batch, steps, heads, window, head_dim)`."""
        key, value = self.key_value(windows + self.position).chunk(2, dim=-1)
        key, value = (part.unflatten(-1, (self.num_heads, -1)).transpose(2, 3) for part in (key, value))
        return key, value

    def forward(self, hidden: Tensor, heard: Heard) -> Tensor:
        """Attend from `hidden`, of shape `(batch, steps, dim)`, to what [`hear`] gave for the same steps."""
        query = self.query(hidden).unflatten(-1, (self.num_heads, 1, -1))
        return self.output(F.scaled_dot_product_attention(query, *heard).flatten(2))


class MotionBlock(nn.Module):
    """Pre-norm transformer block: past motion, window of sound, feed-forward."""

    def __init__(self, dim: int, num_heads: int, memory: int, window: int, dropout: float) -> None:
        super().__init__()
        self.past_norm, self.sound_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.past = TemporalAttention(dim, num_heads, memory)
        self.sound = SoundAttention(dim, num_heads, window)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, heard: Heard, cache: Heard | None) -> tuple[Tensor, Heard]:
        past, cache = self.past(self.past_norm(hidden), cache)
        hidden = hidden + self.dropout(past)
        hidden = hidden + self.dropout(self.sound(self.sound_norm(hidden), heard))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden))), cache


class CueScale(nn.Module):
    """
    How large each movement is after an event that sounds so: a linear mean and a log-linear spread of the cues.

    Fitted before the flow by maximum likelihood of a Student distribution (four degrees of freedom): most events move
    a channel little and a few move it far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(NUM_CUES), requires_grad=False)
        self.width = nn.Parameter(torch.ones(NUM_CUES), requires_grad=False)
        self.unit = nn.Parameter(torch.ones(NUM_DRAWN), requires_grad=False)
        self.mean = nn.Linear(NUM_CUES, NUM_DRAWN)
        self.log_spread = nn.Linear(NUM_CUES, NUM_DRAWN)

    def forward(self, cues: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and spread, `(..., drawn)`, of what events with these cues, `(..., cues)`, move."""
        told = ((cues - self.centre) / self.width).clamp(-3.0, 3.0)
        return self.unit * self.mean(told), self.unit * self.log_spread(told).clamp(-3.0, 3.0).exp()

    def log_likelihood(self, drawn: Tensor, cues: Tensor) -> Tensor:
        """Of drawn steps and gestures `(..., drawn)` after events with these cues, up to a constant."""
        mean, spread = self(cues)
        return -torch.log(spread / self.unit) - 2.5 * torch.log1p(((drawn - mean) / spread).square() / 4.0)


@dataclass
class MotionDistribution:
    """
    The learned distribution of what an event moves, in units of [`CueScale`]'s spread about its mean.

    A flow leads from noise to it (flow matching: Lipman et al., "Flow matching for generative modeling", 2023): at
    time t, from 1 down to 0, the state is `(1 - t) * drawn + t * noise`.

    Args:
        velocity (`nn.Module`): Maps context, state and time to the flow's velocity, `noise - drawn` on average.
        flow_steps (`int`): Steps of the integration.
        context (`Tensor` of shape `(batch, steps, dim)`): What the transformer makes of past and sound.
        blink_logits (`Tensor` of shape `(batch, steps)`): Log odds that a blink begins before the next event.
    """

    velocity: nn.Module
    flow_steps: int
    context: Tensor
    blink_logits: Tensor

    def loss(self, drawn: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of the velocity towards `drawn`, of shape `(batch, steps, drawn)`, one value a step."""
        noise = torch.randn(drawn.shape, generator=generator)
        time = torch.rand((*drawn.shape[:-1], 1), generator=generator)
        velocity = self._velocity((1.0 - time) * drawn + time * noise, time)
        return (velocity - (noise - drawn)).square().mean(-1)

    def sample(self, diversity: float, normal: Tensor) -> Tensor:
        """
        Draw: `centre + diversity * (draw - centre)`, so 1 gives the learned spread.

        The centre is where no noise leads; `normal`, `(batch, steps, drawn)`, is the noise of the draw.
        """
        draw = self._follow(normal)
        if diversity == 1.0:
            return draw
        centre = self._follow(torch.zeros_like(normal))
        return centre + diversity * (draw - centre)

    def _follow(self, state: Tensor) -> Tensor:
        for step in range(self.flow_steps, 0, -1):
            time = state.new_full((*state.shape[:-1], 1), step / self.flow_steps)
            state = state - self._velocity(state, time) / self.flow_steps
        return state

    def _velocity(self, state: Tensor, time: Tensor) -> Tensor:
        return self.velocity(torch.cat([self.context, state, time], dim=-1))


class MotionPrior(nn.Module):
    """
    Causal transformer over the events of a voice, conditioned on the sound around them and on style.

    Args:
        heard_dim (`int`): Width of what is heard: viseme posteriors, closure, and the voice's level, pitch and so on.
        style_dim (`int`): Width of the style.
        dim, num_layers, num_heads (`int`): Size of the transformer.
        flow_channels (`int`): Width of the flow's velocity network.
        flow_steps (`int`): Steps from noise to a draw.
        memory (`int`): Events of the past that are seen.
        window (`int`): Parts of the window of sound around an event.
        dropout (`float`): While training.
    """

    def __init__(
        self, heard_dim: int, style_dim: int, dim: int, num_layers: int, num_heads: int, flow_channels: int,
        flow_steps: int, memory: int, window: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.flow_steps = flow_steps
        self.past_input, self.style_input = nn.Linear(NUM_PAST, dim), nn.Linear(style_dim, dim)
        self.cue_input, self.sound_input = nn.Linear(NUM_CUES, dim), nn.Linear(heard_dim, dim)
        self.blocks = nn.ModuleList(MotionBlock(dim, num_heads, memory, window, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, dim + 1)
        self.velocity = nn.Sequential(
            nn.Linear(dim + NUM_DRAWN + 1, flow_channels), nn.SiLU(), nn.Linear(flow_channels, flow_channels),
            nn.SiLU(), nn.Linear(flow_channels, NUM_DRAWN),
        )  # fmt: skip

    def forward(self, past: Tensor, cues: Tensor, windows: Tensor, style: Tensor) -> MotionDistribution:
        """
        Tell what follows each of several events.

        Args:
            past (`Tensor` of shape `(batch, steps, motions + drawn)`): For each event where the channels have got to,
                in units of their spread, and the draw before it.
            cues (`Tensor` of shape `(batch, steps, cues)`): How it sounds, standardised.
            windows (`Tensor` of shape `(batch, steps, window, heard_dim)`): Sound around it.
            style (`Tensor` of shape `(batch, style_dim)`): How lively the head and the face are.
        """
        return self.step(past, cues, self.hear(windows), style)[0]

    def hear(self, windows: Tensor) -> list[Heard]:
        """What each block attends to, for all the events that are known: none waits for another's draw."""
        sound = self.sound_input(windows)
        attentions = [module for module in self.blocks.modules() if isinstance(module, SoundAttention)]
        return [attention.hear(sound) for attention in attentions]

    def step(
        self, past: Tensor, cues: Tensor, heard: list[Heard], style: Tensor, caches: Sequence[Heard] | None = None
    ) -> tuple[MotionDistribution, list[Heard]]:
        """As [`forward`], from what [`hear`] gave; `caches` are those that the call for the events before returned."""
        hidden = self.past_input(past) + self.cue_input(cues) + self.style_input(style).unsqueeze(1)
        new_caches = []
        for index, block in enumerate(self.blocks):
            hidden, cache = block(hidden, heard[index], None if caches is None else caches[index])
            new_caches.append(cache)
        output = self.output(self.norm(hidden))
        return MotionDistribution(self.velocity, self.flow_steps, output[..., :-1], output[..., -1]), new_caches
