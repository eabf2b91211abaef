"""When the pictures of a film are shown, and the steady rate at which they are read."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray


USUAL_RATES: Final = tuple(
    Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, "24000/1001", "30000/1001", "60000/1001")
)
USUAL_WITHIN: Final = 0.04  # of a rate: a usual one that is so near is meant
FASTEST: Final = 60.0  # pictures a second that are read of a film whose rate varies
STEADY_WITHIN: Final = 0.1  # of a period: stamps that stay so near to a rate are at that rate
LONGEST_STILL: Final = 60.0  # seconds between two pictures; stamps that leap further are wrong
BACKWARDS: Final = 0.5  # seconds by which stamps of files that were joined fall back, at least
DEFAULT_RATE: Final = Fraction(25)

Picture = TypeVar("Picture")


def presentation_start(container: Any) -> float:
    """When a file's first picture or sound is shown, in seconds of its clock: broadcasts do not begin at 0."""
    # Before 0 is what encoders need to begin, and nobody hears.
    return max(0.0, (container.start_time or 0) / 1e6)


def film_times(container: Any, stream: Any) -> NDArray[np.float64]:
    """
    Times of the pictures in seconds, in order, from the packets alone; empty where the stamps cannot be right.

    Pictures that were cut off, as phones do it, are decoded but not shown: they have none. Where stamps begin anew, as
    in files that were joined, time goes on.
    """
    base, times, last, behind = float(stream.time_base), [], -np.inf, 0.0
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None:
            return np.zeros(0)
        decoded = (packet.pts if packet.dts is None else packet.dts) * base + behind
        if decoded < last - BACKWARDS:
            step = last + float((packet.duration or 0) * base) - decoded
            behind, decoded = behind + step, decoded + step
        last = decoded
        if not packet.is_discard:
            times.append(packet.pts * base + behind)
    in_order = np.unique(np.array(times, np.float64))
    return in_order if np.diff(in_order).max(initial=0.0) <= LONGEST_STILL else np.zeros(0)


def steady_rate(times: NDArray[np.float64], declared: Fraction | None) -> Fraction:
    """
    The rate at which a film is read: its own, exactly, if it is steady; else that of its fastest second.

    Args:
        times (`np.ndarray` of shape `(pictures,)`): Seconds.
        declared (`Fraction`, *optional*): What the file says of its average.
    """
    trusted = declared if declared is not None and 1 <= declared <= 240 else None
    if len(times) < 2:
        return trusted or DEFAULT_RATE
    if trusted is not None:
        # A film that was cut tells a rate of all its pictures over the time of those that are shown.
        near = [usual for usual in USUAL_RATES if abs(usual - trusted) <= USUAL_WITHIN * trusted]
        periods = np.arange(len(times))
        away = {rate: np.abs(times - times[0] - periods / float(rate)).max() for rate in (trusted, *near)}
        best = min(away, key=lambda rate: away[rate])
        if away[best] < STEADY_WITHIN / best:
            return best
    length = times[-1] - times[0]
    within_a_second = np.searchsorted(times, times + 1.0 - 1e-6) - np.arange(len(times))
    rate = min(FASTEST, float(within_a_second.max()) if length >= 1.0 else (len(times) - 1) / length)
    nearest = min(USUAL_RATES, key=lambda usual: abs(float(usual) - rate))
    return nearest if abs(float(nearest) - rate) <= USUAL_WITHIN * rate else Fraction(max(1, round(rate)))


def on_steady_grid(
    pictures: Iterator[tuple[Picture, float]], times: NDArray[np.float64], rate: Fraction
) -> Iterator[Picture]:
    """
    Yield the picture that is on the screen in the middle of each period, as often or as seldom as its time asks.

    Args:
        pictures: Pictures and their times in seconds, in order; some may be missing.
        times (`np.ndarray` of shape `(pictures,)`): When all of them are shown; see [`film_times`].
        rate (`Fraction`): Periods a second.
    """
    period = float(1 / rate)
    last = float(times[-1] - times[-2]) if len(times) > 1 else period  # the last one stays as long as that before it
    count, done, shown = max(1, round((float(times[-1] - times[0]) + last) / period)), 0, None
    for picture, time in pictures:
        while shown is not None and done < count and times[0] + (done + 0.5) * period < time:
            yield shown
            done += 1
        shown = picture
    while shown is not None and done < count:
        yield shown
        done += 1
