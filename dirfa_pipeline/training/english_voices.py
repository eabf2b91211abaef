"""US English voices of flite and festival as sources of the speech corpus; both report when each phone ends."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from ..errors import AudioError, InputError
from ..evaluation.alignment import radio_phone
from ..media.audio import ENCODER_RATE, load_audio
from .recordings import english_sentences
from .utterance import CLOCK, LeftOut, Segment, Utterance, split_diphthongs
from .visemes import SILENCE, arpabet_visemes


FLITE_VOICES: Final = ("slt", "rms", "awb", "kal16", "kal")
# Each voice with the Debian package that contains it.
FESTIVAL_VOICES: Final = {"kal_diphone": "festvox-kallpc16k", "cmu_us_slt_arctic_hts": "festvox-us-slt-hts"}
SLOWNESS: Final = (0.8, 1.25)  # range of durations, relative to the voice's own


def require_program(name: str, packages: str) -> None:
    """Raise an [`InputError`] that names the Debian packages if a program is not installed."""
    if shutil.which(name) is None:
        raise InputError(f"{name} is not installed: apt-get install {packages}")


def require_festival() -> None:
    """Raise an [`InputError`] that names the Debian package if festival or one of its voices is not installed."""
    require_program("festival", f"festival {' '.join(FESTIVAL_VOICES.values())}")
    listed = subprocess.run(["festival", "-b", "(print (voice.list))"], check=True, capture_output=True, text=True)
    for voice, package in FESTIVAL_VOICES.items():
        if voice not in listed.stdout.strip("()\n ").split():
            raise InputError(f"festival lacks the voice {voice}: apt-get install {package}")


def flite_utterances(data: Path, count: int = 4000) -> Iterator[Utterance | LeftOut]:
    """English sentences, spoken by flite's voices in turn, at varied speeds."""
    require_program("flite", "flite")
    rng = np.random.default_rng(0)
    sentences = english_sentences(data)
    for index in range(count):
        text = sentences[int(rng.integers(len(sentences)))]
        yield speak_with_flite(text, FLITE_VOICES[index % len(FLITE_VOICES)], rng.uniform(*SLOWNESS))


def festival_utterances(data: Path, count: int = 1600) -> Iterator[Utterance | LeftOut]:
    """English sentences, spoken by festival's voices in turn, at varied speeds."""
    require_festival()
    rng = np.random.default_rng(2)
    sentences = english_sentences(data)
    voices = list(FESTIVAL_VOICES)
    for index in range(count):
        text = sentences[int(rng.integers(len(sentences)))]
        yield speak_with_festival(text, voices[index % len(voices)], rng.uniform(*SLOWNESS))


def speak_with_flite(text: str, voice: str, slowness: float) -> Utterance | LeftOut:
    """Speak English text with a voice of flite, in `slowness` times its usual duration."""
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={slowness:.2f}", "-psdur", "-t", text]
        return _listen([*command, "-o", str(wave)], wave, text, voice, CLOCK["flite"])


def speak_with_festival(text: str, voice: str, slowness: float) -> Utterance | LeftOut:
    """
    Speak English text with a voice of festival, in `slowness` times its usual duration.

    Diphone voices obey `Duration_Stretch`; HTS voices ignore it and need hts_engine's option -r, the speed.
    """
    quoted = text.replace("\\", " ").replace('"', " ")
    with tempfile.TemporaryDirectory() as folder:
        wave, script = Path(folder) / "speech.wav", Path(folder) / "speech.scm"
        script.write_text(
            f"(defvar hts_engine_params nil)\n(voice_{voice})\n(Parameter.set 'Duration_Stretch {slowness:.2f})\n"
            f'(set! hts_engine_params (append hts_engine_params (list (list "-r" {1 / slowness:.3f}))))\n'
            f'(set! spoken (utt.synth (Utterance Text "{quoted}")))\n(utt.save.wave spoken "{wave}" \'riff)\n'
            '(mapcar (lambda (phone) (format t "%s:%f " (item.name phone) (item.feat phone "end")))'
            " (utt.relation.items spoken 'Segment))\n",
            encoding="utf-8",
        )
        return _listen(["festival", "-b", str(script)], wave, text, voice, CLOCK["festival"])


def _listen(command: list[str], wave: Path, text: str, voice: str, offset: float) -> Utterance | LeftOut:
    """Run a synthesiser that writes `wave` and prints the ends of its phones."""
    name = f"{voice}: {text}"
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return LeftOut(name, f"{command[0]} ended with code {done.returncode}")
    try:
        waveform = load_audio(wave).mono(ENCODER_RATE)
        segments = printed_segments(done.stdout, offset)
    except AudioError:
        return LeftOut(name, f"{command[0]} said nothing")
    except KeyError as error:
        return LeftOut(name, f"its phone {error} has no viseme")
    if all((viseme,) == SILENCE for viseme, _, _ in segments):
        return LeftOut(name, f"{command[0]} said nothing")
    return Utterance((waveform * 32767).clip(-32768, 32767).astype(np.int16), segments, voice)


def printed_segments(printed: str, offset: float) -> list[Segment]:
    """Parse what flite and festival print: each phone, a colon, and the second at which it ends."""
    phones, start = [], 0.0
    for token in printed.replace("(", " ").replace(")", " ").split():
        name, _, end = token.partition(":")
        if end:
            phones.append((arpabet_visemes(radio_phone(name)), start, float(end)))
            start = float(end)
    return split_diphthongs(phones, offset)
