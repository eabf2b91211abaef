"""
Keeps the results of benchmarks in files, and the figures in the documents equal to them.

Each file `results/NAME.json` has the command, the commit, the machine and the hash of the weights, and: `values`,
which a benchmark replaces with `--record`; `beside`, which it does not change (earlier versions, other machines); and
`told`, the places in the documents that show the figures. A place has a page, the beginning of a line, and a text in
which `{name:.2f}` stands for a value. Recording updates these places.

    python benchmarks/results.py    compares the documents with the results, as the tests do
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from string import Formatter
from typing import Any, Final

import torch


ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
MANY_FILES: Final = 20  # arguments in a row that a kept command names one by one
HASH_LENGTH: Final = 16  # hexadecimal digits, enough to distinguish sets of weights


@dataclass(frozen=True)
class Place:
    """A place in the documents: a page, the beginning of a line, and a text in it with names for values."""

    page: str
    line: str
    text: str


@dataclass(frozen=True)
class Result:
    """A run of a benchmark, and the places that show its figures."""

    command: str
    commit: str
    date: str
    machine: str
    weights: str
    note: str = ""
    values: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    told: list[Place] = field(default_factory=list)

    def tell(self, place: Place) -> str:
        """The text of a place, with figures in place of names."""
        return FIGURES.format(place.text, **{"values": self.values | self.beside})


class Figures(Formatter):
    """Formats values whose names contain dots; omits the zero before the point, except with formats like `0.2f`."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return kwargs["values"][field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        plus, form = "+" * format_spec.startswith("+"), format_spec.lstrip("+")
        text = format(float(value), f"{plus}z{form}")  # z: no minus before a zero
        bare = not form.startswith("0") and text.lstrip("+-").startswith("0.")
        return text.replace("0.", ".", 1) if bare else text


FIGURES: Final = Figures()


def read(path: Path) -> Result:
    """Read a file of results."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return Result(**fields | {"told": [Place(**place) for place in fields["told"]]})


def read_all() -> dict[str, Result]:
    """Read all results, by name."""
    return {path.stem: read(path) for path in sorted(RESULTS.glob("*.json"))}


def write(name: str, result: Result) -> None:
    """Write a file of results."""
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def add_option(parser: argparse.ArgumentParser, name: str) -> None:
    """Add `--record [NAME]` to a benchmark's arguments."""
    parser.add_argument(
        "--record", nargs="?", const=name, metavar="NAME",
        help=f"save the figures in benchmarks/results/{name}.json and update the documents",
    )  # fmt: skip


def record(name: str | None, values: Mapping[str, float], weights: str | os.PathLike[str], note: str = "") -> None:
    """
    Save the figures of this run, if `--record` was given, and update the documents.

    Args:
        name (`str`, *optional*): The name given to `--record`; with `None`, nothing happens.
        values: All figures by name; dots group them, as in `ours.lip_error`.
        weights: The folder whose hash is saved, or the name of the bundled weights.
        note (`str`): A remark that is needed to interpret the figures.

    Raises:
        KeyError: The documents show a figure that this run does not have.
    """
    if name is None:
        return
    path = RESULTS / f"{name}.json"
    before = read(path) if path.exists() else None
    result = Result(
        command_line(), commit(), datetime.now(UTC).date().isoformat(), machine(), hash_of(weights), note,
        {key: round(float(value), 6) for key, value in values.items()},
        before.beside if before else {}, before.told if before else [],
    )  # fmt: skip
    texts = [(place, before.tell(place), result.tell(place)) for place in result.told] if before else []
    for place, old, new in texts:
        put(place, old, new)
    write(name, result)
    print(f"recorded in {path.relative_to(ROOT)}; {sum(old != new for _, old, new in texts)} places changed")


def find_line(place: Place, text: str | None = None) -> tuple[list[str], int]:
    """
    The lines of a page, and the index of the one that begins with `place.line` and, if there are several, has `text`.

    Raises:
        LookupError: There is no such line, or more than one.
    """
    lines = (ROOT / place.page).read_text(encoding="utf-8").split("\n")
    found = [number for number, line in enumerate(lines) if line.startswith(place.line)]
    if len(found) > 1 and text is not None:
        found = [number for number in found if text in lines[number]]
    if len(found) != 1:
        raise LookupError(f"{place.page} has {len(found)} lines that begin with {place.line!r}; one is needed")
    return lines, found[0]


def put(place: Place, old: str, new: str) -> None:
    """Replace a text in its line of a page."""
    lines, number = find_line(place, old)
    if old not in lines[number]:
        raise LookupError(f"{place.page} should tell {old!r} in the line that begins with {place.line!r}")
    lines[number] = lines[number].replace(old, new, 1)
    (ROOT / place.page).write_text("\n".join(lines), encoding="utf-8")


def differences(results: Mapping[str, Result]) -> Iterator[str]:
    """Where the documents differ from the results."""
    for name, result in results.items():
        for place in result.told:
            try:
                text = result.tell(place)
                lines, number = find_line(place, text)
            except (LookupError, ValueError) as error:
                yield f"{name}: {error}"
                continue
            if text not in lines[number]:
                yield f"{place.page}: {name}.json says {text!r}, the line is {lines[number]!r}"


def command_line() -> str:
    """
    The command of this run, in which paths outside the repository are shortened to their last part, and of many files
    in a row the first, the last and their number are left.
    """
    shown = ["python"]
    for is_file, words in groupby(sys.argv, os.path.isfile):
        names = [_shortened(word) for word in words]
        many = is_file and len(names) > MANY_FILES
        shown += [names[0], "...", names[-1], f"({len(names)} files)"] if many else names
    return " ".join(shown)


def _shortened(word: str) -> str:
    path = Path(word)
    if path.is_absolute() and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return path.name if path.is_absolute() or word.startswith("..") else word


def commit() -> str:
    """The current commit, with a `+` if tracked files differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + "+" * bool(git("status", "--porcelain", "-uno"))


def machine() -> str:
    """CPU, cores, accelerator, versions and load of this machine."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{cores} cores of {model}, {gpu}, {platform.system()}, {versions}, {load}"


def hash_of(weights: str | os.PathLike[str]) -> str:
    """A hash of the names and contents of all files in a checkpoint."""
    folder = ROOT / "weights" / weights if os.fspath(weights) == "dirfa-base" else Path(weights)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"sha256:{digest.hexdigest()[:HASH_LENGTH]}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    found = list(differences(read_all()))
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
