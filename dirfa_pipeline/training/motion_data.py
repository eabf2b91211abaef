"""Training targets from tracked clips: motion channels, blinks and style."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..animation.frame_rate import ANIMATION_FPS
from ..models.motion_channels import MOTION_NAMES, motion_from_coefficients


CHANNELS = ("lips", "motion")
BLINK_HALF_LENGTH = 5
BLINK_ENDS = 3  # frames at both ends over which a blink fades in from 0 and out to 0
BLINK_LEVEL = 0.4  # closure of the lids from which they are in a blink
LIDS = MOTION_NAMES.index("lids")


@dataclass(frozen=True)
class TrackedClip:
    """
    A clip tracked by `track_videos`.

    Args:
        name (`str`): `source/clip`.
        coefficients (`np.ndarray` of shape `(frames, 58)`): At 25 fps.
        valid (`np.ndarray` of shape `(frames,)`): bool, which frames have a track that can be trusted.
        eye_openness (`np.ndarray` of shape `(frames,)`): Eye aspect ratio.
        audio (`np.ndarray` of shape `(samples,)`, *optional*): 16 kHz mono, if the clip has its own sound.
        source (`str`): The folder it came from.
        speaker (`str`): The speaker, if the source names one.
        teaches (`tuple[str, ...]`): What it may be used to train, of `"lips"` and `"motion"`.
        quality (`dict[str, float]`): Measures of how well it was tracked, for information.
        features (`np.ndarray` of shape `(2 * frames, dim + 4)`, *optional*): float16 features of the sound from an
            audio encoder, and prosody, see `tracked_clip.encode_sound`.
        encoder (`str`): Identifies this encoder, see `tracked_clip.mark_of`.
    """

    name: str
    coefficients: NDArray[np.float32]
    valid: NDArray[np.bool_]
    eye_openness: NDArray[np.float32]
    audio: NDArray[np.float32] | None
    source: str = ""
    speaker: str = ""
    teaches: tuple[str, ...] = CHANNELS
    quality: dict[str, float] = field(default_factory=dict)
    features: NDArray[np.float16] | None = None
    encoder: str = ""


def motion_channels(clip: TrackedClip) -> Tensor:
    """
    Motion channels `(frames, 17)`: head and gaze relative to their median, everything else relative to its rest, and
    the lids without blinks.
    """
    motion = motion_from_coefficients(torch.from_numpy(clip.coefficients))
    motion[:, LIDS] = torch.from_numpy(_between_blinks(motion[:, LIDS].numpy(), clip))
    valid = torch.from_numpy(clip.valid)
    for column in range(len(MOTION_NAMES)):
        level = 0.5 if column < MOTION_NAMES.index("browDown") else 0.2
        motion[:, column] -= torch.quantile(motion[valid, column], level)
        if level == 0.2:
            motion[:, column].clamp_(min=0.0)
    return motion


def _between_blinks(lids: NDArray[np.float32], clip: TrackedClip) -> NDArray[np.float32]:
    """A curve of the lids `(frames,)`, interpolated linearly over blinks and over frames that are not valid."""
    shut = lid_closure(clip) > BLINK_LEVEL
    reach = np.convolve(shut, np.ones(2 * BLINK_HALF_LENGTH + 1), "same") > 0.5
    open_ = np.flatnonzero(~reach & clip.valid)
    return np.interp(np.arange(len(lids)), open_, lids[open_]).astype(np.float32) if len(open_) else 0.0 * lids


def lid_closure(clip: TrackedClip) -> NDArray[np.float32]:
    """How far the lids are closed, `(frames,)`: 0 is the usual opening, 1 is shut (eye aspect ratio 0)."""
    return (1.0 - clip.eye_openness / np.percentile(clip.eye_openness, 75)).astype(np.float32)


def find_blinks(clip: TrackedClip, threshold: float = BLINK_LEVEL) -> list[int]:
    """Peak frames of blinks: dips of the eye opening below `1 - threshold` of its usual value, for at most 0.6 s."""
    closure = lid_closure(clip)
    above = np.flatnonzero((closure > threshold) & clip.valid)
    events = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(above) else []
    return [int(event[np.argmax(closure[event])]) for event in events if 1 <= len(event) <= 15]


def blink_profile(clips: list[TrackedClip]) -> Tensor:
    """
    Median curve of the blinks in the tracks over 11 frames at 25 fps, scaled to close fully. Lids that have not opened
    again after these frames are faded to open over the last ones.
    """
    courses: list[NDArray[np.float32]] = []
    for clip in clips:
        closure = lid_closure(clip)
        for peak in find_blinks(clip):
            course = closure[max(0, peak - BLINK_HALF_LENGTH) : peak + BLINK_HALF_LENGTH + 1]
            if len(course) == 2 * BLINK_HALF_LENGTH + 1:
                courses.append(np.clip(course / course.max(), 0.0, 1.0))
    profile = np.median(np.array(courses), axis=0)
    from_end = np.minimum(np.arange(len(profile)), np.arange(len(profile))[::-1])
    profile *= np.minimum(from_end / BLINK_ENDS, 1.0)
    return torch.from_numpy((profile / profile.max()).astype(np.float32))


def style_of(motion: Tensor) -> Tensor:
    """Liveliness of a stretch: log mean speed (per second) of the head's rotation, and of brows, cheeks and smile."""
    speed = torch.diff(motion, dim=0).abs() * ANIMATION_FPS
    head = speed[:, :3].sum(1).mean()
    face = speed[:, MOTION_NAMES.index("browDown") :].sum(1).mean()
    return torch.stack([head, face]).clamp_min(1e-3).log()
