"""The Gradio page: a photo and a speech clip in, one to four takes out."""

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr
import torch

from .audio import load_audio
from .errors import InputError
from .pipeline_dirfa import DirfaPipeline
from .video import write_video


MAX_TAKES: Final = 4
MAX_SECONDS: Final = 120
MAX_SIZE: Final = 1024
EXAMPLES: Final = Path(__file__).parent / "examples"

CONSENT = "Animate only people who agreed to it, and say that the video is synthetic."


def draw_seed() -> int:
    """A seed that a person can note down."""
    return secrets.randbelow(1_000_000)


def make_takes(
    pipe: DirfaPipeline,
    photo: str | None,
    speech: str | None,
    seed: float,
    locked: bool,
    takes: float,
    diversity: float,
    fps: float,
    size: float,
    folder: str,
    progress: Any,
) -> tuple[list[str], int]:
    """
    Make the videos of one press of the button.

    Returns:
        The videos' paths, the take of seed `seed + k` at place `k`, and the first seed.

    Raises:
        InputError: A picture or a sound is missing or cannot be used, or the sound is too long.
    """
    if not photo or not speech:
        raise InputError("a photo and a speech clip are needed; upload both or press the example")
    first = int(seed) if locked else draw_seed()
    clip = load_audio(speech)
    if clip.duration > MAX_SECONDS:
        raise InputError(
            f"speech may last up to {MAX_SECONDS} s here, got {clip.duration:.0f} s; upload a shorter clip"
        )
    portrait = pipe.prepare_portrait(photo, max_size=int(size))
    paths = []
    for take in range(int(takes)):
        progress(take / takes, desc=f"take {take + 1}: drawing the animation (seed {first + take})")
        animation = pipe.sample_animation(clip, torch.Generator().manual_seed(first + take), diversity, fps)
        path = os.path.join(folder, f"take-{first + take}.mp4")
        frames = progress.tqdm(
            pipe.render(portrait, animation), total=len(animation), desc=f"take {take + 1}: rendering"
        )
        write_video(path, frames, fps, clip, preset="veryfast")
        paths.append(path)
    return paths, first


def build_demo(pipe: DirfaPipeline, on_gpu: Callable[[Any], Any] = lambda task: task) -> gr.Blocks:
    """
    Lay out the page around a loaded pipeline.

    Args:
        pipe ([`DirfaPipeline`]): Shared by all visitors; it keeps nothing between calls.
        on_gpu (`Callable`, *optional*): Decorates what needs the GPU, as `spaces.GPU` does.
    """

    def generate(
        photo: str | None, speech: str | None, seed: float, locked: bool, takes: float, diversity: float, fps: float,
        size: float, progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way of asking for one)
    ) -> list[Any]:  # fmt: skip
        began = time.perf_counter()
        folder = tempfile.mkdtemp(prefix="dirfa-")
        try:
            paths, first = make_takes(
                pipe, photo, speech, seed, locked, takes, diversity, fps, size, folder, progress
            )  # fmt: skip
        except InputError as error:
            raise gr.Error(str(error), title="This input cannot be used") from error
        shown = [gr.Video(path, label=f"seed {first + k}", visible=True) for k, path in enumerate(paths)]
        hidden = [gr.Video(None, visible=False)] * (MAX_TAKES - len(paths))
        return [*shown, *hidden, first, f"{len(paths)} made in {time.perf_counter() - began:.1f} s"]

    with gr.Blocks(title="DIRFA: a photo that speaks", delete_cache=(3600, 3600)) as page:
        gr.Markdown(f"# A photo that speaks\nOne photo and one speech clip in; a video out. {CONSENT}")
        with gr.Row():
            with gr.Column():
                photo = gr.Image(label="Photo, one face from the front", type="filepath", sources=["upload", "webcam"])
                speech = gr.Audio(label=f"Speech, up to {MAX_SECONDS} s", type="filepath")
                gr.Examples(
                    [[str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac")]], [photo, speech],
                    label="Example", cache_examples=False,
                )  # fmt: skip
                with gr.Row():
                    seed = gr.Number(1, label="Seed", precision=0, minimum=0, maximum=2**31)
                    dice = gr.Button("🎲 draw a seed", size="sm")
                    locked = gr.Checkbox(True, label="Keep this seed")
                diversity = gr.Slider(0, 2, 1, step=0.1, label="Diversity: 0 mean motion, 1 as learned")
                takes = gr.Slider(1, MAX_TAKES, 1, step=1, label="Takes")
                with gr.Accordion("Video", open=False):
                    fps = gr.Slider(10, 60, 25, step=1, label="Frames per second")
                    size = gr.Slider(256, MAX_SIZE, 512, step=64, label="Longest side in pixels")
                with gr.Row():
                    start = gr.Button("Generate", variant="primary")
                    stop = gr.Button("Cancel")
            with gr.Column():
                videos = [gr.Video(label=f"Take {k + 1}", visible=k == 0) for k in range(MAX_TAKES)]
                note = gr.Markdown()
        dice.click(draw_seed, None, seed, api_visibility="private")
        inputs = [photo, speech, seed, locked, takes, diversity, fps, size]
        running = start.click(
            on_gpu(generate), inputs, [*videos, seed, note], api_name="generate", concurrency_limit=1
        )
        stop.click(None, cancels=[running], api_visibility="private")
    return page
