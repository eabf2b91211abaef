"""Reads WAV from a pipe or the network, where the header may not give the length."""

import struct
from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import VoiceError
from ...media.audio import AudioClip, check_rate, to_float


BLOCK: Final = 0.1  # seconds of sound in a chunk
PLACEHOLDER: Final = 0x7FF00000  # bytes: headers use lengths from here on as placeholders for an unknown length
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
TYPES: Final = {(PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 24): "u1", (PCM, 32): "<i4", (FLOAT, 32): "<f4"}


class Readable(Protocol):
    """A source of bytes, such as an open file."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


def read_wav(stream: Readable, name: str) -> Iterator[AudioClip]:
    """
    Yield the sound of a WAV stream in chunks of 0.1 s.

    Args:
        stream: The source of the bytes.
        name (`str`): The voice's name for error messages.

    Raises:
        VoiceError: The stream is not WAV, contains no sound, or breaks off before the announced end.
    """
    kind, channels, rate, bits, length = _read_head(stream, name)
    frame = channels * bits // 8
    size, got = max(1, round(BLOCK * rate)) * frame, 0
    announced = length if 0 < length < PLACEHOLDER else None
    while announced is None or got < announced:
        block = _read(stream, size if announced is None else min(size, announced - got))
        if not block:
            break
        got += len(block)
        whole = block[: len(block) // frame * frame]
        if whole:
            yield AudioClip(to_float(_unpack(whole, kind, bits).reshape(-1, channels).T), rate)
    if got < frame:
        raise VoiceError(f"a voice must give sound, {name} gave a WAV without any; try another voice or text")
    if announced is not None and got < announced:
        raise VoiceError(
            f"a voice must speak to the end, {name} broke off after {got // frame / rate:.1f} of "
            f"{announced // frame / rate:.1f} s; try again"
        )


def _read_head(stream: Readable, name: str) -> tuple[int, int, int, int, int]:
    """Sample format, channels, rate, bits, and the announced bytes of sound; leaves the stream where it begins."""
    first = _read(stream, 12)
    if first[:4] != b"RIFF" or first[8:] != b"WAVE":
        raise VoiceError(f"a voice must give WAV, {name} gave {first[:12]!r}; set it to write WAV")
    form: tuple[int, int, int, int] | None = None
    while len(head := _read(stream, 8)) == 8:
        tag, length = struct.unpack("<4sI", head)
        if tag == b"data":
            if form is None:
                break
            return *form, length
        body = _read(stream, length + length % 2)
        if tag == b"fmt " and len(body) >= 16:
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if kind == EXTENSIBLE and len(body) >= 26:
                kind = struct.unpack("<H", body[24:26])[0]
            if (kind, bits) not in TYPES or not 1 <= channels <= 8:
                raise VoiceError(
                    f"a voice's WAV must have 1 to 8 channels of 8 to 32 bits, {name} gave {channels} of {bits} bits "
                    f"in format {kind}; set it to 16 bits"
                )
            form = kind, channels, check_rate(rate), bits
    raise VoiceError(f"a voice must give WAV, {name} ended within its header; try again")


def _read(stream: Readable, size: int) -> bytes:
    """Exactly `size` bytes, or fewer at the end; a single read of a pipe may return less."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _unpack(data: bytes, kind: int, bits: int) -> NDArray:
    values = np.frombuffer(data, TYPES[kind, bits])
    if bits != 24:
        return values
    wide = np.zeros((len(values) // 3, 4), np.uint8)
    wide[:, 1:] = values.reshape(-1, 3)
    return wide.view("<i4")[:, 0]
