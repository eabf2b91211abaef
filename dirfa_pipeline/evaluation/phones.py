"""When each phone of an English recording is spoken, by pocketsphinx."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..metrics import Phone
from ..training.prepare_speech import align, recognise


def find_phones(waveform: NDArray[np.float32], text: str, words_file: Path | None = None) -> list[Phone]:
    """
    Phones of a waveform at 16 kHz, aligned to its text or else to what is recognised; none where that fails.

    Wrong words cost little here: they are words of about the same phones.
    """
    samples = (waveform * 32767).clip(-32768, 32767).astype(np.int16)
    aligned = align(samples, text, words_file) if text else None
    if aligned is None:
        aligned = align(samples, recognise(samples), words_file)
    return [Phone(name.rstrip("012"), start, end) for name, start, end in aligned or ()]
