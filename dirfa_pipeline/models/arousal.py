"""
How aroused a voice is: its range of pitch and loudness, and its brightness, against those of a calm one.

A voice recorded more softly is as aroused: which rows count depends on how far they are below the voice's own level.
What the encoder takes for speech changes a little with the gain, so it only shows whether somebody has spoken lately.
"""

import math
from dataclasses import dataclass, replace
from typing import Final


MEMORY: Final = 300.0  # voiced rows, 6 s: a mood is followed, a phrase is not
VOICED: Final = 0.5  # of the autocorrelation's peak, from which on a row has a pitch
MOST_STEP: Final = 6.0  # semitones about the running pitch that one row can move it by: octave errors jump further
SILENCE: Final = -8.5  # log10 of full scale squared: digital silence is nobody's voice, whatever precedes it

PRESENCE_ROWS: Final = 75.0  # 1.5 s, over which a voice comes to be there and goes
PRESENT: Final = 0.4  # of the rows are speech where somebody talks, pauses included
LEAST_CHANCE: Final = (
    0.1  # of speech that a row has: what is surely no speech, such as music in a pause, does not count
)
BELOW: Final = 2.5  # tens of decibels under the voiced rows' loudness: what is softer is a pause
WARM_ROWS: Final = 25.0  # voiced rows that the means settle in before spreads about them are believed

# A voice is taken to be calm, until two seconds of it have told otherwise. Spreads are mean distances from the mean.
CALM_ROWS: Final = 100.0
CALM_PITCH, CALM_LOUDNESS, CALM_BRIGHTNESS = 2.4, 0.62, -2.0
# What arousal adds up from, so that angry and happy takes of a speaker come before neutral ones and these before sad
# ones: octaves, tens of decibels and log10 of the share of bright power. Voice carries arousal by its loudness, pitch
# and spectral balance (Scherer, 2003, "Vocal communication of emotion").
PITCH_SHARE, LOUDNESS_SHARE, BRIGHTNESS_SHARE = 3.2 / 12.0, 4.8, 1.5
AROUSED: Final = 1.0  # of that sum, at which arousal is .76


@dataclass(frozen=True)
class Arousal:
    """
    The running statistics of one voice.

    Args:
        presence (`float`): Running mean of the chance of speech.
        voiced_rows (`float`), pitch, voiced_loudness (`float`): Voiced rows heard, and their means: semitones, log10.
        rows (`float`), loudness (`float`): The same for all rows of the voice, those without a pitch among them.
        pitch_spread, loudness_spread (`float`): Mean distances of voiced rows from `pitch` and `loudness`.
        brightness (`float`): Mean of voiced rows.
    """

    presence: float = 0.0
    voiced_rows: float = 0.0
    pitch: float = 0.0
    voiced_loudness: float = 0.0
    rows: float = 0.0
    loudness: float = 0.0
    pitch_spread: float = CALM_PITCH
    loudness_spread: float = CALM_LOUDNESS
    brightness: float = CALM_BRIGHTNESS

    @property
    def value(self) -> float:
        """In (-1, 1): 0 for a calm voice that shows some life."""
        pitch = PITCH_SHARE * (self.pitch_spread - CALM_PITCH)
        loudness = LOUDNESS_SHARE * (self.loudness_spread - CALM_LOUDNESS)
        brightness = BRIGHTNESS_SHARE * (self.brightness - CALM_BRIGHTNESS)
        return math.tanh((pitch + loudness + brightness) / AROUSED)

    def after(self, loudness: float, pitch: float, voicing: float, brightness: float, speaking: float) -> "Arousal":
        """The statistics one row later; see [`Listener.hear`] for what it holds."""
        if loudness < SILENCE:
            return self
        here = replace(self, presence=self.presence + (speaking - self.presence) / PRESENCE_ROWS)
        if here.presence < PRESENT or speaking < LEAST_CHANCE:
            return here
        soft = self.voiced_rows > 0.0 and loudness < self.voiced_loudness - BELOW
        if not soft and voicing > VOICED:
            return here._voiced(loudness, pitch, brightness)
        return here if soft or self.voiced_rows == 0.0 else here._loudness(loudness)

    def _loudness(self, loudness: float) -> "Arousal":
        rows = min(self.rows + 1.0, MEMORY)
        return replace(self, rows=rows, loudness=self.loudness + (loudness - self.loudness) / rows)

    def _voiced(self, loudness: float, pitch: float, brightness: float) -> "Arousal":
        rows = self.voiced_rows + 1.0
        among = min(rows, MEMORY)
        step = min(max(pitch - self.pitch, -MOST_STEP), MOST_STEP) if self.voiced_rows else pitch
        fresh = replace(
            self._loudness(loudness),
            voiced_rows=rows,
            pitch=self.pitch + step / among,
            voiced_loudness=self.voiced_loudness + (loudness - self.voiced_loudness) / among,
        )
        if rows < WARM_ROWS:
            return fresh
        share = 1.0 / min(rows - WARM_ROWS + CALM_ROWS, MEMORY)
        return replace(
            fresh,
            pitch_spread=self.pitch_spread + share * (abs(step) - self.pitch_spread),
            loudness_spread=self.loudness_spread + share * (abs(loudness - fresh.loudness) - self.loudness_spread),
            brightness=self.brightness + share * (brightness - self.brightness),
        )
