"""Who may come in: so many at once, some wait, the others are sent away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from .metrics import Metrics


class FullError(Exception):
    """There is no place, and none to wait."""


class Reception:
    """
    Places of a server.

    Args:
        places (`int`): At once.
        waiting (`int`): How many may wait.
        metrics ([`Metrics`], *optional*): Where guests are counted.
    """

    def __init__(self, places: int, waiting: int, metrics: Metrics | None = None) -> None:
        self._free, self._most_waiting, self._metrics = places, waiting, metrics or Metrics()
        self._line: list[asyncio.Event] = []

    @asynccontextmanager
    async def place(self, tell: Callable[[int], Awaitable[None]] | None = None) -> AsyncIterator[None]:
        """
        Take a place, and give it back in the end.

        Args:
            tell (`Callable`, *optional*): Called with the number of those who come first and oneself, whenever it
                changes; without it nobody waits.

        Raises:
            FullError: There is none.
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
            else:  # was just given a place
                self._free += 1
            self._move_up()
            raise
        finally:
            self._metrics.add("waiting", -1)

    def _move_up(self) -> None:
        """Give the first in line a place that is free; tell the others."""
        if self._free and self._line:
            self._free -= 1
            self._line.pop(0).set()
        for moved in self._line:
            moved.set()
