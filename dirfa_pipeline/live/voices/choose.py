"""Voices by name, as the command line, the page and `pipe(text=..., voice=...)` take them."""

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
KEY: Final = "DIRFA_VOICE_KEY"  # the environment's variable for the key of a voice's server
FORMS: Final = (
    "espeak[:LANGUAGE], pocket[:[LANGUAGE/]VOICE], http://HOST/v1[#model=MODEL&voice=VOICE], command:PROGRAM ..."
)


def open_voice(voice: str | Voice | None = None) -> Voice:
    """
    Open a voice by its name.

    Args:
        voice (`str` or [`Voice`], *optional*, defaults to `"espeak"`):
            - `"espeak"` or `"espeak:de"`: espeak-ng, see [`EspeakVoice`].
            - `"pocket"` or `"pocket:alba"` or `"pocket:french/estelle"`: pocket-tts, see [`PocketVoice`].
            - `"http://127.0.0.1:8880/v1#model=kokoro&voice=af_bella"`: a server, see [`SpeechApiVoice`]; its key is
              read from the environment's `DIRFA_VOICE_KEY`.
            - `"command:piper --model en.onnx --output_file -"`: a program, see [`CommandVoice`].
            - Something that speaks already passes through.

    Raises:
        VoiceError: There is no such voice, or it cannot be opened.
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
        raise VoiceError(f"a voice's command must be words as in a shell, got {command!r} ({error})") from error


def _names(fragment: str) -> dict[str, str]:
    """Model and voice, as an address names them behind its `#`."""
    names = dict(parse_qsl(fragment))
    if unknown := names.keys() - {"model", "voice"}:
        raise VoiceError(f"an address may name a model and a voice behind #, got {', '.join(sorted(unknown))}")
    return names
