"""The coefficients of a take over time, below the sound, as an SVG that follows the page's colours."""

import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.drawing import (
    GAP,
    MARGIN,
    ROW,
    WIDTH,
    Diagram,
    across,
    diagrams,
    draw_diagram,
    draw_seconds,
    draw_title,
    list_points,
)
from ..animation.frame_rate import ANIMATION_FPS
from ..media.audio import AudioClip


def draw_curves(animation: Animation, speech: AudioClip, arousal: NDArray[np.float32]) -> str:
    """
    An SVG with the waveform on top, what is heard in it, and the diagrams of [`diagrams`] below, on one axis of time.

    `arousal` is how aroused the voice is, `(frames,)` at 25 fps in [-1, 1]; `expression="auto"` follows it.
    """
    duration = max(animation.duration, speech.duration)
    heard = Diagram("Excitement in the voice", -1.0, 1.0, {"excitement": arousal}, ANIMATION_FPS)
    parts = [_waveform(speech, duration, MARGIN)]
    top = MARGIN + ROW + GAP
    for diagram in (heard, *diagrams(animation)):
        parts.append(draw_diagram(diagram, duration, top))
        top += ROW + GAP
    parts.append(draw_seconds(duration, top - GAP))
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Sound and coefficients over {duration:.1f} seconds">{"".join(parts)}</svg>'
    )


def _waveform(speech: AudioClip, duration: float, top: float) -> str:
    """The sound's extremes in each of 500 slots."""
    wave = speech.mono(speech.sampling_rate)
    slots = np.array_split(wave, min(500, len(wave)))
    peak = max(float(np.abs(wave).max()), 1e-6)
    highs, lows = (np.array([extreme(slot) for slot in slots]) / peak for extreme in (np.max, np.min))
    x = across(np.linspace(0.0, speech.duration / duration, len(slots)))
    middle = top + ROW / 2
    outline = np.concatenate(
        [np.stack([x, middle - highs * ROW / 2], 1), np.stack([x, middle - lows * ROW / 2], 1)[::-1]]
    )
    return f'{draw_title("Sound", top)}<polygon class="wave" points="{list_points(outline)}"/>'
