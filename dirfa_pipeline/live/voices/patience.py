"""Iterating with a timeout over a source that may hang."""

import queue
import threading
from collections.abc import Iterator
from typing import Final, TypeVar

from ...errors import VoiceError


T = TypeVar("T")

AHEAD: Final = 64  # pieces that may be taken ahead of time
_END = object()


def with_patience(pieces: Iterator[T], patience: float, name: str) -> Iterator[T]:
    """
    Yield the pieces, taken in a separate thread.

    When iteration stops early, the thread ends only when the piece that it waits for arrives, so the owner of the
    source must stop the source.

    Raises:
        VoiceError: No piece came for `patience` seconds, or the source raised it.
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
                    f"a voice must give sound every {patience:g} s, {name} gave none; check why it hangs, or use "
                    "another voice"
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
