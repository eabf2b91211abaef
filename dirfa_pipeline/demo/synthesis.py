"""The voices that the page offers for typed text."""

from collections.abc import Mapping
from typing import Final

from ..errors import InputError, VoiceError
from ..live.voices import espeak
from ..live.voices.choose import open_voice
from ..live.voices.voice import SpokenText, Voice
from ..media.audio import AudioClip


MAX_CHARACTERS: Final = 600  # of a text: the better part of a minute


class Voices:
    """
    Voices by the names that visitors see; each is opened when it is first asked for.

    Args:
        offered (`Mapping`, *optional*): What [`open_voice`] takes, by name; espeak-ng's languages, where it is
            installed, if left out.
    """

    def __init__(self, offered: Mapping[str, str] | None = None) -> None:
        self._offered = _languages() if offered is None else dict(offered)
        self._open: dict[str, Voice] = {}

    @property
    def names(self) -> list[str]:
        """What may be chosen."""
        return list(self._offered)

    @property
    def first(self) -> str | None:
        """What is chosen first: American English, or the first of those that were named."""
        american = (name for name, voice in self._offered.items() if voice == f"espeak:{espeak.LANGUAGE}")
        return next(american, next(iter(self._offered), None))

    def say(self, text: str, name: str = "") -> AudioClip:
        """The text, spoken; raises [`InputError`] for a name that is not offered, and [`VoiceError`] for failures."""
        return SpokenText(text, self.open(name)).speak()

    def open(self, name: str = "") -> Voice:
        """The voice of that name; raises [`InputError`] for one that is not offered or cannot be opened."""
        name = name or self.first or ""
        if name not in self._offered:
            known = ", ".join(self.names[:8]) or "none, espeak-ng is not installed"
            raise InputError(f"voice must be one that is offered here ({known}), got {name!r}")
        if name not in self._open:
            self._open[name] = open_voice(self._offered[name])
        return self._open[name]


def check_words(speech: str | None, text: str, remedy: str) -> None:
    """
    Raise [`InputError`] unless either speech or a text is given; `remedy` says what to do where neither is.

    Raises:
        VoiceError: The text is too long for this page.
    """
    if speech and text:
        raise InputError("speech and a text are both given; leave one of them out")
    if not speech and not text:
        raise InputError(f"speech is needed; {remedy}")
    if len(text) > MAX_CHARACTERS:
        raise VoiceError(f"text may hold {MAX_CHARACTERS} characters here, got {len(text)}; shorten it")


def _languages() -> dict[str, str]:
    try:
        return {name: f"espeak:{code}" for code, name in espeak.languages()}
    except VoiceError:
        return {}
