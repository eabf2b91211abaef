"""
What one event in a voice adds to the motion: steps that stay, and gestures that come and go.

A head moves in overlapping submovements of minimum jerk (Flash and Hogan, 1985, "The coordination of arm movements";
Flash and Henis, 1991, for their superposition). Each begins three frames before its event, which a stream knows in
time. Faces are fastest half a frame after it, and heads, which are heavier, two frames.
"""

from typing import Final

import torch
from torch import Tensor

from .motion_channels import GAZE, GESTURE_CHANNELS, HEAD, MOTION_NAMES, NUM_MOTIONS, bend


NUM_GESTURES: Final = len(GESTURE_CHANNELS)
NUM_DRAWN: Final = NUM_MOTIONS + NUM_GESTURES  # a step of every channel, then the gestures

# Frames of 40 ms. Rises of loudness precede the head's fastest moment (by about 30 ms: Fotedar and Ghosh, 2017).
BEGIN: Final = -3.0
STEP, SLOW_STEP = 7.0, 24.0  # length after accents and ends of phrases; of ticks, when nothing is said
SACCADE_BEGIN, SACCADE = -1.0, 2.0  # gaze jumps
ATTACK, RELEASE = 5.0, 16.0  # of gestures
# The head takes longer for both: so it goes as far and as fast as in close films (benchmarks/measure_shown.py).
HEAD_STEP, HEAD_ATTACK = 10.0, 6.0
REACH: Final = 22  # frames after an event within which everything has come to rest
# About how far one event moves each channel at most: radians, inter-ocular distances, weights. No further than lively
# talkers move in its time, nor faster (measured: benchmarks/measure_moves.py on 15 clips of ten people).
MOST_STEPS: Final[dict[str, float]] = {
    "yaw": 0.20, "pitch": 0.15, "roll": 0.10, "x": 0.17, "y": 0.15, "z": 0.34, "gazeYaw": 0.35, "gazePitch": 0.28,
    "browDown": 0.46, "browInnerUp": 0.72, "browOuterUp": 0.52, "eyeSquint": 0.56, "cheekSquint": 0.36, "smile": 0.51,
    "eyeWide": 0.63, "noseSneer": 0.18, "lids": 0.98,
}  # fmt: skip
MOST_GESTURES: Final[dict[str, float]] = {
    "yaw": 0.14, "pitch": 0.11, "roll": 0.07, "browDown": 0.46, "browInnerUp": 0.67, "browOuterUp": 0.44,
    "eyeSquint": 0.52, "cheekSquint": 0.34, "smile": 0.49, "eyeWide": 0.61, "noseSneer": 0.16, "lids": 0.98,
}  # fmt: skip


def minimum_jerk(share: Tensor) -> Tensor:
    """From 0 to 1 with as little jerk as can be: `10 t^3 - 15 t^4 + 6 t^5`; held beyond both ends."""
    t = share.clamp(0.0, 1.0)
    return t**3 * (10.0 - 15.0 * t + 6.0 * t**2)


def step_curves(since: Tensor, slow: Tensor) -> Tensor:
    """
    How much of each channel's step has happened.

    Args:
        since (`Tensor` of shape `(...)`): Frames since the event.
        slow (`Tensor` of the same shape): 1 for a tick, 0 for other events.

    Returns:
        `Tensor` of shape `(..., motions)` in [0, 1].
    """
    length = since.new_full((NUM_MOTIONS,), STEP)
    length[HEAD] = HEAD_STEP
    length = length + slow.unsqueeze(-1) * (SLOW_STEP - length)
    curves = minimum_jerk((since - BEGIN).unsqueeze(-1) / length)
    curves[..., GAZE] = minimum_jerk((since - SACCADE_BEGIN) / SACCADE).unsqueeze(-1)
    return curves


def bound_moves(drawn: Tensor, scale: Tensor) -> Tensor:
    """
    [`bend`] what events move, `(..., drawn)`, towards `scale * (MOST_STEPS, MOST_GESTURES)`.

    How far moves go is told by how an event sounds, log-linearly. A voice that sounds further from its mean than those
    of the training would throw its head from one side to the other within a frame or two.
    """
    gestures = (MOST_GESTURES[MOTION_NAMES[channel]] for channel in GESTURE_CHANNELS)
    limit = scale * drawn.new_tensor([*(MOST_STEPS[name] for name in MOTION_NAMES), *gestures])
    return bend(drawn, limit)


def gesture_curves(since: Tensor) -> Tensor:
    """How much of each gesture is there, `(..., gestures)` in [0, 1], some frames `(...)` since its event."""
    head = torch.tensor([channel < HEAD.stop for channel in GESTURE_CHANNELS], device=since.device)
    attack = torch.where(head, HEAD_ATTACK, ATTACK).to(since)
    begun = since.unsqueeze(-1) - BEGIN
    return minimum_jerk(begun / attack) * (1.0 - minimum_jerk((begun - attack) / RELEASE))


def compose(since: Tensor, slow: Tensor, drawn: Tensor) -> Tensor:
    """
    Motion that some events add.

    Args:
        since (`Tensor` of shape `(frames, events)`): Frames since each event.
        slow (`Tensor` of shape `(events,)`): 1 for ticks.
        drawn (`Tensor` of shape `(..., events, drawn)`): Steps and gestures of each event.

    Returns:
        `Tensor` of shape `(..., frames, motions)`.
    """
    steps, gestures = drawn[..., :NUM_MOTIONS], drawn[..., NUM_MOTIONS:]
    motion = torch.einsum("fem,...em->...fm", step_curves(since, slow.expand_as(since)), steps)
    added = torch.einsum("feg,...eg->...fg", gesture_curves(since), gestures)
    motion[..., list(GESTURE_CHANNELS)] += added
    return motion
