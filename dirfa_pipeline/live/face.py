"""The face of a conversation: draws one frame after another, each with its sound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2Model

from ..animation.coefficients import LIP_INDICES, NUM_COEFFICIENTS
from ..animation.easing import ramp, smoothstep
from ..direction.controls import Controls
from ..direction.resting_look import RestingLook
from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.face_renderer import FaceRenderer, PreparedPortrait
from .breath import breathe
from .direction import LiveDirection
from .hearing import Hearing
from .listening import Listening
from .timeline import SOUND_RATE, Timeline
from .utterance import Utterance


Array = NDArray[np.float32]
Mark = Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]

CLOSES: Final = 0.14  # seconds that the lips take to come to rest after an interruption
_LIPS = list(LIP_INDICES)


@dataclass(frozen=True, eq=False)
class AvatarFrame:
    """
    A frame and the sound that is heard with it.

    Args:
        image (`np.ndarray` of shape `(height, width, 3)`): uint8.
        audio (`np.ndarray` of shape `(1, num_samples)`): float32 at 24 kHz, including the sound of frames that were
            skipped before this one.
        time (`float`): Seconds from the beginning of the conversation to the beginning of the frame.
        speaking (`bool`): Whether the sound contains speech.
    """

    image: NDArray[np.uint8]
    audio: Array
    time: float
    speaking: bool
    spoken: Mapping[Utterance, int] = field(default_factory=dict, repr=False)  # samples from each utterance


class LiveFace:
    """
    A live face without a clock of its own: the caller says which frame to draw. One thread draws; meanwhile other
    threads may add speech, interrupt and direct.

    Args:
        encoder, sampler, face_model, face_renderer: The components of a pipeline.
        prepared ([`PreparedPortrait`]): The face.
        fps (`float`): Frames per second.
        lookahead (`float`): Seconds of sound heard before a frame's motion is decided.
        generator (`torch.Generator`, *optional*): Makes the sampled motion repeatable.
        controls ([`Controls`]): Controls that can be followed frame by frame.
        device (`torch.device`): Where the networks run.
        mark (`Callable`, *optional*): Adds the watermark to a frame, given its time in seconds.
    """

    def __init__(
        self, encoder: Wav2Vec2Model, sampler: AnimationSampler, face_model: FaceModel, face_renderer: FaceRenderer,
        prepared: PreparedPortrait, fps: float, lookahead: float, generator: torch.Generator | None,
        controls: Controls, device: torch.device, mark: Mark | None = None,
    ) -> None:  # fmt: skip
        self.timeline = Timeline()
        self._renderer, self._prepared, self._fps, self._mark = face_renderer, prepared, fps, mark
        self._listening = Listening(face_model, int(torch.randint(2**31, (), generator=_on_cpu(generator))))
        self._hearing = Hearing(
            encoder, sampler, self.timeline, lookahead, generator, controls.follows_arousal, device
        )  # fmt: skip
        self._direction = LiveDirection(face_model, controls, prepared.face)
        self._resting = RestingLook(prepared.face)
        self._time = 0.0  # of the last frame
        self._lips = np.zeros(len(_LIPS), np.float32)  # lip coefficients of the last frame
        self._interrupted = False
        self._closing: tuple[float, Array] | None = None  # when the lips began to close, and their shape then

    @property
    def time(self) -> float:
        """Seconds from the beginning to the last frame that was drawn."""
        return self._time

    def warm_up(self) -> None:
        """Draw a frame that nobody sees, because the first one in a process spends seconds compiling loops."""
        self._renderer.render(self._prepared, np.zeros((1, NUM_COEFFICIENTS), np.float32))

    def draw(self, number: int) -> AvatarFrame:
        """Draw frame `number`, with all the sound since the previous one. Numbers must grow, but may skip."""
        time = number / self._fps
        row = self._settle(self._hearing.row((number + 0.5) / self._fps), time)
        row = breathe(self._listening.apply(row, time), time)
        directed = self._direction.apply(row, time)[None]
        image = self._renderer.render(self._prepared, self._resting.apply(directed, time - self._time))[0]
        if self._mark is not None:
            image = self._mark(image, time)
        audio, spoken = self.timeline.play(round((number + 1) * SOUND_RATE / self._fps))
        self._time = time
        return AvatarFrame(image, audio[None], time, bool(spoken), spoken)

    def interrupt(self, fades: bool = True) -> None:
        """Drop all speech that has not been played, except a short fade if `fades`, and close the lips."""
        self.timeline.cut(fades)
        self._interrupted = True

    def listen(self, audio: Any) -> None:
        """Listen to somebody else; raises [`AudioError`] if `audio` is not sound."""
        self._listening.hear(audio, self._time)

    def direct(self, controls: Controls) -> None:
        """Use other controls from now on."""
        self._direction.change(controls, self._time)
        self._hearing.follow_arousal(controls.follows_arousal)

    def _settle(self, row: Array, time: float) -> Array:
        """
        Close the lips after an interruption, from the shape they have: motion that was already sampled for the
        dropped speech fades out.
        """
        if self._interrupted:
            self._interrupted, self._closing = False, (self._time, self._lips)
        if self._closing is not None:
            since, held = self._closing
            share = smoothstep(ramp(time, since, CLOSES))
            row = row.copy()
            row[_LIPS] = (1.0 - share) * held + np.float32(share) * row[_LIPS]
            if share == 1.0:
                self._closing = None
        self._lips = row[_LIPS]
        return row


def _on_cpu(generator: torch.Generator | None) -> torch.Generator | None:
    return generator if generator is None or generator.device.type == "cpu" else None
