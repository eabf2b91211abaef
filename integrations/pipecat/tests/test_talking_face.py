"""The processor in a real Pipecat pipeline, with a toy's networks and a real photo."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dirfa_pipecat import TalkingFace
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from dirfa_pipeline import DirfaPipeline


ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg"
RATE = 16_000
FPS = 10


@pytest.fixture(scope="module")
def pipe() -> DirfaPipeline:
    sys.path.insert(0, str(ROOT / "tests"))
    from tiny import tiny_pipeline

    return tiny_pipeline()


def tone(seconds: float, rate: int = RATE) -> list[TTSAudioRawFrame]:
    """What a voice gives: pieces of 40 ms."""
    wave = (8000 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 200 / rate)).astype(np.int16)
    return [
        TTSAudioRawFrame(audio=piece.tobytes(), sample_rate=rate, num_channels=1)
        for piece in np.array_split(wave, max(1, round(seconds / 0.04)))
    ]


class Sink(FrameProcessor):
    """Remembers what comes out, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[float, Frame]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.got.append((time.monotonic(), frame))
        await self.push_frame(frame, direction)

    def of(self, kind: type) -> list[Any]:
        return [frame for _, frame in self.got if isinstance(frame, kind)]

    def seconds(self) -> float:
        """Of speech: the first and the last frame of it bring silence along."""
        frames = self.of(SpeechOutputAudioRawFrame)
        return sum(np.count_nonzero(np.frombuffer(frame.audio, np.int16)) / frame.sample_rate for frame in frames)


def run(pipe: DirfaPipeline, *script: Frame | float) -> Sink:
    """Send frames, and wait for the seconds between them, through a face; the pipeline ends after the last one."""
    sink = Sink()

    async def talk() -> None:
        face = TalkingFace(pipe, str(PHOTO), fps=FPS, max_size=448)
        worker = PipelineWorker(Pipeline([face, sink]), cancel_on_idle_timeout=False)
        started = asyncio.Event()

        @worker.event_handler("on_pipeline_started")
        async def _started(*_: Any) -> None:
            started.set()

        async def send() -> None:
            await asyncio.wait_for(started.wait(), 120)
            for step in script:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    await worker.queue_frame(step)
            await worker.queue_frame(EndFrame())

        runner = WorkerRunner()
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), send())

    asyncio.run(talk())
    assert not sink.of(ErrorFrame)
    return sink


def test_speech_comes_out_with_its_pictures(pipe: DirfaPipeline) -> None:
    sink = run(pipe, *tone(1.2), TTSStoppedFrame(), TextFrame("and then?"))
    images = sink.of(OutputImageRawFrame)
    assert {image.size for image in images} == {(448, 448)} and {image.format for image in images} == {"RGB"}
    assert len(images[0].image) == 448 * 448 * 3
    assert sink.seconds() == pytest.approx(1.2, abs=0.05)
    assert not sink.of(TTSAudioRawFrame), "what was said is not said twice"
    assert [frame.text for frame in sink.of(TextFrame)] == ["and then?"]
    loudest = max(np.abs(np.frombuffer(frame.audio, np.int16)).max() for frame in sink.of(SpeechOutputAudioRawFrame))
    assert loudest == pytest.approx(8000, abs=800)


def test_the_voice_is_said_to_stop_when_it_was_heard(pipe: DirfaPipeline) -> None:
    sink = run(pipe, *tone(1.0), TTSStoppedFrame())
    kinds = [type(frame) for _, frame in sink.got]
    last_sound = len(kinds) - 1 - kinds[::-1].index(SpeechOutputAudioRawFrame)
    assert kinds.count(TTSStoppedFrame) == 1 and kinds.index(TTSStoppedFrame) > last_sound
    assert kinds.index(EndFrame) > last_sound, "the end waits until all was said"


def test_it_idles_while_nothing_is_said(pipe: DirfaPipeline) -> None:
    sink = run(pipe, 1.5)
    images = sink.of(OutputImageRawFrame)
    assert len(images) >= 3
    assert len({image.image for image in images}) > 1, "it moves"
    assert sink.seconds() == 0 and not any(image.sync_with_audio for image in images)


def test_an_interruption_drops_the_rest(pipe: DirfaPipeline) -> None:
    sink = run(pipe, *tone(6.0), TTSStoppedFrame(), 1.5, InterruptionFrame(), 0.8)
    stopped = next(moment for moment, frame in sink.got if isinstance(frame, InterruptionFrame))
    late = [
        frame for moment, frame in sink.got if isinstance(frame, SpeechOutputAudioRawFrame) and moment > stopped + 0.5
    ]
    assert not late
    assert sink.seconds() < 4.0
    assert not sink.of(TTSStoppedFrame), "it did not stop, it was stopped"


def test_sound_of_other_rates_and_channels_is_said(pipe: DirfaPipeline) -> None:
    (mono,) = tone(0.04, 48_000)
    stereo = np.repeat(np.frombuffer(mono.audio, np.int16)[:, None], 2, axis=1)
    pieces = [TTSAudioRawFrame(audio=stereo.tobytes(), sample_rate=48_000, num_channels=2) for _ in range(20)]
    assert run(pipe, *pieces, TTSStoppedFrame()).seconds() == pytest.approx(0.8, abs=0.05)
