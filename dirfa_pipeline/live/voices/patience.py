"""Waiting for what may never come."""

import queue
import threading
from collections.abc import Iterator
from typing import Final, TypeVar

from ...errors import VoiceError


T = TypeVar("T")

AHEAD: Final = 64  # pieces taken before they are asked for
_END = object()


def with_patience(pieces: Iterator[T], patience: float, name: str) -> Iterator[T]:
    """
    The pieces, taken by a thread of its own.

    The thread ends with the piece that it waits for: whoever owns the source must stop it.

    Raises:
        VoiceError: None came for `patience` seconds, or taking one did raise it.
    """
    ready: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
    room, stop = threading.Semaphore(AHEAD), threading.Event()

    def take() -> None:
        try:
            for piece in pieces:
                ready.put((piece, None))
                room.acquire()
                if stop.is_set():
                    return
            ready.put((_END, None))
        except Exception as error:
            ready.put((_END, error))

    threading.Thread(target=take, name="dirfa-voice", daemon=True).start()
    try:
        while True:
            try:
                piece, error = ready.get(timeout=patience)
            except queue.Empty:
                raise VoiceError(
                    f"a voice must give sound every {patience:g} s, {name} gave none; see why it hangs, or use another"
                ) from None
            if error is not None:
                raise error
            if piece is _END:
                return
            yield piece  # type: ignore[misc]
            room.release()
    finally:
        stop.set()
        room.release()
