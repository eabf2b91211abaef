"""
Takes drawn while the speech arrives: what is heard in, coefficients out, with bounded memory.

A frame is decided on the sound up to six frames after it: events of the voice that begin to move it three frames
before they come, and the lips' own context. Nothing depends on how much comes at a time: noise is drawn event by
event.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from ..animation.coefficients import COEFFICIENT_NAMES, LIP_INDICES
from ..media.audio import FEATURES_PER_FRAME
from ..media.prosody import NUM_PROSODY
from .gestures import BEGIN, REACH, compose
from .listener import AROUSAL, NUM_HEARD, SPEAKING, Listener
from .motion_channels import NUM_MOTIONS, coefficients_from_motion, limit_head, show_motion
from .motion_draw import ROWS, BlinkDraw, MotionDraw, start_level
from .sound_events import PAST, EventFinder, SoundEvent
from .voice_gate import BEFORE, voice_gate


if TYPE_CHECKING:
    from .animation_sampler import AnimationSampler


SMILE_SHARE: Final = 0.4  # of a drawn smile reaches the lips, which must tell the speech; the cheeks show the rest
# Of what lips were taught, how far they go in a take, so that mouths open, round and widen as far as tracked talkers'
# (measured: benchmarks/compare_spreads.py and evaluate_motion.py). Judges called openings overstretched that upper
# lips and corners made, and round mouths flat.
SPREAD: Final = {"jawOpen": 1.05, "mouthFunnel": 1.2, "mouthPucker": 1.1} | {
    f"{name}{side}": share
    for name, share in (("mouthSmile", 0.8), ("mouthStretch", 0.9), ("mouthUpperUp", 0.8))
    for side in ("Left", "Right")
}
SPREADS: Final = tuple(SPREAD.get(COEFFICIENT_NAMES[index], 1.0) for index in LIP_INDICES)
SMILE_INDICES: Final = tuple(COEFFICIENT_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight"))
# Rows of 20 ms about an event that its window of sound averages, part by part.
WINDOW: Final = ((-40, -30), (-30, -20), (-20, -10), (-10, 0), (0, 5))
AROUSED_SCALE: Final = 1.6  # of what events move, at an arousal of 1; at -1 its inverse
EVENTS_AHEAD: Final = int(-FEATURES_PER_FRAME * BEGIN)  # rows after a frame whose events move it


def event_windows(heard: Tensor, first: int, rows: Sequence[int]) -> Tensor:
    """
    The sound around some events: `(events, parts, heard_dim)`, means over the parts of [`WINDOW`].

    Args:
        heard (`Tensor` of shape `(rows, heard_dim)`): From row `first` on; beyond its ends the outermost rows repeat.
        first (`int`): The first row's number.
        rows (`Sequence[int]`): The events'.
    """
    last = len(heard) - 1
    windows = []
    for row in rows:
        spans = [(row + start - first, row + stop - first) for start, stop in WINDOW]
        windows.append(torch.stack([heard[min(max(a, 0), last) : min(max(b, 1), last + 1)].mean(0) for a, b in spans]))
    return torch.stack(windows)


class AnimationStream:
    """
    The state of some takes of one sound: [`push`] features as they come, [`finish`] when the sound ends.

    Each is, to the last bit, the take that its generator gives alone.

    Args:
        sampler ([`AnimationSampler`]): The networks; one sampler serves any number of streams.
        generators (`Sequence[torch.Generator | None]`): The only source of randomness, one for each take.
        diversity (`float`, defaults to 1.0): Scale of the learned spread.
        expressiveness (`float`, defaults to 1.0): Scale of what head, eyes and brows do.
        follow_arousal (`bool`, defaults to `False`): Whether they do more where the voice is aroused, and less where
            it is calm. May be changed: it holds from the next event on.
    """

    def __init__(
        self,
        sampler: "AnimationSampler",
        generators: Sequence[torch.Generator | None],
        diversity: float = 1.0,
        expressiveness: float = 1.0,
        follow_arousal: bool = False,
    ) -> None:
        self._sampler, self._expressiveness, self.follow_arousal = sampler, expressiveness, follow_arousal
        self._motions = [
            MotionDraw(sampler, generators[first : first + ROWS], diversity, expressiveness)
            for first in range(0, len(generators), ROWS)
        ]
        self._blinks = [BlinkDraw(sampler.blink_shape, generator, diversity) for generator in generators]
        self._listener, self._finder = Listener(), EventFinder()
        # What is heard from row `_first` on; the frame at hand; where events that are over have left the channels, and
        # the others with what they move, `(takes, drawn)`.
        self._heard = sampler.leash.new_zeros(1, 0, sampler.heard_dim)
        self._first = self._frame = 0
        self._start = start_level(sampler, diversity, expressiveness)
        self._level = self._start.repeat(len(generators), 1)
        self._moving: list[tuple[SoundEvent, Tensor]] = []

    @torch.no_grad()
    def push(self, features: Tensor, preview: Tensor | None = None) -> Tensor:
        """
        Go on by some speech.

        Args:
            features (`Tensor` of shape `(2 * frames, audio_dim + 4)`): The next features at 50 Hz: the encoder's, and
                the rows of [`prosody`] beside them.
            preview (`Tensor` of shape `(2 * frames, audio_dim + 4)`, *optional*): What is known of the features after
                them; used as context now, to be pushed later in its final form.

        Returns:
            `Tensor` of shape `(takes, frames, 58)`: Coefficients at 25 fps of all frames that can be decided, maybe
            none.
        """
        heard, self._listener = self._hear(features, self._listener)
        self._heard = torch.cat([self._heard, heard], dim=1)
        if preview is None:
            return self._decide(self._heard, ended=False)
        return self._decide(torch.cat([self._heard, self._hear(preview, self._listener)[0]], dim=1), ended=False)

    @torch.no_grad()
    def finish(self) -> Tensor:
        """The sound has ended: the frames still missing, of shape `(takes, frames, 58)`."""
        return self._decide(self._heard, ended=True)

    def _hear(self, features: Tensor, listener: Listener) -> tuple[Tensor, Listener]:
        """What some features tell, `(1, rows, heard_dim)`, and the listener after them."""
        width = self._sampler.config.audio_dim + NUM_PROSODY
        if features.ndim != 2 or features.shape[0] % FEATURES_PER_FRAME or features.shape[1] != width:
            raise ValueError(f"features must have shape (2 * frames, {width}), got {tuple(features.shape)}")
        return self._sampler.hear(features, listener)

    def _decide(self, known: Tensor, ended: bool) -> Tensor:
        """Decide frames on the `known` sound, of which `_heard` is the final part."""
        stop = (self._first + self._heard.shape[1]) // FEATURES_PER_FRAME
        if not ended:
            num_known = self._first + known.shape[1]
            stop = min(stop, num_known // FEATURES_PER_FRAME - self._sampler.lip_future)
        if stop <= self._frame:
            return known.new_zeros(len(self._blinks), 0, len(COEFFICIENT_NAMES))
        self._draw_events(known[0], FEATURES_PER_FRAME * stop + EVENTS_AHEAD)
        coefficients = self._assemble(known, stop)
        self._frame = stop
        self._forget()
        return coefficients

    def _draw_events(self, known: Tensor, stop: int) -> None:
        """Find the events up to row `stop` and draw what they move."""
        begin = max(0, self._finder.decided - PAST - self._first)
        voice = known[begin:, -NUM_HEARD:].float().cpu().numpy()
        events = self._finder.find(voice, self._first + begin, stop)
        if not events:
            return
        cues = torch.from_numpy(np.stack([event.cues for event in events])).to(known)
        windows = event_windows(known, self._first, [event.row for event in events])
        amplitude = known.new_full((len(events),), self._expressiveness)
        if self.follow_arousal:
            arousal = [float(voice[event.row - self._first - begin, AROUSAL]) for event in events]
            amplitude *= AROUSED_SCALE ** known.new_tensor(arousal)
        for event, *drawn in zip(events, *(m.events(cues, windows, amplitude) for m in self._motions), strict=True):
            moved, hazards = (torch.cat(parts) for parts in zip(*drawn, strict=True))
            self._moving.append((event, moved))
            frame = event.row // FEATURES_PER_FRAME - int(-BEGIN)
            for blinks, hazard in zip(self._blinks, hazards.tolist(), strict=True):
                blinks.event(hazard, max(frame, self._frame))

    def _assemble(self, known: Tensor, stop: int) -> Tensor:
        """Coefficients of the frames up to `stop`."""
        lips = self._lips(known, stop).float() * self._voice(known, stop).unsqueeze(1)
        takes = []
        for blinks, curves in zip(self._blinks, self._motion(stop), strict=True):
            shown = limit_head(show_motion(curves, self._start.float()))
            take = coefficients_from_motion(shown, blinks.curve(self._frame, stop).float())
            smile = take[:, SMILE_INDICES]
            take[:, LIP_INDICES] = (lips * lips.new_tensor(SPREADS)).clamp_max(1.0)
            take[:, SMILE_INDICES] = (take[:, SMILE_INDICES] + SMILE_SHARE * smile).clamp(0.0, 1.0)
            takes.append(take)
        return torch.stack(takes)

    def _motion(self, stop: int) -> Tensor:
        """Motion of the frames up to `stop`, `(takes, frames, motions)`."""
        level = self._level.float().unsqueeze(1)  # in half precision frames far into a sound would fall together
        if not self._moving:
            return level.repeat(1, stop - self._frame, 1)
        rows = level.new_tensor([event.row for event, _ in self._moving])
        slow = level.new_tensor([float(event.kind == "tick") for event, _ in self._moving])
        frames = torch.arange(self._frame, stop, device=level.device) + 0.5
        since = frames.unsqueeze(1) - (rows + 0.5) / FEATURES_PER_FRAME
        moved = torch.stack([moved.float() for _, moved in self._moving], dim=1)
        # Take by take: sums over more of them at once round differently.
        return level + torch.stack([compose(since, slow, take) for take in moved])

    def _lips(self, known: Tensor, stop: int) -> Tensor:
        """Lips of the frames up to `stop`, from all the speech that reaches them."""
        first, end = self._first // FEATURES_PER_FRAME, stop + self._sampler.lip_future
        low = max(first, self._frame - self._sampler.lip_past)
        heard = known[:, FEATURES_PER_FRAME * (low - first) : FEATURES_PER_FRAME * (end - first)]
        return self._sampler.lips(heard)[0, self._frame - low : stop - low]

    def _voice(self, known: Tensor, stop: int) -> Tensor:
        """How far the lips of the frames up to `stop` follow what is heard, `(frames,)`."""
        speaking = known[0, :, SPEAKING - NUM_HEARD].float()
        begin, ahead = FEATURES_PER_FRAME * self._frame - self._first, FEATURES_PER_FRAME * self._sampler.lip_future
        return voice_gate(speaking, begin, stop - self._frame, ahead)

    def _forget(self) -> None:
        """Drop what no later frame needs."""
        while self._moving and self._frame - self._moving[0][0].row / FEATURES_PER_FRAME > REACH:
            _, moved = self._moving.pop(0)
            self._level = self._level + moved[:, :NUM_MOTIONS]
        row = FEATURES_PER_FRAME * self._frame
        lips = row - FEATURES_PER_FRAME * self._sampler.lip_past
        oldest = min(lips, row - BEFORE, self._finder.decided - PAST)
        oldest = max(self._first, oldest // FEATURES_PER_FRAME * FEATURES_PER_FRAME)
        self._heard = self._heard[:, oldest - self._first :].clone()
        self._first = oldest
