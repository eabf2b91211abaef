"""Clocks that need not be waited for."""

import asyncio


class FakeClock:
    """Time that jumps to whatever is waited for; `seconds` can be changed at will."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep_until(self, moment: float) -> None:
        self.seconds = max(self.seconds, moment)
        await asyncio.sleep(0)
