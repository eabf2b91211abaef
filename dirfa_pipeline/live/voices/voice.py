"""What a voice is, and what it may be asked to say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from ...errors import VoiceError
from ...media.audio import AudioClip


MAX_CHARACTERS: Final = 4096  # of a text: five minutes, and what OpenAI's address takes
MAX_SECONDS: Final = 900.0  # of sound for one text: three times what the longest takes
PATIENCE: Final = 30.0  # seconds without any sound after which a voice is given up


@runtime_checkable
class Voice(Protocol):
    """
    Something that speaks.

    `speak` returns at once, and its iterator gives each chunk of sound as soon as there is one. Closing the iterator
    stops the voice. It blocks while it waits: `await face.say(voice.speak(text))` asks it from a thread.
    """

    def speak(self, text: str) -> Iterator[AudioClip]:
        """
        Say the text.

        Yields:
            [`AudioClip`]s of any length, all at one rate.

        Raises:
            VoiceError: The text cannot be spoken; at once. Later: the voice failed, broke off or gave no sound for
                too long.
        """


@dataclass(frozen=True)
class SpokenText:
    """
    A text and the voice that is to say it.

    Args:
        text (`str`): Checked by [`check_text`].
        voice ([`Voice`]): Who.
    """

    text: str
    voice: Voice

    def __post_init__(self) -> None:
        check_text(self.text)

    def speak(self) -> AudioClip:
        """All of its sound; raises [`VoiceError`]."""
        chunks: list[AudioClip] = []
        seconds = 0.0
        for chunk in self.voice.speak(self.text):
            chunks.append(chunk)
            seconds += chunk.duration
            if seconds > MAX_SECONDS:
                raise VoiceError(
                    f"a text may take {MAX_SECONDS:g} s to say, and the voice goes on; use another voice or less text"
                )
        if not chunks:
            raise VoiceError("a voice must give sound, got none for this text; use another voice or text")
        return AudioClip(np.concatenate([chunk.samples for chunk in chunks], axis=1), chunks[0].sampling_rate)


def check_text(text: Any) -> str:
    """The text without space around it; raises [`VoiceError`] unless it can be spoken."""
    if not isinstance(text, str):
        raise VoiceError(f"text must be a string, got {type(text).__name__}")
    text = text.strip()
    if not any(letter.isalnum() for letter in text):
        raise VoiceError(f"text must hold a letter or a digit, got {text[:20]!r}; type what is to be said")
    if len(text) > MAX_CHARACTERS:
        raise VoiceError(f"text may hold {MAX_CHARACTERS} characters, got {len(text)}; say it in parts")
    return text
