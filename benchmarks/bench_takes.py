"""
Time encoder and sampler for one take and for several takes of the same sound, on one thread.

    python benchmarks/bench_takes.py --weights weights/dirfa-base [--takes 1 2 4 8] [--repeats 15]

Prints medians of CPU time, relative to the length of the sound.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import torch
from results import add_option, record

from dirfa_pipeline import DirfaPipeline, load_audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--speech", default="dirfa_pipeline/examples/speech.flac")
    parser.add_argument("--takes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--repeats", type=int, default=15)
    add_option(parser, "takes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe, speech = DirfaPipeline.from_pretrained(options.weights), load_audio(options.speech)
    seconds: dict[int, list[float]] = {takes: [] for takes in options.takes}
    for _ in range(options.repeats + 1):  # the first round warms up
        for takes, spent in seconds.items():
            began = time.process_time()
            pipe.sample_animations(speech, [torch.Generator().manual_seed(seed) for seed in range(takes)])
            spent.append(time.process_time() - began)
    medians = {takes: statistics.median(spent[1:]) for takes, spent in seconds.items()}
    for takes, median in medians.items():
        times = median / medians[options.takes[0]]
        print(f"{takes} takes  RTF {median / speech.duration:.4f}  {times:.2f} of {options.takes[0]}")
    print(f"{speech.duration:.1f} s of sound, load {os.getloadavg()[0]:.1f}")
    first = medians[options.takes[0]]
    values = {f"rtf.{takes}": median / speech.duration for takes, median in medians.items()}
    values |= {f"over_one.{takes}": median / first for takes, median in medians.items()}
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
