"""
DIRFA's probabilistic mapping network: speech features in, facial animation drawn from a learned distribution out.

The idea is that of Wu et al., "Audio-driven talking face generation with diverse yet realistic facial animations",
Pattern Recognition 2023, DOI 10.1016/j.patcog.2023.109865: a transformer draws the animation autoregressively and a
temporally-biased mask lets near frames weigh more. All numbers and the split below are this project's own:

- lips are nearly determined by the sound, so [`LipDecoder`] regresses them from phone posteriors, and a closure gate,
  applied after all smoothing, shuts the mouth at p, b and m;
- everything else is drawn: [`MotionPrior`] is a causal transformer over the control points of a cubic B-spline (five a
  second) and gives a mixture of Gaussians for the next one. Curves are smooth by construction, noise never becomes
  jitter.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from ..animation import COEFFICIENT_NAMES, LIP_INDICES
from .motion_channels import MOTION_NAMES, NUM_MOTIONS, coefficients_from_motion, limit_head
from .speech_head import VISEME_NAMES, SpeechHead


FEATURES_PER_FRAME: Final = 2  # 50 Hz speech features, 25 fps animation
SMILE_SHARE: Final = 0.2  # of a drawn smile reaches the lips, which must tell the speech; the cheeks show the rest
SMILE_INDICES: Final = tuple(COEFFICIENT_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight"))


class LipDecoder(nn.Module):
    """Phone posteriors at 50 Hz -> lip and jaw weights at 25 fps, by convolutions over 0.25 s on each side."""

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

    def forward(self, speech: Tensor) -> Tensor:
        """Map `(batch, 2 * frames, in_channels)` to `(batch, frames, num_lips)`."""
        hidden = F.gelu(self.input(speech.transpose(1, 2)))
        for layer in self.hidden:
            hidden = hidden + self.dropout(F.gelu(layer(hidden)))
        hidden = F.gelu(self.to_frames(hidden))
        return self.output(hidden).transpose(1, 2)


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
        device = self.qkv.weight.device
        positions = torch.arange(num_keys - num_queries, num_keys, device=device)
        age = positions[:, None] - torch.arange(num_keys, device=device)[None]
        slopes = 2.0 ** (-8.0 * torch.arange(1, self.num_heads + 1, device=device) / self.num_heads)
        bias = -slopes[:, None, None] * age
        return bias.masked_fill((age < 0) | (age > self.memory), -math.inf)


class AudioAttention(nn.Module):
    """Cross-attention of each step to its own window of audio tokens, told apart by a learned position."""

    def __init__(self, dim: int, num_heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.position = nn.Parameter(torch.zeros(window, dim))
        self.query, self.key_value, self.output = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def forward(self, hidden: Tensor, windows: Tensor) -> Tensor:
        """`hidden` is `(batch, steps, dim)`, `windows` is `(batch, steps, window, dim)`."""
        batch, steps, _ = hidden.shape
        query = self.query(hidden).view(batch * steps, self.num_heads, 1, -1)
        key, value = self.key_value(windows + self.position).flatten(0, 1).chunk(2, dim=-1)
        key, value = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (key, value))
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.output(attended.reshape(batch, steps, -1))


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
        self, hidden: Tensor, windows: Tensor, cache: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        past, cache = self.past(self.past_norm(hidden), cache)
        hidden = hidden + self.dropout(past)
        hidden = hidden + self.dropout(self.audio(self.audio_norm(hidden), windows))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden))), cache


@dataclass
class MotionDistribution:
    """
    The learned distribution of the next control point.

    Args:
        logits (`Tensor` of shape `(batch, steps, mixtures)`): Unnormalised log weights of the Gaussians.
        means, log_stds (`Tensor` of shape `(batch, steps, mixtures, motions)`): Their parameters, in units of each
            channel's standard deviation.
        blink_logits (`Tensor` of shape `(batch, steps)`): Log odds that a blink begins during this step.
    """

    logits: Tensor
    means: Tensor
    log_stds: Tensor
    blink_logits: Tensor

    def log_prob(self, points: Tensor) -> Tensor:
        """Log density at `points`, of shape `(batch, steps, motions)`, one value a step."""
        z = (points.unsqueeze(-2) - self.means) * torch.exp(-self.log_stds)
        log_density = (-0.5 * z.square() - self.log_stds - 0.5 * math.log(2 * math.pi)).sum(-1)
        return torch.logsumexp(self.logits.log_softmax(-1) + log_density, dim=-1)

    def sample(self, diversity: float, uniform: Tensor, normal: Tensor) -> Tensor:
        """
        Draw a control point: `mean + diversity * (draw - mean)`, so 0 gives the mean and 1 the learned spread.

        `uniform`, of shape `(batch, steps)`, chooses the Gaussian; `normal`, `(batch, steps, motions)`, is the noise.
        """
        weights = self.logits.softmax(-1)
        mean = (weights.unsqueeze(-1) * self.means).sum(-2)
        chosen = (uniform.unsqueeze(-1) > weights.cumsum(-1)).sum(-1).clamp(max=weights.shape[-1] - 1)
        index = chosen[..., None, None].expand(*chosen.shape, 1, self.means.shape[-1])
        draw = self.means.gather(-2, index) + self.log_stds.gather(-2, index).exp() * normal.unsqueeze(-2)
        return mean + diversity * (draw.squeeze(-2) - mean)


class MotionPrior(nn.Module):
    """Causal transformer over control points of head, gaze, brows and smile, conditioned on speech and style."""

    def __init__(
        self, speech_dim: int, style_dim: int, dim: int, num_layers: int, num_heads: int, num_mixtures: int,
        memory: int, window: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_mixtures = num_mixtures
        self.point_input, self.style_input = nn.Linear(2 * NUM_MOTIONS, dim), nn.Linear(style_dim, dim)
        self.audio_input = nn.Linear(speech_dim, dim)
        self.blocks = nn.ModuleList(MotionBlock(dim, num_heads, memory, window, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, num_mixtures * (1 + 2 * NUM_MOTIONS) + 1)

    def forward(
        self,
        points: Tensor,
        windows: Tensor,
        style: Tensor,
        caches: list[tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[MotionDistribution, list[tuple[Tensor, Tensor]]]:
        """
        Args:
            points (`Tensor` of shape `(batch, steps, 2 * motions)`): For each step the last control point and its
                difference from the one before it.
            windows (`Tensor` of shape `(batch, steps, window, speech_dim)`): Speech around each step.
            style (`Tensor` of shape `(batch, style_dim)`): How lively the head and the face are.
            caches: What the previous call returned, to go on from there.
        """
        hidden = self.point_input(points) + self.style_input(style).unsqueeze(1)
        audio = self.audio_input(windows)
        new_caches = []
        for index, block in enumerate(self.blocks):
            hidden, cache = block(hidden, audio, None if caches is None else caches[index])
            new_caches.append(cache)
        return self._distribution(self.output(self.norm(hidden)), points), new_caches

    def _distribution(self, output: Tensor, points: Tensor) -> MotionDistribution:
        sizes = [self.num_mixtures, self.num_mixtures * NUM_MOTIONS, self.num_mixtures * NUM_MOTIONS, 1]
        logits, offsets, log_stds, blink = output.split(sizes, dim=-1)
        last = points[..., None, :NUM_MOTIONS]
        return MotionDistribution(
            logits=logits,
            means=last + offsets.unflatten(-1, (self.num_mixtures, NUM_MOTIONS)),
            log_stds=log_stds.unflatten(-1, (self.num_mixtures, NUM_MOTIONS)).clamp(-5.0, 1.0),
            blink_logits=blink.squeeze(-1),
        )


def spline_weights(stride: int) -> Tensor:
    """
    Weights of the four control points around each frame of a segment, of shape `(stride, 4)`.

    Uniform cubic B-spline (de Boor, A Practical Guide to Splines, 1978) at the frame centres `(i + 0.5) / stride`.
    """
    u = (torch.arange(stride) + 0.5) / stride
    return torch.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], dim=-1
    ) / 6  # fmt: skip


class AnimationSampler(ModelMixin, ConfigMixin):
    """
    Draws facial animation for speech: deterministic lips, everything else from a learned distribution.

    Args:
        audio_dim (`int`, defaults to 256): Width of the audio encoder's `last_hidden_state`.
        lip_channels (`int`, defaults to 192): Width of the lip decoder.
        dim, num_layers, num_heads (`int`): Size of the motion transformer.
        num_mixtures (`int`, defaults to 4): Gaussians in the distribution of the next control point.
        stride (`int`, defaults to 5): Frames between control points (0.2 s at 25 fps).
        memory (`int`, defaults to 40): Control points of its own past that the transformer sees.
        audio_past, audio_future (`int`): Control steps of speech seen before and after each step.
        style_dim (`int`, defaults to 2): Style values: liveliness of the head, liveliness of the upper face.
        closure_low, closure_high (`float`): Closure probabilities where the gate begins to shut and is shut.
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
        num_mixtures: int = 4,
        stride: int = 5,
        memory: int = 40,
        audio_past: int = 4,
        audio_future: int = 3,
        style_dim: int = 2,
        closure_low: float = 0.25,
        closure_high: float = 0.5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        speech_dim = len(VISEME_NAMES) + 1
        self.speech_head = SpeechHead(audio_dim)
        self.lip_decoder = LipDecoder(speech_dim, lip_channels, len(LIP_INDICES), dropout)
        self.motion_prior = MotionPrior(
            speech_dim, style_dim, dim, num_layers, num_heads, num_mixtures, memory,
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

    def lips(self, speech: Tensor) -> Tensor:
        """Lip and jaw weights `(batch, frames, lips)` in the order of `LIP_NAMES`, shut at p, b, m and in silence."""
        lips = (self.lip_decoder(speech) * self.lip_gain).clamp(0.0, 1.0)
        quiet = self._rest_gate(speech)
        lips = lips * (1.0 - quiet)
        shut = self._closure_gate(speech) * (1.0 - quiet)
        lips = lips + shut * (self.closed_lips - lips)
        return lips * (1.0 - _lone_openings(torch.maximum(shut, quiet)))

    def _closure_gate(self, speech: Tensor) -> Tensor:
        per_frame = speech[..., -1].unflatten(-1, (-1, FEATURES_PER_FRAME)).amax(-1, keepdim=True)
        x = (per_frame - self.config.closure_low) / (self.config.closure_high - self.config.closure_low)
        x = x.clamp(0.0, 1.0)
        return x * x * (3.0 - 2.0 * x)

    def _rest_gate(self, speech: Tensor) -> Tensor:
        silence = speech[..., VISEME_NAMES.index("silence")].unsqueeze(1)
        around = F.avg_pool1d(F.pad(silence, (6, 6), mode="replicate"), kernel_size=13, stride=1)
        per_frame = around.squeeze(1).unflatten(-1, (-1, FEATURES_PER_FRAME)).mean(-1, keepdim=True)
        return ((per_frame - 0.6) / 0.3).clamp(0.0, 1.0)

    def speech_windows(self, speech: Tensor) -> Tensor:
        """Average the speech over control steps; gather each step's window: `(batch, steps, window, speech_dim)`."""
        per_step = FEATURES_PER_FRAME * self.config.stride
        missing = -speech.shape[1] % per_step
        padded = F.pad(speech.transpose(1, 2), (0, missing), mode="replicate") if missing else speech.transpose(1, 2)
        tokens = F.avg_pool1d(padded, per_step)
        tokens = F.pad(tokens, (self.config.audio_past, self.config.audio_future), mode="replicate")
        window = self.config.audio_past + 1 + self.config.audio_future
        return tokens.unfold(-1, window, 1).permute(0, 2, 3, 1)

    @apply_forward_hook
    @torch.no_grad()
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
        if features.ndim != 2 or features.shape[0] % FEATURES_PER_FRAME or features.shape[1] != self.config.audio_dim:
            raise ValueError(
                f"features must have shape (2 * frames, {self.config.audio_dim}), got {tuple(features.shape)}"
            )
        speech = self.speech(features.unsqueeze(0))
        num_frames = speech.shape[1] // FEATURES_PER_FRAME
        points, hazards = self._draw_points(self.speech_windows(speech), generator, diversity)
        motion = self._spline(points)[:num_frames] * self.motion_scale
        blink = self._draw_blinks(hazards, num_frames, generator, diversity)

        coefficients = coefficients_from_motion(limit_head(motion), blink)
        lips = self.lips(speech)[0]
        smile = coefficients[:, list(SMILE_INDICES)]
        coefficients[:, list(LIP_INDICES)] = lips
        coefficients[:, list(SMILE_INDICES)] = (coefficients[:, list(SMILE_INDICES)] + SMILE_SHARE * smile).clamp(
            0.0, 1.0
        )
        return coefficients

    def _draw_points(
        self, windows: Tensor, generator: torch.Generator | None, diversity: float
    ) -> tuple[Tensor, Tensor]:
        """
        Feed the prior its own draws; start from the photo's pose. Returns control points and blink hazards.

        Short clips teach how a head moves, not how far it strays in a minute: the leash pulls each draw back towards
        the photo's pose by a share that gives rollouts the spread of the tracked clips.
        """
        num_steps = windows.shape[1]
        # The last two control points shape the final segment only; they repeat the last window of sound.
        windows = torch.cat([windows, windows[:, -1:], windows[:, -1:]], dim=1)
        style_noise = _draw("randn", (self.config.style_dim,), generator, windows)
        style = (diversity * style_noise).unsqueeze(0)
        uniform = _draw("rand", (num_steps + 2,), generator, windows)
        normal = _draw("randn", (num_steps + 2, NUM_MOTIONS), generator, windows)

        points = [windows.new_zeros(NUM_MOTIONS)] * 2
        hazards, caches = [], None
        for step in range(num_steps + 2):
            last = torch.cat([points[-1], points[-1] - points[-2]]).view(1, 1, -1)
            distribution, caches = self.motion_prior(last, windows[:, step : step + 1], style, caches)
            draw = distribution.sample(diversity, uniform[None, None, step], normal[None, None, step])
            points.append((draw[0, 0] * (1.0 - self.leash)).clamp(-4.0, 4.0))
            hazards.append(distribution.blink_logits[0, 0].sigmoid())
        return torch.stack(points[1:]), torch.stack(hazards[:num_steps])

    def _spline(self, points: Tensor) -> Tensor:
        """Control points `(steps + 3, motions)` -> frames `(steps * stride, motions)`."""
        weights = spline_weights(self.config.stride).to(points)
        return torch.einsum("sk,nck->nsc", weights, points.unfold(0, 4, 1)).flatten(0, 1)

    def _draw_blinks(
        self, hazards: Tensor, num_frames: int, generator: torch.Generator | None, diversity: float
    ) -> Tensor:
        """
        Place blinks where the accumulated hazard passes a threshold drawn anew for each blink.

        The threshold is E ** diversity with E ~ Exp(1), over its mean so that the rate stays as learned: 1 is the
        Poisson process, 0 a regular one.
        """
        blink = hazards.new_zeros(num_frames)
        shape = self.blink_shape
        draws = _draw("rand", (len(hazards) + 1, 2), generator, hazards).clamp(1e-6, 1.0)
        thresholds = (-draws[:, 0].log()) ** diversity / math.gamma(1.0 + diversity)
        total, count, earliest = 0.0, 0, 0
        for step, hazard in enumerate(hazards.tolist()):
            total += hazard
            if total < float(thresholds[count]):
                continue
            offset = int(float(draws[count, 1]) * self.config.stride) if diversity > 0 else 0
            start = max(step * self.config.stride + offset, earliest)
            stop = min(start + len(shape), num_frames)
            if start < stop:
                blink[start:stop] = torch.maximum(blink[start:stop], shape[: stop - start])
            total, count, earliest = 0.0, count + 1, start + len(shape)
        return blink


def _lone_openings(closed: Tensor) -> Tensor:
    """How much more closed a frame must be to be no flash of 40 ms between two closed ones: `(batch, frames, 1)`."""
    around = torch.minimum(F.pad(closed[:, :-1], (0, 0, 1, 0)), F.pad(closed[:, 1:], (0, 0, 0, 1)))
    return (around - closed).clamp_min(0.0)


def _draw(kind: str, shape: tuple[int, ...], generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Draw on the generator's own device, so that a seed means the same everywhere, then move beside `like`."""
    device = generator.device if generator is not None else torch.device("cpu")
    sampler = {"rand": torch.rand, "randn": torch.randn}[kind]
    return sampler(shape, generator=generator, device=device, dtype=torch.float32).to(like)


__all__ = ["MOTION_NAMES", "AnimationSampler", "LipDecoder", "MotionDistribution", "MotionPrior", "spline_weights"]
