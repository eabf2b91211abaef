"""WebRTC calls with a face. One request negotiates a call; JSON is sent over a data channel named `dirfa`."""

import asyncio
import json
import logging
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.clock import current_ntp_time
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from ..errors import InputError
from ..live.conversation import Conversation
from ..live.face import AvatarFrame
from ..live.timeline import SOUND_RATE
from .framing import Heard
from .house import House
from .people import Person
from .talk import Talk, TooManyFaultsError, event_message
from .timed_track import TimedTrack


logger = logging.getLogger(__name__)

PACKET: Final = SOUND_RATE // 50  # samples in 20 ms, the usual length of an Opus packet
BIT_RATE: Final = 48_000  # bits per second of Opus: enough for speech in one channel
MOST_SOUND: Final = SOUND_RATE // 2  # most samples waiting to be sent; older ones are dropped to keep the call live
VIDEO_CLOCK: Final = 90_000
CONNECTS_WITHIN: Final = 20.0  # seconds after which a call that has not connected is given up
CHANNEL: Final = "dirfa"
OPUS: Final = [
    codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType.lower() == "audio/opus"
]


class FaceVideo(TimedTrack):
    """A video track that gives the newest frame whenever it is asked for one."""

    kind = "video"

    def __init__(self, begin: int) -> None:
        super().__init__(begin)
        self._frame: AvatarFrame | None = None
        self._news = asyncio.Event()

    def offer(self, frame: AvatarFrame) -> None:
        """Show this frame from now on."""
        self._frame = frame
        self._news.set()

    async def next(self) -> av.VideoFrame:
        """Wait for the next frame."""
        await self._news.wait()
        self._news.clear()
        if self._frame is None or self.readyState != "live":
            raise MediaStreamError
        picture = self._frame.image[: self._frame.image.shape[0] // 2 * 2, : self._frame.image.shape[1] // 2 * 2]
        video = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        video.pts, video.time_base = round(self._frame.time * VIDEO_CLOCK), Fraction(1, VIDEO_CLOCK)
        return video

    def end(self) -> None:
        """End the track."""
        self.stop()
        self._news.set()


class FaceSound(TimedTrack):
    """
    An audio track that gives the sound of the frames in packets of 20 ms.

    Packets are encoded here, because aiortc would pass each one to another thread and back, fifty times a second;
    on a busy machine this takes longer than the packets last.
    """

    kind = "audio"

    def __init__(self, begin: int) -> None:
        super().__init__(begin)
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.format, self._encoder.layout, self._encoder.sample_rate = "s16", "mono", SOUND_RATE
        self._encoder.bit_rate, self._encoder.options = BIT_RATE, {"application": "voip"}
        self._waiting = np.zeros(0, np.float32)
        self._sent = 0
        self._news = asyncio.Event()
        self._is_heard = False

    def offer(self, frame: AvatarFrame) -> None:
        """
        Play the sound of this frame next. Sound that nobody takes within half a second is dropped; at once before the
        connection stands, because a receiver plays all that it gets and would begin late.
        """
        most = MOST_SOUND if self._is_heard else PACKET
        waiting = np.concatenate([self._waiting, frame.audio.mean(0)])
        self._sent += max(0, len(waiting) - most)
        self._waiting = waiting[-most:]
        self._news.set()

    async def next(self) -> av.Packet:
        """Wait for the next Opus packet."""
        self._is_heard = True
        while True:
            while len(self._waiting) < PACKET:
                self._news.clear()
                await self._news.wait()
                if self.readyState != "live":
                    raise MediaStreamError
            samples, self._waiting = self._waiting[:PACKET], self._waiting[PACKET:]
            frame = av.AudioFrame.from_ndarray(_as_int16(samples)[None], format="s16", layout="mono")
            frame.sample_rate = SOUND_RATE
            moment, self._sent = self._sent, self._sent + PACKET
            for packet in self._encoder.encode(frame):  # one packet, but the encoder may give none at the beginning
                packet.pts, packet.time_base = moment, Fraction(1, SOUND_RATE)
                return packet

    def end(self) -> None:
        """End the track."""
        self.stop()
        self._news.set()


class Calls:
    """All calls of a server."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, offer: Any) -> dict[str, str]:
        """
        Answer a browser's offer, `{"sdp", "type", "face"}`. The call then runs in the background until one side ends
        it.

        Raises:
            InputError: The offer is invalid, or names a face that this server does not have.
            FullError: All places are taken.
        """
        if not isinstance(offer, dict) or offer.get("type") != "offer" or not isinstance(offer.get("sdp"), str):
            raise InputError('an offer must be {"type": "offer", "sdp": "..."}, as createOffer returns it')
        person = self._house.people.choose(offer.get("face"))
        answered: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        call = asyncio.create_task(self._call(offer["sdp"], person, answered))
        self._running.add(call)
        call.add_done_callback(self._running.discard)
        return await answered

    async def close(self) -> None:
        """End all calls."""
        for call in list(self._running):
            call.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _call(self, sdp: str, person: Person, answered: "asyncio.Future[dict[str, str]]") -> None:
        connection = RTCPeerConnection()
        try:
            async with self._house.reception.place(), asyncio.timeout(self._house.settings.max_seconds):
                await self._talk(connection, sdp, person, answered)
        except TimeoutError:
            logger.info("a call ended: it reached the limit of %g s", self._house.settings.max_seconds)
        except TooManyFaultsError:
            logger.info("a call ended: too many malformed messages")
        except Exception as error:
            if answered.done():
                logger.exception("a call failed")
            else:
                answered.set_exception(error)
        finally:
            answered.cancel()
            await connection.close()

    async def _talk(
        self, connection: RTCPeerConnection, sdp: str, person: Person, answered: "asyncio.Future[dict[str, str]]"
    ) -> None:
        house, begin = self._house, current_ntp_time()
        video, sound = FaceVideo(begin), FaceSound(begin)
        channel = _Channel(connection)
        async with house.open(person.face, lambda event: channel.tell(event_message(event))) as conversation:
            talk = Talk(conversation, person.voice, SOUND_RATE, house.settings, house.metrics, channel.tell)
            over = _watch(connection)
            parts = [talk.speak(), over.wait(), _pump(conversation, video, sound, talk, house), channel.read(talk)]
            tasks: list[asyncio.Task[Any]] = [asyncio.create_task(part) for part in parts]
            connection.on("track", lambda track: tasks.append(asyncio.create_task(_hear(track, talk))))
            try:
                await _negotiate(connection, sdp, (video, sound))
                description = connection.localDescription
                answered.set_result({"sdp": description.sdp, "type": description.type})
                done, _ = await asyncio.wait(tasks[: len(parts)], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                video.end()
                sound.end()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


class _Channel:
    """The data channel, which the visitor may open at any time."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._channel: Any = None
        self._messages: asyncio.Queue[Any] = asyncio.Queue(64)
        connection.on("datachannel", self._open)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a JSON message if the channel is open."""
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(message))

    async def read(self, talk: Talk) -> None:
        """Pass messages on until cancelled."""
        while True:
            await talk.message(await self._messages.get())

    def _open(self, channel: Any) -> None:
        if channel.label == CHANNEL:
            self._channel = channel
            channel.on("message", self._received)

    def _received(self, message: Any) -> None:
        try:
            self._messages.put_nowait(message if isinstance(message, str) else "")
        except asyncio.QueueFull:
            self.tell({"type": "error", "text": "messages arrive faster than they are processed; some are dropped"})


async def _negotiate(connection: RTCPeerConnection, sdp: str, tracks: tuple[TimedTrack, ...]) -> None:
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for track in tracks:
            track.add_to(connection)
        for transceiver in connection.getTransceivers():
            if transceiver.kind == "audio":
                transceiver.setCodecPreferences(OPUS)
        await connection.setLocalDescription(await connection.createAnswer())
    except Exception as error:  # aiortc raises errors of many types for bad offers
        raise InputError(
            f"the offer's sdp cannot be answered ({type(error).__name__}: {error}); offer to receive Opus and video"
        ) from error


def _watch(connection: RTCPeerConnection) -> asyncio.Event:
    """An event that is set when the connection has ended, or was not established in time."""
    over, connected = asyncio.Event(), asyncio.Event()

    def changed() -> None:
        if connection.connectionState == "connected":
            connected.set()
        elif connection.connectionState in ("failed", "closed"):
            over.set()

    connection.on("connectionstatechange", changed)
    asyncio.get_running_loop().call_later(CONNECTS_WITHIN, lambda: None if connected.is_set() else over.set())
    return over


async def _pump(conversation: Conversation, video: FaceVideo, sound: FaceSound, talk: Talk, house: House) -> None:
    async for frame in conversation:
        video.offer(frame)
        sound.offer(frame)
        house.metrics.saw_delay(conversation.now - frame.time)
        talk.tell_delay(frame.time)
        house.metrics.add("frames_total")


async def _hear(track: MediaStreamTrack, talk: Talk) -> None:
    """Let the face listen to the visitor's microphone."""
    if track.kind != "audio":
        return
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
    while True:
        try:
            packet = await track.recv()
        except MediaStreamError:
            return
        for block in resampler.resample(packet):
            talk.sound(Heard("listen", block.to_ndarray()[0]))


def _as_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(samples * 32767.0, -32768, 32767).astype(np.int16)
