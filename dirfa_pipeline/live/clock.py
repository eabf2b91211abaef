"""The clock of a conversation; tests bring one that need not be waited for."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that pass."""

    def now(self) -> float:
        """Seconds since some moment."""

    async def sleep_until(self, moment: float) -> None:
        """Come back at `moment`; at once, but after others had their turn, where that is over."""


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep_until(self, moment: float) -> None:
        """Come back at `moment`."""
        await asyncio.sleep(max(0.0, moment - self.now()))
