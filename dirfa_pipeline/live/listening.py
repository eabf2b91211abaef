"""Listening: while somebody else speaks, the face looks at them, and nods where their phrases end."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.coefficients import COEFFICIENT_NAMES
from ..animation.easing import ramp, smoothstep
from ..direction.controls import Controls
from ..face.fit import FaceFitter
from ..media.audio import ENCODER_RATE
from ..media.audio_stream import SoundStream


Array = NDArray[np.float32]

# People look at the other three quarters of the time while they listen, and two fifths while they speak (Argyle and
# Cook, 1976, "Gaze and mutual gaze").
LOOKS: Final = 0.75  # share of the way from the sampled gaze to the speaker
LOOK_COMES, LOOK_GOES = 0.5, 1.5  # seconds in which the gaze turns to the speaker, and away again
# Listeners nod where the speaker's phrases end and the pitch is low (Ward and Tsukahara, 2000, "Prosodic features
# which cue back-channel responses").
NOD_CHANCE: Final = 0.6  # probability of a nod at the end of a phrase
NOD_GAP: Final = 2.0  # least time between two nods, in seconds
NOD: Final = 0.07  # radians by which the chin drops; 4 degrees
NOD_LENGTH: Final = 0.5  # seconds that one nod takes, down and up
SECOND_NOD: Final = 0.45  # size of the second nod, relative to the first
STEP: Final = ENCODER_RATE // 50  # samples in a row of 20 ms
PHRASE: Final = 15  # this many loud rows among the last `PHRASE_WITHIN` make a phrase
PHRASE_WITHIN: Final = 50
END_AFTER: Final = 10  # this many quiet rows end a phrase
ABOVE_FLOOR: Final = 1.2  # log10 of power (12 dB) above the noise floor from which a row counts as loud
LEAST_LOUDNESS: Final = -5.0  # log10 of power (-50 dB): quieter rows never count as loud
QUIET: Final = -9.0  # log10 of power of a quiet room, assumed until the noise floor is known
FLOOR_ROWS: Final = 250  # rows, 5 s, of which the quietest gives the noise floor

_PITCH = COEFFICIENT_NAMES.index("pitch")
_AT_SPEAKER = Controls(gaze="camera")


class Listening:
    """
    Makes a face react to somebody else's speech.

    Args:
        face_model ([`FaceModel`]): Needed to direct the gaze.
        seed (`int`): Decides at which ends of phrases the face nods.
    """

    def __init__(self, face_model: FaceFitter, seed: int) -> None:
        self._face_model, self._random = face_model, np.random.default_rng(seed)
        self._sound = SoundStream(new_rate=ENCODER_RATE)
        self._rest = np.zeros(0, np.float32)
        self._loudness: deque[float] = deque([QUIET], maxlen=FLOOR_ROWS)
        self._loud: deque[bool] = deque(maxlen=PHRASE_WITHIN)
        self._attention: tuple[float, float] | None = None  # when the current speaker began and was last heard
        self._nod: float | None = None

    def hear(self, audio: Any, time: float) -> None:
        """Take the next chunk of sound, heard at `time`; raises [`AudioError`] if `audio` is not sound."""
        for loud in self._rows(audio):
            self._loud.append(loud)
            if loud:
                since, until = self._attention or (time, time)
                self._attention = (time if time > until + LOOK_GOES else since, time)
            elif self._ends_phrase():
                self._loud.clear()
                rested = self._nod is None or time - self._nod >= NOD_GAP
                if rested and self._random.random() < NOD_CHANCE:
                    self._nod = time

    def apply(self, row: Array, time: float) -> Array:
        """Add gaze and nods of a listener to a row of coefficients, `(58,)`."""
        look = self._look(time)
        if look > 0.0:
            looking = _AT_SPEAKER.apply(Animation(row[None]), self._face_model).coefficients[0]
            row = (1.0 - look) * row + np.float32(look) * looking
        if self._nod is not None and time < self._nod + 2.0 * NOD_LENGTH:
            row = row.copy()
            row[_PITCH] -= NOD * (_dip(time - self._nod) + SECOND_NOD * _dip(time - self._nod - NOD_LENGTH))
        return row

    def _rows(self, audio: Any) -> Iterator[bool]:
        """For each 20 ms, whether it is loud."""
        for piece in self._sound.hear(audio):
            self._rest = np.concatenate([self._rest, piece])
            while len(self._rest) >= STEP:
                row, self._rest = self._rest[:STEP], self._rest[STEP:]
                loudness = float(np.log10(np.mean(np.square(row)) + 1e-9))
                self._loudness.append(loudness)
                yield loudness > max(min(self._loudness) + ABOVE_FLOOR, LEAST_LOUDNESS)

    def _ends_phrase(self) -> bool:
        """Whether a phrase has just ended."""
        loud = list(self._loud)
        return len(loud) > END_AFTER and not any(loud[-END_AFTER:]) and sum(loud) >= PHRASE

    def _look(self, time: float) -> float:
        if self._attention is None:
            return 0.0
        since, until = self._attention
        comes, goes = ramp(time, since, LOOK_COMES), ramp(time, until + LOOK_GOES, -LOOK_GOES)
        return LOOKS * smoothstep(min(comes, goes))


def _dip(since: float) -> float:
    """How far down the head is in a nod, in [0, 1], `since` seconds after the nod began."""
    return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * ramp(since, 0.0, NOD_LENGTH)))
