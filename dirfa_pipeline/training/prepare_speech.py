"""
Build the speech corpus: sound at 16 kHz with the classes and times of visemes, in one .npz file per source.

    python -m dirfa_pipeline.training.prepare_speech SOURCE --data DATA --output CORPUS

`SOURCE` is one of

- speechocean, librispeech, ljspeech, grid: recorded speech and its text, aligned by pocketsphinx;
- untranscribed: LibriSpeech without text, recognised and aligned by pocketsphinx;
- flite, festival, espeak: synthetic voices, which report their own times;
- recordings: any folder of sound files, given as `--data`, whose metadata.tsv has the columns file, speaker and text.
  The corpus gets the folder's name.

A table at the end counts what was left out, by reason.
"""

import argparse
import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from ..errors import InputError
from .corpus_file import save_corpus
from .english_voices import festival_utterances, flite_utterances
from .espeak_voices import espeak_utterances
from .recordings import RECORDED, Recording
from .speech_alignment import align_recording
from .tally import Tally
from .utterance import LeftOut, Utterance


logger = logging.getLogger(__name__)

SYNTHETIC: Final[Mapping[str, Callable[[Path], Iterator[Utterance | LeftOut]]]] = {
    "flite": flite_utterances, "festival": festival_utterances, "espeak": espeak_utterances,
}  # fmt: skip


def aligned(recordings: list[Recording], workers: int, words_file: Path | None) -> Iterator[Utterance | LeftOut]:
    """Align recordings, in parallel."""
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(functools.partial(align_recording, words_file=words_file), recordings, chunksize=8)


def kept(attempts: Iterable[Utterance | LeftOut], tally: Tally) -> Iterator[Utterance]:
    """The utterances among the attempts; all attempts are counted and logged in a table at the end."""
    for attempt in attempts:
        if isinstance(attempt, LeftOut):
            tally.leave_out(attempt.reason, attempt.name)
        else:
            tally.keep()
            yield attempt
    logger.info("%s", tally)


def corpus_name(source: str, data: Path) -> str:
    """The name of a source's file; for the user's own recordings, it is that of their folder."""
    name = data.resolve().name
    if source != "recordings":
        return source
    if name in {*RECORDED, *SYNTHETIC}:
        raise InputError(f"a folder of recordings may not be called {name}, which is the name of a source; rename it")
    return name


def main(arguments: list[str] | None = None) -> None:
    """Build one source of the corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=[*RECORDED, *SYNTHETIC])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech/ and video/, or with recordings")
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--limit", type=int, help="try only this many utterances")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    path = options.output / f"{corpus_name(options.source, options.data)}.npz"
    options.output.mkdir(parents=True, exist_ok=True)
    if options.source in RECORDED:
        words_file = options.data / "speech" / "speechocean762" / "lexicon.txt"
        recordings = RECORDED[options.source](options.data)[: options.limit]
        utterances = kept(aligned(recordings, options.workers, words_file), Tally("recordings"))
    else:
        attempts = itertools.islice(SYNTHETIC[options.source](options.data), options.limit)
        utterances = kept(attempts, Tally("utterances", "spoken"))
    save_corpus(utterances, path)


if __name__ == "__main__":
    main()
