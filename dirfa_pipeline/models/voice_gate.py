"""Whether a voice is there: lips rest while only music or noise is heard."""

from typing import Final

import torch.nn.functional as F
from torch import Tensor

from ..media.audio import FEATURES_PER_FRAME


# All lengths are in rows of 20 ms.
HEARD_OVER: Final = 13  # a chance that somebody speaks counts as its mean over so many rows: notes are shorter
LINGERS: Final = 50  # a voice is there for so long after it was heard
# Chances over which lips begin to follow: between what voices reach, songs and voices over music among them, and what
# notes, chords, drums and hiss do (tests/test_odd_voices.py).
SURE: Final = (0.86, 0.05)
SMOOTHED: Final = 4  # frames over which lips begin
BEFORE: Final = LINGERS + HEARD_OVER - 1 + FEATURES_PER_FRAME * (SMOOTHED - 1)  # rows before a frame that it asks for


def voice_gate(speaking: Tensor, begin: int, frames: int, ahead: int) -> Tensor:
    """
    How far lips follow what is heard, `(frames,)` in [0, 1].

    Each frame depends on the rows up to `ahead` after it and `BEFORE` before it, in whatever pieces they come.

    Args:
        speaking (`Tensor` of shape `(rows,)`): The chance that somebody speaks, row by row.
        begin (`int`): The row at which the first frame begins.
        frames (`int`): How many frames are asked for.
        ahead (`int`): Rows after a frame's own that may be looked at, for a voice that is about to begin.
    """
    last = begin + FEATURES_PER_FRAME * (frames - 1) + ahead + 1
    rows = F.pad(speaking[max(0, begin - BEFORE) : last], (max(0, BEFORE - begin), max(0, last - len(speaking))))
    heard = _mean_over(rows, HEARD_OVER)
    most = F.max_pool1d(heard[None, None], LINGERS + ahead + 1, FEATURES_PER_FRAME)[0, 0]
    sure = ((most - SURE[0]) / SURE[1]).clamp(0.0, 1.0)
    return _mean_over(sure, SMOOTHED)


def _mean_over(values: Tensor, length: int) -> Tensor:
    """Means over `length` values that follow each other; they round alike wherever a piece begins."""
    total = values[: len(values) - length + 1]
    for k in range(1, length):
        total = total + values[k : len(values) - length + 1 + k]
    return total / length
