"""The WebSocket: it sends frames with their sound, and receives sound and JSON."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NoReturn

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..errors import InputError
from ..live.conversation import Conversation
from ..live.timeline import SOUND_RATE
from ..media.audio import check_rate
from .framing import pack, unpack_sound
from .house import House
from .reception import FullError
from .talk import Talk, TooManyFaultsError, event_message


logger = logging.getLogger(__name__)

# Closing codes from RFC 6455 and IANA's registry.
DONE, POLICY, TOO_LARGE, FAILED, TRY_LATER = 1000, 1008, 1009, 1011, 1013
IN_FLIGHT: Final = 0.6  # seconds of frames that may be in transit to a visitor who reports which were shown
MOST_UNREAD: Final = 64  # messages waiting to be processed; when there are more, the socket is not read
LONGEST_REASON: Final = 123  # bytes, of what a closing frame has room for (RFC 6455, section 5.5)
LONGEST_RATE: Final = 10  # sampling rates must have fewer digits than this
MOST_EVENTS: Final = 256  # events waiting to be sent; a visitor with more is disconnected for not reading them


class _Sender:
    """Sends one message at a time, keeps events in order, and notices when the visitor stops reading."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket, self._lock = socket, asyncio.Lock()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_EVENTS)
        self.overflowed = asyncio.Event()

    def tell(self, message: dict[str, Any]) -> None:
        """Queue a JSON message."""
        try:
            self._events.put_nowait(message)
        except asyncio.QueueFull:
            self.overflowed.set()

    async def tell_now(self, message: dict[str, Any]) -> None:
        """Send a JSON message and wait until it is sent."""
        async with self._lock:
            await self._socket.send_text(json.dumps(message))

    async def send(self, data: bytes) -> None:
        """Send a binary message and wait until it is sent."""
        async with self._lock:
            await self._socket.send_bytes(data)

    async def events(self) -> None:
        """Send the messages queued by [`tell`] until cancelled."""
        while True:
            await self.tell_now(await self._events.get())


async def serve_socket(socket: WebSocket) -> None:
    """Serve one visitor, from connecting to disconnecting."""
    house: House = socket.app.state.house
    await socket.accept()
    sender, inbox = _Sender(socket), _Inbox(socket, house.settings.max_message)

    async def place(number: int) -> None:
        await sender.tell_now({"type": "waiting", "place": number})

    code, reason = DONE, ""
    try:
        rate = _rate(socket.query_params.get("rate", str(SOUND_RATE)))
        person = house.people.choose(socket.query_params.get("face"))
        async with (
            _in_line(inbox, house, place),
            asyncio.timeout(house.settings.max_seconds),
            house.open(person.face, lambda event: sender.tell(event_message(event))) as conversation,
        ):
            talk = Talk(conversation, person.voice, rate, house.settings, house.metrics, sender.tell)
            await _converse(inbox, sender, conversation, talk, house)
    except FullError:
        code, reason = TRY_LATER, f"all {house.settings.max_sessions} places and the waiting line are taken"
    except TimeoutError:
        reason = f"a conversation may last at most {house.settings.max_seconds:g} s"
    except TooManyFaultsError:
        code, reason = POLICY, f"more than {house.settings.max_faults} malformed messages"
    except _TooLargeError as error:
        code, reason = TOO_LARGE, str(error)
    except InputError as error:
        code, reason = POLICY, str(error)
    except (WebSocketDisconnect, ConnectionError):
        return
    except Exception:
        logger.exception("a conversation failed")
        code, reason = FAILED, "something went wrong on the server"
    finally:
        inbox.close()
    await _close(socket, sender, code, reason)


class _TooLargeError(InputError):
    pass


class _Inbox:
    """
    Reads messages from the beginning, so that it is noticed when a visitor leaves while waiting in line. Until
    [`enter`] is called, messages that do not fit into the queue are dropped, so that reading never blocks.
    """

    def __init__(self, socket: WebSocket, largest: int) -> None:
        self._socket, self._largest = socket, largest
        self._messages: asyncio.Queue[Any] = asyncio.Queue(MOST_UNREAD)
        self._entered = False
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            if len(message.get("bytes") or message.get("text") or "") > self._largest:
                raise _TooLargeError(f"a message may have at most {self._largest} bytes; send less at a time")
            if self._entered or not self._messages.full():
                await self._messages.put(message)

    def enter(self) -> None:
        """Drop no more messages: from now on they are read with [`next`]."""
        self._entered = True

    async def next(self) -> Any:
        """The next message; raises `WebSocketDisconnect` when the visitor has left."""
        waiting = asyncio.create_task(self._messages.get())
        try:
            await asyncio.wait({waiting, self._reading}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            return self.tell_why()
        finally:
            waiting.cancel()

    async def left(self) -> None:
        """Wait until reading has ended; [`tell_why`] gives the reason."""
        await asyncio.wait({self._reading})

    def tell_why(self) -> NoReturn:
        """Raise the reason why reading ended: a message that is too large, or else `WebSocketDisconnect`."""
        self._reading.result()
        raise WebSocketDisconnect

    def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()


@asynccontextmanager
async def _in_line(inbox: _Inbox, house: House, tell: Callable[[int], Awaitable[None]]) -> AsyncIterator[None]:
    """Wait for a place; raises if the visitor leaves or sends too large a message before one is free."""
    place = house.reception.place(tell)
    entering, leaving = asyncio.create_task(place.__aenter__()), asyncio.create_task(inbox.left())
    try:
        await asyncio.wait({entering, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not entering.done():
            entering.cancel()
            await asyncio.wait({entering})
    if entering.cancelled():
        inbox.tell_why()
    entering.result()
    inbox.enter()
    try:
        yield
    finally:
        await place.__aexit__(None, None, None)


async def _converse(inbox: _Inbox, sender: _Sender, conversation: Conversation, talk: Talk, house: House) -> None:
    """Receive, speak, and send frames and events, all concurrently, until the first of these ends."""
    ready = {"type": "ready", "fps": conversation.fps, "rate": conversation.sampling_rate, "faces": house.people.names}
    await sender.tell_now(ready)
    parts = [
        asyncio.create_task(part)
        for part in (
            _receive(inbox, talk), _send_frames(sender, conversation, talk, house), talk.speak(), sender.events(),
            sender.overflowed.wait(),
        )
    ]  # fmt: skip
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


async def _receive(inbox: _Inbox, talk: Talk) -> None:
    while True:
        message = await inbox.next()
        if message.get("text") is not None:
            await talk.message(message["text"])
        else:
            try:
                talk.sound(unpack_sound(message.get("bytes") or b""))
            except InputError as error:
                talk.fault(error)


async def _send_frames(sender: _Sender, conversation: Conversation, talk: Talk, house: House) -> None:
    """
    Send the newest frame again and again. While too many are in transit, none is sent; the next one then carries the
    sound of those left out.
    """
    sent = 0.0
    while True:
        while talk.shown is not None and sent - talk.shown > IN_FLIGHT:
            talk.was_shown.clear()
            await talk.was_shown.wait()
        try:
            frame = await anext(conversation)
        except StopAsyncIteration:
            return
        await sender.send(await asyncio.to_thread(pack, frame))
        sent = frame.time
        house.metrics.add("frames_total")


async def _close(socket: WebSocket, sender: _Sender, code: int, reason: str) -> None:
    if socket.client_state == WebSocketState.DISCONNECTED:
        return
    with suppress(RuntimeError, WebSocketDisconnect, ConnectionError):  # the visitor may have left meanwhile
        if reason:
            await sender.tell_now({"type": "closing", "code": code, "text": reason})
        await socket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))


def _rate(text: str) -> int:
    return check_rate(int(text) if text.isdecimal() and len(text) < LONGEST_RATE else text)
