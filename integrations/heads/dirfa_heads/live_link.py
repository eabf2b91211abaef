"""Live Link Face: what Epic Games' phone app sends to Unreal Engine, one packet a frame."""

import struct
import uuid
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dirfa_pipeline import EXPRESSION_NAMES
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES
from dirfa_pipeline.animation.gaze import eye_angles

from .udp import UdpSender


PORT: Final = 11_111  # that of Unreal's plugin
VERSION: Final = 6  # of the packets
NUM_VALUES: Final = 61  # 52 weights in ARKit's order, then yaw, pitch and roll of the head, the left and the right eye
HEAD: Final = tuple(COEFFICIENT_NAMES.index(name) for name in ("yaw", "pitch", "roll"))


class LiveLinkSender(UdpSender):
    """
    Sends frames to Unreal Engine's Live Link, or to whatever else understands the phone app.

    Args:
        host, port, fps: As for [`UdpSender`].
        subject (`str`, defaults to `"dirfa"`): What Unreal lists it as.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = PORT, subject: str = "dirfa", fps: float = 25.0) -> None:
        super().__init__(host, port, fps)
        self._subject, self._device = subject.encode(), str(uuid.uuid4()).upper().encode()

    def send(self, row: NDArray[np.float32], number: int) -> None:
        """Send the coefficients of a frame, `(58,)`, as an [`Animation`] has them; `number` counts frames."""
        self._send(pack(row, number, self._fps, self._device, self._subject))


def pack(row: NDArray[np.float32], number: int, fps: float, device: bytes, subject: bytes) -> bytes:
    """
    A packet, all of it big-endian: version, device and subject with their lengths, the frame's number and the part of
    a frame after it, frames a second as a fraction, and 61 floats with their count.
    """
    names = b"".join(struct.pack(">i", len(name)) + name for name in (device, subject))
    time = struct.pack(">ifii", number, 0.0, round(fps * 1000), 1000)
    values = np.concatenate([row[: len(EXPRESSION_NAMES)], row[list(HEAD)], _eyes(row)]).astype(">f4")
    return struct.pack(">B", VERSION) + names + time + struct.pack(">B", NUM_VALUES) + values.tobytes()


def _eyes(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Yaw, pitch and roll of the left and the right eye, in radians; eyes do not roll."""
    sides = [[angle[0] for angle in eye_angles(row[None], side)] for side in ("Left", "Right")]
    return np.array([[*angles, 0.0] for angles in sides], np.float32).ravel()
