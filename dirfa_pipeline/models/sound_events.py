"""
Where in a voice something happens: accents, ends of phrases, and ticks where neither comes for a while.

The head and the face move at these moments: their steps follow loudness and its rises on tracked clips, see
`benchmarks/evaluate_motion.py`. An event is decided on the sound up to `DELAY` rows after it, and on nothing later.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .listener import BRIGHTNESS, LEVEL, PITCH, SPEAKING, VOICING


Array = NDArray[np.float32]

KINDS: Final = ("accent", "end", "tick")
CUE_NAMES: Final = ("rise", "level", "pitch", "brightness", "gap", "pause", "accent", "end")
NUM_CUES: Final = len(CUE_NAMES)
RISE, CUE_LEVEL = 0, 1
ACCENT_CUE, END_CUE = 6, 7  # both 0 for a tick
GESTURE_RISE: Final = 1.5  # of the cue, that an accent has at least which makes gestures: two in three do

DELAY: Final = 6  # rows of 20 ms after an event that it is decided on
PAST: Final = 80  # rows before an event that it is decided on
SMOOTH: Final = np.array([1.0, 4.0, 6.0, 4.0, 1.0], np.float32) / 16.0  # of the loudness, before its gradient
LEAST_RISE: Final = 0.10  # tens of decibels in 40 ms: the upper quarter of running speech
REFRACTORY: Final = 12  # rows: a head hardly starts again within a quarter of a second
SPOKEN: Final = 0.5  # chance of speech from which on a row counts as spoken
END_AFTER: Final = 8  # silent rows that end a phrase
PHRASE: Final = 15  # spoken rows that a phrase has at least
TICK_SPEAKING, TICK_SILENT = 32, 42  # rows without an event after which one is inserted
SILENT: Final = np.array([-2.0, 0.0, 0.0, 0.0, 0.0, 0.0], np.float32)  # what is heard where there is no sound


@dataclass(frozen=True)
class SoundEvent:
    """
    A moment in a voice.

    Args:
        row (`int`): When, in rows of 20 ms.
        kind (`str`): `"accent"`, a rise of loudness; `"end"` of a phrase; `"tick"`, nothing for a while.
        cues (`np.ndarray` of shape `(8,)`): Its rise and level of loudness, in tens of decibels; pitch, in octaves,
            and brightness about the speaker's own; log time since the event before; share of silence before it; and
            its kind.
    """

    row: int
    kind: str
    cues: Array


def makes_gestures(cues: Tensor) -> Tensor:
    """Which events, of cues `(events, cues)`, make gestures: ends of phrases and accents that stand out, not ticks."""
    strong = (cues[:, ACCENT_CUE] > 0.5) & (cues[:, RISE] >= GESTURE_RISE)
    return strong | (cues[:, END_CUE] > 0.5)


class EventFinder:
    """
    Finds the events of one voice, row after row.

    The rows may come in any portions and in a provisional form first: a row is decided once.
    """

    def __init__(self) -> None:
        self.decided = 0  # the next row to decide
        self._last = 0  # the row of the last event
        self._phrase_open = False

    def find(self, heard: Array, first: int, stop: int) -> list[SoundEvent]:
        """
        Decide the rows up to `stop`.

        Args:
            heard (`np.ndarray` of shape `(rows, 6)`): What [`Listener.hear`] gave, from row `first` on: `PAST` rows
                before those to decide, as far as there are any, and `DELAY` after them; rows that lack at the end are
                silent.
            first (`int`): The first row's number.
            stop (`int`): The row to decide up to.
        """
        if stop <= self.decided:
            return []
        missing = stop + DELAY - first - len(heard)
        if missing > 0:
            heard = np.concatenate([heard, np.tile(SILENT, (missing, 1))])
        rise = _rises(heard)
        events = []
        for row in range(self.decided, stop):
            kind = self._kind(heard, rise, row - first, row)
            if kind is not None:
                events.append(SoundEvent(row, kind, _cues(heard, rise, row - first, row - self._last, kind)))
                self._last = row
        self.decided = stop
        return events

    def _kind(self, heard: Array, rise: Array, at: int, row: int) -> str | None:
        """What happens at a row, if anything."""
        spoken = heard[max(0, at - PHRASE) : at + 1, SPEAKING] > SPOKEN
        if spoken.sum() >= PHRASE - 2:
            self._phrase_open = True
        if self._phrase_open and len(spoken) > END_AFTER and not spoken[-END_AFTER:].any():
            self._phrase_open = False
            return "end"
        since = row - self._last
        near = rise[max(0, at - 4) : at + 3]
        if since >= REFRACTORY and rise[at] >= LEAST_RISE and rise[at] == near.max():
            return "accent"
        speaking = bool(spoken[-END_AFTER:].any())
        return "tick" if since >= (TICK_SPEAKING if speaking else TICK_SILENT) else None


def _rises(heard: Array) -> Array:
    """Rise of the smoothed loudness over 40 ms, tens of decibels, where somebody speaks: `(rows,)`."""
    level = np.convolve(np.pad(heard[:, LEVEL], 2, mode="edge"), SMOOTH, "valid")
    rise = np.zeros(len(heard), np.float32)
    rise[1:-1] = np.maximum(level[2:] - level[:-2], 0.0)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(heard[:, SPEAKING], 3), 7).max(1)
    return rise * np.clip(2.0 * around, 0.0, 1.0)


def _cues(heard: Array, rise: Array, at: int, since: int, kind: str) -> Array:
    """See [`SoundEvent`]."""
    after, before = heard[at : at + 5], heard[max(0, at - 25) : at]
    voiced = after[:, VOICING] > 0.5
    return np.array(
        [
            rise[max(0, at - 3) : at + 4].sum(),
            after[:, LEVEL].mean(),
            after[voiced, PITCH].mean() if voiced.any() else 0.0,
            after[:, BRIGHTNESS].mean(),
            np.log(max(since, 1) / 20.0),
            (before[:, SPEAKING] < SPOKEN).mean() if len(before) else 1.0,
            kind == "accent",
            kind == "end",
        ],
        np.float32,
    )
