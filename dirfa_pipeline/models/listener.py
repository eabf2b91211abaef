"""
What is heard of a voice, relative to itself: loudness, pitch and brightness about their own running means.

Nothing here knows the future: a row depends on the rows up to it, so that a stream hears what a file gives.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .arousal import MOST_STEP, SILENCE, VOICED, Arousal


Array = NDArray[np.float32]

HEARD_NAMES: Final = ("level", "pitch", "voicing", "brightness", "speaking", "arousal")
NUM_HEARD: Final = len(HEARD_NAMES)
LEVEL, PITCH, VOICING, BRIGHTNESS, SPEAKING, AROUSAL = range(NUM_HEARD)

MEMORY: Final = 300  # rows, 6 s: a speaker who steps back is followed, a phrase is not
FIRST_ROWS: Final = 10  # that the first row counts as: the mean starts there and moves gently
LEVEL_RANGE: Final = (-2.0, 1.5)  # tens of decibels about the mean: softer than a voice by 20 dB is background


@dataclass(frozen=True)
class Listener:
    """
    The running means of one voice.

    Args:
        rows (`float`): Rows of speech heard, up to `MEMORY`.
        loudness, brightness (`float`): Running means of log10 power and of its share above 2 kHz.
        voiced_rows (`float`), pitch (`float`): The same for the pitch, in semitones, over voiced rows.
        mood ([`Arousal`]): How aroused the voice of the last seconds is.
    """

    rows: float = 0.0
    loudness: float = 0.0
    brightness: float = 0.0
    voiced_rows: float = 0.0
    pitch: float = 0.0
    mood: Arousal = field(default_factory=Arousal)

    def hear(self, prosody: Array, speaking: Array) -> tuple[Array, "Listener"]:
        """
        Go on by some rows.

        Args:
            prosody (`np.ndarray` of shape `(rows, 4)`): See [`prosody`].
            speaking (`np.ndarray` of shape `(rows,)`): The chance that somebody speaks, in [0, 1].

        Returns:
            `np.ndarray` of shape `(rows, 6)`: level, in tens of decibels about the voice's mean; pitch, in octaves
            about its own, 0 where nothing is voiced; voicing in [0, 1]; brightness, log10 about its mean; speaking;
            arousal. And the listener for the rows after these.
        """
        heard = np.zeros((len(prosody), NUM_HEARD), np.float32)
        state = self
        for row, ((loudness, pitch, voicing, brightness), weight) in enumerate(
            zip(prosody.tolist(), speaking.tolist(), strict=True)
        ):
            mood = state.mood.after(loudness, pitch, voicing, brightness, weight)
            state = replace(state._after(loudness, pitch, voicing, brightness, weight), mood=mood)
            low, high = LEVEL_RANGE
            heard[row, LEVEL] = min(max(loudness - state.loudness, low), high) if state.rows else low
            voiced = voicing > VOICED and state.voiced_rows > 0.0
            heard[row, PITCH] = min(max((pitch - state.pitch) / 12.0, -1.0), 1.0) if voiced else 0.0
            heard[row, VOICING] = voicing
            heard[row, BRIGHTNESS] = brightness - state.brightness if state.rows else 0.0
            heard[row, SPEAKING] = weight
            heard[row, AROUSAL] = state.mood.value
        return heard, state

    def _after(self, loudness: float, pitch: float, voicing: float, brightness: float, weight: float) -> "Listener":
        if weight < 0.5 or loudness < SILENCE:
            return self
        if self.rows == 0.0:
            fresh = replace(self, rows=FIRST_ROWS, loudness=loudness, brightness=brightness)
        else:
            rows = min(self.rows + weight, float(MEMORY))
            share = weight / rows
            fresh = replace(
                self,
                rows=rows,
                loudness=self.loudness + share * (loudness - self.loudness),
                brightness=self.brightness + share * (brightness - self.brightness),
            )
        if voicing <= VOICED:
            return fresh
        if self.voiced_rows == 0.0:
            return replace(fresh, voiced_rows=FIRST_ROWS, pitch=pitch)
        voiced = min(self.voiced_rows + 1.0, float(MEMORY))
        step = min(max(pitch - self.pitch, -MOST_STEP), MOST_STEP)
        return replace(fresh, voiced_rows=voiced, pitch=self.pitch + step / voiced)
