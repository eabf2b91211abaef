"""VMC, the Virtual Motion Capture protocol: OSC messages that VRM avatars are moved by; https://protocol.vmc.info."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from dirfa_pipeline import EXPRESSION_NAMES
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES

from .udp import UdpSender


PORT: Final = 39_539  # where programs that show avatars listen; 39540 for those that pass motion on
MAX_BYTES: Final = 1400  # of a packet: more would be cut up on its way
# Avatars made for face tracking name their clips as ARKit does, with a capital.
CLIPS: Final = tuple(name[0].upper() + name[1:] for name in EXPRESSION_NAMES)
HEAD: Final = tuple(COEFFICIENT_NAMES.index(name) for name in ("yaw", "pitch", "roll"))


class VmcSender(UdpSender):
    """
    Sends frames to a program that shows an avatar: VSeeFace, Warudo, VMC4UE, EVMC4U, VMC4B.

    Args:
        host, port, fps: As for [`UdpSender`].
    """

    def __init__(self, host: str = "127.0.0.1", port: int = PORT, fps: float = 25.0) -> None:
        super().__init__(host, port, fps)

    def send(self, row: NDArray[np.float32], number: int) -> None:
        """Send the coefficients of a frame, `(58,)`, as an [`Animation`] has them; `number` counts frames."""
        for bundle in bundles(messages(row, number / self._fps)):
            self._send(bundle.dgram)


def messages(row: NDArray[np.float32], seconds: float) -> list[OscMessage]:
    """
    A frame: all 52 clips and the head's bone; the last message says that the clips are complete.

    Clips go from 0 to 1, so that weights beyond that are cut off.
    """
    made = [_message("/VMC/Ext/OK", 1), _message("/VMC/Ext/T", float(seconds))]
    made.append(_message("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, *head_turn(*row[list(HEAD)])))
    for clip, weight in zip(CLIPS, np.clip(row[: len(CLIPS)], 0.0, 1.0), strict=True):
        made.append(_message("/VMC/Ext/Blend/Val", clip, float(weight)))
    return [*made, _message("/VMC/Ext/Blend/Apply")]


def bundles(made: list[OscMessage]) -> list[OscBundle]:
    """The messages in as few packets as they fit, in their order."""
    packed, builder, size = [], OscBundleBuilder(IMMEDIATELY), 16
    for message in made:
        if size + 4 + message.size > MAX_BYTES:
            packed.append(builder.build())
            builder, size = OscBundleBuilder(IMMEDIATELY), 16
        builder.add_content(message)
        size += 4 + message.size
    return [*packed, builder.build()]


def head_turn(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    """
    The head's rotation as a quaternion (x, y, z, w) of Unity: the avatar looks along +z, y is up, +x is its right, and
    angles count clockwise when one looks along an axis.

    Ours are seen from the front: yaw to the right of the picture is the avatar's left, a roll clockwise leans to its
    left, and a pitch lifts the chin.
    """
    turn = _about((0.0, 1.0, 0.0), -yaw)
    lift = _about((1.0, 0.0, 0.0), -pitch)
    lean = _about((0.0, 0.0, 1.0), roll)
    x, y, z, w = _times(lean, _times(lift, turn))
    return float(x), float(y), float(z), float(w)


Quaternion = tuple[float, float, float, float]


def _about(axis: tuple[float, float, float], angle: float) -> Quaternion:
    x, y, z = (float(np.sin(angle / 2)) * part for part in axis)
    return x, y, z, float(np.cos(angle / 2))


def _times(a: Quaternion, b: Quaternion) -> Quaternion:
    """First `b`, then `a`."""
    (ax, ay, az, aw), (bx, by, bz, bw) = a, b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _message(address: str, *values: object) -> OscMessage:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()
