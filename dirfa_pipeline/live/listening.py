"""What a face does while somebody else speaks: it looks at them, and nods where their phrases end."""

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

# Listeners look at who speaks three quarters of the time, speakers two fifths (Argyle and Cook, 1976, "Gaze and mutual
# gaze").
LOOKS: Final = 0.75  # share of the way from the drawn gaze to the speaker
LOOK_COMES, LOOK_GOES = 0.5, 1.5  # seconds
# Nods come where the speaker's phrases end and pitch is low (Ward and Tsukahara, 2000, "Prosodic features which cue
# back-channel responses").
NOD_CHANCE: Final = 0.6  # at the end of a phrase
NOD_GAP: Final = 2.0  # seconds between two nods at least
NOD: Final = 0.07  # radians that the chin drops, 4 degrees
NOD_LENGTH: Final = 0.5  # seconds that one takes, down and up
SECOND_NOD: Final = 0.45  # of the first, as large is the one after it
STEP: Final = ENCODER_RATE // 50  # samples of a row
PHRASE: Final = 15  # loud rows of 20 ms, of the last `PHRASE_WITHIN`, that make a phrase
PHRASE_WITHIN: Final = 50
END_AFTER: Final = 10  # quiet rows that end it
ABOVE_FLOOR: Final = 1.2  # tens of decibels above the quietest of the last seconds that count as loud
LEAST_LOUDNESS: Final = -5.0  # log10 of power, -50 dB: nothing quieter is speech
QUIET: Final = -9.0  # the same, of a quiet room, which counts until the floor is known
FLOOR_ROWS: Final = 250  # 5 s

_PITCH = COEFFICIENT_NAMES.index("pitch")
_AT_SPEAKER = Controls(gaze="camera")


class Listening:
    """
    Hears somebody else.

    Args:
        face_model ([`FaceModel`]): Needed to direct the gaze.
        seed (`int`): Decides which ends of phrases are nodded at.
    """

    def __init__(self, face_model: FaceFitter, seed: int) -> None:
        self._face_model, self._random = face_model, np.random.default_rng(seed)
        self._sound = SoundStream(new_rate=ENCODER_RATE)
        self._rest = np.zeros(0, np.float32)
        self._loudness: deque[float] = deque([QUIET], maxlen=FLOOR_ROWS)
        self._loud: deque[bool] = deque(maxlen=PHRASE_WITHIN)
        self._attention: tuple[float, float] | None = None  # since when somebody speaks, until when
        self._nod: float | None = None

    def hear(self, audio: Any, time: float) -> None:
        """Go on by a chunk of sound that is heard at `time`; raises [`AudioError`] for what is no sound."""
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
        """The row of coefficients, `(58,)`, of a face that listens."""
        look = self._look(time)
        if look > 0.0:
            looking = _AT_SPEAKER.apply(Animation(row[None]), self._face_model).coefficients[0]
            row = (1.0 - look) * row + np.float32(look) * looking
        if self._nod is not None and time < self._nod + 2.0 * NOD_LENGTH:
            row = row.copy()
            row[_PITCH] -= NOD * (_dip(time - self._nod) + SECOND_NOD * _dip(time - self._nod - NOD_LENGTH))
        return row

    def _rows(self, audio: Any) -> Iterator[bool]:
        """Whether each 20 ms is loud."""
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
    """How far a nod is down, in [0, 1], some seconds after it began."""
    return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * ramp(since, 0.0, NOD_LENGTH)))
