"""A processor that stands after the voice: its sound in, frames of a face and the sound that belongs to them out."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import numpy as np
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.live.conversation import Conversation
from dirfa_pipeline.live.face import AvatarFrame
from dirfa_pipeline.live.utterance import Utterance


LATE: Final = 2.0  # seconds beyond its length after which the end of a speech is not waited for any more


class TalkingFace(FrameProcessor):
    """
    A photo's face for a bot: `Pipeline([..., tts, TalkingFace(pipe, "photo.jpg"), transport.output()])`.

    It lives for as long as the pipeline runs: between speeches it idles. Images go out at its frame rate,
    `OutputImageRawFrame`s in RGB; while it speaks each is followed by its sound, a `SpeechOutputAudioRawFrame`, and
    shown when that is heard. Of the frames that come in,

    - `TTSAudioRawFrame` is said, and goes no further;
    - `TTSStoppedFrame` ends the speech, and goes on when its sound has;
    - `InterruptionFrame` closes the lips within 0.2 s and drops the rest;
    - `EndFrame` waits until what is being said was said.

    Args:
        pipe ([`DirfaPipeline`]): A loaded pipeline; several faces may share it.
        image: The photo, as [`DirfaPipeline.converse`] takes it.
        conversation: More of its arguments: `fps`, `max_size`, `controls`, `generator`, `lookahead`.
    """

    def __init__(self, pipe: DirfaPipeline, image: Any, **conversation: Any) -> None:
        super().__init__()
        self._open = lambda: pipe.converse(image, **conversation)
        self._face: Conversation | None = None
        self._utterance: Utterance | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Prepare the photo, beside what other processors prepare."""
        await super().setup(setup)
        self._face = await self._open().__aenter__()
        self._tasks.append(self.create_task(self._show(self._face)))

    async def cleanup(self) -> None:
        """Close the face."""
        await super().cleanup()
        for task in self._tasks:
            await self.cancel_task(task)
        self._tasks.clear()
        if self._face is not None:
            await self._face.close()
            self._face = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take what is said; pass the rest on."""
        await super().process_frame(frame, direction)
        if self._face is None or direction is FrameDirection.UPSTREAM:
            await self.push_frame(frame, direction)
        elif isinstance(frame, TTSAudioRawFrame):
            await self._say(self._face, frame)
        elif isinstance(frame, TTSStoppedFrame):
            await self._face.flush()
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks.append(self.create_task(self._pass_on(frame, self._utterance)))
        else:
            if isinstance(frame, InterruptionFrame):
                await self._face.interrupt()
            elif isinstance(frame, EndFrame):
                await self._face.flush()
                await _heard(self._utterance)
            await self.push_frame(frame, direction)

    async def _say(self, face: Conversation, frame: TTSAudioRawFrame) -> None:
        samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels).T
        try:
            self._utterance = await face.say((frame.sample_rate, samples))
        except ValueError as error:
            await self.push_error(error_msg=f"the face cannot say this sound: {error}", exception=error)

    async def _show(self, face: Conversation) -> None:
        async for frame in face:
            heard = any(not utterance.interrupted for utterance in frame.spoken)
            await self.push_frame(_image(frame, heard))
            if heard:
                await self.push_frame(_sound(frame, face.sampling_rate))

    async def _pass_on(self, frame: TTSStoppedFrame, utterance: Utterance | None) -> None:
        """Say that the voice stopped when that is so, and not when it was only laid in line."""
        await _heard(utterance)
        if utterance is None or not utterance.interrupted:
            await self.push_frame(frame)


async def _heard(utterance: Utterance | None) -> None:
    """Wait until an utterance is over, unless it hangs."""
    if utterance is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(utterance.wait(), utterance.seconds - utterance.heard + LATE)


def _image(frame: AvatarFrame, heard: bool) -> OutputImageRawFrame:
    height, width = frame.image.shape[:2]
    image = OutputImageRawFrame(image=frame.image.tobytes(), size=(width, height), format="RGB")
    image.sync_with_audio = heard
    return image


def _sound(frame: AvatarFrame, rate: int) -> SpeechOutputAudioRawFrame:
    samples = np.round(np.clip(frame.audio[0], -1.0, 1.0) * 32_767).astype(np.int16)
    return SpeechOutputAudioRawFrame(audio=samples.tobytes(), sample_rate=rate, num_channels=1)
