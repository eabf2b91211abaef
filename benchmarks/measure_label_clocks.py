"""
Measure the offset of synthetic voices' phone times from pocketsphinx's, on which `training.utterance.CLOCK` is based.

    python benchmarks/measure_label_clocks.py --data DATA [--sentences 25]

Each voice says the same sentences, and pocketsphinx aligns them. Each p, b, m that it finds is matched with the
nearest one that the voice reports, within 80 ms; the difference of their centres must be added to the voice's times.
Prints a line per voice (median, quartiles, matched events of all), and the same over all voices of each synthesiser.
The offset in CLOCK is removed first, so the median is the value that CLOCK should have.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from dirfa_pipeline.evaluation.alignment import align
from dirfa_pipeline.training.english_voices import FESTIVAL_VOICES, FLITE_VOICES, speak_with_festival, speak_with_flite
from dirfa_pipeline.training.espeak_voices import ENGLISH, Espeak, speak_with_espeak
from dirfa_pipeline.training.recordings import english_sentences
from dirfa_pipeline.training.speech_corpus import CLOSURE
from dirfa_pipeline.training.utterance import CLOCK, LeftOut, Utterance


NEAR = 0.08  # seconds within which events are matched

Speak = Callable[[str], Utterance | LeftOut]


def voices() -> Iterator[tuple[str, str, Speak]]:
    """Yield synthesiser, voice, and a function that speaks with it."""
    for voice in FLITE_VOICES:
        yield "flite", voice, partial(speak_with_flite, voice=voice, slowness=1.0)
    for voice in FESTIVAL_VOICES:
        yield "festival", voice, partial(speak_with_festival, voice=voice, slowness=1.0)
    engine = Espeak()
    for voice in (*ENGLISH, "en-us+f2", "en-us+m3"):
        yield "espeak", voice, partial(speak_with_espeak, engine, voice=voice, words_a_minute=160, pitch=50)


def lags(speak: Speak, sentences: list[str], offset: float, words_file: Path) -> tuple[list[float], int]:
    """The offset of each matched p, b, m in seconds, and how many the voice reported."""
    found, count = [], 0
    for text in sentences:
        utterance = speak(text)
        phones = align(utterance.samples, text, words_file) if isinstance(utterance, Utterance) else None
        if phones is None or isinstance(utterance, LeftOut):
            continue
        spoken = [(start + end) / 2 - offset for viseme, start, end in utterance.segments if viseme == CLOSURE]
        aligned = np.array([(start + end) / 2 for name, start, end in phones if name in ("P", "B", "M")])
        nearest = [(aligned + CLOCK["pocketsphinx"] - centre)[np.abs(aligned - centre).argmin()] for centre in spoken]
        found += [lag for lag in nearest if abs(lag) < NEAR]
        count += len(spoken)
    return found, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=25)
    options = parser.parse_args()
    texts = english_sentences(options.data)
    sentences = [text for text in texts if set(text) & set("pbm")][:: max(1, len(texts) // options.sentences)]
    words_file = options.data / "speech" / "speechocean762" / "lexicon.txt"
    together: dict[str, list[float]] = {}
    for synthesiser, voice, speak in voices():
        found, count = lags(speak, sentences[: options.sentences], CLOCK[synthesiser], words_file)
        together.setdefault(synthesiser, []).extend(found)
        show(f"{synthesiser} {voice}", found, count)
    for synthesiser, found in together.items():
        show(synthesiser, found, len(found))


def show(name: str, found: list[float], count: int) -> None:
    low, median, high = np.percentile(found, (25, 50, 75)) * 1000
    print(f"{name:32s}{median:6.1f} ms  ({low:.1f} to {high:.1f})  {len(found)} of {count}", flush=True)


if __name__ == "__main__":
    main()
