"""
Measure whether the watermark survives common treatments of videos, and how often it is found where there is none.

    python benchmarks/evaluate_watermark.py --marked TALK.mp4 ... [--numbers 4] [--treatments "crf 28" screen-like]
    python benchmarks/evaluate_watermark.py --real CLIP.mp4 ... [--keys 20000] [--record watermark-alarms]

Videos to be marked are cut into clips of five seconds, and each clip is marked with several random numbers in turn.
The first table has a line for each treatment: the number of marks that are read exactly, and the lowest and the median
score. Below it are the mark's PSNR, and the CPU time of marking and of copying a frame.

The second table shows false alarms: real clips are searched for the marks of many random keys. A Gumbel distribution
is fitted to the upper half of the scores, of all clips and of the worst one, and compared with the counts. Below it is
the score that is exceeded by chance once in a million searches.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from results import add_option, record
from scipy.optimize import minimize
from scipy.stats import gumbel_r

from dirfa_pipeline.media.video import VideoWriter, read_video
from dirfa_pipeline.provenance.finding import SIZES, Finding, best_fit, detail, find_watermark, fold, gather
from dirfa_pipeline.provenance.pattern import beacon
from dirfa_pipeline.provenance.watermark import Watermark


SECONDS = 5
CODED = ("-c:v", "libx264", "-preset", "fast", "-pix_fmt", "yuv420p")
# Options of ffmpeg. To imitate a screen recording, a video is scaled by an odd factor, softened, brightened, made
# noisy and encoded twice.
TREATMENTS = {
    "as written": ("-c", "copy"),
    "crf 28": (*CODED, "-crf", "28"),
    "half the size, crf 28": ("-vf", "scale=trunc(iw/4)*2:trunc(ih/4)*2", *CODED, "-crf", "28"),
    "a tenth cropped, crf 28": ("-vf", "crop=trunc(iw*.45)*2:trunc(ih*.45)*2:iw*.03:ih*.07", *CODED, "-crf", "28"),
    "30 frames a second, crf 28": ("-vf", "fps=30", *CODED, "-crf", "28"),
    "screen-like": (
        "-vf",
        "scale=trunc(iw*.43)*2:trunc(ih*.43)*2,gblur=0.6,eq=brightness=.04:contrast=1.08,noise=alls=4:allf=t,fps=30",
        *CODED, "-crf", "26",
    ),
}  # fmt: skip
SHARES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # of searches, for which the table of false alarms has a line


def key_of(treatment: str) -> str:
    """A treatment's name in the results."""
    return treatment.split(",")[0].replace(" ", "_")


def clips_of(path: Path) -> Iterator[tuple[list[np.ndarray], float]]:
    """Clips of five seconds, and their frame rate; a shorter remainder is left out."""
    video = read_video(path)
    count = round(SECONDS * video.fps)
    while len(frames := list(islice(video.frames, count))) == count:
        yield frames, video.fps


def write(path: Path, frames: list[np.ndarray], fps: float, mark: Watermark) -> None:
    """Write a video as the library does, but only with the watermark."""
    with VideoWriter(path, fps, mark=mark.mark) as writer:
        for frame in frames:
            writer.write(frame)


def treat(source: Path, treatment: tuple[str, ...]) -> Finding:
    """Search a video after a treatment."""
    target = source.with_name(f"treated-{source.name}")
    subprocess.run(["ffmpeg", "-y", "-v", "error", "-i", source, *treatment, target], check=True)
    video = read_video(target)
    finding = find_watermark(video.frames, video.fps)
    assert finding is not None
    return finding


def faintness(frames: list[np.ndarray], fps: float, mark: Watermark) -> float:
    """PSNR of marked frames in decibels."""
    marked = (mark.mark(frame, index / fps) for index, frame in enumerate(frames))
    errors = [np.square(cv2.absdiff(a, b).astype(np.float32)).mean() for a, b in zip(marked, frames, strict=True)]
    return 10.0 * np.log10(255.0**2 / np.mean(errors))


def cost(frames: list[np.ndarray]) -> dict[str, float]:
    """CPU time in milliseconds to mark a frame of 512 pixels, and to copy it, measured in turn."""
    frames = [cv2.resize(frame, (512, 512)) for frame in frames]
    times: dict[str, list[float]] = {"mark": [], "copy": []}
    ways = {"mark": Watermark().mark, "copy": lambda frame, seconds: frame.copy()}
    for index, frame in enumerate(frames):
        for name, way in ways.items():
            began = time.thread_time()
            way(frame, index / 25)
            times[name].append(1000.0 * (time.thread_time() - began))
    return {name: float(np.median(taken)) for name, taken in times.items()}


def survival(videos: list[Path], numbers: int, treatments: list[str], folder: Path) -> dict[str, float]:
    """Print the table of treatments, the PSNR and the CPU time; returns the figures by name."""
    found: dict[str, list[tuple[bool, float]]] = {name: [] for name in treatments}
    ratios: list[float] = []
    frames: list[np.ndarray] = []
    random = np.random.default_rng(0)
    for path in videos:
        for frames, fps in clips_of(path):
            for _ in range(numbers):
                payload = int(random.integers(2**32))
                mark = Watermark(payload)
                ratios.append(faintness(frames, fps, mark))
                write(folder / "marked.mp4", frames, fps, mark)
                for name in treatments:
                    own = treat(folder / "marked.mp4", TREATMENTS[name])
                    found[name].append((own.payload == payload and own.found, own.score))
                    print(path.stem, name, *found[name][-1], f"{ratios[-1]:.1f}", file=sys.stderr, flush=True)
    print(f"| {len(ratios)} marks of {SECONDS} s | read exactly | lowest score | median score |\n|---|---|---|---|")
    least, middle = min(ratios), float(np.median(ratios))
    values = {"marks": float(len(ratios)), "psnr.least": least, "psnr.median": middle}
    for name, results in found.items():
        exact, scores = zip(*results, strict=True)
        print(f"| {name} | {sum(exact)} | {min(scores):.1f} | {np.median(scores):.1f} |")
        values |= {f"{key_of(name)}.exact": float(sum(exact)), f"{key_of(name)}.least": min(scores)}
        values[f"{key_of(name)}.median"] = float(np.median(scores))
    print(f"\nPSNR of the mark: {least:.1f} dB in the worst clip, {middle:.1f} in the median")
    costs = cost(frames)
    print(f"CPU time per frame of 512 pixels in milliseconds: mark {costs['mark']:.2f}, copy {costs['copy']:.2f}")
    return values | {f"ms.{name}": taken for name, taken in costs.items()}


def fit_gumbel(scores: np.ndarray) -> tuple[float, float]:
    """Location and scale of the Gumbel distribution that fits the upper half of the scores best."""
    start = float(np.median(scores))
    tail = scores[scores > start]

    def misfit(parameters: np.ndarray) -> float:
        """Negative log-likelihood of the scores, given that they are in the upper half."""
        place, width = parameters[0], np.exp(parameters[1])
        return -float((gumbel_r.logpdf(tail, place, width) - gumbel_r.logsf(start, place, width)).sum())

    place, log_width = minimize(misfit, [start, np.log(scores.std())], method="Nelder-Mead").x
    return float(place), float(np.exp(log_width))


def chance(videos: list[Path], keys: int) -> dict[str, float]:
    """Print what random keys find in real clips without a mark; returns the figures by name."""
    clips = []
    for number, (frames, fps) in enumerate(clip for path in videos for clip in islice(clips_of(path), 1)):
        gathered = gather([detail(frame) for frame in frames], fps)
        tiles = np.stack([fold(gathered, float(size)) for size in SIZES])
        clips.append(np.array([best_fit(tiles, beacon(keys * number + key + 10**6))[0] for key in range(keys)]))
        print(number, clips[-1].max(), file=sys.stderr, flush=True)
    scores = np.concatenate(clips)
    print(f"\n{len(scores)} searches for random keys in {len(clips)} real clips: highest score {scores.max():.2f}")
    print("| score | counted | fitted to all | fitted to the worst clip |\n|---|---|---|---|")
    everywhere, worst = (
        fit_gumbel(scores),
        max(map(fit_gumbel, clips), key=lambda fit: float(gumbel_r.isf(1e-6, *fit))),
    )
    values = {"clips": len(clips), "keys": keys, "searches": len(scores), "highest": scores.max()}
    for share in SHARES:
        score = gumbel_r.isf(share, *everywhere)
        exceeded, of_worst = int((scores > score).sum()), gumbel_r.sf(score, *worst)
        print(f"| {score:.2f} | {exceeded} | {share:.6f} | {of_worst:.6f} |")
        values |= {f"{share:.0e}.score": score, f"{share:.0e}.exceeded": exceeded, f"{share:.0e}.worst": of_worst}
    for name, fit in (("all", everywhere), ("worst", worst)):
        rare = gumbel_r.isf(1e-6, *fit)
        print(f"{name}: location {fit[0]:.3f}, scale {fit[1]:.4f}; one in a million: {rare:.2f}")
        values |= {f"{name}.location": fit[0], f"{name}.scale": fit[1], f"{name}.one_in_a_million": rare}
    return {name: float(value) for name, value in values.items()}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marked", type=Path, nargs="*", default=[], help="videos to mark and treat")
    parser.add_argument("--numbers", type=int, default=1, help="random numbers to mark each clip with")
    parser.add_argument("--treatments", nargs="+", choices=TREATMENTS, default=list(TREATMENTS))
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="videos without a mark")
    parser.add_argument("--keys", type=int, default=2000, help="random keys to search each real video for")
    add_option(parser, "watermark-treatments")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    values: dict[str, float] = {}
    if options.marked:
        with tempfile.TemporaryDirectory() as folder:
            values |= survival(options.marked, options.numbers, options.treatments, Path(folder))
    if options.real:
        values |= chance(options.real, options.keys)
    record(options.record, values, "dirfa-base")


if __name__ == "__main__":
    main()
