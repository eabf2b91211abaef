"""A bot with a face that needs no keys: `python example.py "Hello, how are you?"`. espeak-ng speaks."""

import asyncio
import sys

import numpy as np
from dirfa_pipecat import TalkingFace
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from dirfa_pipeline import DirfaPipeline, open_voice


class Speaker(FrameProcessor):
    """Stands for the voice service: texts in, their sound out."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, TTSSpeakFrame):
            await self.push_frame(frame, direction)
            return
        for chunk in open_voice("espeak").speak(frame.text):
            sound = np.round(chunk.samples.T * 32_767).astype(np.int16).tobytes()
            await self.push_frame(TTSAudioRawFrame(sound, chunk.sampling_rate, chunk.num_channels))
        await self.push_frame(TTSStoppedFrame())


class Screen(FrameProcessor):
    """Stands for the transport: counts what it would show and play."""

    images, seconds = 0, 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.images += isinstance(frame, OutputImageRawFrame)
        if isinstance(frame, SpeechOutputAudioRawFrame):
            self.seconds += frame.num_frames / frame.sample_rate
        await self.push_frame(frame, direction)


async def main(text: str, photo: str) -> None:
    screen = Screen()
    face = TalkingFace(DirfaPipeline.from_pretrained("dirfa-base"), photo)
    worker = PipelineWorker(Pipeline([Speaker(), face, screen]), cancel_on_idle_timeout=False)
    runner = WorkerRunner()
    await runner.add_workers(worker)

    @worker.event_handler("on_pipeline_started")
    async def started(*_: object) -> None:
        await worker.queue_frames([TTSSpeakFrame(text), EndFrame()])

    await runner.run()
    print(f"{screen.images} images, {screen.seconds:.1f} s of speech")


text = sys.argv[1] if len(sys.argv) > 1 else "Hello, how are you?"
photo = sys.argv[2] if len(sys.argv) > 2 else "../../dirfa_pipeline/examples/astronaut.jpg"
asyncio.run(main(text, photo))
