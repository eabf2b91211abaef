"""The coefficients of a take over time, beside the sound, as an SVG that follows the page's colours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.frame_rate import ANIMATION_FPS
from ..media.audio import AudioClip


WIDTH, ROW, GAP, MARGIN = 1000, 120, 34, 46  # units of the drawing
COLOURS: Final = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")  # Okabe and Ito's, told apart by the colour-blind

Curve = Callable[[Animation], NDArray[np.float32]]


@dataclass(frozen=True)
class Row:
    """A diagram of coefficients: its title, its least range and its named curves."""

    title: str
    low: float
    high: float
    curves: dict[str, Curve]


@dataclass(frozen=True)
class Diagram:
    """Curves over time: title, least range, named values `(frames,)` and their frames per second."""

    title: str
    low: float
    high: float
    values: dict[str, NDArray[np.float32]]
    fps: float


def _mean(*names: str) -> Curve:
    return lambda animation: np.mean([animation[name] for name in names], axis=0)


def _degrees(name: str) -> Curve:
    return lambda animation: np.degrees(animation[name])


ROWS: Final = (
    Row("Lips", 0.0, 0.5, {
        "jaw open": _mean("jawOpen"), "lips shut": _mean("mouthClose"), "pucker": _mean("mouthPucker"),
        "smile": _mean("mouthSmileLeft", "mouthSmileRight"),
    }),
    Row("Eyes and brows", 0.0, 0.5, {
        "blink": _mean("eyeBlinkLeft", "eyeBlinkRight"), "brows up": _mean("browInnerUp"),
        "brows down": _mean("browDownLeft", "browDownRight"),
    }),
    Row("Head, degrees", -5.0, 5.0, {name: _degrees(name) for name in ("yaw", "pitch", "roll")}),
)  # fmt: skip


def draw_curves(animation: Animation, speech: AudioClip, arousal: NDArray[np.float32]) -> str:
    """
    An SVG with the waveform on top, what is heard in it, and the diagrams of [`ROWS`] below, on one axis of time.

    `arousal` is how aroused the voice is, `(frames,)` at 25 fps in [-1, 1]; `expression="auto"` follows it.
    """
    duration = max(animation.duration, speech.duration)
    heard = Diagram("Arousal of the voice", -1.0, 1.0, {"heard": arousal}, ANIMATION_FPS)
    shown = [
        Diagram(row.title, row.low, row.high, {n: curve(animation) for n, curve in row.curves.items()}, animation.fps)
        for row in ROWS
    ]
    parts = [_waveform(speech, duration, MARGIN)]
    top = MARGIN + ROW + GAP
    for diagram in (heard, *shown):
        parts.append(_draw(diagram, duration, top))
        top += ROW + GAP
    parts.append(_seconds(duration, top - GAP))
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Sound and coefficients over {duration:.1f} seconds">{"".join(parts)}</svg>'
    )


def _across(share: NDArray[np.floating]) -> NDArray[np.floating]:
    return MARGIN + share * (WIDTH - MARGIN)


def _title(text: str, top: float, legend: Sequence[str] = ()) -> str:
    words = [f'<text x="{MARGIN}" y="{top - 10}" class="title">{escape(text)}</text>']
    left = MARGIN + 170
    for name, colour in zip(legend, COLOURS, strict=False):
        words.append(f'<line x1="{left}" x2="{left + 22}" y1="{top - 15}" y2="{top - 15}" stroke="{colour}"/>')
        words.append(f'<text x="{left + 28}" y="{top - 10}">{escape(name)}</text>')
        left += 60 + 9 * len(name)
    return "".join(words)


def _waveform(speech: AudioClip, duration: float, top: float) -> str:
    """The sound's extremes in each of 500 slots."""
    wave = speech.mono(speech.sampling_rate)
    slots = np.array_split(wave, min(500, len(wave)))
    peak = max(float(np.abs(wave).max()), 1e-6)
    highs, lows = (np.array([extreme(slot) for slot in slots]) / peak for extreme in (np.max, np.min))
    x = _across(np.linspace(0.0, speech.duration / duration, len(slots)))
    middle = top + ROW / 2
    outline = np.concatenate(
        [np.stack([x, middle - highs * ROW / 2], 1), np.stack([x, middle - lows * ROW / 2], 1)[::-1]]
    )
    return f'{_title("Sound", top)}<polygon class="wave" points="{_points(outline)}"/>'


def _draw(diagram: Diagram, duration: float, top: float) -> str:
    values = diagram.values
    low = min(diagram.low, *(float(curve.min()) for curve in values.values()))
    high = max(diagram.high, *(float(curve.max()) for curve in values.values()))
    parts = [
        _title(diagram.title, top, list(values)),
        f'<rect x="{MARGIN}" y="{top}" width="{WIDTH - MARGIN}" height="{ROW}"/>',
    ]
    for value in (low, high):
        y = top + ROW * (high - value) / (high - low)
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 5:.0f}" text-anchor="end">{value:.2g}</text>')
    for curve, colour in zip(values.values(), COLOURS, strict=False):
        x = _across((np.arange(len(curve)) + 0.5) / diagram.fps / duration)
        points = np.stack([x, top + ROW * (high - curve) / (high - low)], 1)
        parts.append(f'<polyline points="{_points(points)}" stroke="{colour}"/>')
    return "".join(parts)


def _seconds(duration: float, bottom: float) -> str:
    step = next(step for step in (0.5, 1, 2, 5, 10, 20) if duration / step <= 12)
    ticks = np.arange(0.0, duration + 1e-9, step)
    return "".join(
        f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle">{tick:g} s</text>'
        for tick, x in zip(ticks, _across(ticks / duration), strict=True)
        if x < WIDTH - 20
    )


def _points(points: NDArray[np.float64]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
