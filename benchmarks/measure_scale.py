"""
What preparation costs, and that it grows as a straight line: trees shaped like VoxCeleb2, prepared and measured.

    python benchmarks/measure_scale.py DATA/video/grid_s1 --work WORK --output scale.json

Some real clips are cut to a few frames, scaled to 224 pixels, and laid out again and again as `idNNNNN/VIDEO/CLIP.mp4`
with the sound in an .m4a beside it: trees of 10, 100 and 1,000 clips. Each is prepared by a process of its own; core
seconds and peak memory are those of its workers. A tree of longer clips tells what a clip costs and what a frame.
"""

import argparse
import itertools
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from dirfa_pipeline.media.files import whole_file


SIDE: Final = 224  # pixels of a VoxCeleb2 clip
CLIPS_A_VIDEO, VIDEOS_A_PERSON = 5, 4
VOXCELEB2_CLIPS: Final = 1_092_009
VOXCELEB2_FRAMES: Final = 195  # of the average clip: 7.8 s


def cut(source: Path, target: Path, frames: int) -> None:
    """The first frames of a clip at 224 pixels, and its sound in an .m4a."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        video = written.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        for frame in itertools.islice(read.decode(video=0), frames):
            side = min(frame.width, frame.height)
            left, top = (frame.width - side) // 2, (frame.height - side) // 2
            square = np.ascontiguousarray(frame.to_ndarray(format="rgb24")[top : top + side, left : left + side])
            written.mux(video.encode(av.VideoFrame.from_ndarray(square, format="rgb24").reformat(SIDE, SIDE)))
        written.mux(video.encode(None))
    with av.open(str(source)) as read, av.open(str(target.with_suffix(".m4a")), "w") as written:
        sound = written.add_stream("aac", rate=16_000, layout="mono")
        convert = av.AudioResampler(format="fltp", layout="mono", rate=16_000)
        for block in read.decode(audio=0):
            if block.time is not None and block.time > frames / 25:
                break
            for part in convert.resample(block):
                written.mux(sound.encode(part))
        written.mux(sound.encode(None))


def places() -> Iterator[str]:
    """Names of clips as VoxCeleb2 has them, without end."""
    for person in itertools.count():
        for video, clip in itertools.product(range(VIDEOS_A_PERSON), range(CLIPS_A_VIDEO)):
            yield f"id{person:05d}/video{video:06d}/{clip:05d}"


def make_tree(sources: list[Path], folder: Path, count: int, frames: int) -> Path:
    """A tree of `count` clips; the same few, again and again under other names."""
    tree, cuts = folder / f"vox-{count}-{frames}", folder / f"cuts-{frames}"
    for source in sources:
        if not (cuts / f"{source.stem}.m4a").exists():
            cut(source, cuts / f"{source.stem}.mp4", frames)
    for place, source in zip(itertools.islice(places(), count), itertools.cycle(sources), strict=False):
        path = tree / f"{place}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".mp4", ".m4a"):
            shutil.copyfile(cuts / f"{source.stem}{suffix}", path.with_suffix(suffix))
    return tree


def measure(tree: Path, output: Path, count: int, frames: int, workers: int) -> dict[str, Any]:
    """Prepare a tree from nothing."""
    shutil.rmtree(output, ignore_errors=True)
    words = [str(tree), "--source", "vox2", "--output", str(output), "--workers", str(workers)]
    # A worker holds one clip at a time, whatever a shard holds: small shards give two workers something to share.
    words += ["--speech-features", "--clips-per-shard", str(min(50, max(5, count // 4)))]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "dirfa_pipeline.training.prepare", *words], capture_output=True, text=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    stages = {name: float(value) for value, name in re.findall(r"([\d.]+) core seconds of (.+)", done.stderr)}
    shards = [path.stat().st_size for path in output.glob("*.tar")]
    inside = [path.stat().st_size for path in tree.rglob("*.m*")]
    return {
        "clips": count, "frames": frames, "workers": workers, "wall_seconds": round(wall, 1),
        "core_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "stages": stages, "peak_mib": round(after.ru_maxrss / 1024), "shards": len(shards),
        "bytes_a_clip_in": round(sum(inside) / count), "bytes_a_clip_out": round(sum(shards) / count),
        "rows": sum(1 for _ in open(output / "clips.jsonl")),
    }  # fmt: skip


def straightness(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The line through the stages' core seconds by the number of clips, and how much of their variance it tells."""
    clips = np.array([row["clips"] for row in rows], float)
    seconds = np.array([sum(row["stages"].values()) for row in rows])
    slope, start = np.polyfit(clips, seconds, 1)
    rest = seconds - slope * clips - start
    return {
        "seconds_a_clip": round(float(slope), 4), "seconds_at_none": round(float(start), 2),
        "r_squared": round(float(1.0 - rest.var() / max(seconds.var(), 1e-12)), 5),
    }  # fmt: skip


def extrapolate(short: dict[str, Any], long: dict[str, Any]) -> dict[str, float]:
    """Core hours for VoxCeleb2 from two lengths of clips: so much a clip, so much a frame."""
    costs = [sum(row["stages"].values()) / row["clips"] for row in (short, long)]
    frame = (costs[1] - costs[0]) / (long["frames"] - short["frames"])
    clip = max(costs[0] - frame * short["frames"], 0.0)
    each = clip + frame * VOXCELEB2_FRAMES
    grown = (long["bytes_a_clip_out"] - short["bytes_a_clip_out"]) / (long["frames"] - short["frames"])
    stored = short["bytes_a_clip_out"] + grown * (VOXCELEB2_FRAMES - short["frames"])
    return {
        "core_seconds_a_clip": round(clip, 3), "core_seconds_a_frame": round(frame, 5),
        "core_seconds_a_voxceleb2_clip": round(each, 2), "clips_a_core_hour": round(3600 / each),
        "core_hours_for_voxceleb2": round(each * VOXCELEB2_CLIPS / 3600),
        "terabytes_for_voxceleb2": round(stored * VOXCELEB2_CLIPS / 1e12, 3),
    }  # fmt: skip


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of clips of people talking, with sound")
    parser.add_argument("--work", type=Path, required=True, help="folder for trees and shards")
    parser.add_argument("--output", type=Path, required=True, help="JSON with all numbers")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--frames", type=int, default=12, help="of a short clip")
    parser.add_argument("--long-frames", type=int, default=75, help="of the clips of the last tree")
    parser.add_argument(
        "--two-workers", type=int, default=100, help="the count that is measured with two workers, too"
    )
    options = parser.parse_args()
    sources = sorted(path for path in options.clips.iterdir() if path.suffix in (".mp4", ".mpg"))[:10]
    plan = [(count, options.frames, 1) for count in options.counts] + [(10, options.long_frames, 1)]
    plan.append((options.two_workers, options.frames, 2))
    rows: list[dict[str, Any]] = []
    for count, frames, workers in plan:
        tree = make_tree(sources, options.work, count, frames)
        rows.append(measure(tree, options.work / f"shards-{count}-{frames}-{workers}", count, frames, workers))
        print(json.dumps(rows[-1]), flush=True)
    ordered = sorted((row for row in rows if row["workers"] == 1), key=lambda row: (row["frames"], row["clips"]))
    short, long = [row for row in ordered if row["frames"] == options.frames], ordered[-1]
    report = {"rows": rows, "line": straightness(short), "voxceleb2": extrapolate(short[-1], long)}
    with whole_file(options.output) as path:
        path.write_text(json.dumps(report, indent=1))
    print(json.dumps(report["line"]), json.dumps(report["voxceleb2"]), sep="\n")


if __name__ == "__main__":
    main()
