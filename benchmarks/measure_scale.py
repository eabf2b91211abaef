"""
Measure the cost of `prepare` on trees shaped like VoxCeleb2, and whether it grows linearly with their size.

    python benchmarks/measure_scale.py DATA/video/grid_s1 --work WORK --record

Real clips are joined until there are enough frames, scaled to 224 pixels, and copied repeatedly to
`idNNNNN/VIDEO/CLIP.mp4`, with the sound in an .m4a next to it. This gives trees of 10, 100, 300 and 1,000 short clips,
and one of clips as long as VoxCeleb2's. Each tree is prepared from scratch in a process of its own. Costs are core
seconds by stage, as reported by the workers; a busy machine affects them little. Memory is the peak of the largest
process. A second run measures only what is not yet in WORK/rows.jsonl.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from results import add_option, record


SIDE: Final = 224  # pixels of a VoxCeleb2 clip
CLIPS_A_VIDEO, VIDEOS_A_PERSON = 5, 4
CUTS: Final = 10  # different clips in a tree
RATE: Final = 16_000  # Hz, of the sound
VOXCELEB2_CLIPS: Final = 1_092_009
VOXCELEB2_FRAMES: Final = 195  # frames of an average clip: 7.8 s
CORE_HOUR: Final = 0.04  # assumed price in dollars: about that of a rented core with 4 GB of memory
TERABYTE_MONTH: Final = 23.0  # assumed price in dollars: about that of an object store


@dataclass(frozen=True)
class Plan:
    """A tree, and the workers that prepare it: local processes, or a Ray cluster that is started for it."""

    clips: int
    frames: int
    workers: int = 1
    ray: bool = False

    @property
    def name(self) -> str:
        return f"{self.clips}x{self.frames}.{'ray' if self.ray else 'workers'}{self.workers}"


def cut(sources: Sequence[Path], target: Path, frames: int) -> None:
    """Write the given number of frames of joined clips at 224 pixels, and their sound in an .m4a."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(target), "w") as written:
        video = written.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        for frame in itertools.islice(pictures(sources), frames):
            side = min(frame.width, frame.height)
            left, top = (frame.width - side) // 2, (frame.height - side) // 2
            square = np.ascontiguousarray(frame.to_ndarray(format="rgb24")[top : top + side, left : left + side])
            written.mux(video.encode(av.VideoFrame.from_ndarray(square, format="rgb24").reformat(SIDE, SIDE)))
        written.mux(video.encode(None))
    samples = np.concatenate(list(itertools.islice(sounds(sources), frames)), axis=1)[:, : frames * RATE // 25]
    with av.open(str(target.with_suffix(".m4a")), "w") as written:
        sound = written.add_stream("aac", rate=RATE, layout="mono")
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        block.sample_rate = RATE
        written.mux(sound.encode(block))
        written.mux(sound.encode(None))


def pictures(sources: Sequence[Path]) -> Iterator[av.VideoFrame]:
    """The frames of clips, one clip after another, in an endless loop."""
    for source in itertools.cycle(sources):
        with av.open(str(source)) as read:
            yield from read.decode(video=0)


def sounds(sources: Sequence[Path]) -> Iterator[np.ndarray]:
    """The sound of the clips in the same order, `(1, samples)`, in blocks of at least a frame's length."""
    for source in itertools.cycle(sources):
        convert = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        with av.open(str(source)) as read:
            blocks = [part.to_ndarray() for block in read.decode(audio=0) for part in convert.resample(block)]
        yield np.concatenate(blocks, axis=1)


def places() -> Iterator[str]:
    """Endless names of clips in the style of VoxCeleb2."""
    for person in itertools.count():
        for video, clip in itertools.product(range(VIDEOS_A_PERSON), range(CLIPS_A_VIDEO)):
            yield f"id{person:05d}/video{video:06d}/{clip:05d}"


def make_tree(sources: list[Path], folder: Path, count: int, frames: int) -> Path:
    """Make a tree of `count` clips, in which a few clips are repeated under other names."""
    tree, cuts = folder / f"vox-{count}-{frames}", folder / f"cuts-{frames}"
    for index in range(CUTS):
        if not (cuts / f"{index}.m4a").exists():
            cut([*sources[index:], *sources[:index]], cuts / f"{index}.mp4", frames)
    for place, index in zip(itertools.islice(places(), count), itertools.cycle(range(CUTS)), strict=False):
        path = tree / f"{place}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".mp4", ".m4a"):
            shutil.copyfile(cuts / f"{index}{suffix}", path.with_suffix(suffix))
    return tree


def measure(tree: Path, output: Path, plan: Plan) -> dict[str, Any]:
    """Prepare a tree from scratch, and measure the cost."""
    shutil.rmtree(output, ignore_errors=True)
    words = [str(tree), "--source", "vox2", "--output", str(output), "--workers", str(plan.workers)]
    words += ["--address", "local"] if plan.ray else []
    # The size of shards hardly affects memory, as workers hold one clip at a time; small ones can be shared by two.
    words += ["--speech-features", "--clips-per-shard", str(min(200, max(5, plan.clips // 5)))]
    began, log = time.monotonic(), output.with_name(f"{output.name}.log")
    with open(log, "w") as told:
        command = [sys.executable, "-m", "dirfa_pipeline.training.prepare", *words]
        process = subprocess.Popen(command, stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
    wall, text = time.monotonic() - began, log.read_text()
    if status:
        raise SystemExit(text[-2000:])
    stages = {name: float(value) for value, name in re.findall(r"([\d.]+) core seconds of (.+)", text)}
    shards = [path.stat().st_size for path in output.glob("*.tar")]
    inside = [path.stat().st_size for path in tree.rglob("*.m*")]
    rows = [json.loads(line) for line in (output / "clips.jsonl").read_text().splitlines()]
    return asdict(plan) | {
        "wall_seconds": round(wall, 1), "load": round(os.getloadavg()[0], 1), "stages": stages,
        "stage_seconds": round(sum(stages.values()), 2),
        # Ray's workers are not child processes, so only the cost of their stages is known.
        "core_seconds": None if plan.ray else round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": None if plan.ray else round(used.ru_maxrss / 1024), "shards": len(shards),
        "largest_shard_bytes": max(shards), "bytes_a_clip_in": round(sum(inside) / plan.clips),
        "bytes_a_clip_out": round(sum(shards) / plan.clips), "rows": len(rows),
        "reasons": Counter(row["reason"] or "kept" for row in rows),
    }  # fmt: skip


def line_through(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Fit a line to the stages' core seconds over the number of clips; also returns each tree's deviation from it."""
    clips = np.array([row["clips"] for row in rows], float)
    seconds = np.array([row["stage_seconds"] for row in rows])
    # Minimise relative deviations, so that all trees count equally and the largest one does not dominate.
    design = np.stack([clips, np.ones_like(clips)], axis=1) / seconds[:, None]
    slope, start = np.linalg.lstsq(design, np.ones_like(clips), rcond=None)[0]
    off = (slope * clips + start) / seconds - 1.0
    return {
        "seconds_a_clip": float(slope), "seconds_at_none": float(start), "largest_residual": float(np.abs(off).max()),
        "residuals": {str(row["clips"]): round(float(value), 4) for row, value in zip(rows, off, strict=True)},
    }  # fmt: skip


def extrapolate(long: dict[str, Any]) -> dict[str, float]:
    """The cost of VoxCeleb2, if each of its clips costs as much as the measured ones of the same length."""
    each = long["stage_seconds"] / long["clips"]
    hours = each * VOXCELEB2_CLIPS / 3600
    stored, read = (long[name] * VOXCELEB2_CLIPS / 1e12 for name in ("bytes_a_clip_out", "bytes_a_clip_in"))
    return {
        "core_seconds_a_clip": each, "clips_a_core_hour": 3600 / each, "core_hours": hours,
        "days_on_16_cores": hours / 16 / 24, "hours_on_1000_cores": hours / 1000, "terabytes_stored": stored,
        "terabytes_read": read, "shards": -(-VOXCELEB2_CLIPS // 200), "dollars": hours * CORE_HOUR,
        "dollars_a_month_stored": stored * TERABYTE_MONTH,
        "fit_fps": long["frames"] * long["clips"] / long["stages"]["fit"],
    }  # fmt: skip


def report_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole report: rows, the line through the trees of short clips, and VoxCeleb2."""
    alone = [row for row in rows if row["workers"] == 1 and not row["ray"]]
    long = max(alone, key=lambda row: row["frames"])
    return {
        "rows": rows,
        "line": line_through([row for row in alone if row["frames"] < long["frames"]]),
        "voxceleb2": extrapolate(long),
    }


def feature_share(output: Path) -> float:
    """The share of speech features in the size of the shards."""
    sizes: Counter[bool] = Counter()
    for path in output.glob("*.tar"):
        with tarfile.open(path) as shard:
            for member in shard:
                sizes[member.name.endswith(".npy")] += member.size
    return sizes[True] / sizes.total()


def values_of(report: dict[str, Any]) -> dict[str, float]:
    """The report as named figures."""
    alone, shared = (
        {row["clips"]: row for row in report["rows"] if row["workers"] == n and not row["ray"]} for n in (1, 2)
    )
    ((clips, two),) = shared.items()
    long = max(alone.values(), key=lambda row: row["frames"])
    each, loads = long["stage_seconds"] / long["clips"], [row["load"] for row in report["rows"]]
    values = {
        "load.least": min(loads), "load.most": max(loads), "shared": clips,
        "two_over_one": two["stage_seconds"] / alone[clips]["stage_seconds"],
        "landmark_share": long["stages"]["landmarks"] / long["stage_seconds"],
        # Rates of a thousand busy cores, in megabytes per second.
        "read_rate": 1000 * long["bytes_a_clip_in"] / each / 1e6,
        "write_rate": 1000 * long["bytes_a_clip_out"] / each / 1e6,
        "memory_1000": 1000 * long["peak_mib"] / 1024,
    }  # fmt: skip
    values |= {f"voxceleb2.{name}": value for name, value in report["voxceleb2"].items()}
    values |= {f"line.{name}": value for name, value in report["line"].items() if name != "residuals"}
    values |= {f"line.residual.{clips}": value for clips, value in report["line"]["residuals"].items()}
    for row in report["rows"]:
        name = row["name"]
        values |= {f"{name}.{key}": value for key, value in row.items() if isinstance(value, int | float)}
        values[f"{name}.seconds_a_clip"] = row["stage_seconds"] / row["clips"]
        values[f"{name}.kept"] = row["reasons"]["kept"]
        values[f"{name}.largest_mb"] = row["largest_shard_bytes"] / 1e6
        if row["core_seconds"] is not None:
            values[f"{name}.start"] = row["core_seconds"] - row["stage_seconds"]
        for stage, seconds in row["stages"].items():
            values[f"{name}.{stage.replace(' ', '_')}"] = seconds / row["clips"]
    return values


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of clips of people talking, with sound")
    parser.add_argument("--work", type=Path, required=True, help="folder for trees, shards and the report")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 300, 1000])
    parser.add_argument("--frames", type=int, default=25, help="frames of a short clip")
    parser.add_argument("--long-clips", type=int, default=40, help="number of clips in the tree of long ones")
    parser.add_argument("--shared", type=int, default=100, help="clips also prepared by two workers and by Ray")
    add_option(parser, "scale")
    options = parser.parse_args()
    sources = sorted(path for path in options.clips.iterdir() if path.suffix in (".mp4", ".mpg"))
    plans = [Plan(count, options.frames) for count in options.counts]
    plans[2:2] = [
        Plan(options.long_clips, VOXCELEB2_FRAMES), Plan(options.shared, options.frames, 2),
        Plan(options.shared, options.frames, 2, ray=True),
    ]  # fmt: skip
    options.work.mkdir(parents=True, exist_ok=True)
    kept = options.work / "rows.jsonl"
    done = {row["name"]: row for row in map(json.loads, kept.read_text().splitlines())} if kept.exists() else {}
    for plan in plans:
        if plan.name not in done:
            tree = make_tree(sources, options.work, plan.clips, plan.frames)
            done[plan.name] = {"name": plan.name} | measure(tree, options.work / f"shards-{plan.name}", plan)
            with open(kept, "a") as file:
                file.write(json.dumps(done[plan.name]) + "\n")
        print(json.dumps(done[plan.name]), flush=True)
    report = report_of([done[plan.name] for plan in plans])
    (options.work / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report["line"]), json.dumps(report["voxceleb2"]), sep="\n")
    long = max(plans, key=lambda plan: plan.frames)
    share = feature_share(options.work / f"shards-{long.name}")
    record(options.record, values_of(report) | {"feature_share": share}, "dirfa-base")


if __name__ == "__main__":
    main()
