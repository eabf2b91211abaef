"""What the parts of a server share: the pipeline, the faces and the open conversations."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import torch

from ..live.conversation import Conversation, ConversationEvent
from ..models.face_renderer import PreparedPortrait
from ..pipeline_dirfa import DirfaPipeline
from .metrics import Metrics
from .people import People
from .reception import Reception
from .settings import Settings


@dataclass
class House:
    """
    The shared state of a server.

    Args:
        pipe ([`DirfaPipeline`]): Draws the faces.
        people ([`People`]): The faces and voices that visitors can choose.
        settings ([`Settings`]): The server's limits.
    """

    pipe: DirfaPipeline
    people: People
    settings: Settings = field(default_factory=Settings)
    metrics: Metrics = field(default_factory=Metrics)
    conversations: set[Conversation] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reception = Reception(self.settings.max_sessions, self.settings.max_waiting, self.metrics)

    @asynccontextmanager
    async def open(
        self, face: PreparedPortrait, on_event: Callable[[ConversationEvent], None]
    ) -> AsyncIterator[Conversation]:
        """Open a conversation that is counted in the metrics and ends with the server."""
        seed = torch.Generator()
        seed.seed()
        async with self.pipe.converse(face, generator=seed, on_event=on_event) as conversation:
            self.conversations.add(conversation)
            try:
                yield conversation
            finally:
                self.conversations.discard(conversation)
                for name, count in _lost([conversation]).items():
                    self.metrics.add(name, count)

    def report(self) -> str:
        """The metrics in Prometheus' text format."""
        return self.metrics.text(_lost(self.conversations))

    async def close(self) -> None:
        """End all conversations."""
        for conversation in list(self.conversations):
            await conversation.close()


def _lost(conversations: Collection[Conversation]) -> dict[str, int]:
    """How many frames were not drawn, or drawn but not sent, by metric."""
    return {
        "frames_skipped_total": sum(conversation.skipped for conversation in conversations),
        "frames_unread_total": sum(conversation.unread for conversation in conversations),
    }
