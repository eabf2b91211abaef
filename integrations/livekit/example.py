"""What an agent's avatar gives, without a server: `python example.py "Hello, how are you?"`. espeak-ng speaks."""

import asyncio
import sys

import numpy as np
from dirfa_livekit import DirfaVideoGenerator
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd

from dirfa_pipeline import DirfaPipeline, open_voice


async def main(text: str, photo: str) -> None:
    pictures, seconds = 0, 0.0
    async with DirfaPipeline.from_pretrained("dirfa-base").converse(photo) as face:
        generator = DirfaVideoGenerator(face)
        for chunk in open_voice("espeak").speak(text):
            sound = np.round(chunk.samples.T * 32_767).astype(np.int16).tobytes()
            await generator.push_audio(
                rtc.AudioFrame(sound, chunk.sampling_rate, chunk.num_channels, chunk.num_samples)
            )
        await generator.push_audio(AudioSegmentEnd())
        async for frame in generator:
            if isinstance(frame, AudioSegmentEnd):
                break
            pictures += isinstance(frame, rtc.VideoFrame)
            seconds += frame.duration if isinstance(frame, rtc.AudioFrame) else 0.0
    print(f"{pictures} pictures, {seconds:.1f} s of speech")


text = sys.argv[1] if len(sys.argv) > 1 else "Hello, how are you?"
photo = sys.argv[2] if len(sys.argv) > 2 else "../../dirfa_pipeline/examples/astronaut.jpg"
asyncio.run(main(text, photo))
