"""When each phone of an English recording is spoken, by pocketsphinx."""

import contextlib
import functools
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pocketsphinx
from numpy.typing import NDArray


def align(
    samples: NDArray[np.int16], text: str, words_file: Path | None = None
) -> list[tuple[str, float, float]] | None:
    """
    Phones with times by forced alignment with pocketsphinx's English model; `None` where it fails.

    Words that its dictionary lacks are taken from `words_file`, or as flite would say them.
    """
    words = words_of(text)
    # The lattice's best path may leave the last word out, and then the phones of a fifth of all recordings are lost.
    decoder = pocketsphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL")
    if not words or _teach(decoder, words, words_file):
        return None
    try:  # two passes: words first, then the phones within them
        decoder.set_align_text(" ".join(words))
        _decode(decoder, samples)
        decoder.set_alignment()
        _decode(decoder, samples)
    except RuntimeError:
        return None
    return [
        (phone.name, phone.start / 100, (phone.start + phone.duration) / 100)
        for word in decoder.get_alignment() or ()
        for phone in word
    ]


def words_of(text: str) -> list[str]:
    """The words of a text, of letters and apostrophes, in lower case."""
    return "".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split()


def unpronounceable(texts: Iterable[str], words_file: Path | None = None) -> list[str]:
    """Words that pocketsphinx's dictionary, `words_file` and flite, where it is installed, all lack."""
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    return _teach(decoder, [word for text in texts for word in words_of(text)], words_file)


def _teach(decoder: pocketsphinx.Decoder, words: list[str], words_file: Path | None) -> list[str]:
    """Add pronunciations of those words that the decoder lacks; returns those of which there is none."""
    lacking = []
    for word in dict.fromkeys(words):
        if decoder.lookup_word(word) is None:
            phones = lexicon(words_file).get(word) or spell_out(word)
            if phones:
                with contextlib.suppress(RuntimeError):  # a phone that pocketsphinx does not have
                    decoder.add_word(word, phones, True)
            if decoder.lookup_word(word) is None:
                lacking.append(word)
    return lacking


@functools.cache
def lexicon(path: Path | None) -> dict[str, str]:
    """Pronunciations, in ARPAbet without stress, from lines of a word and its phones."""
    lines = path.read_text().split("\n") if path and path.is_file() else []
    entries = [line.split() for line in lines if line.strip()]
    return {word.lower(): " ".join(phone.rstrip("012") for phone in phones) for word, *phones in entries}


@functools.cache
def spell_out(word: str) -> str:
    """ARPAbet of an English word by the letter-to-sound rules of flite; empty where that is not installed."""
    if shutil.which("flite") is None:
        return ""
    command = ["flite", "-voice", "slt", "-ps", "-t", word, "-o", "none"]
    phones = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return " ".join(radio_phone(phone) for phone in phones if phone != "pau")


def recognise(samples: NDArray[np.int16]) -> str:
    """Text of a recording by pocketsphinx's English language model, about one word in four wrong."""
    decoder = pocketsphinx.Decoder(loglevel="FATAL")
    _decode(decoder, samples)
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def _decode(decoder: pocketsphinx.Decoder, samples: NDArray[np.int16]) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


# Phones of the set "radio", of flite's and festival's US voices, that ARPAbet writes otherwise.
RADIO: Final = {
    "pau": "SIL", "h#": "SIL", "brth": "SIL", "ax": "AH", "axr": "ER", "dx": "D", "nx": "N", "hv": "HH",
    "el": "L", "em": "M", "en": "N",
}  # fmt: skip


def radio_phone(name: str) -> str:
    """The ARPAbet of a phone of flite's and festival's US voices (their set "radio"), silence as SIL."""
    return RADIO.get(name, name.upper())
