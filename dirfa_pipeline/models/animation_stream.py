"""
Takes drawn while the speech arrives: features in, coefficients out, with bounded memory.

```
speech  |--token 0--|--token 1--|--token 2--|--  10 features of 20 ms each
points  0     draw 0      draw 1      draw 2     one control point a token; the first is the photo's own pose
frames  |--segment 0--|  needs draws 0 to 2      5 frames of a cubic B-spline
```
Nothing depends on how many features come at a time: noise is drawn step by step in a fixed order.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..animation.coefficients import COEFFICIENT_NAMES, LIP_INDICES
from ..media.audio import FEATURES_PER_FRAME
from .motion_channels import NUM_MOTIONS, coefficients_from_motion, limit_head


if TYPE_CHECKING:
    from .animation_sampler import AnimationSampler


SMILE_SHARE: Final = 0.2  # of a drawn smile reaches the lips, which must tell the speech; the cheeks show the rest
SMILE_INDICES: Final = tuple(COEFFICIENT_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight"))
ROWS: Final = 4  # of each batch of takes; empty ones fill it up
SEGMENT_DRAWS: Final = 3  # a cubic B-spline's segment ends three control points after the one it starts with


def spline_weights(stride: int) -> Tensor:
    """
    Weights of the four control points around each frame of a segment, of shape `(stride, 4)`.

    Uniform cubic B-spline (de Boor, A Practical Guide to Splines, 1978) at the frame centres `(i + 0.5) / stride`.
    """
    u = (torch.arange(stride) + 0.5) / stride
    return torch.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], dim=-1
    ) / 6  # fmt: skip


def draw_noise(kind: str, size: int, generators: Sequence[torch.Generator | None], like: Tensor) -> Tensor:
    """
    Draw a row of `size` numbers from each generator, `(takes, size)`, to lie beside `like`.

    Each draws on its own device, so that a seed means the same everywhere.
    """
    sampler = {"rand": torch.rand, "randn": torch.randn}[kind]
    rows = [
        sampler((size,), generator=generator, device=torch.device("cpu") if generator is None else generator.device)
        for generator in generators
    ]
    return torch.stack([row.to(like) for row in rows])


class MotionDraw:
    """
    Feeds the motion prior its own draws, one control point at a time; starts from the photo's pose.

    Short clips teach how a head moves, not how far it strays in a minute: the leash pulls each draw back towards the
    photo's pose by a share that gives rollouts the spread of the tracked clips.

    The batch has `ROWS` rows however many takes there are: matrices of another shape would be multiplied in another
    order, and a take among others would differ by rounding from the same take alone.

    Args:
        sampler ([`AnimationSampler`]): Whose prior and leash these are.
        generators (`Sequence[torch.Generator | None]`): The only source of randomness, one for each of up to `ROWS`
            takes.
        diversity (`float`): Scale of the learned spread.
    """

    def __init__(
        self, sampler: "AnimationSampler", generators: Sequence[torch.Generator | None], diversity: float
    ) -> None:
        self._sampler, self._generators, self._diversity = sampler, generators, diversity
        self._style = diversity * self._noise(sampler.config.style_dim)
        self._last = sampler.leash.new_zeros(ROWS, 2, NUM_MOTIONS)
        self._caches: list[tuple[Tensor, Tensor]] | None = None

    def _noise(self, size: int) -> Tensor:
        noise = draw_noise("randn", size, self._generators, self._sampler.leash)
        return F.pad(noise, (0, 0, 0, ROWS - len(noise)))

    def steps(self, windows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """
        Go on by some steps.

        Args:
            windows (`Tensor` of shape `(steps, window, speech_dim)`): Speech around each step.

        Yields:
            Of each step, the control points, `(takes, motions)`, and the chances that a blink begins, `(takes,)`.
        """
        sampler, takes = self._sampler, len(self._generators)
        heard = [
            (key.expand(ROWS, *key.shape[1:]), value.expand(ROWS, *value.shape[1:]))
            for key, value in sampler.motion_prior.hear(windows.unsqueeze(0))
        ]
        for index in range(len(windows)):
            here = [(key[:, index : index + 1], value[:, index : index + 1]) for key, value in heard]
            past = torch.cat([self._last[:, 1], self._last[:, 1] - self._last[:, 0]], dim=-1)
            distribution, self._caches = sampler.motion_prior.step(past.unsqueeze(1), here, self._style, self._caches)
            draw = distribution.sample(self._diversity, self._noise(NUM_MOTIONS).unsqueeze(1))[:, 0]
            points = (draw * (1.0 - sampler.leash)).clamp(-4.0, 4.0)
            self._last = torch.stack([self._last[:, 1], points], dim=1)
            yield points[:takes], distribution.blink_logits[:takes, 0].sigmoid()


class BlinkDraw:
    """
    Places blinks where the accumulated hazard passes a threshold drawn anew for each blink.

    The threshold is E ** diversity with E ~ Exp(1), over its mean so that the rate stays as learned: 1 is the Poisson
    process, 0 a regular one.

    Args:
        shape (`Tensor` of shape `(frames,)`): How far the lids are shut in the course of a blink.
        stride (`int`): Frames of a step.
        generator (`torch.Generator`, *optional*): The only source of randomness.
        diversity (`float`): Scale of the learned spread.
    """

    def __init__(self, shape: Tensor, stride: int, generator: torch.Generator | None, diversity: float) -> None:
        self._shape, self._stride, self._generator, self._diversity = shape, stride, generator, diversity
        self._total, self._step, self._earliest = 0.0, 0, 0
        self._starts: list[int] = []
        self._threshold = self._new_threshold(self._draw()[0])

    def _draw(self) -> list[float]:
        return draw_noise("rand", 2, [self._generator], torch.empty(0))[0].tolist()

    def _new_threshold(self, uniform: float) -> float:
        exponential = -math.log(min(max(uniform, 1e-6), 1.0))
        return exponential**self._diversity / math.gamma(1.0 + self._diversity)

    def step(self, hazard: float) -> None:
        """Go on by one step."""
        next_threshold, place = self._draw()  # in every step, so that noise stays in order
        self._total += hazard
        if self._total >= self._threshold:
            offset = int(place * self._stride) if self._diversity > 0 else 0
            start = max(self._step * self._stride + offset, self._earliest)
            self._starts.append(start)
            self._earliest = start + len(self._shape)
            self._total, self._threshold = 0.0, self._new_threshold(next_threshold)
        self._step += 1

    def curve(self, first: int, stop: int) -> Tensor:
        """Blinks of the frames from `first` to `stop`, of shape `(stop - first,)`; earlier ones are forgotten."""
        self._starts = [start for start in self._starts if start + len(self._shape) > first]
        curve = self._shape.new_zeros(stop - first)
        for start in self._starts:
            low, high = max(start, first), min(start + len(self._shape), stop)
            if low < high:
                curve[low - first : high - first] = self._shape[low - start : high - start]
        return curve


class AnimationStream:
    """
    The state of some takes of one sound: [`push`] features as they come, [`finish`] when the sound ends.

    Each is, to the last bit, the take that its generator gives alone.

    Args:
        sampler ([`AnimationSampler`]): The networks; one sampler serves any number of streams.
        generators (`Sequence[torch.Generator | None]`): The only source of randomness, one for each take.
        diversity (`float`, defaults to 1.0): Scale of the learned spread.
        lookahead (`int`, *optional*): Frames of sound heard before a frame is decided. Without it each frame waits for
            all the speech that shapes it, 1.2 s; with it motion repeats the last speech it has heard, as at a clip's
            end. Lips wait for [`AnimationSampler.lip_future`] at least.
    """

    def __init__(
        self,
        sampler: "AnimationSampler",
        generators: Sequence[torch.Generator | None],
        diversity: float = 1.0,
        lookahead: int | None = None,
    ) -> None:
        stride = sampler.config.stride
        self._sampler = sampler
        self._lookahead = None if lookahead is None else max(lookahead, sampler.lip_future)
        self._token = FEATURES_PER_FRAME * stride
        self._motions = [
            MotionDraw(sampler, generators[first : first + ROWS], diversity)
            for first in range(0, len(generators), ROWS)
        ]
        self._blinks = [BlinkDraw(sampler.blink_shape, stride, generator, diversity) for generator in generators]
        self._spline = spline_weights(stride).to(sampler.leash)
        # Control points from that of the segment at hand on; speech from feature `_first` on.
        self._points = [sampler.leash.new_zeros(len(generators), NUM_MOTIONS)]
        self._speech = sampler.leash.new_zeros(1, 0, sampler.motion_prior.audio_input.in_features)
        self._first = self._frame = self._step = 0

    @torch.no_grad()
    def push(self, features: Tensor, preview: Tensor | None = None) -> Tensor:
        """
        Go on by some speech.

        Args:
            features (`Tensor` of shape `(2 * frames, audio_dim)`): The next features at 50 Hz.
            preview (`Tensor` of shape `(2 * frames, audio_dim)`, *optional*): What is known of the features after
                them; used as context now, to be pushed later in its final form.

        Returns:
            `Tensor` of shape `(takes, frames, 58)`: Coefficients at 25 fps of all frames that can be decided, maybe
            none.
        """
        self._speech = torch.cat([self._speech, self._read(features)], dim=1)
        if preview is None:
            return self._decide(self._speech, ended=False)
        return self._decide(torch.cat([self._speech, self._read(preview)], dim=1), ended=False)

    @torch.no_grad()
    def finish(self) -> Tensor:
        """The sound has ended: the frames still missing, of shape `(takes, frames, 58)`."""
        return self._decide(self._speech, ended=True)

    def _read(self, features: Tensor) -> Tensor:
        width = self._sampler.config.audio_dim
        if features.ndim != 2 or features.shape[0] % FEATURES_PER_FRAME or features.shape[1] != width:
            raise ValueError(f"features must have shape (2 * frames, {width}), got {tuple(features.shape)}")
        return self._sampler.speech(features.unsqueeze(0))

    def _decide(self, known: Tensor, ended: bool) -> Tensor:
        """Decide frames on the `known` speech, of which `_speech` is the final part."""
        stride = self._sampler.config.stride
        num_known = self._first + known.shape[1]
        stop = (self._first + self._speech.shape[1]) // FEATURES_PER_FRAME
        if not ended:
            stop = min(stop, num_known // FEATURES_PER_FRAME - self._sampler.lip_future)
            if self._lookahead is None:
                waiting = self._sampler.config.audio_future + SEGMENT_DRAWS
                stop = min(stop, (num_known // self._token - waiting + 1) * stride)
        if stop <= self._frame:
            return known.new_zeros(len(self._blinks), 0, len(COEFFICIENT_NAMES))
        last_token = -(-num_known // self._token) - 1 if ended else num_known // self._token - 1
        steps = range(self._step, -(-stop // stride) + SEGMENT_DRAWS - 1)
        if steps:
            windows = self._windows(known, steps, last_token, ended)
            for drawn in zip(*(motion.steps(windows) for motion in self._motions), strict=True):
                points, hazards = (torch.cat(parts) for parts in zip(*drawn, strict=True))
                self._points.append(points)
                for blinks, hazard in zip(self._blinks, hazards.tolist(), strict=True):
                    blinks.step(hazard)
            self._step = steps.stop
        coefficients = self._assemble(known, stop)
        self._frame = stop
        self._forget()
        return coefficients

    def _windows(self, known: Tensor, steps: range, last_token: int, ended: bool) -> Tensor:
        """
        Speech around some steps, `(steps, window, speech_dim)`: means over tokens, the outermost known ones repeated.
        """
        config, token, first = self._sampler.config, self._token, self._first // self._token
        offsets = torch.arange(-config.audio_past, config.audio_future + 1)
        rows = []
        for step in steps:
            last = last_token
            if ended:
                step = min(step, last_token)  # the spline's last two points lie beyond the sound
            if self._lookahead is not None:
                # What is known for certain when the first frame that this point shapes must be decided.
                frame = max(0, step - SEGMENT_DRAWS + 1) * config.stride
                last = min(last, FEATURES_PER_FRAME * (frame + 1 + self._lookahead) // token - 1)
            rows.append((offsets + step).clamp(0, last))
        heard = known[:, : (last_token + 1) * token - self._first]
        missing = -heard.shape[1] % token
        if missing:
            heard = F.pad(heard.transpose(1, 2), (0, missing), mode="replicate").transpose(1, 2)
        tokens = heard[0].unflatten(0, (-1, token)).mean(1)
        return tokens[(torch.stack(rows) - first).to(tokens.device)]

    def _assemble(self, known: Tensor, stop: int) -> Tensor:
        """Coefficients of the frames up to `stop`."""
        sampler, stride = self._sampler, self._sampler.config.stride
        begin = self._frame // stride * stride  # of the first control point kept
        lips = self._lips(known, stop)
        takes = []
        for blinks, points in zip(self._blinks, torch.stack(self._points, dim=1), strict=True):
            motion = torch.einsum("sk,nck->nsc", self._spline, points.unfold(0, 4, 1)).flatten(0, 1)
            curves = (motion * sampler.motion_scale)[self._frame - begin : stop - begin]
            take = coefficients_from_motion(limit_head(curves), blinks.curve(self._frame, stop))
            smile = take[:, SMILE_INDICES]
            take[:, LIP_INDICES] = lips
            take[:, SMILE_INDICES] = (take[:, SMILE_INDICES] + SMILE_SHARE * smile).clamp(0.0, 1.0)
            takes.append(take)
        return torch.stack(takes)

    def _lips(self, known: Tensor, stop: int) -> Tensor:
        """Lips of the frames up to `stop`, from all the speech that reaches them."""
        first, end = self._first // FEATURES_PER_FRAME, stop + self._sampler.lip_future
        low = max(first, self._frame - self._sampler.lip_past)
        heard = known[:, FEATURES_PER_FRAME * (low - first) : FEATURES_PER_FRAME * (end - first)]
        return self._sampler.lips(heard)[0, self._frame - low : stop - low]

    def _forget(self) -> None:
        """Drop what no later frame needs."""
        config = self._sampler.config
        segment = self._frame // config.stride
        self._points = self._points[len(self._points) - (self._step + 1 - segment) :]
        oldest_token = (self._step - config.audio_past - SEGMENT_DRAWS) * self._token
        oldest_frame = (self._frame - self._sampler.lip_past) * FEATURES_PER_FRAME
        oldest = max(self._first, min(oldest_token, oldest_frame // self._token * self._token))
        self._speech = self._speech[:, oldest - self._first :].clone()
        self._first = oldest
