"""Media files opened for reading: files of this machine alone, and none that lead to others."""

import os
from io import BytesIO
from typing import Any, Final

import av

from ..errors import InputError


# What FFmpeg would read on its own: lists of other files, descriptions of streams in the network.
LISTS: Final = frozenset({"concat", "dash", "hls", "imf", "rtsp", "sdp", "webm_dash_manifest"})
OPTIONS: Final = {"protocol_whitelist": "file"}  # for what such a list names: nothing is fetched while it is looked at


def open_media(source: str | BytesIO, name: str) -> Any:
    """
    Open a file as PyAV's container, which the caller closes.

    Args:
        source (`str` or `io.BytesIO`): A path or a file's bytes. Paths are taken as such even where FFmpeg would see
            an address in them.
        name (`str`): What messages call it.

    Raises:
        InputError: A list of other files.
        FFmpegError, OSError, ValueError: Not media, or not there.
    """
    if isinstance(source, str):
        if not os.path.isfile(source):
            raise FileNotFoundError(f"there is no such file: {source}")
        source = os.path.abspath(source)
    container = av.open(source, metadata_errors="replace", options=OPTIONS)
    if LISTS & set(container.format.name.split(",")):
        container.close()
        raise InputError(f"{name} is a list of other files ({container.format.name}); pass the film or sound itself")
    return container
