"""Handles a visitor's JSON messages and sound, and sends JSON events, whatever the transport."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..direction.controls import Controls
from ..errors import InputError
from ..live.conversation import Conversation, ConversationEvent
from ..live.voices.voice import Voice, check_text
from .framing import Heard
from .metrics import Metrics
from .settings import Settings


logger = logging.getLogger(__name__)

Tell = Callable[[dict[str, Any]], None]

DELAY_EVERY: Final = 1.0  # seconds between two reports of the delay
COMMANDS: Final = ("say", "flush", "interrupt", "direct", "shown")
DIRECTED: Final = (
    "expression", "expression_strength", "easing", "lips", "brows", "eyes", "head_motion", "pose", "facing",
    "gaze", "blink_rate",
)  # fmt: skip


class TooManyFaultsError(Exception):
    """A visitor has sent too many malformed messages."""


def event_message(event: ConversationEvent) -> dict[str, Any]:
    """An event of a conversation as a JSON message."""
    message: dict[str, Any] = {"type": event.kind, "time": round(event.time, 3), "text": event.text}
    if event.utterance is not None:
        heard, seconds = event.utterance.heard, event.utterance.seconds
        message |= {"utterance": event.utterance.number, "heard": round(heard, 3), "seconds": round(seconds, 3)}
    return message


class Talk:
    """
    Connects one visitor with one face. What is to be said waits in a separate queue, so that an interruption can
    overtake it.

    Args:
        face ([`Conversation`]): The face.
        voice ([`Voice`]): Says the texts.
        rate (`int`): Samples per second of the visitor's sound.
        settings ([`Settings`]), metrics ([`Metrics`]): Those of the server.
        tell (`Callable`): Sends a JSON message.
    """

    def __init__(
        self, face: Conversation, voice: Voice, rate: int, settings: Settings, metrics: Metrics, tell: Tell
    ) -> None:
        self._face, self._voice, self._rate, self._tell, self._metrics = face, voice, rate, tell, metrics
        self._most_faults, self._faults = settings.max_faults, 0
        self._line: asyncio.Queue[str | Heard | None] = asyncio.Queue(settings.max_texts)
        self._delay_told = 0.0  # when the delay was last reported
        self.shown: float | None = None  # time of the newest frame that the visitor reported as shown
        self.was_shown = asyncio.Event()

    async def message(self, text: str) -> None:
        """Do what a JSON message asks. If it is malformed, tell the visitor and count it."""
        try:
            try:
                message = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise InputError(f"a message must be JSON: {str(error)[:100]}") from error
            if not isinstance(message, dict) or message.get("type") not in COMMANDS:
                raise InputError(f'a message must be an object whose "type" is one of {", ".join(COMMANDS)}')
            try:
                await getattr(self, f"_{message['type']}")(message)
            except (TypeError, OverflowError, KeyError, IndexError) as error:  # values of unexpected types
                raise InputError(f"{message['type']} cannot be understood: {str(error)[:100]}") from error
        except InputError as error:
            self._fault(error)

    def sound(self, heard: Heard) -> None:
        """Let the face say or listen to a visitor's sound."""
        try:
            if heard.kind == "listen":
                self._face.listen((self._rate, heard.samples))
            else:
                self._enqueue(heard)
        except InputError as error:
            self._fault(error)

    def fault(self, error: InputError) -> None:
        """Tell the visitor about a message that could not be read, and count it."""
        self._fault(error)

    def tell_delay(self, time: float) -> None:
        """Report how long ago the moment `time` was, at most once a second."""
        if self._face.now >= self._delay_told + DELAY_EVERY:
            self._delay_told = self._face.now
            self._tell({"type": "delay", "seconds": round(self._face.now - time, 3)})

    async def speak(self) -> None:
        """Say the waiting texts and sounds one after the other, until cancelled."""
        while True:
            item = await self._line.get()
            try:
                if item is None:
                    await self._face.flush()
                elif isinstance(item, Heard):
                    await self._face.say((self._rate, item.samples))
                else:
                    await self._face.say(self._voice.speak(item))
                    await self._face.flush()
            except InputError as error:
                self._tell({"type": "error", "text": str(error)})
            except Exception as error:  # voices may be third-party code, which raises anything
                logger.exception("the voice failed")
                self._tell({"type": "error", "text": f"the voice failed: {type(error).__name__}: {error}"})

    async def _say(self, message: dict[str, Any]) -> None:
        self._enqueue(check_text(message.get("text")))

    async def _flush(self, message: dict[str, Any]) -> None:
        self._enqueue(None)

    async def _interrupt(self, message: dict[str, Any]) -> None:
        while not self._line.empty():
            self._line.get_nowait()
        await self._face.interrupt()

    async def _direct(self, message: dict[str, Any]) -> None:
        unknown = message.keys() - {"type", *DIRECTED}
        if unknown:
            raise InputError(f"the fields of direct may be {', '.join(DIRECTED)}, got {', '.join(sorted(unknown))}")
        given = {name: value for name, value in message.items() if name != "type"}
        self._face.direct(Controls(**given))

    async def _shown(self, message: dict[str, Any]) -> None:
        time = message.get("time")
        if not isinstance(time, int | float) or not np.isfinite(time) or time > self._face.now:
            raise InputError(f"shown needs the time of a frame that was sent, got {time!r}")
        self.shown = max(float(time), self.shown or 0.0)
        self._metrics.saw_delay(self._face.now - float(time))
        self.tell_delay(float(time))
        self.was_shown.set()

    def _enqueue(self, item: str | Heard | None) -> None:
        try:
            self._line.put_nowait(item)
        except asyncio.QueueFull:
            raise InputError(
                f"{self._line.maxsize} texts or pieces of sound are waiting to be said, so this one is dropped; send "
                "more when an utterance has ended"
            ) from None

    def _fault(self, error: InputError) -> None:
        self._faults += 1
        self._metrics.add("faults_total")
        self._tell({"type": "error", "text": str(error)})
        if self._faults > self._most_faults:
            raise TooManyFaultsError
