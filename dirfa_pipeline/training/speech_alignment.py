"""Finds when each phone of an English recording is spoken, with pocketsphinx."""

from pathlib import Path

import numpy as np

from ..errors import AudioError
from ..evaluation.alignment import align, recognise
from ..media.audio import ENCODER_RATE, load_audio
from .recordings import Recording
from .utterance import CLOCK, LeftOut, Utterance, split_diphthongs
from .visemes import arpabet_visemes


def align_recording(recording: Recording, words_file: Path | None = None) -> Utterance | LeftOut:
    """Read and align a recording; if it has no text, recognise it first. A failure is returned with its reason."""
    path, text, speaker = recording
    try:
        waveform = load_audio(path).mono(ENCODER_RATE)
    except AudioError:
        return LeftOut(path.name, "no readable sound")
    samples = (waveform * 32767).clip(-32768, 32767).astype(np.int16)
    phones = align(samples, text or recognise(samples), words_file)
    if phones is None:
        return LeftOut(path.name, "its text does not fit its sound" if text else "nothing was recognised in it")
    classes = [(arpabet_visemes(name), start, end) for name, start, end in phones]
    return Utterance(samples, split_diphthongs(classes, CLOCK["pocketsphinx"]), speaker)
