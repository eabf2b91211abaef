"""A program as a voice: text in by its standard input, WAV out by its standard output."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, Final

from ...errors import VoiceError
from ...media.audio import AudioClip
from .patience import with_patience
from .voice import PATIENCE, check_text
from .wav import read_wav


ENDING: Final = 0.5  # seconds that a program has to end after its last sound
MOST_SAID: Final = 300  # characters of a complaint that are passed on

_running: "set[subprocess.Popen[bytes]]" = set()


class CommandVoice:
    """
    Any program that reads a text and writes WAV, such as `("piper", "--model", "en.onnx", "--output_file", "-")`.

    It runs once for each text, and is ended, with all that it started, when the iterator is closed.

    Args:
        command (`Sequence[str]`): The program and its arguments; no shell sees them.
        patience (`float`, defaults to 30): Seconds without sound after which it is given up.

    Raises:
        VoiceError: There is no such program.
    """

    def __init__(self, command: Sequence[str], patience: float = PATIENCE) -> None:
        if not command or shutil.which(command[0]) is None:
            raise VoiceError(
                f"a voice's command must begin with a program, {' '.join(command)!r} does not; install it or give "
                "its path"
            )
        self.command, self.patience = tuple(command), patience

    def speak(self, text: str) -> Iterator[AudioClip]:
        """Say the text; see [`Voice`]."""
        return self._speak(check_text(text))

    def _speak(self, text: str) -> Iterator[AudioClip]:
        name = self.command[0]
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, bufsize=0,
                start_new_session=True,
            )  # fmt: skip
            _running.add(process)
            assert process.stdin and process.stdout
            try:
                _write(process.stdin, text)
                yield from with_patience(_read(process.stdout, name), self.patience, name)
                _check_end(process, name, complaints)
            except VoiceError:
                _check_end(process, name, complaints)
                raise
            finally:
                _end(process)


def _write(stdin: IO[bytes], text: str) -> None:
    """Pass the text on: it fits into a pipe, so that this does not wait for the program."""
    with suppress(BrokenPipeError), stdin:  # it ended before it read: what it said of that is told
        stdin.write(text.encode() + b"\n")


def _read(stdout: IO[bytes], name: str) -> Iterator[AudioClip]:
    with stdout:  # closed by the thread that reads it
        yield from read_wav(stdout, name)


def _check_end(process: "subprocess.Popen[bytes]", name: str, complaints: IO[bytes]) -> None:
    """Raise [`VoiceError`] with the last line of its complaints if the program failed."""
    try:
        status = process.wait(ENDING)
    except subprocess.TimeoutExpired:
        return  # it gave all its sound and stays, or it hangs
    if status:
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").strip().splitlines()
        said = lines[-1][:MOST_SAID] if lines else "it did not say why"
        raise VoiceError(f"a voice must speak to the end, {name} failed with status {status}: {said}")


def _end(process: "subprocess.Popen[Any]") -> None:
    """End the program and its children, if any of them still runs."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # they are gone; macOS says the second
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    _running.discard(process)


@atexit.register
def _end_all() -> None:
    """End programs that threads still wait for: Python leaves those threads where they are."""
    for process in list(_running):
        _end(process)
