"""Opens voices by the names that the command line, the page and `pipe(text=..., voice=...)` accept."""

import difflib
import os
import shlex
from typing import Any, Final
from urllib.parse import parse_qsl, urldefrag

from ...errors import VoiceError
from .command import CommandVoice
from .espeak import EspeakVoice
from .pocket import VOICE, PocketVoice
from .speech_api import MODEL, SpeechApiVoice
from .speech_api import VOICE as SERVED
from .voice import Voice


KINDS: Final = ("espeak", "pocket", "http://", "https://", "command")
KEY: Final = "DIRFA_VOICE_KEY"  # environment variable that holds the key of a speech server
FORMS: Final = (
    "espeak[:LANGUAGE], pocket[:[LANGUAGE/]VOICE], http://HOST/v1[#model=MODEL&voice=VOICE], command:PROGRAM ..."
)


def open_voice(voice: str | Voice | None = None) -> Voice:
    """
    Open a voice by its name.

    Args:
        voice (`str` or [`Voice`], *optional*, defaults to `"espeak"`):
            - `"espeak"` or `"espeak:de"`: espeak-ng, see [`EspeakVoice`].
            - `"pocket"`, `"pocket:alba"` or `"pocket:french/estelle"`: pocket-tts, see [`PocketVoice`].
            - `"http://127.0.0.1:8880/v1#model=kokoro&voice=af_bella"`: a server, see [`SpeechApiVoice`]. Its key is
              read from the environment variable `DIRFA_VOICE_KEY`.
            - `"command:piper --model en.onnx --output_file -"`: a program, see [`CommandVoice`].
            - A [`Voice`] is returned as it is.

    Raises:
        VoiceError: The voice does not exist or cannot be opened.
    """
    if voice is None:
        return EspeakVoice()
    if not isinstance(voice, str):
        return _checked(voice)
    kind, _, rest = voice.partition(":")
    if kind == "espeak":
        return EspeakVoice(rest) if rest else EspeakVoice()
    if kind == "pocket":
        language, _, name = rest.rpartition("/")
        return PocketVoice(name or VOICE, language or None)
    if kind == "command":
        return CommandVoice(_split(rest))
    if kind in ("http", "https"):
        address, names = urldefrag(voice)
        chosen = {"model": MODEL, "voice": SERVED} | _names(names)
        return SpeechApiVoice(address, chosen["model"], chosen["voice"], os.environ.get(KEY))
    nearest = difflib.get_close_matches(voice, KINDS, n=1, cutoff=0.0)[0]
    raise VoiceError(f"a voice must be {FORMS}; got {voice!r}; did you mean {nearest}?")


def _checked(voice: Any) -> Voice:
    if not isinstance(voice, Voice):
        raise VoiceError(f"voice must be a name or have speak(text), got {type(voice).__name__}; names are {FORMS}")
    return voice


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise VoiceError(f"a voice's command must be quoted as in a shell, got {command!r} ({error})") from error


def _names(fragment: str) -> dict[str, str]:
    """The model and voice named after the `#` of an address."""
    names = dict(parse_qsl(fragment))
    if unknown := names.keys() - {"model", "voice"}:
        raise VoiceError(f"only model and voice may follow # in a voice's address, got {', '.join(sorted(unknown))}")
    return names
