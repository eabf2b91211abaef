"""From what a visitor asked for to videos, step by step."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.files import save_animation
from ..animation.frame_rate import ANIMATION_FPS
from ..direction.controls import Controls, neutralize
from ..errors import InputError
from ..media.audio import AudioClip, load_audio
from ..models.face_renderer import PreparedPortrait
from ..pipeline_dirfa import DirfaPipeline
from ..provenance.marking import video_writer
from .label import burn_label
from .limits import check_length, read_speech
from .synthesis import Voices, check_words


FRAMES_A_STEP: Final = 10


@dataclass(frozen=True)
class Order:
    """
    What one press of the button asks for.

    Args:
        photo, speech (`str`, *optional*): Paths.
        text, voice (`str`): What is said instead of a speech, and the name of the voice that says it.
        seed (`int`): Seed of the first take; take `k` has `seed + k`.
        takes (`int`): How many.
        diversity, expressiveness, fps (`float`): As in [`DirfaPipeline`].
        size (`int`): Longest side of the videos.
        label (`bool`): Whether the videos say that they are AI-generated.
        neutral (`bool`): Whether the photo's own expression is taken off first.
        controls ([`Controls`]): How the takes are directed.
        face (`int`, *optional*): Whose face, from left to right; the largest if left out.
    """

    photo: str | None
    speech: str | None
    text: str = ""
    voice: str = ""
    seed: int = 1
    takes: int = 1
    diversity: float = 1.0
    expressiveness: float = 1.0
    fps: float = ANIMATION_FPS
    size: int = 512
    label: bool = True
    neutral: bool = False
    controls: Controls = field(default_factory=Controls)
    face: int | None = None

    def check(self) -> None:
        """Raise [`InputError`] for what can be told without reading the files."""
        if not 0 <= self.seed < 2**63 - self.takes:
            raise InputError(f"seed must be a whole number from 0 to 2**63 - 1 less takes, got {self.seed}")
        if not self.photo:
            raise InputError("a photo is needed; upload one, use the webcam or press an example")
        check_words(self.speech, self.text, "upload a clip, record one, type a text or press an example")


@dataclass(frozen=True)
class Step:
    """Where the work is: what is being done, the share done of all, and the seconds left once they can be told."""

    text: str
    share: float
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)  # the page hashes what it keeps, and arrays cannot be hashed
class Take:
    """
    A finished take: its seed, the animation, the sound, how aroused it is (`(frames,)` at 25 fps) and the files made.
    """

    seed: int
    animation: Animation
    speech: AudioClip
    arousal: NDArray[np.float32]
    video: str
    files: tuple[str, ...]


def make_takes(pipe: DirfaPipeline, order: Order, folder: Path, voices: Voices) -> Iterator[Step | Take]:
    """
    Make the videos of an order in `folder`: steps as the work goes on, and each take when it is finished.

    Raises:
        InputError: Something asked for breaks a rule, or a file cannot be used.
    """
    order.check()
    assert order.photo  # check saw to it
    yield Step("speaking" if order.text else "listening to the speech", 0.0)
    if order.speech:
        speech = read_speech(order.speech)
    else:
        speech = check_length(load_audio(voices.say(order.text, order.voice)))
    yield Step("finding the face", 0.02)
    prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(order.photo, order.size, order.face))
    yield Step("drawing the animation", 0.1)
    seeds = [order.seed + take for take in range(order.takes)]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    animations = [
        order.controls.apply(drawn, pipe.face_model, speech)
        for drawn in pipe.sample_animations(
            speech, generators, order.diversity, order.fps, expressiveness=order.expressiveness,
            follow_arousal=order.controls.follows_arousal,
        )
    ]  # fmt: skip
    arousal = pipe.animation_sampler.arousal(pipe.encode_audio(speech)).float().cpu().numpy()
    if order.neutral:
        animations = [neutralize(animation, prepared.portrait.face) for animation in animations]
    began = time.perf_counter()
    for index, (seed, animation) in enumerate(zip(seeds, animations, strict=True)):
        path = folder / f"take-{seed}.mp4"
        for done in _write(pipe, prepared, animation, speech, path, order.label, order.controls.facing):
            share = (index + done / len(animation)) / order.takes
            left = (time.perf_counter() - began) * (1.0 / share - 1.0)
            yield Step(f"rendering take {index + 1} of {order.takes} (seed {seed})", 0.2 + 0.8 * share, left)
        files = [path, path.with_suffix(".csv"), path.with_suffix(".npz")]
        for curves in files[1:]:
            save_animation(animation, curves)
        yield Take(seed, animation, speech, arousal, str(path), tuple(map(str, files)))


def _write(
    pipe: DirfaPipeline,
    prepared: PreparedPortrait,
    animation: Animation,
    speech: AudioClip,
    path: Path,
    label: bool,
    facing: float,
) -> Iterator[int]:
    """Render and encode; yields the number of frames done."""
    frames = pipe.render(prepared, animation, facing=facing)
    with video_writer(path, animation.fps, speech) as writer:
        for index, frame in enumerate(burn_label(frames) if label else frames, start=1):
            writer.write(frame)
            if index % FRAMES_A_STEP == 0:
                yield index
