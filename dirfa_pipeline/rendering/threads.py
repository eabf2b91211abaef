"""Frames drawn in several threads at once, and given back in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar


Item = TypeVar("Item")
Frame = TypeVar("Frame")

AHEAD: Final = 2  # frames that each thread has before it: whoever takes them slowly keeps none waiting


def in_threads(draw: Callable[[Item], Frame], items: Iterable[Item], threads: int) -> Iterator[Frame]:
    """
    Yield what `draw` makes of each item, in order, while threads draw the next ones.

    One thread draws when it is asked to; what is not taken any more is not drawn. NumPy, OpenCV and compiled loops let
    other threads run while they work.
    """
    if threads == 1:
        yield from map(draw, items)
        return
    ahead: deque[Future[Frame]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            if len(ahead) == AHEAD * threads:
                yield ahead.popleft().result()
            ahead.append(pool.submit(draw, item))
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
