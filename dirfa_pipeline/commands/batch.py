"""`dirfa batch`: a video for each line of a file, by all cores of this machine or of a Ray cluster."""

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ..animation.frame_rate import ANIMATION_FPS
from ..errors import InputError
from ..media.files import UNFINISHED
from ..media.video import PRESET, PRESETS
from ..workers.addresses import Address
from ..workers.engines import Workers
from . import marks
from .batch_jobs import VIDEOS, BadLine, Job, read_jobs
from .batch_maker import ATTEMPTS, RESULTS, BatchSettings, Order, Outcome, VideoMaker


SUMMARY: Final = "summary.json"
FAILED: Final = "failed.jsonl"
OURS: Final = (VIDEOS, RESULTS, ATTEMPTS)  # folders of the output in which files are written
EXAMPLES: Final = """a line of JOBS, each of its names but photo and one of sound and text may be left out:
  {"photo": "a.jpg", "sound": "a.wav", "seed": 7, "controls": {"expression": "happy"}, "name": "welcome"}
  {"photo": "a.jpg", "text": "Good morning!", "voice": "pocket:alba", "diversity": 1.2, "face": 0}

examples:
  dirfa batch jobs.jsonl --output videos --workers 8
  dirfa batch s3://bucket/jobs.jsonl --output s3://bucket/videos --address auto

Show people only with their consent, and say that the videos are synthetic."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa batch`."""
    batch = commands.add_parser(
        "batch", help="make many talking videos", epilog=EXAMPLES,
        description="Make a video for each line of JOBS. A second run makes those that are not there yet. Lines that "
        f"fail are in OUTPUT/{FAILED} with the reason, which is a file of jobs itself; OUTPUT/{SUMMARY} counts.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    batch.set_defaults(run=run)
    batch.add_argument("jobs", help="file or address with a JSON object a line")
    batch.add_argument("-o", "--output", required=True, help="folder or address for videos and reports")
    batch.add_argument("--workers", type=int, help="how many at once, of one core each (default all cores)")
    batch.add_argument(
        "--address", help="a Ray cluster: auto, ray://HOST:PORT, or local to start one here (default: that of "
        "RAY_ADDRESS if it is set, else processes of this machine)",
    )  # fmt: skip
    batch.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    batch.add_argument("--fps", type=float, default=ANIMATION_FPS, help="frames per second (default %(default)g)")
    batch.add_argument("--max-size", type=int, help="longest side in pixels; the photo's own size if left out")
    batch.add_argument("--crf", type=int, default=18, help="video quality, 0 lossless to 51 (default 18)")
    batch.add_argument("--preset", default=PRESET, help="x264 preset, ultrafast to veryslow (default %(default)s)")
    marks.add_options(batch)


def run(options: argparse.Namespace) -> None:
    """Run `dirfa batch`; prints the summary, and raises [`InputError`] if a line failed."""
    check_options(options)
    workers = Workers.choose(options.workers, options.address)
    lines = list(read_jobs(Address(options.jobs)))
    jobs = [line for line in lines if isinstance(line, Job)]
    if not lines:
        raise InputError(f"{options.jobs} holds no line; see dirfa batch --help")
    output = Address(options.output)
    settings = BatchSettings(
        output, options.weights, options.fps, options.max_size, options.crf, options.preset, marks.read_marks(options)
    )
    began = time.monotonic()
    common = repr(replace(settings, output=Address("")))
    orders = [Order(job, job.digest(common)) for job in jobs]
    there = {file.path for file in output.list()}
    todo = [order for order in orders if not {order.result, order.job.video} <= there]
    outcomes = list(_with_progress(_made(todo, settings, workers), len(orders), len(todo)))
    bad = [Outcome(line.number, "", line.reason) for line in lines if isinstance(line, BadLine)]
    failed = sorted((one for one in (*outcomes, *bad) if one.reason), key=lambda outcome: outcome.number)
    summary = {
        "lines": len(lines), "made": sum(not outcome.reason for outcome in outcomes),
        "there_before": len(orders) - len(todo), "failed": len(failed),
        "seconds_of_video": round(sum(outcome.seconds for outcome in outcomes), 2),
        "photos_prepared": sum(outcome.prepared for outcome in outcomes), "workers": workers.count,
        "wall_seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    print(json.dumps(summary), flush=True)
    (output / SUMMARY).write(json.dumps(summary, indent=1).encode())
    (output / FAILED).write(_failed_lines(lines, failed))
    _remove_old(output, orders)
    if failed:
        first = f"line {failed[0].number}: {failed[0].reason}"
        raise InputError(f"{len(failed)} of {len(lines)} lines failed ({first}); {output / FAILED} has them all")


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes in the command line before any work."""
    if os.path.isfile(options.output):
        raise InputError(f"--output must be a folder or an address, and {options.output} is a file")
    for name, (low, high) in {"fps": (1, 120), "crf": (0, 51), "max_size": (64, 8192)}.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"--{name.replace('_', '-')} must be in [{low}, {high}], got {value}")
    if options.preset not in PRESETS:
        raise InputError(f"--preset must be one of {', '.join(PRESETS)}, got {options.preset!r}")
    if options.weights and not os.path.isdir(options.weights) and options.weights.count("/") != 1:
        raise InputError(f"--weights must be a folder or a hub id, and {options.weights} is neither")
    # The output is a folder that will be made, or no path of this machine at all.
    marks.check_options(argparse.Namespace(**vars(options) | {"output": ""}))


def _made(todo: Sequence[Order], settings: BatchSettings, workers: Workers) -> Iterator[Outcome]:
    """The outcomes of all orders; those of one photo go out one after another, so that it is prepared rarely."""
    if not todo:
        return iter(())
    ordered = sorted(todo, key=lambda order: (order.job.photo, order.job.number))
    return workers.map(partial(VideoMaker, settings), ordered)


def _with_progress(outcomes: Iterable[Outcome], total: int, todo: int) -> Iterator[Outcome]:
    """Show videos done, those that failed and the time that is left, if somebody looks."""
    from tqdm import tqdm

    failed = 0
    with tqdm(total=total, initial=total - todo, unit="video", disable=None) as bar:
        for outcome in outcomes:
            failed += bool(outcome.reason)
            bar.set_postfix(failed=failed, refresh=False)
            bar.update()
            yield outcome


def _failed_lines(lines: Sequence[Job | BadLine], failed: Iterable[Outcome]) -> bytes:
    """The lines that failed, with the reason; what was no job stands under `line`."""
    known = {(isinstance(line, Job), line.number): line for line in lines}
    rows: list[dict[str, Any]] = []
    for outcome in failed:
        line = known[bool(outcome.video), outcome.number]
        told = {"line": line.line, "number": line.number} if isinstance(line, BadLine) else line.told()
        rows.append(told | {"reason": outcome.reason})
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _remove_old(output: Address, orders: Sequence[Order]) -> None:
    """What was killed half-written, and results of these lines as they were before."""
    current = {order.result for order in orders}
    lines = {result.rpartition("-")[0] for result in current}
    for file in list(output.list()):
        old = file.path.rpartition("-")[0] in lines and file.path not in current
        killed = file.path.partition("/")[0] in OURS and UNFINISHED.fullmatch(file.path)
        if old or killed:
            (output / file.path).remove()
