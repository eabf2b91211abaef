"""
The watermark's patterns: one that is looked for, and one for each bit, all of them noise of middling fineness.

They repeat as tiles, so that a cropped or scaled picture still holds whole ones, and are orthogonal to each other. The
idea is that of spread-spectrum watermarking (Cox, Kilian, Leighton and Shamoon, 1997).
"""

import binascii
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]

TILE: Final = 128  # samples along each side of a tile
TILES: Final = 2.0  # along a picture's longest side
FINENESS: Final = (5.0, 16.0)  # waves a tile: longer ones are seen, shorter ones do not survive a strong encoder
PAYLOAD_BITS, CHECK_BITS = 32, 16
BITS: Final = PAYLOAD_BITS + CHECK_BITS
PUBLIC_KEY: Final = 0xD1FA  # everybody's: who has it can find the mark


class Patterns(NamedTuple):
    """What is looked for, `(128, 128)`, and what each bit adds, `(48, 128, 128)`; mean square 1, all orthogonal."""

    beacon: Array
    bits: Array


@cache
def patterns(key: int = PUBLIC_KEY) -> Patterns:
    """The patterns of a key; the same for every version of NumPy."""
    flat = _noise(key, 1 + BITS)
    # Made orthogonal one after the other: unlike a QR decomposition's, the signs are the same everywhere.
    flat = np.linalg.solve(np.linalg.cholesky(flat @ flat.T), flat)
    whole = (TILE * flat).reshape(-1, TILE, TILE).astype(np.float32)
    return Patterns(whole[0], whole[1:])


def beacon(key: int) -> Array:
    """What is looked for alone, `(128, 128)`, for whoever tries many keys."""
    noise = _noise(key, 1)
    return np.asarray((TILE * noise / np.linalg.norm(noise)).reshape(TILE, TILE), np.float32)


def _noise(key: int, count: int) -> NDArray[np.float64]:
    """So many patterns of a key, `(count, 128 x 128)`, not yet orthogonal."""
    rows, columns = np.fft.fftfreq(TILE) * TILE, np.arange(TILE // 2 + 1)
    waves = np.hypot(rows[:, None], columns[None])
    band = (waves >= FINENESS[0]) & (waves <= FINENESS[1]) & (columns > 0)[None]
    # Only a bit generator's raw numbers are promised to stay as they are.
    raw = np.random.PCG64(key).random_raw(count * int(band.sum())).reshape(count, -1)
    spectra = np.zeros((count, *waves.shape), np.complex128)
    spectra[:, band] = np.exp(2j * np.pi * (raw >> np.uint64(11)).astype(np.float64) / 2.0**53)
    return np.fft.irfft2(spectra, s=(TILE, TILE)).reshape(count, -1)


def bits_of(payload: int) -> Array:
    """A payload and its checksum as signs, `(48,)` of -1 or 1."""
    check = binascii.crc_hqx(payload.to_bytes(PAYLOAD_BITS // 8, "big"), 0)
    number = payload << CHECK_BITS | check
    return np.array([1.0 if number >> place & 1 else -1.0 for place in reversed(range(BITS))], np.float32)


def payload_of(signs: NDArray[np.floating]) -> int | None:
    """The payload that 48 numbers spell by their signs; `None` where the checksum says that one is wrong."""
    number = int("".join("1" if sign > 0 else "0" for sign in signs), 2)
    payload = number >> CHECK_BITS
    return payload if np.array_equal(bits_of(payload) > 0, np.asarray(signs) > 0) else None
