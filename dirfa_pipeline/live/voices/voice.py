"""The interface of a voice, and the check of texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from ...errors import VoiceError
from ...media.audio import AudioClip


MAX_CHARACTERS: Final = 4096  # in a text: about five minutes of speech, and the limit of OpenAI's API
MAX_SECONDS: Final = 900.0  # of sound for one text: three times as long as the longest text takes
PATIENCE: Final = 30.0  # seconds to wait for sound before giving up on a voice


@runtime_checkable
class Voice(Protocol):
    """
    Something that can speak.

    `speak` returns at once, and its iterator gives each chunk of sound as soon as it is ready. Closing the iterator
    stops the voice. The iterator blocks while it waits; `await face.say(voice.speak(text))` reads it in a thread.
    """

    def speak(self, text: str) -> Iterator[AudioClip]:
        """
        Say the text.

        Yields:
            [`AudioClip`]s of any length, all at one rate.

        Raises:
            VoiceError: Raised at once if the text cannot be spoken, and during iteration if the voice fails, breaks
                off or gives no sound for too long.
        """


@dataclass(frozen=True)
class SpokenText:
    """
    A text and the voice that says it.

    Args:
        text (`str`): Checked by [`check_text`].
        voice ([`Voice`]): The voice.
    """

    text: str
    voice: Voice

    def __post_init__(self) -> None:
        check_text(self.text)

    def speak(self) -> AudioClip:
        """The sound of the whole text; raises [`VoiceError`]."""
        chunks: list[AudioClip] = []
        seconds = 0.0
        for chunk in self.voice.speak(self.text):
            chunks.append(chunk)
            seconds += chunk.duration
            if seconds > MAX_SECONDS:
                raise VoiceError(
                    f"a text may take at most {MAX_SECONDS:g} s to say, and this voice takes longer; use another "
                    "voice or less text"
                )
        if not chunks:
            raise VoiceError("the voice gave no sound for this text; use another voice or text")
        return AudioClip(np.concatenate([chunk.samples for chunk in chunks], axis=1), chunks[0].sampling_rate)


def check_text(text: Any) -> str:
    """The text without surrounding whitespace; raises [`VoiceError`] if it cannot be spoken."""
    if not isinstance(text, str):
        raise VoiceError(f"text must be a string, got {type(text).__name__}")
    text = text.strip()
    if not any(letter.isalnum() for letter in text):
        raise VoiceError(f"text must contain a letter or a digit, got {text[:20]!r}; type what the face should say")
    if len(text) > MAX_CHARACTERS:
        raise VoiceError(f"text may have at most {MAX_CHARACTERS} characters, got {len(text)}; split it into parts")
    return text
