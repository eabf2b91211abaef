"""
Time the renderer: milliseconds a frame by stage and size, on one CPU thread and, if asked, on another device.

    python benchmarks/bench_renderer.py PHOTO --weights weights/dirfa-base [--sizes 512 1024] [--device cuda]

A machine without MediaPipe takes a portrait that another one has fitted: `--save PORTRAIT.npz` there writes it, and
`PORTRAIT.npz` here stands for PHOTO.
"""

import argparse
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.capture.pictures import read_image
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer, PreparedPortrait, render_batched


def save_portrait(portrait: Portrait, path: Path) -> None:
    """Write a portrait's arrays, those of its fit as `face.NAME`."""
    arrays = {name: getattr(portrait, name) for name in ("image", "mask", "landmarks")}
    np.savez_compressed(path, **arrays, **{f"face.{k}": v for k, v in dataclasses.asdict(portrait.face).items()})


def load_portrait(path: Path) -> Portrait:
    """Inverse of [`save_portrait`]."""
    with np.load(path) as file:
        face = {field.name: file[f"face.{field.name}"] for field in dataclasses.fields(FaceFit)}
        face["scale"] = float(face["scale"])
        return Portrait(file["image"], file["mask"], file["landmarks"], FaceFit(**face))


def resized(portrait: Portrait, size: int) -> Portrait:
    """The same portrait with a longest side of `size` pixels."""
    height, width = portrait.image.shape[:2]
    factor = size / max(height, width)
    shape = (round(width * factor / 2) * 2, round(height * factor / 2) * 2)
    face = dataclasses.replace(
        portrait.face, translation=portrait.face.translation * factor, scale=portrait.face.scale * factor
    )
    image, mask = (cv2.resize(a, shape, interpolation=cv2.INTER_CUBIC) for a in (portrait.image, portrait.mask))
    return Portrait(image, np.clip(mask, 0.0, 1.0), (portrait.landmarks * factor).astype(np.float32), face)


def talk(num_frames: int) -> np.ndarray:
    """A head that turns, speaks and blinks: coefficients `(frames, 58)`."""
    t = np.arange(num_frames) / ANIMATION_FPS
    blink = (t % 2 < 0.2) * 1.0
    return Animation.from_curves(
        num_frames, jawOpen=0.25 + 0.25 * np.sin(9 * t), yaw=0.25 * np.sin(t), roll=0.1 * np.cos(t),
        eyeBlinkLeft=blink, eyeBlinkRight=blink,
    ).coefficients  # fmt: skip


def time_frames(renderer: FaceRenderer, prepared: PreparedPortrait, coefficients: np.ndarray) -> np.ndarray:
    """Milliseconds of the CPU's own path for each frame."""
    durations = []
    for row in coefficients:
        began = time.perf_counter()
        renderer.render(prepared, row[None])
        durations.append(1000 * (time.perf_counter() - began))
    return np.array(durations)


def time_batched(
    prepared: PreparedPortrait, coefficients: np.ndarray, device: torch.device
) -> tuple[float, np.ndarray]:
    """Milliseconds a frame on a device, best of three, and the frames."""
    frames = np.empty((len(coefficients), *prepared.portrait.image.shape), np.uint8)
    took = min(seconds(lambda: render_batched(prepared, coefficients, frames, device)) for _ in range(3))
    return 1000 * took / len(coefficients), frames


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512])
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--device", type=torch.device, help="where to time the batched path too")
    parser.add_argument("--save", type=Path, help="write the fitted portrait for a machine without MediaPipe")
    options = parser.parse_args()
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    if options.photo.suffix == ".npz":
        portrait = load_portrait(options.photo)
    else:
        face_model = FaceModel.from_pretrained(options.weights / "face_model")
        portrait = Portrait.from_image(read_image(options.photo, max_size=max(options.sizes)), face_model)
    if options.save:
        save_portrait(portrait, options.save)
    threads = torch.get_num_threads()
    cv2.setNumThreads(1)
    coefficients = talk(options.frames)
    for size in options.sizes:
        torch.set_num_threads(1)
        scaled = resized(portrait, size)
        renderer.render(renderer.prepare(scaled), coefficients[:1])  # compiles
        began = time.perf_counter()
        prepared = renderer.prepare(scaled)
        preparation = time.perf_counter() - began
        durations = time_frames(renderer, prepared, coefficients)
        height, width = scaled.image.shape[:2]
        print(
            f"{width} x {height}: prepare {preparation:.2f} s, then median {np.median(durations):.1f} ms, "
            f"95th {np.percentile(durations, 95):.1f} ms a frame on one thread, load average {os.getloadavg()[0]:.1f}"
        )
        if options.device:
            torch.set_num_threads(threads)
            took, frames = time_batched(prepared, coefficients, options.device)
            difference = np.abs(frames.astype(np.int16) - renderer.render(prepared, coefficients)).mean()
            print(
                f"{width} x {height}: batched on {options.device} with {threads} threads {took:.2f} ms a frame "
                f"({1000 / took:.0f} frames a second), mean difference {difference:.2f} of 255"
            )


if __name__ == "__main__":
    main()
