"""The sound of a conversation, laid along one line of time that is played from its beginning."""

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray


if TYPE_CHECKING:
    from .utterance import Utterance

Array = NDArray[np.float32]

SOUND_RATE: Final = 24_000  # samples per second of what is played: all that voices of today give
START_MARGIN: Final = 0.10  # seconds that speech begins beyond what was looked at: chunks of it may come that late
FADE: Final = 0.01  # seconds in which sound that is cut off dies away: without it the cut clicks
KEPT: Final = 3.0  # seconds of sound kept after it was played: the encoder hears two


class Timeline:
    """
    Speech where some was laid, silence elsewhere. One thread may lay while another looks and plays.

    Positions are samples since the beginning, at [`SOUND_RATE`].
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[tuple[int, Array, Utterance]] = deque()
        self._written = self._played = self._seen = 0
        self._was_cut = False

    @property
    def backlog(self) -> float:
        """Seconds from what is played to the end of the speech; 0 where none is left."""
        with self._lock:
            return max(0, self._written - self._played) / SOUND_RATE

    def lay(self, samples: Array, utterance: "Utterance") -> None:
        """
        Lay speech, `(num_samples,)`, right after what still lies there; else where nobody has looked yet.

        What was looked at and found silent stays so: faces move ahead of their sound, and one that began at once would
        be late.
        """
        if len(samples) == 0:
            return
        with self._lock:
            if self._was_cut or self._written <= self._played:
                looked_at = max(self._seen, self._played)
                self._written = max(self._written, looked_at + round(START_MARGIN * SOUND_RATE))
                self._was_cut = False
            self._pieces.append((self._written, samples, utterance))
            self._written += len(samples)

    def look(self, start: int, stop: int) -> Array:
        """What lies from `start` to `stop`, `(stop - start,)`; before the beginning all is silent."""
        with self._lock:
            self._seen = max(self._seen, stop)
            return self._read(start, stop)[0]

    def play(self, stop: int) -> tuple[Array, "dict[Utterance, int]"]:
        """Go on to `stop`: the sound since the last call, and how many samples of it are of which utterance."""
        with self._lock:
            start, self._played = self._played, max(self._played, stop)
            played = self._read(start, self._played)
            oldest = self._played - round(KEPT * SOUND_RATE)
            while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) < oldest:
                self._pieces.popleft()
            return played

    def cut(self, fades: bool = True) -> None:
        """Drop what was not played yet, all but a short fade; even that where none is wanted."""
        with self._lock:
            end = self._played + (round(FADE * SOUND_RATE) if fades else 0)
            tail, spoken = self._read(self._played, end)
            while self._pieces and self._pieces[-1][0] >= self._played:
                self._pieces.pop()
            if self._pieces:
                start, samples, utterance = self._pieces.pop()
                self._pieces.append((start, samples[: self._played - start].copy(), utterance))
            if spoken:
                fading = tail * np.linspace(1.0, 0.0, len(tail), dtype=np.float32)
                self._pieces.append((self._played, fading, next(iter(spoken))))
            self._written, self._was_cut = end, True

    def _read(self, start: int, stop: int) -> tuple[Array, "dict[Utterance, int]"]:
        sound = np.zeros(stop - start, np.float32)
        spoken: dict[Utterance, int] = {}
        for first, samples, utterance in self._pieces:
            if first >= stop:
                break
            low, high = max(start, first), min(stop, first + len(samples))
            if low < high:
                sound[low - start : high - start] = samples[low - first : high - first]
                spoken[utterance] = spoken.get(utterance, 0) + high - low
        return sound, spoken
