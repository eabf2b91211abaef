"""What a command makes of its process: standard error that is always there, and messages in lines of its own."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from . import progress


def open_standard_error() -> None:
    """
    Open the null device as standard error where the process was started without one.

    Else the next file that is opened, the video perhaps, would become the process's standard error, and libraries
    would write their messages into it.
    """
    try:
        os.fstat(2)
    except OSError:
        opened = os.open(os.devnull, os.O_WRONLY)
        if opened != 2:
            os.dup2(opened, 2)
            os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open for as long as the process lives


@contextmanager
def messages_as_lines(debug: bool = False, about: str = "") -> Iterator[None]:
    """
    Show what warns the user as lines `dirfa: warning: ...`: each `UserWarning`, and what this package logs.

    Args:
        debug (`bool`): Whether warnings meant for programmers are shown as well.
        about (`str`): What each line begins with, such as the file that is being worked on.
    """
    handler, logger = _Lines(about), logging.getLogger(__name__.partition(".")[0])
    logger.addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("default" if debug else "ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: progress(f"{about}warning: {message}")
        try:
            yield
        finally:
            logger.removeHandler(handler)


class _Lines(logging.Handler):
    """Writes records as the command writes its own messages."""

    def __init__(self, about: str) -> None:
        super().__init__(logging.WARNING)
        self._about = about

    def emit(self, record: logging.LogRecord) -> None:
        progress(f"{self._about}warning: {record.getMessage()}")
