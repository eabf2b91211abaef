"""A conversation with a face: it produces frames at a steady rate for as long as it is open."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

import numpy as np

from ..direction.controls import Controls
from ..errors import InputError
from ..media.audio import AudioClip, AudioFile, open_audio
from ..media.audio_stream import SoundStream
from .clock import Clock, SystemClock
from .face import AvatarFrame, LiveFace
from .pulling import chunks_of, pulled
from .timeline import SOUND_RATE
from .untaken import hushed, joined
from .utterance import Utterance


logger = logging.getLogger(__name__)

MAX_BACKLOG: Final = 120.0  # seconds of speech that may wait to be played: 11 MB
MAX_CARRIED: Final = 5.0  # seconds of sound kept for a reader who is not taking frames
ENDS_AFTER: Final = 1.0  # seconds without sound after which an utterance ends even if nobody called flush
TAIL: Final = 0.1  # when less speech than this is left, in seconds, the resampler is drained so that no gap opens

EventKind = Literal["started", "ended", "interrupted", "overflow"]


@dataclass(frozen=True)
class ConversationEvent:
    """
    Something happened in a conversation.

    Args:
        kind (`str`): `"started"` or `"ended"` when the first or last sound of an utterance was handed out,
            `"interrupted"`, or `"overflow"` when sound was dropped.
        time (`float`): Seconds since the conversation began.
        utterance ([`Utterance`], *optional*): The utterance it happened to.
        text (`str`): A description of what happened.
    """

    kind: EventKind
    time: float
    utterance: Utterance | None
    text: str


class Conversation:
    """
    A live face: sound goes in at any time, frames come out at a steady rate. Made by [`DirfaPipeline.converse`].

    Open it with `async with`, and iterate over it for frames. Call all methods from one event loop; they never block
    it, because drawing runs in a thread.

    Args:
        open_face (`Callable`): Makes the face; called in the drawing thread.
        fps (`float`): Frames per second.
        on_event (`Callable`, *optional*): Called with each [`ConversationEvent`].
        clock ([`Clock`], *optional*): The clock to follow; the system's by default.
    """

    sampling_rate: Final = SOUND_RATE

    def __init__(
        self,
        open_face: Callable[[], LiveFace],
        fps: float,
        on_event: Callable[[ConversationEvent], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.fps = fps
        self.skipped = 0  # frames that the machine was too slow to draw
        self.unread = 0  # frames that were drawn but replaced by a newer one before anybody took them
        self._open_face, self._on_event, self._clock = open_face, on_event, clock or SystemClock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="dirfa-face")
        self._face: LiveFace | None = None
        self._life: asyncio.Task[None] | None = None
        self._closed = False
        self._begin: float | None = None
        self._newest: AvatarFrame | None = None
        self._hush = False  # also silence the frame that was being drawn when speech was dropped
        self._news, self._ticked, self._saying = asyncio.Event(), asyncio.Event(), asyncio.Lock()
        self._sound: SoundStream | None = None
        self._sounding: Utterance | None = None  # the utterance that `_sound` belongs to
        self._kind: tuple[int, ...] = ()  # rate and shape of the chunks in `_sound`
        self._utterances: deque[Utterance] = deque()  # those that have not been heard to the end
        self._count = 0
        self._last_sound = 0.0  # when something was last heard
        self._overflows = self._nobody_reads = False  # whether the event has already been sent

    async def __aenter__(self) -> Self:
        if self._face is not None or self._closed:
            raise InputError("a conversation can be opened only once; call converse again for another one")
        try:
            self._face = await asyncio.get_running_loop().run_in_executor(self._worker, self._open_face)
        except BaseException:
            self._worker.shutdown(wait=False)
            raise
        self._life = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop after the frame that is being drawn. This ends all utterances and every iteration over frames."""
        self._closed = True
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait({self._life})
            if not self._life.cancelled():
                self._life.exception()  # already logged; retrieving it avoids asyncio's warning
        for utterance in self._utterances:
            utterance.end(interrupted=True)
        self._utterances.clear()
        self._news.set()
        self._ticked.set()
        await asyncio.to_thread(self._worker.shutdown)

    @property
    def time(self) -> float:
        """Seconds from the beginning to the last frame drawn."""
        return 0.0 if self._face is None else self._face.time

    @property
    def now(self) -> float:
        """Seconds since the beginning, as the clock counts them."""
        return 0.0 if self._begin is None else self._clock.now() - self._begin

    @property
    def backlog(self) -> float:
        """Seconds of speech waiting to be played."""
        return 0.0 if self._face is None else self._face.timeline.backlog

    async def say(self, audio: Any, sampling_rate: int | None = None) -> Utterance:
        """
        Say some sound after what is already being said, without a jump between the two.

        Returns when all of the sound is queued. For an iterator this is when it ends; at most a minute of its sound
        is taken ahead of time.

        Args:
            audio: Sound as [`DirfaPipeline.__call__`] takes it, or an iterator or async iterator of chunks. The queue
                holds two minutes; what does not fit of a longer clip is dropped and reported as `"overflow"`.
            sampling_rate (`int`, *optional*): Samples per second; required for plain arrays.

        Returns:
            The [`Utterance`] that the sound belongs to.

        Raises:
            InputError: `audio` is not sound, a value is not finite, the sampling rate is invalid, or the conversation
                is not open.
        """
        self._check_open()
        utterance = self._open_utterance()
        async with self._saying, aclosing(chunks_of(await _source(audio, sampling_rate), utterance)) as chunks:
            waits = not _is_sound(audio)
            async for chunk in chunks:
                if waits:
                    await self._wait_for_room(utterance)
                if not utterance.ended:
                    await self._lay(chunk, utterance)
        return utterance

    async def flush(self) -> None:
        """Mark the utterance as complete: it ends with its last sound, and what is said next begins a new one."""
        self._check_open()
        flushed = list(self._utterances)
        for utterance in flushed:
            utterance.closed = True  # set before waiting, so that sound arriving meanwhile begins a new utterance
        async with self._saying:
            self._finish_sound()
            for utterance in flushed:
                utterance.complete = True

    async def interrupt(self) -> float:
        """
        Stop speaking. The lips come to rest within 0.2 s, and everything still to be said is dropped, including the
        sound of a frame that nobody has taken yet.

        Returns:
            Seconds of the utterance that were heard; 0 if nothing was being said.
        """
        face = self._check_open()
        self._sound = None
        self._hush = self._newest is not None and self._newest.speaking
        if self._newest is not None:
            self._newest = hushed(self._newest, fades=True)
        face.interrupt(fades=not self._hush)
        heard = self._utterances[0].heard if self._utterances else 0.0
        for utterance in self._utterances:
            utterance.end(interrupted=True)
            self._tell("interrupted", utterance, f"{utterance.heard:.2f} of {utterance.seconds:.2f} s were heard")
        self._utterances.clear()
        return heard

    def direct(self, controls: Controls) -> None:
        """
        Use other controls from now on; times in them count from now.

        Raises:
            InputError: The controls need the whole animation in advance, or the conversation is not open.
        """
        face = self._check_open()
        if not isinstance(controls, Controls):
            raise InputError(f"controls must be Controls(...), got {type(controls).__name__}")
        if not controls.follows_frames:
            raise InputError(
                "a conversation cannot look ahead: controls may not have nods or motion_from, and blink_rate must be "
                "0 or 1"
            )
        face.direct(controls)

    def listen(self, audio: Any, sampling_rate: int | None = None) -> None:
        """
        Listen to somebody else speaking: the face looks at them and nods while its lips rest.

        Args:
            audio, sampling_rate: A chunk of sound, as in [`say`]; all chunks must have the same rate.

        Raises:
            InputError: `audio` is not sound, or the conversation is not open.
        """
        self._check_open().listen(_with_rate(audio, sampling_rate))

    def __aiter__(self) -> AsyncIterator[AvatarFrame]:
        return self

    async def __anext__(self) -> AvatarFrame:
        """The newest frame, as soon as there is one that has not been taken yet."""
        await self._news.wait()
        frame, self._newest, self._nobody_reads = self._newest, None, False
        if frame is None:
            if self._life is not None and self._life.done() and not self._life.cancelled():
                self._life.result()  # raises the error that ended the drawing
            raise StopAsyncIteration
        if not self._closed:
            self._news.clear()
        self._count_as_heard(frame)
        return frame

    async def _live(self) -> None:
        """Draw the frame that is due at each moment, and skip frames whose moment has passed."""
        try:
            face, loop = self._check_open(), asyncio.get_running_loop()
            begin, number = self._clock.now(), 0
            self._begin = begin
            while True:
                await self._clock.sleep_until(begin + number / self.fps)
                due = int((self._clock.now() - begin) * self.fps + 1e-6)
                self.skipped += max(0, due - number)
                number = max(number, due)
                self._end_what_is_over(face)
                self._offer(await loop.run_in_executor(self._worker, face.draw, number))
                number += 1
        except Exception:
            logger.exception("a conversation ended because of an error")
            raise
        finally:
            self._closed = True
            self._news.set()
            self._ticked.set()

    def _offer(self, frame: AvatarFrame) -> None:
        """Make a frame available to readers, together with the sound of an earlier frame that nobody took."""
        if self._hush and all(utterance.interrupted for utterance in frame.spoken):
            frame = hushed(frame, fades=False)
        self._hush = False
        if self._newest is not None:
            self.unread += 1
            frame = self._bounded(joined(self._newest, frame))
        self._newest = frame
        self._news.set()
        self._ticked.set()
        self._ticked = asyncio.Event()

    def _bounded(self, frame: AvatarFrame) -> AvatarFrame:
        most = round(MAX_CARRIED * SOUND_RATE)
        if frame.audio.shape[1] <= most:
            return frame
        if not self._nobody_reads:
            self._tell("overflow", None, f"nobody is taking frames: sound beyond {MAX_CARRIED:g} s is dropped")
        self._nobody_reads = True
        return replace(frame, audio=frame.audio[:, -most:].copy())

    def _count_as_heard(self, frame: AvatarFrame) -> None:
        for utterance, samples in frame.spoken.items():
            if utterance.handed == 0 and not utterance.interrupted:
                self._tell("started", utterance, "")
            utterance.handed += samples
            self._last_sound = frame.time
        while self._utterances and self._utterances[0].complete and self._utterances[0].is_heard:
            utterance = self._utterances.popleft()
            utterance.end()
            self._tell("ended", utterance, f"{utterance.heard:.2f} s were heard")

    def _end_what_is_over(self, face: LiveFace) -> None:
        """Before drawing a frame, drain the resampler if speech is about to end, and end utterances gone silent."""
        if face.timeline.backlog < TAIL and not self._saying.locked():
            self._finish_sound()
        last = self._utterances[-1] if self._utterances else None
        rests = last is not None and last.said > 0 and last.is_heard and not self._saying.locked()
        if rests and face.time > self._last_sound + ENDS_AFTER:
            for utterance in self._utterances:
                utterance.complete = True

    def _open_utterance(self) -> Utterance:
        if not self._utterances or self._utterances[-1].closed or self._utterances[-1].complete:
            self._utterances.append(Utterance(self._count))
            self._count += 1
        return self._utterances[-1]

    async def _lay(self, chunk: Any, utterance: Utterance) -> None:
        if self._sound is not None and _kind(chunk) != self._kind:
            self._finish_sound()
        if self._sound is None:
            self._sound, self._sounding, self._kind = SoundStream(new_rate=SOUND_RATE), utterance, _kind(chunk)
        for piece in self._sound.hear(chunk):
            room = max(0, round((MAX_BACKLOG - self.backlog) * SOUND_RATE))
            self._put(piece[:room], utterance)
            if len(piece) > room and not self._overflows:
                self._tell("overflow", utterance, f"{MAX_BACKLOG:g} s of speech are waiting; the rest is dropped")
            self._overflows = len(piece) > room
            if self._overflows:
                return
            await asyncio.sleep(0)  # so that a long clip does not hold up other tasks
            if utterance.ended:
                return

    def _put(self, samples: Any, utterance: Utterance) -> None:
        face = self._face
        if face is not None and len(samples):
            utterance.said += len(samples)
            face.timeline.lay(samples, utterance)

    def _finish_sound(self) -> None:
        """Queue the samples that the resampler still holds."""
        sound, self._sound = self._sound, None
        if sound is not None and self._sounding is not None and not self._sounding.ended:
            self._put(sound.finish(), self._sounding)

    async def _wait_for_room(self, utterance: Utterance) -> None:
        while self.backlog > MAX_BACKLOG / 2 and not utterance.ended:
            await self._ticked.wait()

    def _check_open(self) -> LiveFace:
        if self._face is None or self._closed:
            raise InputError("the conversation is not open; use it inside `async with pipe.converse(...) as face:`")
        return self._face

    def _tell(self, kind: EventKind, utterance: Utterance | None, text: str) -> None:
        if self._on_event is not None:
            self._on_event(ConversationEvent(kind, self.time, utterance, text))


async def _source(audio: Any, sampling_rate: int | None) -> AsyncGenerator[Any, None]:
    """Chunks as `(sampling_rate, array)`."""
    if isinstance(audio, str | os.PathLike):
        audio = await asyncio.to_thread(open_audio, audio)
    if isinstance(audio, AudioFile):
        return _rated(pulled(audio.chunks()), audio.sampling_rate)
    if _is_sound(audio):
        return _rated(_one(audio), sampling_rate)
    if hasattr(audio, "__aiter__"):
        return _rated(aiter(audio), sampling_rate)
    if hasattr(audio, "__iter__"):
        return _rated(pulled(iter(audio)), sampling_rate)
    raise InputError(
        f"audio must be sound or an iterator of chunks, got {type(audio).__name__}; pass (sampling_rate, array)"
    )


def _is_sound(audio: Any) -> bool:
    return isinstance(audio, AudioClip | tuple | np.ndarray | bytes | bytearray | memoryview)


async def _one(audio: Any) -> AsyncGenerator[Any, None]:
    yield audio


async def _rated(chunks: AsyncIterator[Any], sampling_rate: int | None) -> AsyncGenerator[Any, None]:
    try:
        async for chunk in chunks:
            yield _with_rate(chunk, sampling_rate)
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def _kind(chunk: Any) -> tuple[int, ...]:
    """Rate and channels of a chunk, as far as can be told; chunks of different kinds are resampled separately."""
    if not isinstance(chunk, tuple) or len(chunk) != 2:
        return ()
    shape = sorted(np.shape(chunk[1]))
    return (chunk[0], len(shape), *shape[:-1])


def _with_rate(chunk: Any, sampling_rate: int | None) -> Any:
    """A chunk as `(sampling_rate, array)`."""
    if isinstance(chunk, AudioClip):
        return chunk.sampling_rate, chunk.samples
    if isinstance(chunk, tuple):
        return chunk
    if sampling_rate is None:
        raise InputError("an audio array needs its sampling_rate: pass sampling_rate=... or (sampling_rate, array)")
    return sampling_rate, chunk
