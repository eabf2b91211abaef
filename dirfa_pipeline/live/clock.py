"""The clock of a conversation; tests replace it with one that does not wait."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds, and waits."""

    def now(self) -> float:
        """Seconds since an arbitrary fixed moment."""

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`. If it has passed, yield to other tasks once, then return."""


class SystemClock:
    """The monotonic clock of the operating system."""

    def now(self) -> float:
        """Seconds since an arbitrary fixed moment."""
        return time.monotonic()

    async def sleep_until(self, moment: float) -> None:
        """Return at `moment`."""
        await asyncio.sleep(max(0.0, moment - self.now()))
