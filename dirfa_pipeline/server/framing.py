"""The binary messages of the WebSocket, as docs/conversation.md describes them."""

import struct
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..live.face import AvatarFrame


HEADER: Final = struct.Struct("<dII")  # time in seconds, 1 if the face speaks, bytes of sound
SOUND_HEADER: Final = struct.Struct("<I")
JPEG_QUALITY: Final = 80
KINDS: Final = ("say", "listen")


@dataclass(frozen=True)
class Heard:
    """A visitor's sound, int16 `(num_samples,)`: for `"say"` the face says it, for `"listen"` it listens to it."""

    kind: Literal["say", "listen"]
    samples: NDArray[np.int16]


def pack(frame: AvatarFrame) -> bytes:
    """Pack a frame: header, sound as 16-bit little-endian mono, image as JPEG."""
    sound = np.clip(frame.audio.mean(0) * 32767.0, -32768, 32767).astype("<i2").tobytes()
    picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return HEADER.pack(frame.time, int(frame.speaking), len(sound)) + sound + encoded.tobytes()


def unpack_sound(message: bytes) -> Heard:
    """Unpack a visitor's message: 0 (say) or 1 (listen), then 16-bit samples; raises [`InputError`]."""
    if len(message) < SOUND_HEADER.size or len(message) % 2:
        raise InputError(f"a binary message must be 4 bytes and then 16-bit samples, got {len(message)} bytes")
    number = SOUND_HEADER.unpack_from(message)[0]
    if number >= len(KINDS):
        raise InputError(f"a binary message must begin with 0 (say) or 1 (listen), got {number}")
    return Heard("say" if number == 0 else "listen", np.frombuffer(message, "<i2", offset=SOUND_HEADER.size))
