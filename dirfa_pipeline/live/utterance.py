"""An utterance of a face, and how much of it was heard."""

import asyncio

from .timeline import SOUND_RATE


class Utterance:
    """
    The speech between two flushes, interruptions or silences. Made by [`Conversation.say`].

    Args:
        number (`int`): Its number in the conversation, counted from 0.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.interrupted = False
        self.closed = False  # what is said from now on belongs to another utterance
        self.complete = False  # no more sound will be added to it
        self.said = self.handed = 0  # samples added, and samples handed out with frames
        self._over, self._stopped = asyncio.Event(), asyncio.Event()

    def __repr__(self) -> str:
        return f"Utterance({self.number}, {self.heard:.2f} of {self.seconds:.2f} s heard)"

    @property
    def seconds(self) -> float:
        """Its length so far."""
        return self.said / SOUND_RATE

    @property
    def heard(self) -> float:
        """Seconds of it that were handed out with frames."""
        return self.handed / SOUND_RATE

    @property
    def ended(self) -> bool:
        """Whether it was heard to the end, or interrupted."""
        return self._over.is_set()

    @property
    def is_heard(self) -> bool:
        """Whether all sound added so far was heard."""
        return self.handed >= self.said

    async def wait(self) -> None:
        """Wait until it has been heard to the end or interrupted, or the conversation has closed."""
        await self._over.wait()

    async def stopped(self) -> None:
        """Wait until it is interrupted or the conversation closes."""
        await self._stopped.wait()

    def end(self, interrupted: bool = False) -> None:
        """Mark it as over: nothing more of it will be heard."""
        self.complete, self.interrupted = True, self.interrupted or interrupted
        self._over.set()
        if interrupted:
            self._stopped.set()
