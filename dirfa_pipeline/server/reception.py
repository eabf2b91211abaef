"""Admits visitors: a limited number at once; some more may wait, and the rest are refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from .metrics import Metrics


class FullError(Exception):
    """All places are taken, and so are those in the waiting line."""


class Reception:
    """
    The places of a server.

    Args:
        places (`int`): How many visitors are admitted at once.
        waiting (`int`): How many more may wait.
        metrics ([`Metrics`], *optional*): Counts the visitors.
    """

    def __init__(self, places: int, waiting: int, metrics: Metrics | None = None) -> None:
        self._free, self._most_waiting, self._metrics = places, waiting, metrics or Metrics()
        self._line: list[asyncio.Event] = []

    @asynccontextmanager
    async def place(self, tell: Callable[[int], Awaitable[None]] | None = None) -> AsyncIterator[None]:
        """
        Take a place for the duration of the block.

        Args:
            tell (`Callable`, *optional*): Called with the position in the line, counted from 1, whenever it changes.
                Without it, the visitor does not wait.

        Raises:
            FullError: No place is free, and the visitor cannot wait.
        """
        if self._free == 0 or self._line:
            await self._wait(tell)
        else:
            self._free -= 1
        self._metrics.add("sessions")
        self._metrics.add("sessions_total")
        try:
            yield
        finally:
            self._metrics.add("sessions", -1)
            self._free += 1
            self._move_up()

    async def _wait(self, tell: Callable[[int], Awaitable[None]] | None) -> None:
        if tell is None or len(self._line) >= self._most_waiting:
            self._metrics.add("refused_total")
            raise FullError
        moved = asyncio.Event()
        self._line.append(moved)
        self._metrics.add("waiting")
        try:
            while moved in self._line:
                moved.clear()
                await tell(self._line.index(moved) + 1)
                if moved in self._line:
                    await moved.wait()
        except BaseException:
            if moved in self._line:
                self._line.remove(moved)
            else:  # a place was just given to this visitor, who no longer needs it
                self._free += 1
            self._move_up()
            raise
        finally:
            self._metrics.add("waiting", -1)

    def _move_up(self) -> None:
        """Give a free place to the first in line, and wake all others so that they learn their new position."""
        if self._free and self._line:
            self._free -= 1
            self._line.pop(0).set()
        for moved in self._line:
            moved.set()
