"""`dirfa serve` in a process of its own: what the tests do does not hold it up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


# Says 0.3 s of noise for each word.
VOICE = """
import random, sys, wave
noise = random.Random(0).randbytes(7200 * 2 * len(sys.stdin.read().split()))
with wave.open(sys.argv[1], "wb") as sound:
    sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(24000)
    sound.writeframes(noise)
sys.stdout.buffer.write(open(sys.argv[1], "rb").read())
"""


@dataclass(frozen=True)
class Served:
    """A server that runs: its address, its process, and where what it complains of is kept."""

    address: str
    process: "subprocess.Popen[str]"
    complaints: Path


@contextmanager
def served(photo: Path, folder: Path, *options: str) -> Iterator[Served]:
    """Start it, and stop it in the end."""
    (folder / "voice.py").write_text(VOICE)
    voice = f"command:{sys.executable} {folder / 'voice.py'} {folder / 'said.wav'}"
    command = [sys.executable, "-m", "dirfa_pipeline", "serve", str(photo), "--port", "0", "--voice", voice, *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    complaints = folder / "complaints.txt"
    with (
        open(complaints, "w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, complaints.read_text()
        yield Served(address, process, complaints)
        process.terminate()
        process.wait(60)
