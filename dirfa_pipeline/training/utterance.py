"""One stretch of speech and when each viseme is in it, on the one clock that all who label speech are brought to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


Segment = tuple[int, float, float]  # viseme class, start and end in seconds

# Seconds to add to each labeller's times, so that p, b, m of all have the same centres on the median. pocketsphinx is
# early next to other aligners of recorded speech; benchmarks/measure_label_clocks.py measures the rest against it.
CLOCK: Final = {"pocketsphinx": 0.012, "flite": 0.009, "festival": 0.012, "espeak": 0.002}


@dataclass(frozen=True)
class Utterance:
    """
    Args:
        samples (`np.ndarray` of shape `(n,)`): int16 at 16 kHz.
        segments (`list[Segment]`): Visemes in order of time; none where they are unknown.
        speaker (`str`): Who speaks.
    """

    samples: NDArray[np.int16]
    segments: list[Segment]
    speaker: str


@dataclass(frozen=True)
class LeftOut:
    """What did not become an utterance: its name, and the reason, under which it is counted."""

    name: str
    reason: str


def split_diphthongs(phones: Iterable[tuple[tuple[int, ...], float, float]], offset: float) -> list[Segment]:
    """Give each class of a phone an equal share of its time, and shift all times by `offset` seconds."""
    segments = []
    for classes, start, end in phones:
        step = (end - start) / len(classes)
        segments += [
            (name, start + i * step + offset, start + (i + 1) * step + offset) for i, name in enumerate(classes)
        ]
    return segments
