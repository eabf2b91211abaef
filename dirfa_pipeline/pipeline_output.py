"""What a [`DirfaPipeline`] call returns."""

import base64
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from PIL import Image

from .animation.animation import Animation
from .media.audio import AudioClip
from .provenance.marking import write_video


MOST_SHOWN: Final = 4  # videos that a notebook shows of one output: each is stored in the notebook's file


@dataclass
class DirfaPipelineOutput(BaseOutput):
    """
    Talking videos: one entry for each take of each image-audio pair; the takes of a pair follow each other.

    Args:
        frames (`list`, *optional*): One video each, in the form that `output_type` asks for: a list of
            `PIL.Image.Image`, an array of shape `(num_frames, height, width, 3)` in [0, 1], or a tensor of shape
            `(num_frames, 3, height, width)` in [0, 1]. `None` for `output_type="animation"`.
        audio (`list[np.ndarray | None]`): The user's sound, whole, float32 of shape `(channels, num_samples)`.
        animation (`list[Animation]`): The coefficients that moved the face.
        sampling_rate (`list[int | None]`): Samples per second of each sound.
        fps (`float`): Frames per second.
    """

    frames: list[Any] | None
    audio: list[NDArray[np.float32] | None]
    animation: list[Animation]
    sampling_rate: list[int | None]
    fps: float

    def _repr_html_(self) -> str:
        """The videos with their sound, marked as synthetic, for notebooks; the curves where there are no frames."""
        if self.frames is None:
            return "".join(animation._repr_html_() for animation in self.animation[:MOST_SHOWN])
        sounds = zip(self.audio, self.sampling_rate, strict=True)
        clips = [AudioClip(audio, rate) if audio is not None and rate else None for audio, rate in sounds]
        shown = zip(self.frames[:MOST_SHOWN], clips, strict=False)
        players = [
            f'<video controls loop src="{_as_address(video, self.fps, clip)}"></video>' for video, clip in shown
        ]
        more = len(self.frames) - len(players)
        return "".join(players) + (f"<p>and {more} more in <code>frames</code></p>" if more else "")


def _as_address(video: Any, fps: float, sound: AudioClip | None) -> str:
    """A video of any `output_type` as an mp4 inside an address."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "talk.mp4"
        write_video(path, (to_pixels(frame) for frame in video), fps, sound)
        return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"


def to_pixels(frame: Image.Image | NDArray[np.float32] | torch.Tensor) -> NDArray[np.uint8]:
    """A frame of any `output_type` as uint8 of shape `(height, width, 3)`."""
    if isinstance(frame, Image.Image):
        return np.asarray(frame)
    values = frame.permute(1, 2, 0).numpy() if isinstance(frame, torch.Tensor) else frame
    return np.round(255.0 * values).astype(np.uint8)


def convert_frames(frames: NDArray[np.uint8], output_type: str) -> Any:
    """A video `(frames, height, width, 3)` as `output_type` asks: `"pil"`, `"np"` or `"pt"`."""
    if output_type == "pil":
        return [Image.fromarray(frame) for frame in frames]
    if output_type == "np":
        return frames.astype(np.float32) / 255.0
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255.0
