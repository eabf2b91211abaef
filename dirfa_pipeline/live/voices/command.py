"""A program as a voice: it reads text from standard input and writes WAV to standard output."""

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


ENDING: Final = 0.5  # seconds to wait for a program to exit after its last sound
MOST_SAID: Final = 300  # characters of the program's error message that are passed on

_running: "set[subprocess.Popen[bytes]]" = set()


class CommandVoice:
    """
    Any program that reads a text and writes WAV, such as `("piper", "--model", "en.onnx", "--output_file", "-")`.

    It runs once for each text. Closing the iterator ends it, together with all processes that it started.

    Args:
        command (`Sequence[str]`): The program and its arguments; they are not passed through a shell.
        patience (`float`, defaults to 30): Seconds without sound after which to give up.

    Raises:
        VoiceError: The program is not found.
    """

    def __init__(self, command: Sequence[str], patience: float = PATIENCE) -> None:
        if not command or shutil.which(command[0]) is None:
            raise VoiceError(
                f"a voice's command must begin with an installed program, got {' '.join(command)!r}; install it or "
                "give its path"
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
    """Write the text to the program; this does not block, because the longest text fits into a pipe's buffer."""
    with suppress(BrokenPipeError), stdin:  # the program ended without reading; `_check_end` reports why
        stdin.write(text.encode() + b"\n")


def _read(stdout: IO[bytes], name: str) -> Iterator[AudioClip]:
    with stdout:  # closed in the thread that reads it
        yield from read_wav(stdout, name)


def _check_end(process: "subprocess.Popen[bytes]", name: str, complaints: IO[bytes]) -> None:
    """Raise [`VoiceError`] with the last line of the program's standard error if it failed."""
    try:
        status = process.wait(ENDING)
    except subprocess.TimeoutExpired:
        return  # it has given all its sound, or it hangs; the caller ends it either way
    if status:
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").strip().splitlines()
        said = lines[-1][:MOST_SAID] if lines else "it did not say why"
        raise VoiceError(f"a voice must speak to the end, {name} failed with status {status}: {said}")


def _end(process: "subprocess.Popen[Any]") -> None:
    """End the program and its children, if any of them is still running."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # already gone; macOS raises the second
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    _running.discard(process)


@atexit.register
def _end_all() -> None:
    """End the programs that are still running when Python exits, because their threads cannot do it any more."""
    for process in list(_running):
        _end(process)
