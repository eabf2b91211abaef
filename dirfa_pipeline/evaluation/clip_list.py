"""
The list of clips that an evaluation runs over, and the one of held-out clips that this project reports.

    python -m dirfa_pipeline.evaluation.clip_list --data DATA --output held_out.tsv

A list is a TSV file with a header, or a JSON array of objects. Columns: `audio` (sound or video file); `photo` (empty:
a frame of `video`), `video` (the real face saying it, if there is one), `text` (all that is said, if known: lips are
scored against phones only then), `language` (`en` by default; phones are looked for in English only), `person` (real
clips of one person give the real diversity).
Files are named relative to a data folder, or to the list's own.
"""

import argparse
import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from ..errors import InputError
from ..media.files import whole_file


COLUMNS: Final = ("audio", "photo", "video", "text", "language", "person")


@dataclass(frozen=True)
class ClipEntry:
    """One line of the list; paths are absolute or relative to the working folder, `None` where there is none."""

    audio: Path
    photo: Path | None = None
    video: Path | None = None
    text: str = ""
    language: str = "en"
    person: str = ""

    @property
    def name(self) -> str:
        return self.audio.stem

    @property
    def scored_by_phones(self) -> bool:
        """Whether it is known what is said, and in English, which is all that pocketsphinx aligns."""
        return bool(self.text) and self.language.startswith("en")


def read_clip_list(path: Path, data: Path | None = None) -> list[ClipEntry]:
    """
    Read and check a list; files are looked for in `data`, or next to the list.

    Raises:
        InputError: Not such a list, or a line that names a missing file or has neither photo nor video; says which.
    """
    try:
        text = path.read_text(encoding="utf-8")
        rows: Any = json.loads(text) if path.suffix == ".json" else _read_table(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"the list {path} cannot be read ({error}); pass a .tsv or .json file of clips") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"the list {path} must hold one clip a line or more, under the columns {', '.join(COLUMNS)}")
    return [_read_entry(row, f"{path}, clip {number}", data or path.parent) for number, row in enumerate(rows, 1)]


def _read_table(text: str) -> list[dict[str, str | None]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def _read_entry(row: dict[str, Any], where: str, folder: Path) -> ClipEntry:
    unknown = [str(name) for name in row if name not in COLUMNS]
    if unknown:
        raise InputError(f"{where}: unknown column {unknown[0]!r}; columns are {', '.join(COLUMNS)}")
    values = {name: str(value).strip() for name, value in row.items() if value is not None}
    paths = {name: folder / values[name] for name in ("audio", "photo", "video") if values.get(name)}
    if "audio" not in paths:
        raise InputError(f"{where}: the column audio is needed, got nothing; name a sound or video file")
    if "photo" not in paths and "video" not in paths:
        raise InputError(f"{where}: photo or video is needed, got neither; name a picture of a face")
    for name, file in paths.items():
        if not file.is_file():
            raise InputError(f"{where}: {name} not found: {file}; pass --data with the folder that holds it")
    words = {name: values[name] for name in ("text", "language", "person") if values.get(name)}
    return ClipEntry(**paths, **words)  # type: ignore[arg-type]


# Held-out clips of training.held_out that last 7 s or more, and the person each shows: two clips of one person tell
# how far two real performances are apart.
HELD_OUT_VIDEOS: Final = {
    "KristiNoem": "Noem", "reagan_clip1": "Reagan", "latentsync_1": "latentsync",
    "andrew_clip_1": "andrew", "andrew_clip_2": "andrew",
}  # fmt: skip
# Driving samples of 7 s or more, never trained on, with their language.
HELD_OUT_SAMPLES: Final = {
    "sadtalker_RD_Radio31_000": "en", "sadtalker_RD_Radio34_002": "en", "anitalker_english_male": "en",
    "anitalker_english_female": "en", "nvidia_Claire_neutral": "en", "nvidia_Mark_outofbreath": "en",
    "sense_and_sensibility_01_austen_64kb-0870": "en", "dreamtalk_German1": "de", "dreamtalk_italian1": "it",
    "dreamtalk_korean1": "ko", "dreamtalk_chinese1_haierlizhi": "zh", "sadtalker_chinese_news": "zh",
    "sadtalker_japanese": "ja",
}  # fmt: skip
# What is said in clips that come without their text, as far as it could be made out with certainty. Clips that are
# trained on serve as real ones to compare with.
KNOWN_TEXTS: Final = {
    "KristiNoem": "South Dakota has done a great job fighting the spread of covet nineteen together we've flattened "
    "our curve and we have the hospital capacity to care for those who need it that's why I've announced a plan to "
    "start getting South Dakota back to normal this plan continues to rely on South Dakotans to exercise common sense",
    "Obama_clip1": "speak with you about the battle we're waging against an oil spill that is assaulting our shores "
    "and our citizens on April twentieth an explosion ripped through B P Deepwater Horizon drilling rig about forty "
    "miles off the coast of Louisiana eleven workers lost their lives seventeen others",
    "Obama_clip3": "I could not be prouder of everything you've done in your time with the Obama Foundation and of "
    "course I couldn't be prouder of all of you in the graduating class of twenty twenty as well as the teachers and "
    "the coaches and most of all parents and family who guided you along the way",
    "reagan_clip1": "the resurgence of national pride that I called the new patriotism this national feeling is good "
    "but it won't count for much and it won't last unless it's grounded in thoughtfulness and knowledge an informed "
    "patriotism is what we want and are we doing a good enough job teaching our children what America is and what she "
    "represents in the long history of the world",
    "anitalker_english_male": "imagination is more important than knowledge for knowledge is limited whereas "
    "imagination embraces the entire world stimulating progress giving birth to evolution",
    "nvidia_Mark_outofbreath": "the beige hue on the waters of the loch impressed all including the French queen "
    "before she heard that symphony again just as young Arthur wanted",
}  # fmt: skip
# Readers that the audio encoder was not trained on: utterances of 7 s or more, whose text comes with them.
HELD_OUT_READINGS: Final = (
    "1688-142285-0000", "1688-142285-0001", "1688-142285-0006", "1688-142285-0007", "3080-5032-0001",
    "3080-5032-0002", "3080-5032-0005", "3080-5032-0006", "3080-5032-0007", "3080-5032-0008",
)  # fmt: skip
# Photos of people on whom nothing was tuned.
HELD_OUT_PHOTOS: Final = (
    "webmorph/inst_canada_003f.jpg", "webmorph/inst_canada_095m.jpg", "webmorph/inst_neutral_front_013_03.jpg",
    "pif/fellows__2024__ai__pranava-raparla-headshot.jpg", "pif/fellows__2024__richard-abisla.jpg",
    "pif/_fellows__2023__eboni-freeman-headshot.jpg",
)  # fmt: skip
DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRID_CODES: Final[tuple[dict[str, str], ...]] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    dict(zip("z123456789", DIGITS, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)  # fmt: skip


def grid_sentence(name: str) -> str:
    """What a clip of the GRID corpus says, from its name: six words, one letter each (Cooke et al., 2006)."""
    return " ".join(codes.get(letter, letter) for codes, letter in zip(GRID_CODES, name, strict=True))


def held_out_clips(data: Path) -> Iterator[ClipEntry]:
    """This project's evaluation list, with paths relative to `data`; long clips first, then GRID's of 3 s."""
    for name, person in HELD_OUT_VIDEOS.items():
        video = Path("video/in_the_wild") / f"{name}.mp4"
        yield ClipEntry(audio=video, video=video, text=KNOWN_TEXTS.get(name, ""), person=person)
    photos = itertools.cycle(Path("photos") / name for name in HELD_OUT_PHOTOS)
    for name, language in HELD_OUT_SAMPLES.items():
        audio = Path("speech/samples") / f"{name}.flac"
        words = data / audio.with_suffix(".txt")
        text = " ".join(words.read_text(encoding="utf-8").split()) if words.is_file() else KNOWN_TEXTS.get(name, "")
        yield ClipEntry(audio=audio, photo=next(photos), text=text, language=language)
    readings = _read_table((data / "speech" / "librispeech" / "metadata.tsv").read_text(encoding="utf-8"))
    texts = {str(row["file"]): row["text"] or "" for row in readings}
    for name in HELD_OUT_READINGS:
        audio = Path("speech/librispeech") / f"{name}.opus"
        yield ClipEntry(audio=audio, photo=next(photos), text=texts[audio.name])
    for path in sorted((data / "video" / "grid_others").glob("??????.mp4")):
        video = path.relative_to(data)
        yield ClipEntry(audio=video, video=video, text=grid_sentence(path.stem), person=path.stem)


def write_clip_list(entries: Sequence[ClipEntry], path: Path) -> None:
    """Write a list as TSV, whole or not at all."""
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(ClipEntry)], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in asdict(e).items()} for e in entries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the list of held-out clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with video/, speech/ and photos/")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    write_clip_list(list(held_out_clips(options.data)), options.output)


if __name__ == "__main__":
    main()
