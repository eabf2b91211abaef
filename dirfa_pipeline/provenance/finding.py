"""
Finds the watermark in a video, even after encoding, scaling, cropping or a change of the frame rate.

Frames are summed with the sign that the mark had at their time, so that the image itself cancels and the mark adds up.
For each size that the mark's tile may have, the sum is folded into one tile, and the pattern is searched for at every
position.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import ifft2

from .code import CHECK_BITS, payload_of
from .pattern import PUBLIC_KEY, TILE, TILES, Patterns, patterns
from .watermark import FREQUENCY


Array = NDArray[np.float32]
Complex = NDArray[np.complexfloating]

WINDOW: Final = 8.0  # seconds of video that are summed
LEAST_FRAMES: Final = 8
LARGEST: Final = 512  # pixels of the longest side; larger frames are scaled down first
DETAIL: Final = 1.0 / 60.0  # deviation of the blur, over the longest side; the mark has no coarser waves
FADE: Final = 0.15  # share of a piece over which it fades in, and out
MOST: Final = 20.0  # levels at which detail is clipped; moving edges have more and would drown the mark
EVEN: Final = 15  # pixels over which the strength of the sum is evened out
SIZES: Final = np.exp(np.arange(np.log(0.86), np.log(1.05), 0.004))  # of the tile, relative to an uncropped frame's
# The scores of unmarked videos follow a Gumbel distribution. These are the location and scale for the worst of 33 real
# clips (measured by benchmarks/evaluate_watermark.py), so for most videos a false alarm is less likely than computed.
CHANCE_SCORE, CHANCE_WIDTH = 4.03, 0.192
MOST_CHANCE: Final = 1e-6  # highest accepted probability of finding a mark in a video that has none


@dataclass(frozen=True)
class Finding:
    """
    The result of a search for the watermark.

    Args:
        score (`float`): Height of the mark's peak, relative to the noise around it.
        payload (`int`, *optional*): The mark's number; `None` if its checksum fails.
        size (`float`): Size of the mark relative to that in an uncropped frame: 0.9 if a tenth was cut off.
        pieces (`int`): How many pieces of the video were searched; each one makes a false alarm more likely.
    """

    score: float
    payload: int | None
    size: float
    pieces: int = 1

    @property
    def found(self) -> bool:
        """Whether at most one unmarked video in a million would reach this result by chance."""
        return self.chance <= MOST_CHANCE

    @property
    def chance(self) -> float:
        """Probability that an unmarked video reaches this score and, if there is a payload, its correct checksum."""
        of_score = float(-np.expm1(-self.pieces * np.exp((CHANCE_SCORE - self.score) / CHANCE_WIDTH)))
        return of_score if self.payload is None else of_score / 2**CHECK_BITS


def find_watermark(frames: Iterable[NDArray[np.uint8]], fps: float, key: int = PUBLIC_KEY) -> Finding | None:
    """
    Search for the mark piece by piece until it is found.

    Args:
        frames (`Iterable[np.ndarray]` of shape `(height, width, 3)`): uint8; only read as far as needed.
        fps (`float`): Frames per second.

    Returns:
        The best [`Finding`] of all pieces searched, or `None` for fewer than eight frames.
    """
    best: Finding | None = None
    for number, piece in enumerate(_pieces(frames, max(LEAST_FRAMES, round(WINDOW * fps))), start=1):
        finding = replace(look(gather(piece, fps), patterns(key)), pieces=number)
        if best is None or (finding.payload is not None, finding.score) > (best.payload is not None, best.score):
            best = finding
        if best.found and best.payload is not None:
            break
    return best if best is None else replace(best, pieces=number)


def _pieces(frames: Iterable[NDArray[np.uint8]], count: int) -> Iterator[list[Array]]:
    """Details of the frames, `count` at a time; a last piece of less than half is left out unless alone."""
    remaining, first = iter(frames), True
    while piece := [detail(frame) for frame in islice(remaining, count)]:
        if len(piece) >= (LEAST_FRAMES if first else count // 2):
            yield piece
        first = False


def detail(frame: NDArray[np.uint8]) -> Array:
    """The part of a frame's luminance that is finer than the mark's coarsest waves, `(height, width)`."""
    light = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = LARGEST / max(light.shape)
    if scale < 1.0:
        light = np.asarray(cv2.resize(light, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    coarse = cv2.GaussianBlur(light, (0, 0), DETAIL * max(light.shape))
    return np.clip(light - coarse, -MOST, MOST)


def gather(details: list[Array], fps: float) -> Complex:
    """Sum frames with the mark's phase removed and even out the strength, `(height, width)`, complex."""
    total = np.tensordot(_weights(len(details), fps), np.stack(details), axes=1)
    strength = cv2.blur(np.square(np.abs(total)), (EVEN, EVEN))
    return total / np.sqrt(strength + 1e-3 * strength.mean() + 1e-6)


def _weights(count: int, fps: float) -> Complex:
    """The weights of the sum: the mark's phase, faded at both ends and insensitive to slow changes of light."""
    place = np.arange(count)
    edge = np.minimum(place + 1, count - place) / (FADE * count + 1.0)
    phase = np.sin(0.5 * np.pi * np.minimum(edge, 1.0)) ** 2 * np.exp(-2j * np.pi * FREQUENCY * place / fps)
    slow = np.vander(np.linspace(-1.0, 1.0, count), 3)
    return (phase - slow @ np.linalg.lstsq(slow, phase, rcond=None)[0]).astype(np.complex64)


def look(gathered: Complex, wanted: Patterns) -> Finding:
    """Find the tile's size and position at which the pattern fits best, and decode the bits there."""
    tiles = np.stack([fold(gathered, float(size)) for size in SIZES])
    score, size, (row, column), answer = best_fit(tiles, wanted.beacon)
    tile = np.roll(np.fft.ifft2(tiles[size]), (-row, -column), (0, 1))
    signs = wanted.bits.reshape(len(wanted.bits), -1) @ (tile * np.exp(-1j * np.angle(answer))).real.ravel()
    return Finding(score, payload_of(signs), float(SIZES[size]))


def best_fit(tiles: Complex, beacon: Array) -> tuple[float, int, tuple[int, int], complex]:
    """
    Find where a pattern fits spectra of tiles `(sizes, 128, 128)` best.

    Returns:
        The score, the index of the size, the position as row and column, and the correlation there.
    """
    wanted = np.conj(np.fft.fft2(beacon)).astype(np.complex64)
    # A grid of half as many samples holds all waves of the beacon, so the size is found there, four times as fast.
    coarse = _powers(tiles[:, _LOW[:, None], _LOW] * wanted[_LOW[:, None], _LOW])
    size = int((coarse.max(axis=(1, 2)) / (coarse.mean(axis=(1, 2)) + 1e-12)).argmax())
    fits = ifft2(tiles[size] * wanted)
    powers = np.square(fits.real) + np.square(fits.imag)
    row, column = divmod(int(powers.argmax()), TILE)
    score = float(np.sqrt(powers[row, column] / (powers.mean() + 1e-12)))
    return score, size, (row, column), complex(fits[row, column])


def _powers(spectra: Complex) -> Array:
    """The squared correlation at each position, `(sizes, rows, columns)`."""
    fits = ifft2(spectra, overwrite_x=True)
    return np.square(fits.real) + np.square(fits.imag)


def fold(gathered: Complex, size: float) -> Complex:
    """The spectrum of the sum of all tiles of a size, equally strong at every frequency: `(128, 128)`."""
    height, width = gathered.shape
    scale = TILES * TILE / max(height, width) * size
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    real, imaginary = (cv2.resize(np.ascontiguousarray(part), shape, interpolation=way) for part in
                       (gathered.real, gathered.imag))  # fmt: skip
    down, across = -(-shape[1] // TILE), -(-shape[0] // TILE)
    sheet = np.zeros((down * TILE, across * TILE), np.complex64)
    sheet[: shape[1], : shape[0]] = real + 1j * imaginary
    spectrum = np.fft.fft2(sheet.reshape(down, TILE, across, TILE).sum((0, 2)))
    power = np.bincount(_FINENESS.ravel(), np.square(np.abs(spectrum)).ravel()) / _COUNTS
    return (spectrum / np.sqrt(power[_FINENESS] + 1e-9)).astype(np.complex64)


_WAVES = np.fft.fftfreq(TILE) * TILE
_FINENESS = np.rint(np.hypot(_WAVES[:, None], _WAVES[None])).astype(np.int64)
_COUNTS = np.bincount(_FINENESS.ravel())
_LOW = np.flatnonzero((_WAVES >= -TILE // 4) & (_WAVES < TILE // 4))
