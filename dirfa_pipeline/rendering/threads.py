"""Work that other threads do ahead, given back in its order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar


Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD: Final = 2  # items that each thread may work ahead, so that a slow reader of the results keeps no thread waiting


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """
    Yield what `work` makes of each item, in order, while other threads work on the next ones.

    Args:
        items: Made in the caller's thread, a few of them ahead.
        threads (`int`): How many others; with none the caller's own does the work, as results are asked for.
    """
    if threads == 0:
        yield from map(work, items)
        return
    ahead: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:  # what nobody takes any more is not done
        pool.shutdown(cancel_futures=True)
