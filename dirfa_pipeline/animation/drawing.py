"""Curves over time as SVG: what a notebook shows of an [`Animation`], and the page's diagrams of a take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray


if TYPE_CHECKING:
    from .animation import Animation

WIDTH, ROW, GAP, MARGIN = 1000, 120, 34, 46  # units of the drawing
COLOURS: Final = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")  # Okabe and Ito's, told apart by the colour-blind
# Where no page says how it looks; `currentColor` is legible on light and dark.
STYLE: Final = """
.curves text { font: 14px system-ui, sans-serif; fill: currentColor; }
.curves .title { font-weight: 600; }
.curves rect { fill: none; stroke: currentColor; stroke-opacity: 0.25; }
.curves polyline, .curves line { fill: none; stroke-width: 1.8; }
"""

Curve = Callable[["Animation"], NDArray[np.float32]]


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


def diagrams(animation: "Animation") -> list[Diagram]:
    """The diagrams of [`ROWS`]."""
    return [
        Diagram(row.title, row.low, row.high, {n: curve(animation) for n, curve in row.curves.items()}, animation.fps)
        for row in ROWS
    ]


def draw_animation(animation: "Animation") -> str:
    """The diagrams of an animation, one below the other on one axis of time, as an SVG that needs no page's style."""
    parts, top = [], MARGIN
    for diagram in diagrams(animation):
        parts.append(draw_diagram(diagram, animation.duration, top))
        top += ROW + GAP
    parts.append(draw_seconds(animation.duration, top - GAP))
    words = f"Coefficients over {animation.duration:.1f} seconds"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="curves" viewBox="0 0 {WIDTH} {top}" '
        f'style="max-width: {WIDTH}px" role="img" aria-label="{words}"><style>{STYLE}</style>{"".join(parts)}</svg>'
    )


def draw_diagram(diagram: Diagram, duration: float, top: float) -> str:
    """One diagram, `top` units from the upper edge, over an axis of `duration` seconds."""
    values = diagram.values
    low = min(diagram.low, *(float(curve.min()) for curve in values.values()))
    high = max(diagram.high, *(float(curve.max()) for curve in values.values()))
    parts = [
        draw_title(diagram.title, top, list(values)),
        f'<rect x="{MARGIN}" y="{top}" width="{WIDTH - MARGIN}" height="{ROW}"/>',
    ]
    for value in (low, high):
        y = top + ROW * (high - value) / (high - low)
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 5:.0f}" text-anchor="end">{value:.2g}</text>')
    for curve, colour in zip(values.values(), COLOURS, strict=False):
        x = across((np.arange(len(curve)) + 0.5) / diagram.fps / duration)
        points = np.stack([x, top + ROW * (high - curve) / (high - low)], 1)
        parts.append(f'<polyline points="{list_points(points)}" stroke="{colour}"/>')
    return "".join(parts)


def draw_title(text: str, top: float, legend: Sequence[str] = ()) -> str:
    """A title with the names of the curves in their colours."""
    words = [f'<text x="{MARGIN}" y="{top - 10}" class="title">{escape(text)}</text>']
    left = MARGIN + max(170, 20 + 10 * len(text))
    for name, colour in zip(legend, COLOURS, strict=False):
        words.append(f'<line x1="{left}" x2="{left + 22}" y1="{top - 15}" y2="{top - 15}" stroke="{colour}"/>')
        words.append(f'<text x="{left + 28}" y="{top - 10}">{escape(name)}</text>')
        left += 60 + 9 * len(name)
    return "".join(words)


def draw_seconds(duration: float, bottom: float) -> str:
    """The axis of time: at most a dozen ticks."""
    step = next((step for step in (0.5, 1, 2, 5, 10, 20, 60) if duration / step <= 12), duration / 12)
    ticks = np.arange(0.0, duration + 1e-9, step)
    return "".join(
        f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle">{tick:g} s</text>'
        for tick, x in zip(ticks, across(ticks / duration), strict=True)
        if x < WIDTH - 20
    )


def across(share: NDArray[np.floating]) -> NDArray[np.floating]:
    """From shares of the axis to units of the drawing."""
    return MARGIN + share * (WIDTH - MARGIN)


def list_points(points: NDArray[np.floating]) -> str:
    """`(points, 2)` as an SVG attribute has them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
