"""
Time the renderer: median milliseconds a frame on one thread, with the machine's load.

    python benchmarks/bench_renderer.py PHOTO --weights weights/dirfa-base [--size 512]
"""

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from dirfa_pipeline.animation import Animation
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer
from dirfa_pipeline.portrait import Portrait, read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=150)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    image = read_image(options.photo, max_size=options.size)
    portrait = Portrait.from_image(image, FaceModel.from_pretrained(options.weights / "face_model"))
    time_axis = np.arange(options.frames) / 25
    animation = Animation.from_curves(
        options.frames, jawOpen=0.25 + 0.25 * np.sin(9 * time_axis), yaw=0.1 * np.sin(time_axis),
        eyeBlinkLeft=(time_axis % 2 < 0.2) * 1.0, eyeBlinkRight=(time_axis % 2 < 0.2) * 1.0,
    )  # fmt: skip
    began = time.perf_counter()
    prepared = renderer.prepare(portrait)
    renderer.render(prepared, animation.coefficients[:1])
    print(f"prepare and first frame: {time.perf_counter() - began:.2f} s")
    durations = []
    for row in animation.coefficients:
        began = time.perf_counter()
        renderer.render(prepared, row[None])
        durations.append(1000 * (time.perf_counter() - began))
    height, width = portrait.image.shape[:2]
    print(
        f"{width} x {height}: median {np.median(durations):.1f} ms, 95th {np.percentile(durations, 95):.1f} ms "
        f"a frame, one thread, load average {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
