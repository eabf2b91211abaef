"""
Named expressions laid over an animation, without breaking what the lips say.

Brows, eyes, cheeks and nose: the expression is added. Lips: its shape is added where the lips are not rounded, then
the lips are moved, by the cheapest change of weights, to part exactly as far as speech has them. So p, b and m stay
shut and open vowels open under every expression.
"""

import difflib
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES, LIP_INDICES, LIP_NAMES, NUM_EXPRESSIONS, coefficient_index
from ..animation.easing import smoothstep
from ..errors import AnimationError


Array = NDArray[np.float32]

Weights = str | Mapping[str, float]
Expression = Weights | Sequence[tuple[Weights, float]]


def _both(**weights: float) -> dict[str, float]:
    """Give a weight to its left and right side."""
    return {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}


ALIKE: Final = 0.8  # difflib's ratio from which on a preset's name is suggested: joyful is not fearful

# At strength 1 an expression reads at a glance; 0.5 is a mood. The choice of muscles follows the action units of Ekman
# and Friesen (1978): happy 6 + 12, sad 1 + 4 + 15, angry 4 + 5 + 7 + 23, surprised 1 + 2 + 5 + 26, disgusted 9 + 10 +
# 15, fearful 1 + 2 + 4 + 5 + 20, contempt 14 on one side; the weights are ours.
AUTO: Final = "auto"  # the voice decides how much head, brows and eyes move
PRESETS: Final[dict[str, dict[str, float]]] = {
    "neutral": {},
    AUTO: {},
    "happy": _both(mouthSmile=0.8, cheekSquint=0.75, eyeSquint=0.35, mouthDimple=0.15) | {"browInnerUp": 0.1},
    "sad": _both(mouthFrown=0.95, browDown=0.2, eyeSquint=0.2, eyeLookDown=0.25)
    | {"browInnerUp": 1.0, "mouthShrugLower": 0.35},
    "angry": _both(browDown=1.0, eyeSquint=0.6, noseSneer=0.2, mouthPress=0.5, mouthFrown=0.5)
    | {"mouthRollUpper": 0.15},
    "surprised": _both(browOuterUp=1.0, eyeWide=0.95) | {"browInnerUp": 1.0, "jawOpen": 0.2, "mouthFunnel": 0.1},
    "disgusted": _both(noseSneer=0.8, browDown=0.7, cheekSquint=0.5, eyeSquint=0.4, mouthFrown=0.4)
    | _both(mouthUpperUp=0.2),
    "fearful": _both(eyeWide=0.9, browOuterUp=0.5, browDown=0.3, mouthStretch=0.75) | {"browInnerUp": 1.0},
    "contempt": {
        "mouthSmileLeft": 0.7, "mouthDimpleLeft": 0.75, "cheekSquintLeft": 0.4, "eyeSquintLeft": 0.3,
        "eyeSquintRight": 0.15, "browOuterUpLeft": 0.4, "browDownRight": 0.3,
    },
}  # fmt: skip

EASINGS: Final = ("smooth", "linear", "step")
ROUNDED_SHARE: Final = 0.6  # of an expression's lip shape that rounded lips, as in "oo", do without
# Inter-ocular distances: speech that parts the lips less keeps its opening, an expression may widen what is more.
SPOKEN_OPENING: Final = (0.02, 0.12)

_LIPS = np.array(LIP_INDICES)
_OPENERS = [i for i in LIP_INDICES if EXPRESSION_NAMES[i].startswith(("jawOpen", "mouthLowerDown", "mouthUpperUp"))]
# What gives way so that the opening is right: these before the shapes in which an expression shows.
_READY = ("jawOpen", "mouthClose", "mouthLowerDown", "mouthUpperUp", "mouthRoll", "mouthPress", "mouthShrug")
_GIVE = np.array([(1.0 if name.startswith(_READY) else 0.03) * (name in LIP_NAMES) for name in EXPRESSION_NAMES])


def expression_weights(expression: Weights) -> Array:
    """
    Return the 52 weights of a preset or of named weights, each in [-1, 1]; negative ones take away.

    Raises:
        AnimationError: An unknown name (the nearest is suggested), or a value out of range.
    """
    if isinstance(expression, str):
        if expression not in PRESETS:
            near = difflib.get_close_matches(expression, PRESETS, n=1, cutoff=ALIKE)
            hint = f"did you mean {near[0]!r}? There" if near else "there"
            raise AnimationError(f"unknown expression {expression!r}; {hint} are {', '.join(PRESETS)}")
        expression = PRESETS[expression]
    if not isinstance(expression, Mapping):
        raise AnimationError(
            f"an expression must be a preset's name, a dict of weights or a list of (expression, seconds), got "
            f"{type(expression).__name__}"
        )
    weights = np.zeros(NUM_EXPRESSIONS, np.float32)
    for name, value in expression.items():
        column = coefficient_index(name)
        if column >= NUM_EXPRESSIONS:
            raise AnimationError(f"{name} is no expression; turn the head with pose= and head_motion=")
        if not isinstance(value, Real) or not -1.0 <= value <= 1.0:
            raise AnimationError(f"the weight of {name} must be a number in [-1, 1], got {value!r}")
        weights[column] = value
    return weights


def check_keyframes(times: Sequence[float], name: str) -> None:
    """Raise [`AnimationError`] unless keyframe times are finite, from 0 on, and grow; says which is not."""
    for index, time in enumerate(times):
        if not isinstance(time, Real) or not 0.0 <= time < float("inf"):
            raise AnimationError(f"keyframe {index} of {name} needs a time in seconds from 0 on, got {time!r}")
        if index and time <= times[index - 1]:
            raise AnimationError(
                f"keyframes of {name} must be in order: keyframe {index} at {time} s comes after one at "
                f"{times[index - 1]} s"
            )


def ease(times: NDArray, key_times: Sequence[float], values: NDArray, easing: str) -> NDArray:
    """Interpolate keyframe values `(keys, n)` at times `(frames,)`; the first and the last hold beyond the ends."""
    keys = np.asarray(key_times, np.float64)
    after = np.clip(np.searchsorted(keys, times, side="right"), 1, max(1, len(keys) - 1))
    if len(keys) == 1:
        return np.repeat(values, len(times), axis=0)
    start, stop = keys[after - 1], keys[after]
    share = np.clip((times - start) / (stop - start), 0.0, 1.0)
    if easing == "smooth":
        share = smoothstep(share)
    elif easing == "step":
        share = np.floor(share)
    return values[after - 1] + share[:, None] * (values[after] - values[after - 1])


def parse_expression(expression: Expression) -> tuple[list[float], Array]:
    """Keyframe times and their weights `(keys, 52)`; one expression is one keyframe."""
    if isinstance(expression, str | Mapping):
        return [0.0], expression_weights(expression)[None]
    keyframes: list[Any] = list(expression) if isinstance(expression, Sequence) else [expression]
    if not keyframes:
        raise AnimationError("expression needs one keyframe or more, got an empty list")
    for index, keyframe in enumerate(keyframes):
        if not isinstance(keyframe, Sequence) or isinstance(keyframe, str) or len(keyframe) != 2:
            raise AnimationError(f"keyframe {index} of expression must be (expression, seconds), got {keyframe!r}")
    times = [time for _, time in keyframes]
    check_keyframes(times, "expression")
    return [float(time) for time in times], np.stack([_keyframe(*pair) for pair in enumerate(keyframes)])


def _keyframe(index: int, keyframe: Sequence[Any]) -> Array:
    try:
        return expression_weights(keyframe[0])
    except AnimationError as error:
        raise AnimationError(f"keyframe {index} of expression: {error}") from None


def aperture_of(weights: Array, openings: Array) -> Array:
    """Mean opening of the inner lips for weights `(frames, 52)`, in inter-ocular distances; lips cannot cross."""
    return np.maximum(weights @ openings, 0.0).mean(1)


def lay_over(weights: Array, expression: NDArray[np.floating], openings: Array) -> Array:
    """
    Lay an expression over the weights of speech.

    Args:
        weights, expression (`np.ndarray` of shape `(frames, 52)`): What speech has, and what is to be shown.
        openings (`np.ndarray` of shape `(52, 9)`): From [`FaceModel.lip_openings`].

    Returns:
        `np.ndarray` of shape `(frames, 52)` whose lips part as speech has them. What of the expression opens the mouth
        comes as far as speech, at that instant, leaves it open.
    """
    index = EXPRESSION_NAMES.index
    rounded = np.minimum(1.0, weights[:, index("mouthPucker")] + 0.7 * weights[:, index("mouthFunnel")])
    spoken = aperture_of(weights, openings)
    shut, open_from = SPOKEN_OPENING
    open_share = np.clip((spoken - shut) / (open_from - shut), 0.0, 1.0)
    expression = expression.copy()
    expression[:, _OPENERS] *= open_share[:, None]
    lips = expression[:, _LIPS] * (1.0 - ROUNDED_SHARE * np.clip(rounded, 0.0, 1.0))[:, None]
    edited = weights + expression
    # Two smiles are one wider smile: what is there already takes its share.
    edited[:, _LIPS] = np.clip(weights[:, _LIPS] + lips * (1.0 - np.where(lips > 0, weights[:, _LIPS], 0.0)), 0.0, 1.0)
    asked = np.maximum(expression[:, _OPENERS] @ openings[_OPENERS].mean(1), 0.0)
    return solve_opening(edited, spoken + asked, openings)


def solve_opening(weights: Array, target: Array, openings: Array, steps: int = 40) -> Array:
    """
    Move lip weights the least way, `clip(weights + step * direction, 0, 1)`, until the lips part by `target`.

    The direction is each weight's opening times its readiness to give way; the step, of either sign, is found by
    bisection, for the aperture grows with it. Arguments as in [`lay_over`]; `target` has shape `(frames,)`.
    """
    direction = (openings.mean(1) * _GIVE).astype(np.float32)
    reach = 1.0 / max(float(np.abs(direction[direction != 0.0]).min()), 1e-4)
    now = aperture_of(weights, openings)
    wider = now < target
    near, far = np.zeros(len(weights)), np.where(wider, reach, -reach)

    def moved(step: NDArray) -> Array:
        lips = np.clip(weights[:, _LIPS] + step[:, None] * direction[_LIPS], 0.0, 1.0)
        result = weights.copy()
        result[:, _LIPS] = lips
        return result

    for _ in range(steps):
        middle = 0.5 * (near + far)
        reached = aperture_of(moved(middle), openings)
        short = np.where(wider, reached < target, reached > target)
        near, far = np.where(short, middle, near), np.where(short, far, middle)
    return moved(np.where(np.abs(now - target) < 1e-6, 0.0, far)).astype(np.float32)
