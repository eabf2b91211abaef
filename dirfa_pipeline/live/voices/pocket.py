"""pocket-tts, Kyutai's speech synthesis for CPUs; install it with `pip install "dirfa-pipeline[voices]"`."""

import importlib
import threading
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, Final

from ...errors import VoiceError, how_to_install
from ...media.audio import AudioClip
from .patience import with_patience
from .voice import PATIENCE, check_text


VOICE: Final = "alba"


class PocketVoice:
    """
    A voice of pocket-tts. Its weights are downloaded from the Hugging Face Hub when it is first opened.

    Args:
        voice (`str`, defaults to `"alba"`): A voice that pocket-tts knows, or a recording of the voice to imitate;
            ask the speaker for permission.
        language (`str`, *optional*, defaults to English): A model that pocket-tts knows, such as `"french"`.
        model (`TTSModel`, *optional*): A loaded model to use instead.
        patience (`float`, defaults to 30): Seconds without sound after which to give up.

    Raises:
        VoiceError: pocket-tts is not installed, its weights cannot be loaded, or it has no such voice.
    """

    def __init__(
        self, voice: str = VOICE, language: str | None = None, model: Any = None, patience: float = PATIENCE
    ) -> None:
        self.voice, self.patience = voice, patience
        self._model, self._turn = _load_model(language) if model is None else (model, threading.Lock())
        try:
            self._state = self._model.get_state_for_audio_prompt(voice)
        except Exception as error:  # pocket-tts raises errors of many types
            raise VoiceError(f"pocket-tts cannot use the voice {voice!r} ({error})") from error

    def speak(self, text: str) -> Iterator[AudioClip]:
        """Say the text; see [`Voice`]. Texts requested at the same time are synthesized one after the other."""
        return self._speak(check_text(text))

    def _speak(self, text: str) -> Iterator[AudioClip]:
        stop = threading.Event()
        try:
            yield from with_patience(self._chunks(text, stop), self.patience, "pocket-tts")
        finally:
            stop.set()

    def _chunks(self, text: str, stop: threading.Event) -> Iterator[AudioClip]:
        with self._turn:
            try:
                for chunk in self._model.generate_audio_stream(self._state, text, stop=stop):
                    yield AudioClip(chunk.numpy()[None], self._model.sample_rate)
            except Exception as error:
                raise VoiceError(f"pocket-tts failed before the end of the text: {error}") from error


@cache
def _load_model(language: str | None) -> tuple[Any, threading.Lock]:
    """The model of a language, and a lock, because it can synthesize only one text at a time."""
    package = import_pocket_tts()
    try:
        return package.TTSModel.load_model(language=language), threading.Lock()
    except Exception as error:
        raise VoiceError(f"pocket-tts cannot load its model ({error}); check the network connection") from error


def import_pocket_tts() -> ModuleType:
    """
    Import the package pocket-tts. It sets PyTorch to a single thread for the whole process, which is undone here.

    Raises:
        VoiceError: The package is not installed.
    """
    import torch

    threads = torch.get_num_threads()
    try:
        return importlib.import_module("pocket_tts")
    except ImportError as error:
        raise VoiceError(f"pocket-tts must be installed ({error}): {how_to_install('voices')}") from error
    finally:
        torch.set_num_threads(threads)
