"""Voices made up row by row, 50 a second: what `prosody` would give and whether somebody speaks."""

from dataclasses import dataclass

import numpy as np

from dirfa_pipeline.models.listener import Listener


@dataclass
class Voice:
    """Rows of a voice, `prosody` `(rows, 4)` and `speaking` `(rows,)`."""

    prosody: np.ndarray
    speaking: np.ndarray

    def heard(self) -> np.ndarray:
        """What a listener hears, `(rows, 6)`."""
        return Listener().hear(self.prosody, self.speaking)[0]


def voice(
    syllables: list[int], rows: int, pitch: float = 5.0, range_: float = 2.0, depth: float = 1.0, bright: float = -2.0
) -> Voice:
    """
    Voiced syllables of 200 ms that begin at known rows, the pitch of each `range_` semitones up or down, `depth` tens
    of decibels above what is between them; silence where none is within 300 ms.
    """
    prosody = np.tile(np.array([-6.0, pitch, 0.0, bright], np.float32), (rows, 1))
    speaking = np.zeros(rows, np.float32)
    for start in syllables:
        speaking[max(0, start - 2) : start + 15] = 1.0
    prosody[speaking > 0.5, 0] = -3.0 - depth
    for index, start in enumerate(syllables):
        prosody[start : start + 10, 0] = -3.0
        prosody[start : start + 10, 1] = pitch + range_ * (-1) ** index
        prosody[start : start + 10, 2] = 0.9
    return Voice(prosody, speaking)
