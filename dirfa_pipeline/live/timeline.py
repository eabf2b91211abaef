"""The timeline of a conversation: speech placed in time, and played from the beginning."""

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray


if TYPE_CHECKING:
    from .utterance import Utterance

Array = NDArray[np.float32]

SOUND_RATE: Final = 24_000  # samples per second of the output; speech synthesizers rarely give more
START_MARGIN: Final = 0.10  # seconds between what has been looked at and new speech, so its chunks may be this late
FADE: Final = 0.01  # seconds over which sound that is cut off fades out; without the fade the cut clicks
KEPT: Final = 3.0  # seconds of sound kept after it was played, because the encoder looks back two


class Timeline:
    """
    Speech where some was placed, silence elsewhere. One thread may add speech while another looks and plays.

    Positions are samples since the beginning, at [`SOUND_RATE`].
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[tuple[int, Array, Utterance]] = deque()
        self._written = self._played = self._seen = 0
        self._was_cut = False

    @property
    def backlog(self) -> float:
        """Seconds of speech that are still to be played."""
        with self._lock:
            return max(0, self._written - self._played) / SOUND_RATE

    def lay(self, samples: Array, utterance: "Utterance") -> None:
        """
        Add speech, `(num_samples,)`, right after speech that is still to be played, or else after what has been looked
        at.

        What has been looked at and found silent stays silent: a face moves ahead of its sound, and if speech began at
        once, the face would be late.
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
        """The sound from `start` to `stop`, `(stop - start,)`; before the beginning it is silent."""
        with self._lock:
            self._seen = max(self._seen, stop)
            return self._read(start, stop)[0]

    def play(self, stop: int) -> tuple[Array, "dict[Utterance, int]"]:
        """Play up to `stop`: the sound since the last call, and how many samples of it belong to each utterance."""
        with self._lock:
            start, self._played = self._played, max(self._played, stop)
            played = self._read(start, self._played)
            oldest = self._played - round(KEPT * SOUND_RATE)
            while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) < oldest:
                self._pieces.popleft()
            return played

    def cut(self, fades: bool = True) -> None:
        """Drop what has not been played yet, except a short fade if `fades`."""
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
