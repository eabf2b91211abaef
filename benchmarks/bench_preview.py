"""
Time how long the server takes to redraw the demo's still after a change, compared with a video frame of that size.

    python benchmarks/bench_preview.py [PHOTO] [--changes 60]

Prints medians and 95th percentiles of wall-clock time, and of CPU time, on one thread. Frames are rendered in between,
so that the ratio to a frame hardly depends on what else the machine does.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from dirfa_pipeline import Animation, DirfaPipeline
from dirfa_pipeline.demo.direction import controls_from
from dirfa_pipeline.demo.preview import draw_preview, prepare_preview


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", default="dirfa_pipeline/examples/astronaut.jpg")
    parser.add_argument("--changes", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained()
    face = prepare_preview(pipe, options.photo)
    frame = Animation.from_curves(1, jawOpen=0.2).coefficients
    stills, frames = [], []
    for strength in np.linspace(0.0, 2.0, options.changes):
        controls = controls_from("happy", strength, 1, "up", 1, 0)
        stills.append(spent(partial(draw_preview, pipe, face, controls)))
        frames.append(spent(lambda: pipe.face_renderer.render(face, frame)))
    for name, times in (("still", stills), ("frame", frames)):
        (wall, cpu), (slow, _) = np.median(times, axis=0), np.percentile(times, 95, axis=0)
        print(f"{name}  median {wall:.1f} ms, 95 % within {slow:.1f} ms, processor {cpu:.1f} ms")
    ratio = np.median([still[1] for still in stills]) / np.median([frame[1] for frame in frames])
    print(f"a still takes the processor {ratio:.1f} frames; load {os.getloadavg()[0]:.1f}")


def spent(task: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of wall-clock time and of CPU time."""
    began, worked = time.perf_counter(), time.process_time()
    task()
    return 1e3 * (time.perf_counter() - began), 1e3 * (time.process_time() - worked)


if __name__ == "__main__":
    main()
