"""Workers as local processes. They are spawned, because forking a process that has threads is unsafe."""

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import wait as wait_for
from typing import Any, Final

from .work import ONE_THREAD, Item, Make, Result, WorkersError


AHEAD: Final = 2  # items submitted per worker, so that a long list is not pickled all at once
MOST_BREAKS: Final = 8  # pools that may break in a row before any item is finished


def in_processes(make: Make[Item, Result], items: Sequence[Item], count: int) -> Iterator[Result]:
    """See [`Workers.map`]. If a process dies, its pool is replaced, and what was not finished is done again."""
    made, todo, breaks = pickle.dumps(make), list(reversed(items)), 0
    while todo:
        with _pool(count) as pool:
            running: dict[Future[Any], Item] = {}
            while todo or running:
                try:
                    while todo and len(running) < AHEAD * count:
                        running[pool.submit(_work, made, todo[-1])] = todo[-1]
                        todo.pop()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        del running[future]
                        breaks = 0
                        yield result
                except BrokenProcessPool:
                    breaks += 1
                    if breaks > MOST_BREAKS:
                        raise WorkersError(
                            f"workers died {breaks} times before any item was finished; there may be too little "
                            f"memory for {count}: try --workers 1"
                        ) from None
                    todo += reversed(running.values())
                    break


@contextmanager
def _pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each; they end with the block, and items that have not begun are cancelled."""
    with _environment(ONE_THREAD):  # for the whole block, because processes start when they are first needed
        pool = ProcessPoolExecutor(max(1, count), multiprocessing.get_context("spawn"), initializer=_end_with_parent)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """End this process when its parent ends, even if that is killed, because nobody would use its results."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(made: bytes, item: Any) -> Any:
    return _function(made)(item)


@cache
def _function(made: bytes) -> Callable[[Any], Any]:
    """This process's function, made when its first item arrives."""
    return pickle.loads(made)()
