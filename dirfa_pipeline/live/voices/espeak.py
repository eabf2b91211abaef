"""espeak-ng: a robotic voice in a hundred languages, without a network. It is GPL-3.0, so it runs as a program."""

import difflib
import subprocess
from functools import cache
from typing import Final

from ...errors import VoiceError
from .command import CommandVoice
from .voice import PATIENCE


ENGINE: Final = "espeak-ng"
LANGUAGE: Final = "en-us"
WORDS_A_MINUTE: Final = 150  # espeak-ng's default of 175 is faster than people speak


class EspeakVoice(CommandVoice):
    """
    The voice of espeak-ng.

    Args:
        language (`str`, defaults to `"en-us"`): One of [`languages`], optionally with a variant: `"de+f2"`.

    Raises:
        VoiceError: espeak-ng is not installed, or does not speak the language.
    """

    def __init__(self, language: str = LANGUAGE, patience: float = PATIENCE) -> None:
        super().__init__((ENGINE, "-v", language, "-s", str(WORDS_A_MINUTE), "--stdin", "--stdout"), patience)
        known = [code for code, _ in languages()]
        if language.partition("+")[0] not in known:
            nearest = difflib.get_close_matches(language, known, n=1, cutoff=0.0)
            raise VoiceError(f"{ENGINE} does not know the language {language!r}; did you mean {', '.join(nearest)!r}?")


@cache
def languages() -> tuple[tuple[str, str], ...]:
    """Codes and names of its languages, sorted by name; raises [`VoiceError`] if espeak-ng does not run."""
    try:
        table = subprocess.run([ENGINE, "--voices"], capture_output=True, text=True, check=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        raise VoiceError(f"{ENGINE} must be installed and run ({error}): apt-get install espeak-ng") from error
    rows = [line.split() for line in table.stdout.splitlines()[1:]]
    named = {row[1]: row[3].replace("_", " ") for row in rows if len(row) >= 4}
    return tuple(sorted(named.items(), key=lambda item: item[1]))
