"""LiveKit's own runner and queue in one process; the room, which would be a server, is the only stand-in."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dirfa_livekit import DirfaAvatar, DirfaVideoGenerator
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, AvatarRunner, QueueAudioOutput
from livekit.agents.voice.io import PlaybackFinishedEvent

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.models.face_renderer import PreparedPortrait


ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg"
RATE = 24_000
FPS = 10
SLACK = 1.0  # seconds of silence that the first and the last frame of a speech may bring along on a busy machine


@pytest.fixture(scope="module")
def pipe() -> DirfaPipeline:
    sys.path.insert(0, str(ROOT / "tests"))
    from tiny import tiny_pipeline

    return tiny_pipeline()


@pytest.fixture(scope="module")
def face(pipe: DirfaPipeline) -> PreparedPortrait:
    return pipe.face_renderer.prepare(pipe.prepare_portrait(str(PHOTO), 448))


class Room(rtc.EventEmitter[str]):
    """What the runner needs of a room that is connected."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[rtc.Track] = []
        self.local_participant, self.identity, self.name = self, "agent", "room"
        self.remote_participants: dict[str, Any] = {}
        self.track_publications: dict[str, Any] = {}

    def isconnected(self) -> bool:
        return True

    async def publish_track(self, track: rtc.Track, options: rtc.TrackPublishOptions) -> "Room":
        self.published.append(track)
        return self

    async def wait_for_subscription(self) -> None:
        pass


def tone(seconds: float) -> list[rtc.AudioFrame]:
    wave = (8000 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 200 / RATE)).astype(np.int16)
    return [rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece)) for piece in np.array_split(wave, seconds / 0.04)]


async def say(queue: QueueAudioOutput, seconds: float) -> None:
    for frame in tone(seconds):
        await queue.capture_frame(frame)
    queue.flush()


def test_the_generator_gives_pictures_sound_and_the_end(pipe: DirfaPipeline, face: PreparedPortrait) -> None:
    async def talk() -> list[Any]:
        got: list[Any] = []
        async with pipe.converse(face, fps=FPS) as conversation:
            generator = DirfaVideoGenerator(conversation)
            for frame in tone(1.0):
                await generator.push_audio(frame)
            await generator.push_audio(AudioSegmentEnd())
            async for frame in generator:
                got.append(frame)
                if isinstance(frame, AudioSegmentEnd):
                    return got
        return got

    got = asyncio.run(asyncio.wait_for(talk(), 60))
    sounds = [frame for frame in got if isinstance(frame, rtc.AudioFrame)]
    pictures = [frame for frame in got if isinstance(frame, rtc.VideoFrame)]
    assert {(frame.width, frame.height, len(frame.data)) for frame in pictures} == {(448, 448, 448 * 448 * 3)}
    heard = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in sounds])
    assert np.count_nonzero(heard) / RATE == pytest.approx(1.0, abs=0.05)
    assert {frame.sample_rate for frame in sounds} == {RATE}
    assert sum(isinstance(frame, AudioSegmentEnd) for frame in got) == 1 and isinstance(got[-1], AudioSegmentEnd)
    assert isinstance(got[0], rtc.VideoFrame), "it idles before it speaks"


def with_runner(
    pipe: DirfaPipeline, face: PreparedPortrait, script: Callable[[QueueAudioOutput], Awaitable[None]]
) -> tuple[list[PlaybackFinishedEvent], Room]:
    """Run LiveKit's runner on a face while a script uses its queue as an agent does."""
    finished: list[PlaybackFinishedEvent] = []

    async def talk() -> Room:
        room = Room()
        queue = QueueAudioOutput(sample_rate=RATE)
        queue.on("playback_finished", finished.append)
        async with pipe.converse(face, fps=FPS) as conversation:
            runner = AvatarRunner(
                room, audio_recv=queue, video_gen=DirfaVideoGenerator(conversation),
                options=AvatarOptions(448, 448, FPS, RATE, 1),
            )  # fmt: skip
            await runner.start()
            await script(queue)
            await runner.aclose()
        return room

    return finished, asyncio.run(asyncio.wait_for(talk(), 90))


def test_the_runner_plays_segments_to_their_end(pipe: DirfaPipeline, face: PreparedPortrait) -> None:
    async def script(queue: QueueAudioOutput) -> None:
        for seconds in (1.0, 0.8):
            await say(queue, seconds)
            await queue.wait_for_playout()

    finished, room = with_runner(pipe, face, script)
    assert [type(track) for track in room.published] == [rtc.LocalAudioTrack, rtc.LocalVideoTrack]
    assert [event.interrupted for event in finished] == [False, False]
    for event, seconds in zip(finished, (1.0, 0.8), strict=True):
        assert seconds - 0.05 < event.playback_position < seconds + SLACK


def test_an_interruption_tells_how_much_was_heard(pipe: DirfaPipeline, face: PreparedPortrait) -> None:
    async def script(queue: QueueAudioOutput) -> None:
        await say(queue, 6.0)
        await asyncio.sleep(2.0)
        queue.clear_buffer()
        await queue.wait_for_playout()
        await say(queue, 0.6)
        await queue.wait_for_playout()

    finished, _ = with_runner(pipe, face, script)
    assert [event.interrupted for event in finished] == [True, False]
    assert 0.5 < finished[0].playback_position < 4.0
    assert 0.55 < finished[1].playback_position < 0.6 + SLACK


def test_the_avatar_takes_the_agents_sound_over(pipe: DirfaPipeline, face: PreparedPortrait) -> None:
    async def talk() -> None:
        room, session = Room(), AgentSession()
        avatar = DirfaAvatar(pipe, face, fps=FPS)
        await avatar.start(session, room)
        assert avatar.avatar_identity == "agent"
        assert isinstance(session.output.audio, QueueAudioOutput)
        await say(session.output.audio, 0.6)
        await session.output.audio.wait_for_playout()
        await avatar.aclose()
        assert len(room.published) == 2

    asyncio.run(asyncio.wait_for(talk(), 60))
