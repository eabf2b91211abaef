"""Frames, sent when their time comes."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Sender(Protocol):
    """Where frames go."""

    def send(self, row: NDArray[np.float32], number: int) -> None:
        """Send the coefficients of frame `number`, `(58,)`."""


def play(
    rows: Iterable[NDArray[np.float32]],
    senders: Sequence[Sender],
    fps: float = 25.0,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """
    Send each frame to all senders at its moment; the first one goes at once, and sets the time.

    Frames whose moment is over by more than one frame are left out: heads follow the sound, they do not trail it.

    Args:
        rows (`Iterable`): The coefficients of each frame, `(58,)`: `animation.coefficients`, or what
            `pipe.stream_animation` yields while the sound comes.
        senders (`Sequence`): Such as [`LiveLinkSender`] and [`VmcSender`].
        fps (`float`, defaults to 25): Frames per second.
        now, sleep (`Callable`, *optional*): The clock.

    Returns:
        How many frames were sent.
    """
    begin: float | None = None
    sent = 0
    for number, row in enumerate(rows):
        if begin is None:
            begin = now()
        wait = begin + number / fps - now()
        if wait < -1.0 / fps:
            continue
        if wait > 0:
            sleep(wait)
        for sender in senders:
            sender.send(row, number)
        sent += 1
    return sent
