"""A voice from a server that implements OpenAI's `/v1/audio/speech`, as many local servers do."""

import json
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ...errors import VoiceError
from ...media.audio import AudioClip
from .voice import PATIENCE, check_text
from .wav import read_wav


PATH: Final = "/audio/speech"
MODEL, VOICE = "tts-1", "alloy"  # OpenAI's names; other servers may have their own
MOST_SAID: Final = 300  # characters of a server's error message that are passed on


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects, so that the key is sent only to the address that the user named."""

    def redirect_request(self, *request: Any) -> None:
        return None


class SpeechApiVoice:
    """
    The voice of a server.

    Args:
        address (`str`): `http://host:port/v1`, with or without `/audio/speech`.
        model, voice (`str`): The server's names for them.
        key (`str`, *optional*): Sent as `Authorization: Bearer`.
        patience (`float`, defaults to 30): Seconds without sound after which to give up.

    Raises:
        VoiceError: `address` is not a valid address.
    """

    def __init__(
        self, address: str, model: str = MODEL, voice: str = VOICE, key: str | None = None, patience: float = PATIENCE
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise VoiceError(f"a voice's address must be http://host/v1 or https://host/v1, got {address!r}")
        self.address = address if parts.path.endswith(PATH) else address.rstrip("/") + PATH
        self.model, self.voice, self.patience, self._key = model, voice, patience, key

    def speak(self, text: str) -> Iterator[AudioClip]:
        """Say the text; see [`Voice`]."""
        return self._speak(check_text(text))

    def _speak(self, text: str) -> Iterator[AudioClip]:
        asked = {"model": self.model, "voice": self.voice, "input": text, "response_format": "wav"}
        request = Request(self.address, json.dumps(asked).encode(), {"Content-Type": "application/json"})
        if self._key:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        try:
            with build_opener(_NoRedirects).open(request, timeout=self.patience) as answer:
                yield from read_wav(answer, self.address)
        except HTTPError as error:
            said = error.read(MOST_SAID).decode(errors="replace").strip()
            raise VoiceError(
                f"the voice's server {self.address} answered {error.code} {error.reason}: {said}"
            ) from error
        except TimeoutError as error:
            raise VoiceError(
                f"a voice must give sound every {self.patience:g} s, {self.address} gave none; check why it hangs"
            ) from error
        except (URLError, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise VoiceError(
                f"the voice's server {self.address} does not answer ({reason or type(error).__name__}); "
                "check that it is running"
            ) from error
