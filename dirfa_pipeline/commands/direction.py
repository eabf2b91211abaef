"""
The options that direct a take, shared by the verbs that have them.

Keyframes are written with an at sign and seconds: `--expression happy@2.5`, `--pose 10 0 0 @2.5`; longer directions go
into a JSON file whose keys are the arguments of [`Controls`].
"""

import argparse
import difflib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import InputError


if TYPE_CHECKING:
    from ..direction.controls import Controls
    from ..models.face_model import FaceModel

SCALES: Final = {
    "expression_strength": "scale of the expression",
    "lips": "articulation",
    "brows": "scale of the brows' motion",
    "eyes": "scale of squints and widening",
    "head_motion": "scale of head motion, 0 is still",
    "blink_rate": "factor on the number of blinks, 0 is none",
    "nods": "strength of nods at stressed words (default 0)",
}
FROM_FILE: Final = (
    *SCALES, "expression", "facing", "easing", "pose", "gaze", "blinks", "motion_channels", "motion_fit",
)  # fmt: skip
EXPRESSION_HELP: Final = (
    "happy, sad, angry, surprised, disgusted, fearful, contempt, neutral, auto (as lively as the voice), or ARKit "
    "weights as in mouthSmileLeft=0.6,browInnerUp=0.3; repeat with @SECONDS for keyframes"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--expression`, `--pose`, `--motion-from` and so on."""
    group = parser.add_argument_group("direction", "put these after the files; keyframes hold beyond their ends")
    group.add_argument("--direction", metavar="FILE", help="JSON with the arguments of Controls; options override it")
    group.add_argument("--expression", action="append", metavar="NAME[@SECONDS]", help=EXPRESSION_HELP)
    for name, text in SCALES.items():
        default = "" if "default" in text else " (default 1)"
        group.add_argument(_option(name), type=float, metavar="X", help=f"{text}, 0 to 2{default}")
    group.add_argument("--still", action="store_true", help="keep the head still")
    group.add_argument(
        "--pose", nargs="+", action="append", metavar="P",
        help="YAW PITCH ROLL: turn the head, in degrees; repeat with @SECONDS for keyframes, as in 10 0 0 @2.5",
    )  # fmt: skip
    group.add_argument(
        "--facing", type=float, metavar="X",
        help="share of the photo's own turn and tilt by which the head comes back to the camera, 0 to 1 (default 0.5)",
    )  # fmt: skip
    group.add_argument("--easing", help="how to move between keyframes: smooth (default), linear, step")
    group.add_argument(
        "--gaze", nargs="+", metavar="G", help="camera, drift, or yaw and pitch in degrees: where to look"
    )
    group.add_argument("--blinks", nargs="+", metavar="SECONDS", help="also blink at these times; none: never blink")
    group.add_argument("--motion-from", metavar="FILE", help="a video or animation whose motion is used")
    group.add_argument(
        "--motion-channels", nargs="+", metavar="C",
        help="what to use of it: head, blinks, style (brows, squints, gaze), lips (default: head blinks)",
    )  # fmt: skip
    group.add_argument("--motion-fit", help="loop (default, with seamless joins), or stretch to the speech's length")


def read_controls(options: argparse.Namespace) -> "Controls":
    """
    Turn the options into [`Controls`], all but `motion_from`, which [`with_motion`] puts in; loads nothing heavy.

    Raises:
        InputError: A value that breaks a rule, or a file that is not there.
    """
    from ..direction.controls import Controls

    controls = Controls() if options.direction is None else _from_file(options.direction)
    given = {name: getattr(options, name) for name in (*SCALES, "facing", "easing", "motion_channels", "motion_fit")}
    if options.still:
        given["head_motion"] = 0.0
    if options.expression:
        given["expression"] = _expression(options.expression)
    if options.pose:
        given["pose"] = _pose(options.pose)
    if options.gaze:
        words = options.gaze
        given["gaze"] = words[0] if len(words) == 1 else tuple(_number("--gaze", word) for word in words)
    if options.blinks == ["none"]:
        given["blink_rate"], given["blinks"] = 0.0, ()
    elif options.blinks:
        given["blinks"] = tuple(_number("--blinks", word) for word in options.blinks)
    if options.motion_from is not None:
        _check_motion(options.motion_from)
    elif options.motion_fit or options.motion_channels:
        raise InputError("--motion-fit and --motion-channels say how --motion-from is used: add --motion-from FILE")
    return replace(controls, **{name: value for name, value in given.items() if value is not None})


def with_motion(
    controls: "Controls", options: argparse.Namespace, face_model: "FaceModel", detector_folder: Path | None = None
) -> "Controls":
    """
    The controls with the motion of `--motion-from`, if it was given: a video is tracked, by the detector in that
    folder, an animation read.
    """
    if options.motion_from is None:
        return controls
    from ..animation.files import load_animation
    from ..capture.tracking import track_video

    path = options.motion_from
    motion = load_animation(path) if _is_animation(path) else track_video(path, face_model, detector_folder)
    return replace(controls, motion_from=motion)


def _from_file(path: str) -> "Controls":
    """[`Controls`] from a JSON file."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f"--direction {path} cannot be read as JSON: {error}") from error
    return controls_of(content, f"--direction {path}")


def controls_of(content: Any, where: str) -> "Controls":
    """
    [`Controls`] from what JSON holds, whose lists may stand for tuples.

    Raises:
        InputError: It is no object, or breaks a rule; the message begins with `where`.
    """
    from ..direction.controls import Controls

    if not isinstance(content, dict):
        raise InputError(f'{where} must hold an object such as {{"expression": "happy"}}')
    for name in content:
        if name not in FROM_FILE:
            nearest = difflib.get_close_matches(name, FROM_FILE, n=1, cutoff=0.0)[0]
            raise InputError(f"{where}: unknown name {name!r}; did you mean {nearest!r}?")
    try:
        return Controls(**content)
    except InputError as error:
        raise type(error)(f"{where}: {error}") from None


def _expression(texts: Sequence[str]) -> Any:
    """A preset, weights, or keyframes of them."""
    if len(texts) == 1 and "@" not in texts[0]:
        return _weights(texts[0])
    return [(_weights(name), time) for name, time in (_keyframe("--expression", text) for text in texts)]


def _weights(text: str) -> Any:
    if "=" not in text:
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    return {name.strip(): _number(f"--expression {name.strip()}", value) for name, _, value in pairs}


def _pose(poses: Sequence[Sequence[str]]) -> Any:
    """Three angles, or keyframes of them."""
    if len(poses) == 1 and "@" not in poses[0][-1]:
        return _angles(poses[0])
    keyframes = (_keyframe("--pose", " ".join(words)) for words in poses)
    return [(_angles(text.split()), time) for text, time in keyframes]


def _angles(words: Sequence[str]) -> tuple[float, ...]:
    if len(words) != 3:
        raise InputError(f"--pose needs YAW PITCH ROLL [@SECONDS], got {' '.join(words)!r}; files go before it")
    return tuple(_number("--pose", word) for word in words)


def _keyframe(option: str, text: str) -> tuple[str, float]:
    what, at, time = text.rpartition("@")
    if not at:
        raise InputError(f"{option}, given more than once, needs its times, as in @2.5, got {text!r}")
    return what, _number(option, time)


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} expects a number, got {text!r}") from None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _is_animation(path: str) -> bool:
    from ..animation.files import FORMATS

    return os.path.splitext(path)[1].lower() in FORMATS


def _check_motion(path: str) -> None:
    """Raise [`InputError`] unless there is an animation or a video."""
    from ..animation.files import load_animation
    from ..media.video import read_video

    if not os.path.isfile(path):
        raise InputError(f"motion-from not found: {path}")
    if _is_animation(path):
        load_animation(path)
    else:
        read_video(path)
