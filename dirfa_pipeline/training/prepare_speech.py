"""
Build the speech corpus: sound at 16 kHz with viseme classes and times, one .npz a source.

    python -m dirfa_pipeline.training.prepare_speech SOURCE --data DATA --output CORPUS

`SOURCE` is one of speechocean, librispeech, ljspeech, grid (recorded speech and its text, aligned by pocketsphinx),
untranscribed (LibriSpeech without text, recognised and aligned by pocketsphinx), flite and espeak (synthetic voices,
which know their own times). `recordings` is any folder of sound files as `--data`, whose metadata.tsv has the columns
file, speaker and text; its corpus has the folder's name.
"""

import argparse
import csv
import ctypes
import functools
import itertools
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from ..audio import ENCODER_RATE, load_audio, resample
from ..errors import AudioError, InputError
from .held_out import GRID_VALIDATION_CLIPS
from .tally import Tally
from .visemes import arpabet_visemes, ipa_visemes


logger = logging.getLogger(__name__)

Segment = tuple[int, float, float]  # viseme class, start and end in seconds

# Offsets in seconds that bring each labeller's clock to a common one, measured on closures.
CLOCK = {"pocketsphinx": 0.012, "flite": -0.003, "espeak": 0.0}

HELD_OUT_LIBRISPEECH = ("ls1688", "ls3080")
COLUMNS = ("file", "speaker", "text")


class AlignmentError(ValueError):
    """A recording cannot be aligned; the message says why."""


@dataclass(frozen=True)
class Utterance:
    """One stretch of speech: int16 samples `(n,)` at 16 kHz, viseme segments (none if unknown) and its speaker."""

    samples: NDArray[np.int16]
    segments: list[Segment]
    speaker: str


def split_diphthongs(phones: Iterable[tuple[tuple[int, ...], float, float]], offset: float) -> list[Segment]:
    """Give each class of a phone an equal share of its time, and shift all times by `offset` seconds."""
    segments = []
    for classes, start, end in phones:
        step = (end - start) / len(classes)
        segments += [
            (name, start + i * step + offset, start + (i + 1) * step + offset) for i, name in enumerate(classes)
        ]
    return segments


@functools.cache
def lexicon(path: Path | None) -> dict[str, str]:
    """Pronunciations, in ARPAbet without stress, from lines of a word and its phones."""
    lines = path.read_text().split("\n") if path and path.is_file() else []
    entries = [line.split() for line in lines if line.strip()]
    return {word.lower(): " ".join(phone.rstrip("012") for phone in phones) for word, *phones in entries}


def align(
    samples: NDArray[np.int16], text: str, words_file: Path | None = None
) -> list[tuple[str, float, float]] | None:
    """
    Phones with times by forced alignment with pocketsphinx's English model; `None` where it fails.

    Words that its dictionary lacks are taken from `words_file`, or as flite would say them.
    """
    words = "".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split()
    # The lattice's best path may leave the last word out, and then the phones of a fifth of all recordings are lost.
    decoder = pocketsphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL")
    for word in set(words):
        if decoder.lookup_word(word) is None:
            phones = lexicon(words_file).get(word) or spell_out(word)
            if phones:
                decoder.add_word(word, phones, True)
    if not words or any(decoder.lookup_word(word) is None for word in words):
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


@functools.cache
def spell_out(word: str) -> str:
    """ARPAbet of an English word by the letter-to-sound rules of flite; empty where that is not installed."""
    if shutil.which("flite") is None:
        return ""
    command = ["flite", "-voice", "slt", "-ps", "-t", word, "-o", "none"]
    phones = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return " ".join(flite_phone(phone) for phone in phones if phone != "pau")


def flite_phone(name: str) -> str:
    """The ARPAbet of a phone of flite's US voices, silence as SIL."""
    return {"pau": "SIL", "ax": "AH", "axr": "ER"}.get(name, name.upper())


def _decode(decoder: pocketsphinx.Decoder, samples: NDArray[np.int16]) -> None:
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def recognise(samples: NDArray[np.int16]) -> str:
    """Text of a recording by pocketsphinx's English language model, about one word in four wrong."""
    decoder = pocketsphinx.Decoder(loglevel="FATAL")
    _decode(decoder, samples)
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def align_file(job: tuple[Path, str, str], words_file: Path | None = None) -> Utterance | None:
    """Read and align one recording, one without text after recognising it; `None` where that fails."""
    try:
        return align_recording(job, words_file)
    except AlignmentError:
        return None


def align_recording(job: tuple[Path, str, str], words_file: Path | None = None) -> Utterance:
    """
    Read and align one recording; one without text is recognised first.

    Raises:
        AlignmentError: It cannot be; says why.
    """
    path, text, speaker = job
    try:
        waveform = load_audio(path).mono(ENCODER_RATE)
    except AudioError as error:
        raise AlignmentError("no readable sound") from error
    samples = (waveform * 32767).clip(-32768, 32767).astype(np.int16)
    phones = align(samples, text or recognise(samples), words_file)
    if phones is None:
        raise AlignmentError("its text does not fit its sound" if text else "nothing was recognised in it")
    classes = [(arpabet_visemes(name), start, end) for name, start, end in phones]
    return Utterance(samples, split_diphthongs(classes, CLOCK["pocketsphinx"]), speaker)


def speechocean_jobs(data: Path) -> list[tuple[Path, str, str]]:
    folder = data / "speech" / "speechocean762"
    rows = read_table(folder / "metadata.tsv")
    return [(folder / r["file"], r["text"], r["speaker"]) for r in rows if r["split"] == "train"]


def librispeech_jobs(data: Path) -> list[tuple[Path, str, str]]:
    folder = data / "speech" / "librispeech"
    rows = [r for r in read_table(folder / "metadata.tsv") if r["text"] and r["speaker"] not in HELD_OUT_LIBRISPEECH]
    return [(folder / r["file"], r["text"], r["speaker"]) for r in rows]


def ljspeech_jobs(data: Path) -> list[tuple[Path, str, str]]:
    folder = data / "speech" / "ljspeech"
    return [(folder / r["file"], r["text"], r["speaker"]) for r in read_table(folder / "metadata.tsv")]


def grid_jobs(data: Path) -> list[tuple[Path, str, str]]:
    paths = sorted((data / "video" / "grid_s1").glob("*.mp4"))[:-GRID_VALIDATION_CLIPS]
    return [(path, grid_text(path), "grid_s1") for path in paths]


def grid_text(path: Path) -> str:
    """What a GRID clip says, from the word times beside it."""
    lines = (path.parent / "align" / f"{path.stem}.align").read_text().split("\n")
    words = [line.split()[2] for line in lines if line.strip()]
    return " ".join(word for word in words if word not in ("sil", "sp"))


def untranscribed_jobs(data: Path) -> list[tuple[Path, str, str]]:
    folder = data / "speech" / "librispeech"
    rows = read_table(folder / "metadata.tsv")
    return [(folder / r["file"], "", r["speaker"]) for r in rows if not r["text"]]


def recordings_jobs(data: Path) -> list[tuple[Path, str, str]]:
    held_out = {*HELD_OUT_LIBRISPEECH, *(speaker.removeprefix("ls") for speaker in HELD_OUT_LIBRISPEECH)}
    rows = [row for row in read_table(data / "metadata.tsv") if row["speaker"] not in held_out]
    return [(data / row["file"], row["text"], row["speaker"]) for row in rows]


def read_table(path: Path) -> list[dict[str, str]]:
    """
    The rows of a tab-separated table with a header.

    Raises:
        InputError: It is missing, or lacks the column file, speaker or text.
    """
    if not path.is_file():
        raise InputError(f"{path} not found; it must list the recordings under the columns {', '.join(COLUMNS)}")
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path} lacks the column {missing[0]}; it needs {', '.join(COLUMNS)}")
        return list(reader)


def english_sentences(data: Path) -> list[str]:
    """Texts for the synthetic voices: the transcripts of the recorded ones, all different, as they come."""
    texts = [text for jobs in (librispeech_jobs, ljspeech_jobs, speechocean_jobs) for _, text, _ in jobs(data)]
    return list(dict.fromkeys(text.lower().strip(' "') for text in texts))


def flite_utterances(data: Path, count: int = 4000) -> Iterator[Utterance]:
    """flite's voices at varied speeds; `-psdur` prints each phone with the time at which it ends."""
    voices = ("slt", "rms", "awb", "kal16", "kal")
    rng = np.random.default_rng(0)
    sentences = english_sentences(data)
    for index in range(count):
        text = sentences[int(rng.integers(len(sentences)))]
        with tempfile.TemporaryDirectory() as folder:
            wav = os.path.join(folder, "speech.wav")
            stretch = f"duration_stretch={rng.uniform(0.8, 1.25):.2f}"
            printed = subprocess.run(
                ["flite", "-voice", voices[index % len(voices)], "--setf", stretch, "-psdur", "-t", text, "-o", wav],
                check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            waveform = load_audio(wav).mono(ENCODER_RATE)
        phones, start = [], 0.0
        for token in printed.replace("(", " ").replace(")", " ").split():
            name, _, end = token.partition(":")
            if not end:
                continue
            classes = arpabet_visemes(flite_phone(name))
            phones.append((classes, start, float(end)))
            start = float(end)
        yield Utterance(
            (waveform * 32767).astype(np.int16), split_diphthongs(phones, CLOCK["flite"]), voices[index % len(voices)]
        )


ESPEAK_SENTENCES = {
    "de": ("Bitte gib mir das Buch und mach die Tür zu.", "Wir fahren im Sommer gemeinsam an die See.",
           "Der Bäcker backt am Morgen frisches Brot.", "Morgen früh um sieben beginnt meine Arbeit."),
    "fr-fr": ("Le petit bateau bleu passe devant la maison.", "Bonjour, je voudrais un peu de pain et du fromage.",
              "Ma famille habite au bord de la mer depuis dix ans.",
              "Il fait beau aujourd'hui, nous partons marcher."),
    "es": ("Mi abuela prepara una sopa muy buena.", "El perro blanco corre por el parque grande.",
           "Vamos a viajar por primera vez en barco.", "Buenos días, me llamo Pablo y vivo aquí."),
    "it": ("Domani mattina vado al mercato con mia mamma.", "Il bambino beve un bicchiere di acqua fresca.",
           "Abbiamo imparato molte parole nuove.", "La primavera porta fiori e profumi nel giardino."),
    "pt-br": ("A menina comprou um livro bonito na loja.", "Bom dia, você pode me ajudar por favor?",
              "O barco pequeno balança no mar azul.", "Amanhã vamos visitar nossos amigos na praia."),
    "ru": ("Мама мыла раму, а папа читал книгу.", "Завтра будет хорошая погода.",
           "Большая белая собака бежит по полю.", "Пожалуйста, помогите мне найти вокзал."),
    "pl": ("Mama piecze dobry chleb w piekarni.", "Jutro pojedziemy pociągiem nad morze.",
           "Proszę podać mi szklankę wody.", "Wiosną w parku pachną kwiaty."),
    "cmn": ("我们明天早上一起去北京。", "妈妈买了八个苹果和面包。", "你好，请问火车站在哪里？",
            "这本书非常有意思，我慢慢读。"),
    "ja": ("わたしは まいあさ パンを たべます。", "ともだちと うみへ いきました。",
           "このほんは とても おもしろいです。", "すみません、えきは どこですか。"),
    "hi": ("मैं हर सुबह बाज़ार जाता हूँ।", "मेरी माँ बहुत अच्छा खाना बनाती है।",
           "कृपया मुझे पानी दीजिए।", "हम कल बाहर घूमने जाएँगे।"),
}  # fmt: skip
ESPEAK_VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7")


class _EspeakEvent(ctypes.Structure):
    """espeak_EVENT of speak_lib.h; `text` is the union's char[8], a phone name in a phoneme event."""

    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("position", ctypes.c_int), ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
        ("text", ctypes.c_char * 8),
    ]  # fmt: skip


def espeak_utterances(data: Path, count: int = 2500) -> Iterator[Utterance]:
    """espeak-ng's voices in eleven languages; the library reports each phone with the time at which it starts."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    rate = library.espeak_Initialize(2, 0, None, 3)  # synchronous; phoneme events, in IPA
    blocks: list[bytes] = []
    events: list[tuple[float, str]] = []

    def receive(wave: ctypes._Pointer, count: int, event: ctypes._Pointer) -> int:
        if wave:
            blocks.append(ctypes.string_at(wave, 2 * count))
        index = 0
        while event[index].type != 0:
            if event[index].type == 7:
                events.append((event[index].milliseconds / 1000, event[index].text.decode("utf-8", "ignore")))
            index += 1
        return 0

    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_EspeakEvent))
    callback = prototype(receive)
    library.espeak_SetSynthCallback(callback)

    rng = np.random.default_rng(1)
    english = english_sentences(data)
    languages = [*ESPEAK_SENTENCES, *["en-us", "en-gb", "en-gb-scotland"] * 3]
    for _ in range(count):
        language = languages[int(rng.integers(len(languages)))]
        pool = ESPEAK_SENTENCES.get(language) or english
        chosen = rng.choice(len(pool), size=2 if language in ESPEAK_SENTENCES else 1, replace=False)
        text = " ".join(pool[int(i)] for i in chosen).encode()
        voice = language + ESPEAK_VARIANTS[int(rng.integers(len(ESPEAK_VARIANTS)))]
        library.espeak_SetVoiceByName(voice.encode())
        library.espeak_SetParameter(1, int(rng.integers(120, 210)), 0)  # words a minute
        library.espeak_SetParameter(3, int(rng.integers(25, 75)), 0)  # pitch
        blocks.clear()
        events.clear()
        library.espeak_Synth(text, len(text) + 1, 0, 0, 0, 1, None, None)
        samples = np.frombuffer(b"".join(blocks), np.int16)
        if not len(samples) or not events:
            continue
        ends = [start for start, _ in events[1:]] + [len(samples) / rate]
        phones = [(ipa_visemes(name), start, end) for (start, name), end in zip(events, ends, strict=True)]
        waveform = resample(samples.astype(np.float32), rate, ENCODER_RATE)
        yield Utterance(waveform.astype(np.int16), split_diphthongs(phones, CLOCK["espeak"]), voice)


def aligned(jobs: list[tuple[Path, str, str]], workers: int, words_file: Path | None = None) -> Iterator[Utterance]:
    """Align recordings in parallel; those that fail are left out, counted and shown in a table at the end."""
    tally = Tally("recordings")
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(functools.partial(_try_to_align, words_file=words_file), jobs, chunksize=8)
        for (path, _, _), utterance in zip(jobs, results, strict=True):
            if isinstance(utterance, str):
                tally.leave_out(utterance, path.name)
            else:
                tally.keep()
                yield utterance
    logger.info("%s", tally)


def _try_to_align(job: tuple[Path, str, str], words_file: Path | None) -> Utterance | str:
    """The utterance, or why there is none."""
    try:
        return align_recording(job, words_file)
    except AlignmentError as error:
        return str(error)


def save_corpus(utterances: Iterable[Utterance], path: Path) -> None:
    """Write a source as flat arrays: samples, their offsets, segments with the utterance they belong to, speakers."""
    items = list(utterances)
    if not items:
        raise InputError(f"nothing to write to {path}: no utterance is left")
    rows = [(i, *segment) for i, item in enumerate(items) for segment in item.segments]
    table = np.array(rows, np.float64).reshape(-1, 4)
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        np.savez(
            file,
            samples=np.concatenate([item.samples for item in items]),
            offsets=np.cumsum([0] + [len(item.samples) for item in items]),
            segment_utterance=table[:, 0].astype(np.int32),
            segment_viseme=table[:, 1].astype(np.int8),
            segment_times=table[:, 2:].astype(np.float32),
            speakers=np.array([item.speaker for item in items]),
        )
    os.replace(temporary, path)
    hours = sum(len(item.samples) for item in items) / ENCODER_RATE / 3600
    logger.info("%s: %d utterances, %.2f hours", path.name, len(items), hours)


def main(arguments: list[str] | None = None) -> None:
    """Build one source of the corpus."""
    recorded = {
        "speechocean": speechocean_jobs, "librispeech": librispeech_jobs, "ljspeech": ljspeech_jobs, "grid": grid_jobs,
        "untranscribed": untranscribed_jobs, "recordings": recordings_jobs,
    }  # fmt: skip
    generated = {"flite": flite_utterances, "espeak": espeak_utterances}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=[*recorded, *generated])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech/ and video/, or the recordings")
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--limit", type=int, help="use only the first utterances")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    name = options.source
    if options.source == "recordings":
        name = options.data.resolve().name
        if name in {*recorded, *generated}:
            raise InputError(f"a folder of recordings may not be called {name}, as a source is; rename it")
    if options.source in recorded:
        words_file = options.data / "speech" / "speechocean762" / "lexicon.txt"
        utterances = aligned(recorded[options.source](options.data)[: options.limit], options.workers, words_file)
    else:
        utterances = itertools.islice(generated[options.source](options.data), options.limit)
    save_corpus(utterances, options.output / f"{name}.npz")


if __name__ == "__main__":
    main()
