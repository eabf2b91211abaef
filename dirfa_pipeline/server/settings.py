"""What a server allows."""

from dataclasses import dataclass

from ..errors import InputError


LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """
    Limits of a server; the defaults suit one visitor or two on a small machine.

    Args:
        host (`str`): Where it listens; on a loopback address only requests to such an address are answered.
        token (`str`, *optional*): What requests must bring, as `Authorization: Bearer ...` or `?token=...`.
        max_sessions (`int`): Conversations at once.
        max_waiting (`int`): Visitors who wait for a place; more are sent away.
        max_seconds (`float`): Length of a conversation.
        max_size (`int`): Longest side of the frames in pixels.
        max_body (`int`): Bytes of a request.
        max_message (`int`): Bytes of a WebSocket message: 10 s of sound.
        max_texts (`int`): Texts and pieces of sound that wait to be said.
        max_faults (`int`): Malformed messages after which a conversation is closed.
        max_generate_seconds (`float`): Length of the speech of a generated video.
        max_generating (`int`): Requests for videos that wait, beside the one that is made.

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
        """Whether only this machine is answered."""
        return self.host in LOOPBACK
