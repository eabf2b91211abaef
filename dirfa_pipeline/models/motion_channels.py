"""The channels that the sampler draws (head, gaze, brows, cheeks, smile, lids) and how they become coefficients."""

from typing import Final

import torch
from torch import Tensor

from ..animation.coefficients import COEFFICIENT_NAMES, NUM_COEFFICIENTS
from ..animation.gaze import gaze_angles, look_weights


MOTION_NAMES: Final[tuple[str, ...]] = (
    "yaw", "pitch", "roll", "x", "y", "z", "gazeYaw", "gazePitch",
    "browDown", "browInnerUp", "browOuterUp", "eyeSquint", "cheekSquint", "smile", "eyeWide", "noseSneer", "lids",
)  # fmt: skip
NUM_MOTIONS: Final = len(MOTION_NAMES)
HEAD = slice(0, 6)
GAZE = slice(6, 8)
FACE = slice(8, NUM_MOTIONS)
# The channels in which an event can make a gesture that comes and goes: nods, turns, tilts and all of the face.
GESTURE_CHANNELS: Final = (0, 1, 2, *range(FACE.start, FACE.stop))
# Channels that change sign when the picture is mirrored.
MIRRORED: Final = tuple(MOTION_NAMES.index(name) for name in ("yaw", "roll", "x", "gazeYaw"))

# How far a drawn head may go: radians and inter-ocular distances. What real talkers in a frame do, and what one photo
# can show.
HEAD_LIMITS: Final = (0.24, 0.19, 0.17, 0.30, 0.20, 0.60)

# How much more heads turn, and brows and lids move, than tracks have it: landmarks found on rendered frames move less
# than those that were drawn, and the tracks' were found on filmed ones (measured: benchmarks/measure_shown.py). Brows
# go as far as lively talkers', because judges called the average talker's frozen. Heads lean more to make up for what
# the bounds of single moves take from it (measured: benchmarks/evaluate_motion.py).
SHOWN: Final[dict[str, float]] = {
    "yaw": 1.5, "pitch": 1.6, "roll": 1.45, "browDown": 2.6, "browInnerUp": 4.4, "browOuterUp": 4.4, "eyeSquint": 1.3,
    "eyeWide": 1.3, "cheekSquint": 1.6, "smile": 1.4, "lids": 2.2,
}  # fmt: skip

# Eyes go along with brows, whose raises else look sleepy: what a raise of 1 adds to eyeWide and a fall of 1, beyond
# `SLACK`, to eyeSquint, before `SHOWN` scales both. By eye on six films; without, found eyes were narrower where brows
# were found higher, and now they are not (correlations of -.1 and .1: benchmarks/measure_shown.py).
WIDENS, NARROWS = 0.6, 1.5

# Brows move as one, up and down about where they start, and are not raised and lowered at once: their inner and outer
# parts, which tracks tell apart less well than they tell the whole, correlate by .88 in close films of six talkers and
# by .38 in draws.
BROW_RAISE: Final[dict[str, float]] = {"browInnerUp": 0.36, "browOuterUp": 0.64}  # shares in the height (face model)
APART: Final = 0.4  # of what is drawn of the parts' difference from the whole: then they correlate by .8
LOWERED: Final = 0.7  # of the lowering, that a full raise takes away; by eye
SLACK: Final = 0.06  # of a raise, that brows may be drawn below their start, as they mostly are, without a frown
LOWERS: Final = 3.5  # of browDown for what the whole falls: it lowers brows by less than a raise lifts; by eye
OPENS: Final = 1.2  # of eyeWide for what lids hang less than at their start, which is how the photo has them; by eye

# Eyes that look nearly into the camera look into it: how far aside, in radians, half of a look is left. Talkers filmed
# in interviews, who taught the rest, look past it; published talking heads stray from it by 2 degrees, draws by 5.
CONTACT: Final = 0.08

# Heads lean and nod about the neck, below where their position is told: inter-ocular distances to the side and upwards
# for each radian, beyond what is drawn of them anyway (measured: benchmarks/measure_moves.py, less that of takes).
ABOUT_NECK: Final[dict[tuple[str, str], float]] = {("roll", "x"): 0.5, ("pitch", "y"): -0.12}

# Each named pair of weights moves together; the photo's own asymmetry stays.
PAIRED: Final[dict[str, tuple[str, ...]]] = {
    "browDown": ("browDownLeft", "browDownRight"),
    "browInnerUp": ("browInnerUp",),
    "browOuterUp": ("browOuterUpLeft", "browOuterUpRight"),
    "eyeSquint": ("eyeSquintLeft", "eyeSquintRight"),
    "cheekSquint": ("cheekSquintLeft", "cheekSquintRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "eyeWide": ("eyeWideLeft", "eyeWideRight"),
    "noseSneer": ("noseSneerLeft", "noseSneerRight"),
    "lids": ("eyeBlinkLeft", "eyeBlinkRight"),  # how far they hang; blinks come on top
}

# Exponent of a blink: half shut lids are found more open on rendered frames than on filmed ones, and blinks so to be
# shorter (measured: benchmarks/measure_shown.py).
ON_THE_WAY: Final = 0.85


def motion_from_coefficients(coefficients: Tensor) -> Tensor:
    """
    Read the motion channels, of shape `(frames, 17)`, from tracked coefficients, of shape `(frames, 58)`; blinks
    count as hanging lids.

    Gaze is measured in the room, not in the head: a head that turns while the eyes stay on the camera has gaze 0.
    """
    head = coefficients[:, -6:]
    yaw, pitch = gaze_angles(coefficients)
    pairs = [_mean(coefficients, *names) for names in PAIRED.values()]
    return torch.cat([head, torch.stack([yaw + head[:, 0], pitch + head[:, 1], *pairs], dim=1)], dim=1)


def bend(values: Tensor, limit: Tensor | float) -> Tensor:
    """Bend values towards a limit on either side of 0; up to half of it they stay about as they are."""
    return values / (1.0 + (values / limit) ** 4) ** 0.25


def limit_head(motion: Tensor) -> Tensor:
    """Bend head channels smoothly towards their limits, `limit * tanh(value / limit)`; small motion stays as it is."""
    limits = motion.new_tensor(HEAD_LIMITS)
    head = limits * torch.tanh(motion[:, HEAD] / limits)
    return torch.cat([head, motion[:, HEAD.stop :]], dim=1)


def show_motion(motion: Tensor, start: Tensor) -> Tensor:
    """
    Motion `(frames, 17)` as far as it must be drawn to be seen, see [`SHOWN`]: brows as one, with the eyes, eyes
    mostly on the camera, and heads about the neck. `start` is where the channels began, `(17,)`, which is the photo's
    own look.
    """
    shown = _move_about_start(motion, start)
    shown *= motion.new_tensor([SHOWN.get(name, 1.0) for name in MOTION_NAMES])
    aside = shown[:, GAZE].square().sum(1, keepdim=True)
    shown[:, GAZE] *= aside / (aside + CONTACT**2)
    brows = [MOTION_NAMES.index(name) for name in (*BROW_RAISE, "browDown")]
    shown[:, brows] = bend(shown[:, brows], 1.0)  # cut off, they would stand still at their highest and lowest
    for (turn, shift), slope in ABOUT_NECK.items():
        shown[:, MOTION_NAMES.index(shift)] += slope * shown[:, MOTION_NAMES.index(turn)]
    return shown


def _move_about_start(motion: Tensor, start: Tensor) -> Tensor:
    """
    Motion `(frames, 17)` whose brows move as one, see [`BROW_RAISE`], and whose eyes are not always wide or narrow.
    """
    parts, shares = [MOTION_NAMES.index(name) for name in BROW_RAISE], motion.new_tensor(list(BROW_RAISE.values()))
    moved = motion[:, parts] - start[parts]
    raised = (moved @ shares).unsqueeze(1)
    shown = motion.clone()
    shown[:, parts] = raised + APART * (moved - raised)
    down, wide, squint, lids = (MOTION_NAMES.index(name) for name in ("browDown", "eyeWide", "eyeSquint", "lids"))
    fallen, raised = (-raised[:, 0] - SLACK).clamp_min(0.0), raised[:, 0].clamp_min(0.0)
    lowered = (motion[:, down] - start[down]).clamp_min(0.0)
    shown[:, down] = (1.0 - LOWERED * raised.clamp_max(1.0)) * lowered + LOWERS * fallen
    shown[:, wide] += WIDENS * raised - start[wide]
    shown[:, squint] += NARROWS * fallen - start[squint]
    shown[:, lids] -= start[lids]
    shown[:, wide] += OPENS * (-shown[:, lids]).clamp_min(0.0)
    return shown


def coefficients_from_motion(motion: Tensor, blink: Tensor) -> Tensor:
    """
    Write motion channels `(frames, 17)` and blinks `(frames,)` in [0, 1] as coefficients `(frames, 58)`.

    Weights are clamped to [0, 1]; lips and jaw other than the smile stay 0.
    """
    channel = dict(zip(MOTION_NAMES, motion.unbind(1), strict=True))
    weights = look_weights(channel["gazeYaw"] - channel["yaw"], channel["gazePitch"] - channel["pitch"])
    weights |= {name: channel[pair] for pair, names in PAIRED.items() for name in names}
    blink = blink**ON_THE_WAY
    weights |= {name: blink + (1.0 - blink) * channel["lids"].clamp(0.0, 1.0) for name in PAIRED["lids"]}

    coefficients = motion.new_zeros(len(motion), NUM_COEFFICIENTS)
    coefficients[:, -6:] = motion[:, HEAD]
    for name, values in weights.items():
        coefficients[:, COEFFICIENT_NAMES.index(name)] = values.clamp(0.0, 1.0)
    return coefficients


def _mean(coefficients: Tensor, *names: str) -> Tensor:
    return torch.stack([coefficients[:, COEFFICIENT_NAMES.index(name)] for name in names]).mean(0)
