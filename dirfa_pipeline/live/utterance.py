"""One thing that a face says, and how much of it was heard."""

import asyncio

from .timeline import SOUND_RATE


class Utterance:
    """
    What was said between two flushes, interruptions or silences; made by [`Conversation.say`].

    Args:
        number (`int`): Counts the utterances of a conversation from 0.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.interrupted = False
        self.closed = False  # what is asked to be said from now on belongs to another one
        self.complete = False  # nothing more will be said in it
        self.said = self.handed = 0  # samples
        self._over, self._stopped = asyncio.Event(), asyncio.Event()

    def __repr__(self) -> str:
        return f"Utterance({self.number}, {self.heard:.2f} of {self.seconds:.2f} s heard)"

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.said / SOUND_RATE

    @property
    def heard(self) -> float:
        """Seconds of it that were handed out with frames."""
        return self.handed / SOUND_RATE

    @property
    def ended(self) -> bool:
        """Whether it was heard to its end, or interrupted."""
        return self._over.is_set()

    @property
    def is_heard(self) -> bool:
        """Whether all that was said so far was heard."""
        return self.handed >= self.said

    async def wait(self) -> None:
        """Wait until it was heard to its end, interrupted, or the conversation closed."""
        await self._over.wait()

    async def stopped(self) -> None:
        """Wait until it is interrupted, or the conversation closed."""
        await self._stopped.wait()

    def end(self, interrupted: bool = False) -> None:
        """Nothing more of it will be heard."""
        self.complete, self.interrupted = True, self.interrupted or interrupted
        self._over.set()
        if interrupted:
            self._stopped.set()
