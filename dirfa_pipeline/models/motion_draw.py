"""Takes of motion drawn event by event, and the blinks between."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .gestures import NUM_DRAWN, NUM_GESTURES, bound_moves
from .motion_channels import FACE, MOTION_NAMES, NUM_MOTIONS
from .sound_events import makes_gestures


if TYPE_CHECKING:
    from .animation_sampler import AnimationSampler


ROWS: Final = 4  # of each batch of takes; empty ones fill it up
BLINK_WITHIN: Final = 10  # frames after an event in which its blink begins
# Times the learned chance of a blink, of which none begins while another goes on: 25 come a minute then, 19 without
# it, and 29 in real clips (measured: benchmarks/evaluate_motion.py).
MORE_BLINKS: Final = 1.3
# Of the leash, that channels have: brows stay where they are for a phrase, and heads turn aside for longer than in the
# clips that taught the rest (measured: benchmarks/measure_shown.py).
LEASHED: Final = tuple(0.2 if name.startswith("brow") else 0.75 if name == "yaw" else 1.0 for name in MOTION_NAMES)
FURTHEST: Final = 3.0  # spreads about rest that a channel's level may go


def draw_noise(kind: str, size: int, generators: Sequence[torch.Generator | None], like: Tensor) -> Tensor:
    """
    Draw a row of `size` numbers from each generator, `(takes, size)`, on the device and in the type of `like`.

    Each draws on its own device, so that a seed means the same everywhere.
    """
    sampler = {"rand": torch.rand, "randn": torch.randn}[kind]
    rows = [
        sampler((size,), generator=generator, device=torch.device("cpu") if generator is None else generator.device)
        for generator in generators
    ]
    return torch.stack([row.to(like) for row in rows])


def start_level(sampler: "AnimationSampler", diversity: float, expressiveness: float) -> Tensor:
    """Where the channels begin, `(motions,)`: at the average of what is drawn, as far as that goes."""
    return min(diversity, 1.0) * expressiveness * sampler.start_level


class MotionDraw:
    """
    Feeds the motion prior its own draws, one event at a time; starts from the photo's pose and an average face.

    Short clips teach how a head moves, not how far it strays in a minute: the leash takes a share of each channel's
    way from rest off every step, so that rollouts spread as far as tracked clips.

    The batch has `ROWS` rows however many takes there are: matrices of another shape would be multiplied in another
    order, and a take among others would differ by rounding from the same take alone.

    Args:
        sampler ([`AnimationSampler`]): Whose prior and leash these are.
        generators (`Sequence[torch.Generator | None]`): The only source of randomness, one for each of up to `ROWS`
            takes.
        diversity (`float`): Scale of the learned spread.
        expressiveness (`float`, defaults to 1.0): Scale of where the face begins.
    """

    def __init__(
        self,
        sampler: "AnimationSampler",
        generators: Sequence[torch.Generator | None],
        diversity: float,
        expressiveness: float = 1.0,
    ) -> None:
        self._sampler, self._generators, self._diversity = sampler, generators, diversity
        self._style = diversity * self._noise(sampler.config.style_dim)
        self._level = start_level(sampler, diversity, expressiveness).expand(ROWS, -1)
        self._leash = sampler.leash * sampler.leash.new_tensor(LEASHED)
        self._last = sampler.leash.new_zeros(ROWS, NUM_DRAWN)
        self._caches: list[tuple[Tensor, Tensor]] | None = None

    def _noise(self, size: int) -> Tensor:
        noise = draw_noise("randn", size, self._generators, self._sampler.leash)
        return F.pad(noise, (0, 0, 0, ROWS - len(noise)))

    def _event_noise(self, gestural: bool) -> Tensor:
        """
        The noise of one event. Where no gestures are made none are drawn: voices differ in where that is, and takes of
        one seed for two of them soon draw other numbers.
        """
        if gestural:
            return self._noise(NUM_DRAWN)
        return F.pad(self._noise(NUM_MOTIONS), (0, NUM_GESTURES))

    def events(self, cues: Tensor, windows: Tensor, amplitude: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """
        Go on by some events.

        Args:
            cues (`Tensor` of shape `(events, cues)`): How each sounds.
            windows (`Tensor` of shape `(events, window, heard_dim)`): The sound around each.
            amplitude (`Tensor` of shape `(events,)`): Factor on what each moves, 1 as learned.

        Yields:
            Of each event, its steps and gestures, `(takes, drawn)`, and the chances that a blink begins before the
            next one, `(takes,)`.
        """
        sampler, takes = self._sampler, len(self._generators)
        scale = sampler.cue_scale
        mean, spread = scale(cues)
        standard = (cues - scale.centre) / scale.width
        heard = [
            (key.expand(ROWS, *key.shape[1:]), value.expand(ROWS, *value.shape[1:]))
            for key, value in sampler.motion_prior.hear(windows.unsqueeze(0))
        ]
        gestural = makes_gestures(cues).tolist()
        for index in range(len(cues)):
            here = [(key[:, index : index + 1], value[:, index : index + 1]) for key, value in heard]
            past = torch.cat([self._level / sampler.level_scale, self._last], dim=-1).unsqueeze(1)
            told = standard[index].expand(ROWS, 1, -1)
            distribution, self._caches = sampler.motion_prior.step(past, told, here, self._style, self._caches)
            self._last = distribution.sample(self._diversity, self._event_noise(gestural[index]).unsqueeze(1))[:, 0]
            drawn = amplitude[index] * (mean[index] + spread[index] * self._last)
            drawn = bound_moves(drawn, amplitude[index].clamp_min(1.0))
            steps = self._bounded(drawn[:, :NUM_MOTIONS], float(amplitude[index]))
            self._level = self._level + steps
            gestures = drawn[:, NUM_MOTIONS:] if gestural[index] else torch.zeros_like(drawn[:, NUM_MOTIONS:])
            drawn = torch.cat([steps, gestures], dim=-1)
            yield drawn[:takes], distribution.blink_logits[:takes, 0].sigmoid()

    def _bounded(self, steps: Tensor, amplitude: float) -> Tensor:
        """Steps that lead back towards rest by the leash and no channel too far; none of the face under its rest."""
        sampler = self._sampler
        aim = (1.0 - self._leash) * self._level + steps
        limit = FURTHEST * max(amplitude, 1.0) * sampler.level_scale
        low = torch.cat([-limit[: FACE.start], torch.zeros_like(limit[FACE])])
        return torch.minimum(torch.maximum(aim, low), limit) - self._level


class BlinkDraw:
    """
    Places blinks where the accumulated hazard passes a threshold that is drawn for each blink.

    The threshold is E ** diversity with E ~ Exp(1), over its mean so that the rate does not depend on it: 1 is the
    Poisson process, 0 a regular one.

    Args:
        shape (`Tensor` of shape `(frames,)`): How far the lids are shut in the course of a blink.
        generator (`torch.Generator`, *optional*): The only source of randomness.
        diversity (`float`): Scale of the learned spread.
    """

    def __init__(self, shape: Tensor, generator: torch.Generator | None, diversity: float) -> None:
        self._shape, self._generator, self._diversity = shape, generator, diversity
        self._total, self._earliest = 0.0, 0
        self._starts: list[int] = []
        self._threshold = self._new_threshold(self._draw()[0])

    def _draw(self) -> list[float]:
        return draw_noise("rand", 2, [self._generator], torch.empty(0))[0].tolist()

    def _new_threshold(self, uniform: float) -> float:
        exponential = -math.log(min(max(uniform, 1e-6), 1.0))
        return exponential**self._diversity / math.gamma(1.0 + self._diversity)

    def event(self, hazard: float, frame: int) -> None:
        """Go on by one event at a frame."""
        next_threshold, place = self._draw()  # at every event, so that noise stays in order
        self._total += MORE_BLINKS * hazard
        if self._total >= self._threshold:
            offset = int(place * BLINK_WITHIN) if self._diversity > 0 else 0
            start = max(frame + offset, self._earliest)
            self._starts.append(start)
            self._earliest = start + len(self._shape)
            self._total, self._threshold = 0.0, self._new_threshold(next_threshold)

    def curve(self, first: int, stop: int) -> Tensor:
        """Blinks of the frames from `first` to `stop`, of shape `(stop - first,)`; earlier ones are forgotten."""
        self._starts = [start for start in self._starts if start + len(self._shape) > first]
        curve = self._shape.new_zeros(stop - first)
        for start in self._starts:
            low, high = max(start, first), min(start + len(self._shape), stop)
            if low < high:
                curve[low - first : high - first] = self._shape[low - start : high - start]
        return curve
