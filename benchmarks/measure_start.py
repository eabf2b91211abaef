"""
Measure what a new user waits for: the size of an install, the time to import, and the time to a command's first frame.

    python benchmarks/measure_start.py
    python benchmarks/measure_start.py --install old=OLD/.venv/bin/python:OLD --install now=.venv/bin/python:.

Each install is a Python interpreter and the folder to run it in. The installs run in turn, after a first run that
fills caches. Prints the medians of wall-clock time and of CPU time, which a busy machine affects less. The row of the
libraries tells how much of it no code of this project can save: what torch, diffusers and transformers take alone.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from results import add_option, record


ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "dirfa_pipeline" / "examples"

# What the pipeline's class and its components are made from.
LIBRARIES = "from diffusers import DiffusionPipeline, ModelMixin; from transformers import Wav2Vec2Model"
PIPELINE = "from dirfa_pipeline import DirfaPipeline"

SIZE = """
import importlib.metadata as metadata
from packaging.requirements import Requirement

def needed(name, seen):
    name = name.lower().replace("_", "-")
    if name in seen:
        return
    try:
        found = seen[name] = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name, seen)

seen = {}
needed("dirfa-pipeline", seen)
paths = {file.locate() for found in seen.values() for file in found.files or ()}
print(sum(path.stat().st_size for path in paths if path.is_file()), len(seen))
"""


@dataclass(frozen=True)
class Install:
    """An environment: its Python interpreter, and the folder to run it in."""

    name: str
    python: str
    folder: str

    @classmethod
    def parse(cls, text: str) -> "Install":
        """From `NAME=PYTHON:FOLDER`."""
        match = re.fullmatch(r"(\w+)=([^:]+):(.+)", text)
        if match is None:
            raise argparse.ArgumentTypeError(f"an install is NAME=PYTHON:FOLDER, got {text!r}")
        return cls(match[1], os.path.abspath(match[2]), os.path.abspath(match[3]))

    def size(self) -> tuple[float, int]:
        """The size of the packages in a plain install in megabytes, and their number."""
        done = subprocess.run(
            [self.python, "-c", SIZE], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout  # fmt: skip
        size, count = done.split()
        return int(size) / 1e6, int(count)

    def run_until(self, words: Sequence[str], sign: bytes) -> tuple[float, float]:
        """Seconds of wall-clock time and CPU time until a process writes `sign` to its standard error."""
        environment = os.environ | {"TQDM_MININTERVAL": "0", "PYTHONUNBUFFERED": "1"}
        began = time.perf_counter()
        process = subprocess.Popen(
            [self.python, *words], cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        shown = b""
        while re.search(sign, shown) is None:
            more = os.read(process.stderr.fileno(), 65536)
            if not more:
                raise RuntimeError(f"{self.name}: {shown.decode(errors='replace')[-600:]}")
            shown += more
        seconds = time.perf_counter() - began, processor_seconds(process.pid)
        process.kill()
        process.wait()
        process.stderr.close()
        return seconds

    def import_time(self, imports: str) -> tuple[float, float]:
        """Seconds until something is imported."""
        return self.run_until(
            ["-c", f"import sys, time; {imports}; sys.stderr.write('there\\n'); time.sleep(9)"], rb"there"
        )

    def first_frame(self, output: Path) -> tuple[float, float]:
        """Seconds until `dirfa generate` has made its first frame."""
        words = ["generate", str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac"), "--seed", "1"]
        return self.run_until(["-m", "dirfa_pipeline", *words, "-o", str(output)], rb"rendering: .*\| [1-9]\d*/\d")


def processor_seconds(process: int) -> float:
    """CPU time that a running process has used, in all its threads; NaN if the system does not report it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(installs: Sequence[Install], runs: int) -> dict[str, dict[str, float]]:
    """Measure all installs."""
    rows: dict[str, dict[str, float]] = {}
    for install in installs:
        size, count = install.size()
        rows[install.name] = {"size_mb": size, "packages": count}
    for what in ("libraries", "import", "first_frame"):
        times: dict[str, list[tuple[float, float]]] = {install.name: [] for install in installs}
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(runs + 1):
                for install in installs:
                    output = Path(folder) / "talk.mp4"
                    imports = {"libraries": LIBRARIES, "import": PIPELINE}.get(what)
                    taken = install.import_time(imports) if imports else install.first_frame(output)
                    if turn:
                        times[install.name].append(taken)
        for name, taken_times in times.items():
            clock, processor = zip(*taken_times, strict=True)
            rows[name] |= {
                f"{what}_s": statistics.median(clock), f"{what}_cpu_s": statistics.median(processor),
                f"{what}_best_s": min(clock),
            }  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", type=Install.parse, action="append", metavar="NAME=PYTHON:FOLDER")
    parser.add_argument("--runs", type=int, default=5, help="runs of each install (default 5)")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    add_option(parser, "start")
    options = parser.parse_args()
    installs = options.install or [Install("now", sys.executable, str(ROOT))]
    rows = measure(installs, options.runs)
    names = list(next(iter(rows.values())))
    print("".join(f"{title:>22}" for title in ["", *rows]))
    for name in names:
        print(f"{name:>22}" + "".join(f"{row[name]:22.4g}" for row in rows.values()))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    record(options.record, rows[installs[-1].name], "dirfa-base")


if __name__ == "__main__":
    main()
