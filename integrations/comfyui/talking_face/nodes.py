"""
Nodes of ComfyUI's V3 schema: pipeline, portrait, sample, direct, render, dub.

ComfyUI's pictures are float32 tensors `(count, height, width, channels)` in [0, 1], its sounds are
`{"waveform": (count, channels, samples), "sample_rate": int}`, its videos objects of `comfy_api`.
"""

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import comfy.model_management
import numpy as np
import torch
from comfy_api.latest import ComfyAPISync, Input, InputImpl, io
from comfy_execution.utils import get_executing_context
from numpy.typing import NDArray

from dirfa_pipeline import Animation, AudioClip, Controls, DirfaPipeline, Portrait, write_video
from dirfa_pipeline.capture.film_length import FITS, fit_lengths
from dirfa_pipeline.capture.films import film_face
from dirfa_pipeline.direction.expressions import PRESETS


CATEGORY: Final = "talking face"
MOST_SEED: Final = 2**63 - 1  # what torch's generators take
GAZES: Final = ("drift", "camera")

PipelineType: Final = io.Custom("DIRFA_PIPELINE")
PortraitType: Final = io.Custom("DIRFA_PORTRAIT")
AnimationType: Final = io.Custom("DIRFA_ANIMATION")


@lru_cache(maxsize=2)
def load(weights: str) -> DirfaPipeline:
    """A pipeline, kept for the next workflow."""
    return DirfaPipeline.from_pretrained(weights)


def to_clip(audio: Input.Audio) -> AudioClip:
    """ComfyUI's sound, the first of a batch."""
    return AudioClip(audio["waveform"][0].cpu().numpy().astype(np.float32), int(audio["sample_rate"]))


def watched(frames: Iterator[NDArray[np.uint8]], count: int) -> Iterator[NDArray[np.uint8]]:
    """Frames, with ComfyUI's progress bar and its Cancel button."""
    api = ComfyAPISync()
    for done, frame in enumerate(frames, 1):
        comfy.model_management.throw_exception_if_processing_interrupted()
        yield frame
        if get_executing_context() is not None:
            api.execution.set_progress(done, count)


def to_video(frames: Iterator[NDArray[np.uint8]], fps: float, clip: AudioClip | None) -> Input.Video:
    """Frames and sound as ComfyUI's video, marked as synthetic."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "talk.mp4"
        write_video(path, frames, fps, clip)
        return InputImpl.VideoFromFile(BytesIO(path.read_bytes()))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seed_input() -> io.Int.Input:
    return io.Int.Input(
        "seed", default=0, min=0, max=MOST_SEED, control_after_generate=True,
        tooltip="Another seed is another performance of head, gaze, brows and blinks; the lips stay almost the same.",
    )  # fmt: skip


def scale_input(name: str, tooltip: str, default: float = 1.0) -> io.Float.Input:
    return io.Float.Input(name, default=default, min=0.0, max=2.0, step=0.05, tooltip=tooltip)


class LoadPipeline(io.ComfyNode):
    """Weights to a pipeline."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaLoadPipeline",
            display_name="Load Talking Face",
            category=CATEGORY,
            description="Loads the pipeline. The weights that come with the package need no network.",
            inputs=[
                io.String.Input("weights", default="dirfa-base", tooltip="A folder, a hub id, or the bundled one."),
            ],
            outputs=[PipelineType.Output("pipeline")],
        )  # fmt: skip

    @classmethod
    def execute(cls, weights: str) -> io.NodeOutput:
        return io.NodeOutput(load(weights.strip() or "dirfa-base"))


class MakePortrait(io.ComfyNode):
    """A picture to a portrait."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaPortrait",
            display_name="Face From Photo",
            category=CATEGORY,
            description="Finds and measures the face of a photo. Says what is wrong with photos that do not work.",
            inputs=[
                PipelineType.Input("pipeline"),
                io.Image.Input("image", tooltip="A photo of a face from the front; the first of a batch."),
                io.Int.Input(
                    "max_size", default=768, min=0, max=4096, step=16,
                    tooltip="Longest side of the video in pixels; 0 keeps the photo's own.",
                ),
                io.Int.Input(
                    "face", default=-1, min=-1, max=63,
                    tooltip="Which face, counted from the left from 0, where there are several; -1 is the largest.",
                ),
            ],
            outputs=[PortraitType.Output("portrait")],
        )  # fmt: skip

    @classmethod
    def execute(cls, pipeline: DirfaPipeline, image: Input.Image, max_size: int, face: int) -> io.NodeOutput:
        picture = (255.0 * image[0].clamp(0.0, 1.0)).round().to(torch.uint8).cpu().numpy()
        return io.NodeOutput(pipeline.prepare_portrait(picture, max_size or None, None if face < 0 else face))


class Sample(io.ComfyNode):
    """A sound to an animation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaSample",
            display_name="Performance From Speech",
            category=CATEGORY,
            description="Draws a performance for a speech: lips, head, gaze, brows and blinks as curves.",
            inputs=[
                PipelineType.Input("pipeline"),
                io.Audio.Input("audio"),
                seed_input(),
                scale_input("diversity", "How far performances spread: 0 is the same for every seed, 1 as learned."),
                scale_input("expressiveness", "How much head, eyes and brows do: 0 deadpan, 1 like real talkers."),
            ],
            outputs=[AnimationType.Output("animation")],
        )

    @classmethod
    def execute(
        cls, pipeline: DirfaPipeline, audio: Input.Audio, seed: int, diversity: float, expressiveness: float
    ) -> io.NodeOutput:
        animation = pipeline.sample_animation(
            to_clip(audio), seeded(seed), diversity=diversity, expressiveness=expressiveness
        )
        return io.NodeOutput(animation)


class Direct(io.ComfyNode):
    """An animation to a directed one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaDirect",
            display_name="Direct Performance",
            category=CATEGORY,
            description="Lays an expression over a performance, and changes head, gaze and blinks. Lips still close.",
            inputs=[
                PipelineType.Input("pipeline"),
                AnimationType.Input("animation", display_name="performance"),
                io.Combo.Input("expression", options=[name for name in PRESETS if name != "auto"], default="neutral"),
                scale_input("strength", "Of the expression: at 1 it reads at a glance, 0.5 is a mood."),
                scale_input("head_motion", "Scale of the head's motion; 0 keeps it still."),
                io.Combo.Input("gaze", options=list(GAZES), default="drift", tooltip="As drawn, or into the camera."),
                scale_input("blink_rate", "Blinks for each drawn one."),
                scale_input("nods", "Strength of nods at stressed words; needs the audio.", default=0.0),
                io.Audio.Input("audio", optional=True),
            ],
            outputs=[AnimationType.Output("directed", display_name="performance")],
        )

    @classmethod
    def execute(
        cls,
        pipeline: DirfaPipeline,
        animation: Animation,
        expression: str,
        strength: float,
        head_motion: float,
        gaze: str,
        blink_rate: float,
        nods: float,
        audio: Input.Audio | None = None,
    ) -> io.NodeOutput:
        controls = Controls(
            expression=expression, expression_strength=strength, head_motion=head_motion, gaze=gaze,
            blink_rate=blink_rate, nods=nods,
        )  # fmt: skip
        clip = None if audio is None else to_clip(audio)
        return io.NodeOutput(controls.apply(animation, pipeline.face_model, clip))


class Render(io.ComfyNode):
    """A portrait and an animation to a video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaRender",
            display_name="Render Talking Face",
            category=CATEGORY,
            description="Draws the video and puts the sound to it. It is marked as synthetic.",
            inputs=[
                PipelineType.Input("pipeline"),
                PortraitType.Input("portrait"),
                AnimationType.Input("animation", display_name="performance"),
                io.Float.Input("fps", default=25.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The speech; without it the video is silent."),
            ],
            outputs=[io.Video.Output("video")],
        )

    @classmethod
    def execute(
        cls,
        pipeline: DirfaPipeline,
        portrait: Portrait,
        animation: Animation,
        fps: float,
        audio: Input.Audio | None = None,
    ) -> io.NodeOutput:
        clip = None if audio is None else to_clip(audio)
        shown = animation.resample(fps)
        frames = watched(pipeline.render(portrait, shown), len(shown))
        return io.NodeOutput(to_video(frames, fps, clip))


class Dub(io.ComfyNode):
    """A video and a sound to a video that says it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DirfaDub",
            display_name="Dub Video",
            category=CATEGORY,
            description="The person of a video says something else; only lips and jaw are drawn anew.",
            inputs=[
                PipelineType.Input("pipeline"),
                io.Video.Input("film", display_name="video"),
                io.Audio.Input("audio"),
                seed_input(),
                io.Combo.Input(
                    "fit", options=list(FITS), default="cut",
                    tooltip="Where lengths differ: film (a longer speech is refused), cut, hold or loop the film.",
                ),
            ],
            outputs=[io.Video.Output("video")],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, pipeline: DirfaPipeline, film: Input.Video, audio: Input.Audio, seed: int, fit: str
    ) -> io.NodeOutput:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "film.mp4"
            film.save_to(str(path))
            faces, clip = fit_lengths(film_face(path, pipeline.face_model), to_clip(audio), fit)
            frames = watched(pipeline.dub(faces, clip, generator=seeded(seed)), len(faces))
            return io.NodeOutput(to_video(frames, faces.fps, clip))
