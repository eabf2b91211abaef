"""
Time the whole pipeline several times with `dirfa bench`, and record the figures for the documents.

    python benchmarks/bench_pipeline.py --record pipeline --runs 3 --sizes 512 --threads 2 --seconds 30
    python benchmarks/bench_pipeline.py --record pipeline-sizes --sizes 256 512 1024 --threads 1 2 --seconds 30
    python benchmarks/bench_pipeline.py --record stream-hour --sizes 176 --seconds 5 --threads 1 --live-seconds 3600

Other options are passed to `dirfa bench`. Each value is kept as `NAME.least`, `.median` and `.most` over all runs and
settings, and as `NAME.SIZE.THREADS`, the median of one setting.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
from results import add_option, record


Row = dict[str, float]


def run_bench(words: Sequence[str]) -> list[Row]:
    """Run `dirfa bench`; returns a row for each setting."""
    command = [sys.executable, "-m", "dirfa_pipeline", "bench", "--json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def summarise(rows: Sequence[Row]) -> Row:
    """Least, median and most of each value over the rows, and its median in each setting, by name."""
    values: Row = {}
    for name in [name for name, value in rows[0].items() if isinstance(value, float) and name != "seconds"]:
        column = [row[name] for row in rows]
        values |= {
            f"{name}.least": min(column),
            f"{name}.median": float(np.median(column)),
            f"{name}.most": max(column),
        }
        for size, threads in sorted({(row["size"], row["threads"]) for row in rows}):
            of_setting = [row[name] for row in rows if (row["size"], row["threads"]) == (size, threads)]
            values[f"{name}.{size}.{threads}"] = float(np.median(of_setting))
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    add_option(parser, "pipeline")
    options, words = parser.parse_known_args()
    values = summarise([row for _ in range(options.runs) for row in run_bench(words)])
    for name in sorted(values):
        print(f"{name:32s}{values[name]:10.3f}")
    record(options.record, values, "dirfa-base")


if __name__ == "__main__":
    main()
