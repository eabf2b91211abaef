"""The options that direct a take, shared by the verbs that have them."""

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import InputError


if TYPE_CHECKING:
    from ..controls import Controls

SCALES = {
    "expression_strength": "scale of the expression",
    "lips": "articulation",
    "brows": "scale of the brows' motion",
    "eyes": "scale of squints and widening",
    "head_motion": "scale of head motion, 0 is still",
    "blink_rate": "blinks for each drawn one, 0 is none",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--expression`, `--head-motion` and so on."""
    group = parser.add_argument_group("direction")
    group.add_argument(
        "--expression", action="append", metavar="NAME[@SECONDS]",
        help="happy, sad, angry, surprised, disgusted, fearful, contempt, neutral; repeat with @SECONDS for keyframes",
    )  # fmt: skip
    for name, text in SCALES.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=float, help=f"{text}, 0 to 2 (default 1)")
    group.add_argument("--still", action="store_true", help="the head does not move")
    group.add_argument("--pose", type=float, nargs=3, metavar=("YAW", "PITCH", "ROLL"), help="turn the head, degrees")
    group.add_argument("--gaze", nargs="+", metavar="G", help="camera, drift, or two angles in degrees")


def read_controls(options: argparse.Namespace) -> "Controls":
    """Turn the options into [`Controls`]; raises [`InputError`] for what breaks a rule."""
    from ..controls import Controls

    given: dict[str, Any] = {name: getattr(options, name) for name in SCALES if getattr(options, name) is not None}
    if options.still:
        given["head_motion"] = 0.0
    if options.pose:
        given["pose"] = tuple(options.pose)
    if options.gaze:
        given["gaze"] = (
            options.gaze[0] if len(options.gaze) == 1 else tuple(_number("--gaze", g) for g in options.gaze)
        )
    if options.expression:
        given["expression"] = _expression(options.expression)
    return Controls(**given)


def _expression(texts: list[str]) -> Any:
    if len(texts) == 1 and "@" not in texts[0]:
        return texts[0]
    keyframes = []
    for text in texts:
        name, at, time = text.partition("@")
        if not at:
            raise InputError(f"several expressions need their times, as in happy@2.5, got {text!r}")
        keyframes.append((name, _number("--expression", time)))
    return keyframes


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} expects a number, got {text!r}") from None
