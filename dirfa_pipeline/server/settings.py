"""The limits of a server."""

from dataclasses import dataclass

from ..errors import InputError


LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """
    The limits of a server. The defaults suit one or two visitors on a small machine.

    Args:
        host (`str`): The address to listen at. On a loopback address, only requests to a loopback address are
            answered.
        token (`str`, *optional*): Required of requests as `Authorization: Bearer ...` or `?token=...`.
        max_sessions (`int`): Most conversations at once.
        max_waiting (`int`): Most visitors waiting for a place; any more are refused.
        max_seconds (`float`): Longest conversation, in seconds.
        max_size (`int`): Longest side of the frames, in pixels.
        max_body (`int`): Most bytes in a request.
        max_message (`int`): Most bytes in a WebSocket message; the default holds 10 s of sound.
        max_texts (`int`): Most texts and pieces of sound waiting to be said.
        max_faults (`int`): Malformed messages after which a conversation is closed.
        max_generate_seconds (`float`): Longest speech of a generated video, in seconds.
        max_generating (`int`): Most requests for videos waiting while one is made.

    Raises:
        InputError: A limit is not positive.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    max_sessions: int = 2
    max_waiting: int = 8
    max_seconds: float = 3600.0
    max_size: int = 512
    max_body: int = 32 * 2**20
    max_message: int = 2**19
    max_texts: int = 64
    max_faults: int = 50
    max_generate_seconds: float = 120.0
    max_generating: int = 4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.startswith("max_") and not value > (-1 if name in ("max_waiting", "max_generating") else 0):
                raise InputError(f"--{name.replace('_', '-')} must be positive, got {value}")

    @property
    def is_local(self) -> bool:
        """Whether the server answers only requests from its own machine."""
        return self.host in LOOPBACK
