"""
Compare our watermark with the library invisible-watermark, under the treatments of `evaluate_watermark.py`.

    pip install --no-deps invisible-watermark PyWavelets onnxruntime
    python benchmarks/compare_watermarks.py TALK.mp4 ... --methods ours dwtDct dwtDctSvd [--record]
    python benchmarks/compare_watermarks.py TALK.mp4 ... --methods rivaGan --frames 25 [--record watermark-rivagan]

All frames are marked with the same 32-bit number. Ours is searched for in the whole video. The library marks single
images: one frame per second is read, because rivaGan takes seconds for each, and the bits are decided by majority
vote. Its reader does not search for other sizes or positions, so frames are also scaled back to their original size,
and the better result counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from evaluate_watermark import TREATMENTS, clips_of, key_of
from imwatermark import WatermarkDecoder, WatermarkEncoder
from results import add_option, record

from dirfa_pipeline.media.video import VideoWriter, read_video
from dirfa_pipeline.provenance.finding import find_watermark
from dirfa_pipeline.provenance.watermark import Watermark


OURS = "ours"
METHODS = (OURS, "dwtDct", "dwtDctSvd", "rivaGan")
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
    """
    How many bits are read correctly in a treated video: by us, none if the mark is not found; by the library, in the
    frames as they are or scaled back to `(width, height)`.
    """
    video = read_video(path)
    if method == OURS:
        finding = find_watermark(video.frames, video.fps)
        payload = finding.payload if finding is not None and finding.found else None
        return 0 if payload is None else int((bits_of(payload) == wanted).sum())
    frames = list(video.frames)[::every]
    ways = [[cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]]
    if frames[0].shape[0] * frames[0].shape[1] >= LEAST_PIXELS:
        ways.append(frames)
    return max(int((read_bits(way, method) == wanted).sum()) for way in ways)


def mark(frames: list[np.ndarray], fps: float, method: str, payload: int) -> tuple[list[np.ndarray], float]:
    """Mark frames; also returns the CPU time per frame in milliseconds."""
    ours, encoder = Watermark(payload), WatermarkEncoder()
    encoder.set_watermark("bits", bits_of(payload).tolist())
    began = time.process_time()
    if method == OURS:
        marked = [ours.mark(frame, index / fps) for index, frame in enumerate(frames)]
    else:
        marked = [bgr(encoder.encode(bgr(frame), method)) for frame in frames]
    return marked, 1000.0 * (time.process_time() - began) / len(frames)


def try_method(method: str, videos: list[Path], every: int, most: int | None, folder: Path) -> dict[str, float]:
    """Print a method's table; returns its figures by name."""
    right: dict[str, list[int]] = {name: [] for name in TREATMENTS}
    ratios, costs = [], []
    for number, (frames, fps) in enumerate(clip for path in videos for clip in clips_of(path)):
        frames = frames[:most]
        payload = int(np.random.default_rng(number).integers(2**32))
        marked, taken = mark(frames, fps, method, payload)
        costs.append(taken)
        errors = [np.square(cv2.absdiff(a, b).astype(np.float32)).mean() for a, b in zip(marked, frames, strict=True)]
        ratios.append(10.0 * np.log10(255.0**2 / np.mean(errors)))
        with VideoWriter(folder / "marked.mp4", fps) as writer:
            for frame in marked:
                writer.write(frame)
        for name, treatment in TREATMENTS.items():
            command = ["ffmpeg", "-y", "-v", "error", "-i", str(folder / "marked.mp4")]
            subprocess.run([*command, *treatment, str(folder / "treated.mp4")], check=True)
            read = right_bits(folder / "treated.mp4", method, bits_of(payload), frames[0].shape[1::-1], every)
            right[name].append(read)
            print(method, number, name, right[name][-1], file=sys.stderr, flush=True)
    print(f"| {method}, {len(ratios)} clips | read exactly | middle of the bits read rightly, of 32 |\n|---|---|---|")
    values = {"clips": len(ratios), "psnr": min(ratios), "ms": np.median(costs)}
    for name, counts in right.items():
        exact, middle = sum(count == BITS for count in counts), np.median(counts)
        print(f"| {name} | {exact} | {middle:.0f} |")
        values |= {f"{key_of(name)}.exact": exact, f"{key_of(name)}.bits": middle}
    print(f"PSNR {min(ratios):.1f} dB in the worst clip, {np.median(ratios):.1f} in the median")
    print(f"{np.median(costs):.2f} ms of the processor a frame\n", flush=True)
    return {f"{method}.{name}": float(value) for name, value in values.items()}


def main() -> None:
    """Print the tables of all methods."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--every", type=int, default=25, help="read every n-th frame")
    parser.add_argument("--frames", type=int, help="frames of each clip (default: all)")
    add_option(parser, "watermark-peers")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if "rivaGan" in options.methods:
        WatermarkEncoder.loadModel()
    values: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in options.methods:
            values |= try_method(method, options.videos, options.every, options.frames, Path(folder))
    record(options.record, values, "dirfa-base")


if __name__ == "__main__":
    main()
