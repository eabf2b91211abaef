"""The recorded sources of the speech corpus: their files, texts and speakers."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import InputError
from .held_out import GRID_VALIDATION_CLIPS


HELD_OUT_LIBRISPEECH: Final = ("ls1688", "ls3080")
COLUMNS: Final = ("file", "speaker", "text")


class Recording(NamedTuple):
    """A sound file, its complete text (empty if unknown) and its speaker."""

    path: Path
    text: str
    speaker: str


def speechocean(data: Path) -> list[Recording]:
    """The train split of speechocean762."""
    folder = data / "speech" / "speechocean762"
    rows = read_table(folder / "metadata.tsv", (*COLUMNS, "split"))
    return [recording_of(row, folder) for row in rows if row["split"] == "train"]


def librispeech(data: Path) -> list[Recording]:
    """LibriSpeech's readers with transcripts, except the held-out ones."""
    folder = data / "speech" / "librispeech"
    rows = read_table(folder / "metadata.tsv")
    return [recording_of(row, folder) for row in rows if row["text"] and row["speaker"] not in HELD_OUT_LIBRISPEECH]


def untranscribed(data: Path) -> list[Recording]:
    """LibriSpeech's readers without transcripts."""
    folder = data / "speech" / "librispeech"
    return [recording_of(row, folder) for row in read_table(folder / "metadata.tsv") if not row["text"]]


def ljspeech(data: Path) -> list[Recording]:
    folder = data / "speech" / "ljspeech"
    return [recording_of(row, folder) for row in read_table(folder / "metadata.tsv")]


def grid(data: Path) -> list[Recording]:
    """GRID's speaker 1, except the clips kept for validation."""
    paths = sorted((data / "video" / "grid_s1").glob("*.mp4"))[:-GRID_VALIDATION_CLIPS]
    return [Recording(path, grid_text(path), "grid_s1") for path in paths]


def grid_text(path: Path) -> str:
    """The text of a GRID clip, from the word times in the folder `align/` next to it."""
    times = path.parent / "align" / f"{path.stem}.align"
    if not times.is_file():
        raise InputError(f"{times} not found; it must hold the words of {path.name}, one per line: start, end, word")
    words = [line.split()[2] for line in times.read_text().split("\n") if line.strip()]
    return " ".join(word for word in words if word not in ("sil", "sp"))


def own_recordings(data: Path) -> list[Recording]:
    """Recordings from any folder with a metadata.tsv, without LibriSpeech's held-out readers under either name."""
    held_out = {*HELD_OUT_LIBRISPEECH, *(speaker.removeprefix("ls") for speaker in HELD_OUT_LIBRISPEECH)}
    return [recording_of(row, data) for row in read_table(data / "metadata.tsv") if row["speaker"] not in held_out]


RECORDED: Final[Mapping[str, Callable[[Path], list[Recording]]]] = {
    "speechocean": speechocean, "librispeech": librispeech, "ljspeech": ljspeech, "grid": grid,
    "untranscribed": untranscribed, "recordings": own_recordings,
}  # fmt: skip


def english_sentences(data: Path) -> list[str]:
    """Texts for synthetic voices: the transcripts of LibriSpeech, LJ Speech and speechocean762, without duplicates."""
    texts = [recording.text for source in (librispeech, ljspeech, speechocean) for recording in source(data)]
    return list(dict.fromkeys(text.lower().strip(' "') for text in texts))


def recording_of(row: dict[str, str], folder: Path) -> Recording:
    return Recording(folder / row["file"], row["text"], row["speaker"])


def read_table(path: Path, columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """
    Read the rows of a tab-separated table with a header.

    Raises:
        InputError: The file is missing, lacks a column, or has a row with fewer or more cells than its header.
    """
    if not path.is_file():
        raise InputError(f"{path} not found; it must list the recordings under the columns {', '.join(columns)}")
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = reader.fieldnames or ()
        missing = [name for name in columns if name not in names]
        if missing:
            raise InputError(f"{path} lacks the column {missing[0]}; it needs {', '.join(columns)}")
        rows = list(reader)
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InputError(f"{path}, row {number} must have {len(names)} cells, as its header has; check its tabs")
    return rows
