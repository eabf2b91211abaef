"""Typed text to speech through espeak-ng, where it is installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from ..errors import InputError


ENGINE: Final = "espeak-ng"
MAX_CHARACTERS: Final = 600
PATIENCE: Final = 60  # seconds


def find_engine() -> str | None:
    """The engine's path, or `None` where there is none."""
    return shutil.which(ENGINE)


def list_voices(engine: str) -> list[tuple[str, str]]:
    """Names and codes of the languages that the engine speaks, by name."""
    table = subprocess.run([engine, "--voices"], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    rows = [line.split() for line in table.splitlines()[1:]]
    return sorted({(row[3].replace("_", " "), row[1]) for row in rows if len(row) >= 4})


def speak(engine: str, text: str, voice: str, path: Path) -> None:
    """
    Write the text, spoken, to a wav file.

    Raises:
        InputError: No text, or more than 600 characters.
    """
    if not text.strip() or len(text) > MAX_CHARACTERS:
        raise InputError(f"text must hold 1 to {MAX_CHARACTERS} characters, got {len(text)}; shorten it")
    command = [engine, "-v", voice, "-s", "150", "-w", str(path), "--stdin"]
    subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=PATIENCE)
