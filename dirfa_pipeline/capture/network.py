"""A small trained network in a file, run by LiteRT."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ..errors import CheckpointError


Array = NDArray[np.float32]

QUIET: Final = threading.Lock()


class Network:
    """
    A network that takes one array and gives one or several. It may be used by one thread at a time.

    Args:
        path (`Path`): A `.tflite` file.

    Raises:
        CheckpointError: The file is missing or holds no network; the message names it.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; download or save the checkpoint again")
        try:
            with _c_errors_muted():
                # One thread: the networks take a few milliseconds, and several would only wait for each other.
                self._interpreter = Interpreter(model_content=path.read_bytes(), num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} holds no network ({error}); download or save the checkpoint again"
            ) from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, values: Array) -> list[Array]:
        """All outputs for an input without its batch axis; the outputs keep theirs, of length 1."""
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _c_errors_muted() -> Iterator[None]:
    """
    Keep LiteRT's greeting, which no setting turns off, from the terminal.

    Only C's own stream is pointed elsewhere. Python, and with it the tracebacks of other threads, does not use it, and
    the process's standard error stays as it is. Where C has no such variable, the greeting is shown.
    """
    muted = _muted_stream()
    if muted is None:
        yield
        return
    stream, null = muted
    with QUIET:
        before, stream.value = stream.value, null
        try:
            yield
        finally:
            stream.value = before


@cache
def _muted_stream() -> tuple[ctypes.c_void_p, int] | None:
    """C's variable `stderr`, and a stream to nowhere, which stays open: another thread may be about to write to it."""
    try:
        library = ctypes.CDLL(None)
        variable = ctypes.c_void_p.in_dll(library, "stderr")
    except (OSError, TypeError, ValueError):
        return None
    library.fopen.restype = ctypes.c_void_p
    library.fopen.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    null = library.fopen(os.devnull.encode(), b"w")
    return (variable, null) if null else None
