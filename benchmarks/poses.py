"""Named poses that scripts draw and measure: phones, expressions, gaze and turns of the head."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.animation.coefficients import LIP_NAMES, coefficient_index
from dirfa_pipeline.direction.resting_look import RestingLook
from dirfa_pipeline.face.fit import FaceFit


def both(**weights: float) -> dict[str, float]:
    """Give each weight to both its left and its right shape."""
    return {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}


POSES: Final[dict[str, dict[str, float]]] = {
    "rest": {},
    "silence": {"jawOpen": 0.0},
    "p": {"mouthRollLower": 0.3, "mouthRollUpper": 0.3} | both(mouthPress=0.5),
    "aa": {"jawOpen": 0.5} | both(mouthLowerDown=0.2, mouthUpperUp=0.1),
    "ee": {"jawOpen": 0.1} | both(mouthSmile=0.4, mouthStretch=0.3, mouthLowerDown=0.4, mouthUpperUp=0.2),
    "oo": {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.1},
    "f": {"mouthRollLower": 0.6, "jawOpen": 0.05} | both(mouthUpperUp=0.25),
    "l": {"jawOpen": 0.25, "tongueOut": 0.3} | both(mouthLowerDown=0.2, mouthUpperUp=0.1),
    "smile": both(mouthSmile=0.8, cheekSquint=0.4),
    "grin": {"jawOpen": 0.05} | both(mouthSmile=0.9, mouthUpperUp=0.5, mouthLowerDown=0.4, cheekSquint=0.6),
    "frown": both(mouthFrown=0.7, browDown=0.7),
    "surprise": {"browInnerUp": 0.8, "jawOpen": 0.3} | both(browOuterUp=0.8, eyeWide=0.5),
    "shout": {"jawOpen": 0.9} | both(mouthLowerDown=0.4, mouthUpperUp=0.3),
    "brows up": {"browInnerUp": 0.8} | both(browOuterUp=0.8),
    "wide eyes": both(eyeWide=0.8),
    "blink": both(eyeBlink=1.0),
    "half": both(eyeBlink=0.5),
    "look left": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "look right": {"eyeLookOutRight": 0.8, "eyeLookInLeft": 0.8},
    "look up": both(eyeLookUp=0.6),
    "look down": both(eyeLookDown=0.6),
    "squint": both(eyeSquint=0.8, cheekSquint=0.8, mouthSmile=0.8),
    "yaw+15": {"yaw": np.radians(15)},
    "yaw-15": {"yaw": np.radians(-15)},
    "yaw+20": {"yaw": np.radians(20)},
    "yaw-20": {"yaw": np.radians(-20)},
    "pitch+15": {"pitch": np.radians(15)},
    "pitch-15": {"pitch": np.radians(-15)},
    "roll+15": {"roll": np.radians(15)},
    "roll-15": {"roll": np.radians(-15)},
    "turn": {"yaw": np.radians(15), "pitch": np.radians(-10), "roll": np.radians(8), "jawOpen": 0.3},
}
# The poses of the goldens, see docs/changing-the-look.md.
GUARDED: Final = (
    "rest", "p", "aa", "oo", "ee", "f", "smile", "frown", "brows up", "wide eyes", "blink", "yaw+15",
)  # fmt: skip
HELD: Final = 10.0  # seconds for which a pose is held


def pose_rows(names: tuple[str, ...], face: FaceFit) -> NDArray[np.float32]:
    """
    Coefficients `(poses, 58)` of poses on a face, with the part of its smile that remains while a pose is held. A pose
    without lip or jaw weights keeps the photo's own mouth.
    """
    return np.stack([_row(POSES[name], face) for name in names])


def _row(pose: dict[str, float], face: FaceFit) -> NDArray[np.float32]:
    if not pose.keys().isdisjoint(LIP_NAMES):
        return RestingLook(face).apply(Animation.from_curves(1, **pose).coefficients, HELD)[0]
    row = face.rest_coefficients()
    for name, value in pose.items():
        row[coefficient_index(name)] = value
    return row
