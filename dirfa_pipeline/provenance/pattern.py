"""
The watermark's patterns: a beacon to search for and one pattern for each sign of the code, all band-limited noise.

They repeat as tiles, so that a cropped or scaled frame still contains whole ones, and are orthogonal to each other.
This is spread-spectrum watermarking (Cox, Kilian, Leighton and Shamoon, 1997).
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .code import CODE_BITS


Array = NDArray[np.float32]

TILE: Final = 128  # samples along each side of a tile
TILES: Final = 2.0  # tiles along a frame's longest side
FINENESS: Final = (5.0, 16.0)  # waves per tile: longer waves are visible, shorter ones do not survive compression
PUBLIC_KEY: Final = 0xD1FA  # the default key, with which anybody can find the mark


class Patterns(NamedTuple):
    """The beacon, `(128, 128)`, and one pattern for each sign, `(168, 128, 128)`; orthogonal, with mean square 1."""

    beacon: Array
    bits: Array


@cache
def patterns(key: int = PUBLIC_KEY) -> Patterns:
    """The patterns of a key; they are the same with every version of NumPy."""
    flat = _noise(key, 1 + CODE_BITS)
    # Orthogonalize by Cholesky, because the signs of a QR decomposition differ between libraries.
    flat = np.linalg.solve(np.linalg.cholesky(flat @ flat.T), flat)
    whole = (TILE * flat).reshape(-1, TILE, TILE).astype(np.float32)
    return Patterns(whole[0], whole[1:])


def beacon(key: int) -> Array:
    """Only the beacon, `(128, 128)`, which is faster when trying many keys."""
    noise = _noise(key, 1)
    return np.asarray((TILE * noise / np.linalg.norm(noise)).reshape(TILE, TILE), np.float32)


def _noise(key: int, count: int) -> NDArray[np.float64]:
    """The first `count` patterns of a key, `(count, 128 x 128)`, not yet orthogonal."""
    rows, columns = np.fft.fftfreq(TILE) * TILE, np.arange(TILE // 2 + 1)
    waves = np.hypot(rows[:, None], columns[None])
    band = (waves >= FINENESS[0]) & (waves <= FINENESS[1]) & (columns > 0)[None]
    # NumPy guarantees only a bit generator's raw numbers to be the same in all versions.
    raw = np.random.PCG64(key).random_raw(count * int(band.sum())).reshape(count, -1)
    spectra = np.zeros((count, *waves.shape), np.complex128)
    spectra[:, band] = np.exp(2j * np.pi * (raw >> np.uint64(11)).astype(np.float64) / 2.0**53)
    return np.fft.irfft2(spectra, s=(TILE, TILE)).reshape(count, -1)
