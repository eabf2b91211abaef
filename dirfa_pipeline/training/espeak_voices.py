"""Voices of espeak-ng in ten languages and three varieties of English, as a source of the speech corpus."""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media.audio import ENCODER_RATE, resample
from .recordings import english_sentences
from .utterance import CLOCK, LeftOut, Utterance, split_diphthongs
from .visemes import SILENCE, ipa_visemes


# Voices by espeak-ng's names; those without sentences here speak English.
SENTENCES: Final = {
    "de": ("Bitte gib mir das Buch und mach die Tür zu.", "Wir fahren im Sommer gemeinsam an die See.",
           "Der Bäcker backt am Morgen frisches Brot.", "Morgen früh um sieben beginnt meine Arbeit."),
    "fr": ("Le petit bateau bleu passe devant la maison.", "Bonjour, je voudrais un peu de pain et du fromage.",
           "Ma famille habite au bord de la mer depuis dix ans.", "Il fait beau aujourd'hui, nous partons marcher."),
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
    "cmn-latn-pinyin": ("我们明天早上一起去北京。", "妈妈买了八个苹果和面包。", "你好，请问火车站在哪里？",
                        "这本书非常有意思，我慢慢读。"),
    "ja": ("わたしは まいあさ パンを たべます。", "ともだちと うみへ いきました。",
           "このほんは とても おもしろいです。", "すみません、えきは どこですか。"),
    "hi": ("मैं हर सुबह बाज़ार जाता हूँ।", "मेरी माँ बहुत अच्छा खाना बनाती है।",
           "कृपया मुझे पानी दीजिए।", "हम कल बाहर घूमने जाएँगे।"),
}  # fmt: skip
ENGLISH: Final = ("en-us", "en", "en-gb-scotland")
VARIANTS: Final = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7")

# From espeak-ng's speak_lib.h.
SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS
PHONES_IN_IPA: Final = 3  # espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA
END, PHONE = 0, 7  # espeakEVENT_LIST_TERMINATED, espeakEVENT_PHONEME
RATE, PITCH = 1, 3  # espeakRATE, espeakPITCH
UTF8: Final = 1  # espeakCHARS_UTF8


class _Event(ctypes.Structure):
    """The struct espeak_EVENT; `text` is the union's char[8], the name of the phone in a phoneme event."""

    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("position", ctypes.c_int), ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
        ("text", ctypes.c_char * 8),
    ]  # fmt: skip


_RECEIVER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """
    The library of espeak-ng, which reports when each phone begins.

    Raises:
        InputError: The library or its data is not installed.
    """

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise InputError("espeak-ng's library is not installed: apt-get install espeak-ng") from error
        self.rate = int(self._library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONES_IN_IPA))
        if self.rate <= 0:
            raise InputError("espeak-ng finds no data: apt-get install espeak-ng-data")
        self._blocks: list[bytes] = []
        self._starts: list[tuple[str, float]] = []
        self._receiver = _RECEIVER(self._receive)  # keep a reference, because the library stores only the address
        self._library.espeak_SetSynthCallback(self._receiver)

    def _receive(self, wave: int | None, count: int, events: "ctypes._Pointer[_Event]") -> int:
        if wave:
            self._blocks.append(ctypes.string_at(wave, 2 * count))
        index = 0
        while events[index].type != END:
            if events[index].type == PHONE:
                phone = events[index].text.decode("utf-8", "ignore")
                self._starts.append((phone, events[index].milliseconds / 1000))
            index += 1
        return 0

    def speak(
        self, text: str, voice: str, words_a_minute: int, pitch: int
    ) -> tuple[NDArray[np.int16], list[tuple[str, float, float]]]:
        """
        Speak a text. Returns the sound at `rate`, and its phones in IPA with start and end in seconds; both are empty
        if nothing is said.

        Raises:
            InputError: espeak-ng has no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(f"espeak-ng has no voice {voice}: apt-get install espeak-ng-data, version 1.51 or later")
        self._library.espeak_SetParameter(RATE, words_a_minute, 0)
        self._library.espeak_SetParameter(PITCH, pitch, 0)
        self._blocks.clear()
        self._starts.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, UTF8, None, None)
        samples = np.frombuffer(b"".join(self._blocks), np.int16)
        ends = [start for _, start in self._starts[1:]] + [len(samples) / self.rate]
        return samples, [(phone, start, end) for (phone, start), end in zip(self._starts, ends, strict=False)]


def espeak_utterances(data: Path, count: int = 2500) -> Iterator[Utterance | LeftOut]:
    """Sentences in all languages, nearly half of them in English, at varied speed and pitch."""
    engine = Espeak()
    rng = np.random.default_rng(1)
    english = english_sentences(data)
    voices = [*SENTENCES, *ENGLISH * 3]
    for _ in range(count):
        voice = voices[int(rng.integers(len(voices)))]
        pool = SENTENCES.get(voice) or english
        chosen = rng.choice(len(pool), size=2 if voice in SENTENCES else 1, replace=False)
        text = " ".join(pool[int(i)] for i in chosen)
        variant = VARIANTS[int(rng.integers(len(VARIANTS)))]
        yield speak_with_espeak(engine, text, voice + variant, int(rng.integers(120, 210)), int(rng.integers(25, 75)))


def speak_with_espeak(engine: Espeak, text: str, voice: str, words_a_minute: int, pitch: int) -> Utterance | LeftOut:
    """Speak one utterance; it is left out if there is no sound, or if a phone has no viseme."""
    name = f"{voice}: {text}"
    sound, phones = engine.speak(text, voice, words_a_minute, pitch)
    classes = []
    for phone, start, end in phones:
        try:
            classes.append((ipa_visemes(phone), start, end))
        except KeyError:
            return LeftOut(name, f"its phone {phone!r} has no viseme")
    if all(visemes == SILENCE for visemes, _, _ in classes):
        return LeftOut(name, "espeak-ng said nothing")
    waveform = resample(sound.astype(np.float32), engine.rate, ENCODER_RATE)
    samples = waveform.clip(-32768, 32767).astype(np.int16)
    return Utterance(samples, split_diphthongs(classes, CLOCK["espeak"]), voice)
