"""
The watermark's patterns: one that is looked for, and one for each sign of the code, all noise of middling fineness.

They repeat as tiles, so that a cropped or scaled picture still holds whole ones, and are orthogonal to each other. The
idea is that of spread-spectrum watermarking (Cox, Kilian, Leighton and Shamoon, 1997).
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .code import CODE_BITS


Array = NDArray[np.float32]

TILE: Final = 128  # samples along each side of a tile
TILES: Final = 2.0  # along a picture's longest side
FINENESS: Final = (5.0, 16.0)  # waves a tile: longer ones are seen, shorter ones do not survive a strong encoder
PUBLIC_KEY: Final = 0xD1FA  # everybody's: who has it can find the mark


class Patterns(NamedTuple):
    """What is looked for, `(128, 128)`, and what each sign adds, `(168, 128, 128)`; mean square 1, all orthogonal."""

    beacon: Array
    bits: Array


@cache
def patterns(key: int = PUBLIC_KEY) -> Patterns:
    """The patterns of a key; the same for every version of NumPy."""
    flat = _noise(key, 1 + CODE_BITS)
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
