"""An avatar that runs in the agent's own process: no second participant, no service, no key."""

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarOptions, AvatarRunner, AvatarSession, QueueAudioOutput

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.live.conversation import Conversation
from dirfa_pipeline.models.face_renderer import PreparedPortrait

from .generator import DirfaVideoGenerator


class DirfaAvatar(AvatarSession[str]):
    """
    A photo's face for an agent: `await avatar.start(session, ctx.room)` before `session.start(...)`.

    The agent publishes the face as its camera, and its voice with it, under its own name. `aclose` ends both.

    Args:
        pipe ([`DirfaPipeline`]): A loaded pipeline; several avatars may share it.
        image: The photo, as [`DirfaPipeline.converse`] takes it.
        max_size (`int`, defaults to 512): Longest side of the video.
        conversation: More arguments of `converse`: `fps`, `controls`, `generator`, `lookahead`.
    """

    def __init__(self, pipe: DirfaPipeline, image: Any, max_size: int = 512, **conversation: Any) -> None:
        super().__init__()
        self._pipe, self._image, self._max_size, self._conversation = pipe, image, max_size, conversation
        self._face: Conversation | None = None
        self._runner: AvatarRunner | None = None

    @property
    def avatar_identity(self) -> str:
        """The agent's own: there is no other participant."""
        return "" if self._room is None else self._room.local_participant.identity

    @property
    def provider(self) -> str:
        """Who makes the video."""
        return "dirfa-pipeline"

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:
        """Open the face, take the agent's sound over, and publish both."""
        await super().start(agent_session, room)
        image = await asyncio.to_thread(self._prepared)
        height, width = image.portrait.image.shape[:2]
        self._face = await self._pipe.converse(image, **self._conversation).__aenter__()
        queue = QueueAudioOutput(sample_rate=self._face.sampling_rate)
        options = AvatarOptions(width, height, self._face.fps, self._face.sampling_rate, audio_channels=1)
        self._runner = AvatarRunner(
            room, audio_recv=queue, video_gen=DirfaVideoGenerator(self._face), options=options
        )  # fmt: skip
        await self._runner.start()
        agent_session.output.audio = queue

    async def aclose(self) -> None:
        """Stop publishing, and close the face; the agent stays."""
        self._room = None  # else the base class sends the avatar out of the room, which is the agent itself
        await super().aclose()
        if self._runner is not None:
            await self._runner.aclose()
        if self._face is not None:
            await self._face.close()

    def _prepared(self) -> PreparedPortrait:
        if isinstance(self._image, PreparedPortrait):
            return self._image
        return self._pipe.face_renderer.prepare(self._pipe.prepare_portrait(self._image, self._max_size))
