"""When each phone of an English recording is spoken, by pocketsphinx."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .alignment import align
from .metrics import Phone


def find_phones(waveform: NDArray[np.float32], text: str, words_file: Path | None = None) -> list[Phone]:
    """
    Phones of a waveform at 16 kHz, aligned to all that is said in it; none where that fails.

    What is said must be known: of words that pocketsphinx recognises itself one in four is wrong, and a score of lips
    against these would measure pocketsphinx.
    """
    samples = (waveform * 32767).clip(-32768, 32767).astype(np.int16)
    return [Phone(name.rstrip("012"), start, end) for name, start, end in align(samples, text, words_file) or ()]
