"""Pulls chunks of sound from iterators without blocking the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from .utterance import Utterance


_END = object()


async def chunks_of(source: AsyncGenerator[Any, None], utterance: Utterance) -> AsyncGenerator[Any, None]:
    """Yield the chunks of `source` until the utterance is interrupted, even while waiting for one; then close it."""
    stopped = asyncio.ensure_future(utterance.stopped())
    try:
        while True:
            chunk = asyncio.ensure_future(anext(source, _END))
            try:
                await asyncio.wait({chunk, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not chunk.done():
                    chunk.cancel()
                    await asyncio.wait({chunk})
            if stopped.done() or chunk.cancelled():
                return
            if (value := chunk.result()) is _END:
                return
            yield value
    finally:
        stopped.cancel()
        await source.aclose()


async def pulled(source: Iterator[Any]) -> AsyncGenerator[Any, None]:
    """
    Yield the items of a plain iterator, taken in a separate thread, at most one ahead.

    A caller who stops early does not wait for the next item: the thread ends and closes the iterator when the item
    arrives.
    """
    loop, wanted, stop = asyncio.get_running_loop(), threading.Semaphore(1), threading.Event()
    items: asyncio.Queue[tuple[Any, BaseException | None]] = asyncio.Queue()

    def tell(item: Any, error: BaseException | None = None) -> None:
        try:
            loop.call_soon_threadsafe(items.put_nowait, (item, error))
        except RuntimeError:  # the event loop is closed
            stop.set()

    def pull() -> None:
        try:
            for item in source:
                tell(item)
                wanted.acquire()
                if stop.is_set():
                    break
            tell(_END)
        except Exception as error:
            tell(_END, error)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    threading.Thread(target=pull, name="dirfa-sound", daemon=True).start()
    try:
        while True:
            item, error = await items.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
            wanted.release()
    finally:
        stop.set()
        wanted.release()
