"""
Time the renderer: seconds to prepare a photo and milliseconds per frame, by size and number of threads.

    python benchmarks/bench_renderer.py PHOTO --weights weights/dirfa-base [--sizes 512 1024] [--threads 1 2]

Prints wall-clock time and CPU time; a busy machine increases the first but hardly the second.
"""

import argparse
import dataclasses
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from results import add_option, record

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.capture.pictures import read_image
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer, PreparedPortrait


def resized(portrait: Portrait, size: int) -> Portrait:
    """The same portrait, resized to a longest side of `size` pixels."""
    height, width = portrait.image.shape[:2]
    factor = size / max(height, width)
    shape = (round(width * factor / 2) * 2, round(height * factor / 2) * 2)
    face = dataclasses.replace(
        portrait.face, translation=portrait.face.translation * factor, scale=portrait.face.scale * factor
    )
    image, mask = (cv2.resize(a, shape, interpolation=cv2.INTER_CUBIC) for a in (portrait.image, portrait.mask))
    return Portrait(image, np.clip(mask, 0.0, 1.0), (portrait.landmarks * factor).astype(np.float32), face)


def talk(num_frames: int) -> np.ndarray:
    """Coefficients `(frames, 58)` of a head that turns, speaks and blinks."""
    t = np.arange(num_frames) / ANIMATION_FPS
    blink = (t % 2 < 0.2) * 1.0
    return Animation.from_curves(
        num_frames, jawOpen=0.25 + 0.25 * np.sin(9 * t), yaw=0.25 * np.sin(t), roll=0.1 * np.cos(t),
        eyeBlinkLeft=blink, eyeBlinkRight=blink,
    ).coefficients  # fmt: skip


def time_frames(
    renderer: FaceRenderer, prepared: PreparedPortrait, coefficients: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds per frame in each round, of wall-clock time and of CPU time: two arrays `(rounds,)`."""
    took = []
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time()
        for _frame in renderer.frames(prepared, coefficients):
            pass
        took.append((time.perf_counter() - began, time.process_time() - worked))
    clock, processor = 1000.0 * np.array(took).T / len(coefficients)
    return clock, processor


def main() -> None:
    """Print a line for each size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames", type=int, default=25, help="frames per round")
    parser.add_argument("--rounds", type=int, default=8)
    add_option(parser, "renderer")
    options = parser.parse_args()
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    portrait = Portrait.from_image(read_image(options.photo, max_size=max(options.sizes)), face_model)
    coefficients = talk(options.frames)
    cv2.setNumThreads(1)  # so that OpenCV adds no threads to those measured
    values: dict[str, float] = {}
    for size in options.sizes:
        scaled = resized(portrait, size)
        renderer.render(renderer.prepare(scaled), coefficients[:1])  # compiles
        prepared, took = renderer.prepare(scaled), []
        for _ in range(options.rounds):
            began = time.perf_counter()
            prepared = renderer.prepare(scaled)
            took.append(time.perf_counter() - began)
        height, width = scaled.image.shape[:2]
        values |= {f"prepared.{size}": float(np.median(took)), f"prepared.best.{size}": min(took)}
        print(f"{width} x {height}: prepared in {np.median(took):.2f} s, best {min(took):.2f}")
        for threads in options.threads:
            torch.set_num_threads(threads)
            clock, processor = time_frames(renderer, prepared, coefficients, options.rounds)
            values |= {f"median.{size}.{threads}": np.median(clock), f"best.{size}.{threads}": clock.min()}
            print(
                f"{width} x {height}, threads {threads}: median {np.median(clock):.2f} ms a frame, "
                f"best {clock.min():.2f}, of the processor {np.median(processor):.2f}; load {os.getloadavg()[0]:.1f}"
            )
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
