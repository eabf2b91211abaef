"""What a [`DirfaPipeline`] call returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from PIL import Image

from .animation.animation import Animation


@dataclass
class DirfaPipelineOutput(BaseOutput):
    """
    Talking videos, one entry for each image-audio pair and each take of it, takes of one pair side by side.

    Args:
        frames (`list`, *optional*): One video each, as asked by `output_type`: a list of `PIL.Image.Image`, an array
            of shape `(num_frames, height, width, 3)` in [0, 1], or a tensor of shape
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


def convert_frames(frames: NDArray[np.uint8], output_type: str) -> Any:
    """A video `(frames, height, width, 3)` as `output_type` asks: `"pil"`, `"np"` or `"pt"`."""
    if output_type == "pil":
        return [Image.fromarray(frame) for frame in frames]
    if output_type == "np":
        return frames.astype(np.float32) / 255.0
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255.0
