"""What an `AvatarRunner` asks for frames: the agent's speech in, video and the sound that belongs to it out."""

from collections import deque
from collections.abc import AsyncIterator

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, VideoGenerator

from dirfa_pipeline.live.conversation import Conversation
from dirfa_pipeline.live.face import AvatarFrame
from dirfa_pipeline.live.utterance import Utterance


class DirfaVideoGenerator(VideoGenerator):
    """
    A face for an `AvatarRunner`: video alone while it idles, each picture with its sound while it speaks.

    Args:
        face ([`Conversation`]): An open one, from `async with pipe.converse(photo) as face:`.
    """

    def __init__(self, face: Conversation) -> None:
        self._face = face
        self._utterance: Utterance | None = None  # what is being said to it
        self._ending: deque[Utterance] = deque()  # whose end the agent waits for

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Say more, or know that the segment is over."""
        if isinstance(frame, AudioSegmentEnd):
            await self._face.flush()
            if self._utterance is not None:
                self._ending.append(self._utterance)
                self._utterance = None
            return
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels).T
        self._utterance = await self._face.say((frame.sample_rate, samples))

    async def clear_buffer(self) -> None:
        """Stop speaking: the lips close within 0.2 s."""
        self._utterance = None
        self._ending.clear()
        await self._face.interrupt()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        async for frame in self._face:
            yield _video(frame)
            if any(not utterance.interrupted for utterance in frame.spoken):  # else it came too late to be heard
                yield _audio(frame, self._face.sampling_rate)
            while self._ending and self._ending[0].ended:
                self._ending.popleft()
                yield AudioSegmentEnd()


def _video(frame: AvatarFrame) -> rtc.VideoFrame:
    height, width = frame.image.shape[:2]
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, frame.image.tobytes())


def _audio(frame: AvatarFrame, rate: int) -> rtc.AudioFrame:
    samples = np.round(np.clip(frame.audio[0], -1.0, 1.0) * 32_767).astype(np.int16)
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))
