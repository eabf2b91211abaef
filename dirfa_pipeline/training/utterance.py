"""An utterance with the times of its visemes, on a clock that is common to all labellers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


Segment = tuple[int, float, float]  # viseme class, start and end in seconds

# Seconds added to each labeller's times, so that the median centres of p, b, m agree. pocketsphinx is early compared
# with other aligners of recorded speech; benchmarks/measure_label_clocks.py measures the others relative to it.
CLOCK: Final = {"pocketsphinx": 0.012, "flite": 0.009, "festival": 0.012, "espeak": 0.002}


@dataclass(frozen=True)
class Utterance:
    """
    Args:
        samples (`np.ndarray` of shape `(n,)`): int16 at 16 kHz.
        segments (`list[Segment]`): Visemes in order of time; empty if unknown.
        speaker (`str`): The speaker.
    """

    samples: NDArray[np.int16]
    segments: list[Segment]
    speaker: str


@dataclass(frozen=True)
class LeftOut:
    """A recording or text that did not become an utterance, with the reason under which it is counted."""

    name: str
    reason: str


def split_diphthongs(phones: Iterable[tuple[tuple[int, ...], float, float]], offset: float) -> list[Segment]:
    """Divide the time of each phone equally among its classes, and shift all times by `offset` seconds."""
    segments = []
    for classes, start, end in phones:
        step = (end - start) / len(classes)
        segments += [
            (name, start + i * step + offset, start + (i + 1) * step + offset) for i, name in enumerate(classes)
        ]
    return segments
