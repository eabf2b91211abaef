"""Checks whether a video is marked as AI-generated, and whether the marks are valid."""

import os
from dataclasses import dataclass

from av.error import FFmpegError

from ..errors import InputError
from ..media.opening import open_media
from ..media.video import read_video
from .credentials import Credentials, read_credentials
from .finding import Finding, find_watermark
from .pattern import PUBLIC_KEY


@dataclass(frozen=True)
class Provenance:
    """
    The marks found in a video.

    Args:
        comment (`str`, *optional*): The container's comment.
        credentials ([`Credentials`], *optional*): The content credentials.
        watermark ([`Finding`], *optional*): The best result of the search for the watermark; `None` if the clip is
            too short to search.
    """

    comment: str | None
    credentials: Credentials | None
    watermark: Finding | None

    @property
    def marked(self) -> bool:
        """Whether intact credentials or the watermark show that the video was generated."""
        stated = self.credentials is not None and self.credentials.intact and self.credentials.source_type is not None
        return stated or (self.watermark is not None and self.watermark.found)


def verify(path: str | os.PathLike[str], key: int = PUBLIC_KEY) -> Provenance:
    """
    Read a video's credentials and metadata, and search for the watermark.

    Args:
        path: Any video file; nothing is fetched from the network.
        key (`int`): The key of the watermark's patterns.

    Raises:
        InputError: The file is not a video.
    """
    video = read_video(path)
    try:
        with open_media(os.fspath(path), os.fspath(path)) as container:
            told = {name.lower(): text for name, text in container.metadata.items()}  # WebM writes names in capitals
    except (FFmpegError, OSError) as error:
        raise InputError(f"{os.fspath(path)} cannot be read as a video ({error})") from error
    return Provenance(told.get("comment"), read_credentials(path), find_watermark(video.frames, video.fps, key))
