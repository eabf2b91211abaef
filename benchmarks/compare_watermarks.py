"""
Measure how well the library invisible-watermark survives the treatments of `evaluate_watermark.py`.

    pip install --no-deps invisible-watermark PyWavelets onnxruntime
    python benchmarks/compare_watermarks.py TALK.mp4 ... [--methods dwtDct dwtDctSvd rivaGan] [--frames 25]

The library marks single images. All frames are marked with the same 32-bit number. One frame per second is read,
because rivaGan takes seconds for each, and the bits are decided by majority vote. The reader does not search for other
sizes or positions, so frames are also scaled back to their original size, and the better result counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from evaluate_watermark import TREATMENTS, clips_of
from imwatermark import WatermarkDecoder, WatermarkEncoder

from dirfa_pipeline.media.video import VideoWriter, read_video


METHODS = ("dwtDct", "dwtDctSvd", "rivaGan")
BITS = 32
LEAST_PIXELS = 256 * 256  # smallest image that the library accepts


def bits_of(payload: int) -> np.ndarray:
    """The 32 bits of a number, highest first."""
    return np.array([payload >> place & 1 for place in reversed(range(BITS))])


def bgr(frame: np.ndarray) -> np.ndarray:
    """Swap RGB and BGR."""
    return np.ascontiguousarray(frame[..., ::-1])


def read_bits(frames: list[np.ndarray], method: str) -> np.ndarray:
    """Read the bits by majority vote over the frames."""
    decoder = WatermarkDecoder("bits", BITS)
    return np.mean([decoder.decode(bgr(frame), method) for frame in frames], axis=0) > 0.5


def right_bits(path: Path, method: str, wanted: np.ndarray, size: tuple[int, int], every: int) -> int:
    """How many bits are read correctly in a treated video, as it is or scaled back to `(width, height)`."""
    frames = list(read_video(path).frames)[::every]
    ways = [[cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]]
    if frames[0].shape[0] * frames[0].shape[1] >= LEAST_PIXELS:
        ways.append(frames)
    return max(int((read_bits(way, method) == wanted).sum()) for way in ways)


def mark(frames: list[np.ndarray], method: str, bits: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Mark frames; also returns the CPU time per frame in milliseconds."""
    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", bits.tolist())
    began = time.process_time()
    marked = [bgr(encoder.encode(bgr(frame), method)) for frame in frames]
    return marked, 1000.0 * (time.process_time() - began) / len(frames)


def try_method(method: str, videos: list[Path], every: int, most: int | None, folder: Path) -> None:
    """Print a method's table."""
    right: dict[str, list[int]] = {name: [] for name in TREATMENTS}
    ratios, costs = [], []
    for number, (frames, fps) in enumerate(clip for path in videos for clip in clips_of(path)):
        frames = frames[:most]
        bits = bits_of(int(np.random.default_rng(number).integers(2**32)))
        marked, taken = mark(frames, method, bits)
        costs.append(taken)
        errors = [np.square(cv2.absdiff(a, b).astype(np.float32)).mean() for a, b in zip(marked, frames, strict=True)]
        ratios.append(10.0 * np.log10(255.0**2 / np.mean(errors)))
        with VideoWriter(folder / "marked.mp4", fps) as writer:
            for frame in marked:
                writer.write(frame)
        for name, treatment in TREATMENTS.items():
            command = ["ffmpeg", "-y", "-v", "error", "-i", str(folder / "marked.mp4")]
            subprocess.run([*command, *treatment, str(folder / "treated.mp4")], check=True)
            right[name].append(right_bits(folder / "treated.mp4", method, bits, frames[0].shape[1::-1], every))
            print(method, number, name, right[name][-1], file=sys.stderr, flush=True)
    print(f"| {method}, {len(ratios)} clips | read exactly | middle of the bits read rightly, of 32 |\n|---|---|---|")
    for name, counts in right.items():
        print(f"| {name} | {sum(count == BITS for count in counts)} | {np.median(counts):.0f} |")
    print(f"PSNR {min(ratios):.1f} dB in the worst clip, {np.median(ratios):.1f} in the median")
    print(f"{np.median(costs):.1f} ms of the processor a frame\n", flush=True)


def main() -> None:
    """Print the tables of all methods."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--every", type=int, default=25, help="read every n-th frame")
    parser.add_argument("--frames", type=int, help="frames of each clip (default: all)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if "rivaGan" in options.methods:
        WatermarkEncoder.loadModel()
    with tempfile.TemporaryDirectory() as folder:
        for method in options.methods:
            try_method(method, options.videos, options.every, options.frames, Path(folder))


if __name__ == "__main__":
    main()
