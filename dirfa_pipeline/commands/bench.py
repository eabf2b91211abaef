"""`dirfa bench`: what each stage costs on this machine."""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from ..errors import InputError
from . import progress
from .loading import load_pipeline


if TYPE_CHECKING:
    from ..media.audio import AudioClip, AudioFile
    from ..models.face_renderer import PreparedPortrait
    from ..pipeline_dirfa import DirfaPipeline

FIRST_SOUND: Final = 0.4  # seconds of sound after which the first frame of a stream is waited for
MICROPHONE_BLOCK: Final = 0.02  # seconds
MEMORY_READINGS: Final = 12  # over a stream, evenly: an hour is read every five minutes
HEAD_SHARE: Final = 2.2  # faces that a picture is high
COLUMNS: Final = {
    "size": "size px", "seconds": "sound s", "threads": "threads", "load_s": "load s", "fit_s": "fit s",
    "encode_ms": "encode ms", "sample_ms": "sample ms", "render_ms": "render ms", "video_ms": "mp4 ms", "rtf": "RTF",
    "cpu_rtf": "CPU RTF", "peak_gib": "peak GiB", "first_frame_s": "1st frame s", "live_rtf": "live RTF",
    "live_late_ms": "late p99 ms", "live_growth_mib": "growth MiB",
}  # fmt: skip
WIDTH: Final = max(map(len, COLUMNS.values()))  # characters of a column

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """One line of the table: what is measured in a process of its own."""

    photo: str
    speech: str
    weights: str
    device: str
    size: int
    seconds: float
    live_seconds: float
    threads: int


class Stopwatch:
    """Adds up the seconds that something takes, over many runs."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._began

    def around(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items and time how long each takes to come."""
        iterator = iter(items)
        while True:
            with self:
                item = next(iterator, None)
            if item is None:
                return
            yield item


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa bench`."""
    bench = commands.add_parser(
        "bench",
        help="measure speed and memory on this machine",
        description=(
            "Measure each stage from sound to mp4 in milliseconds a frame, 25 frames a second; RTF is the time from "
            "photo and sound to the finished mp4 over the length of the sound, CPU RTF the processor time of all "
            "threads but for the photo, peak the memory of the whole process; mp4 is what encoding, in a thread of "
            "its own, adds. "
            "A stream is measured as well: its first frame after the first 0.4 s of sound, its RTF, how late the "
            "latest 1 % of frames come after the sound that they need, in milliseconds at a microphone's pace, and "
            "how much memory grew after its first twelfth. "
            "Each size is measured with each length and number of threads; the two default settings take about "
            "a minute on two idle cores, and several minutes where others work or code is compiled first."
        ),
    )
    bench.set_defaults(run=run)
    bench.add_argument("photo", nargs="?", help="picture of a face, cropped to each size; the bundled one if left out")
    bench.add_argument("speech", nargs="?", help="speech, repeated to each length; the bundled one if left out")
    bench.add_argument("--sizes", type=int, nargs="+", default=[512], help="sides in pixels (default 512)")
    bench.add_argument("--seconds", type=float, nargs="+", default=[10.0], help="lengths of sound (default 10)")
    bench.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="processor cores to use (default 1 2)")
    bench.add_argument("--live-seconds", type=float, default=10.0, help="length of the stream (default 10)")
    bench.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    bench.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    bench.add_argument("--json", action="store_true", help="print one JSON object per line instead of a table")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa bench`: each case in a process of its own, so that peaks and threads do not mix."""
    from ..bundled import bundled_weights

    examples = Path(__file__).parents[1] / "examples"
    photo = options.photo or str(examples / "astronaut.jpg")
    speech = options.speech or str(examples / "speech.flac")
    for name, path in (("photo", photo), ("speech", speech)):
        if not os.path.isfile(path):
            raise InputError(f"{name} not found: {path}")
    least = {"sizes": 64, "seconds": 1, "threads": 1, "live_seconds": 1}
    for name, low in least.items():
        given = min(np.atleast_1d(getattr(options, name)).tolist())
        if given < low:
            raise InputError(f"--{name.replace('_', '-')} must be {low} or more, got {given:g}")
    weights = str(options.weights or bundled_weights())
    if not options.json:
        print("  ".join(f"{title:>{WIDTH}s}" for title in COLUMNS.values()))
    settings = list(itertools.product(options.threads, options.sizes, options.seconds))
    began = time.perf_counter()
    for number, (threads, size, seconds) in enumerate(settings, 1):
        on = f"{threads} thread{'s' * (threads > 1)}"
        left = (time.perf_counter() - began) * (len(settings) - number + 1) / max(1, number - 1)
        wait = f", about {left:.0f} s to go" if number > 1 else ", half a minute to minutes"
        progress(f"{number} of {len(settings)}: {seconds:g} s of sound at {size} pixels on {on}{wait}")
        case = Case(photo, speech, weights, options.device, size, seconds, options.live_seconds, threads)
        result = measure_apart(case)
        if options.json:
            print(json.dumps(result), flush=True)
        else:
            print("  ".join(f"{format(result[name], '.3g'):>{WIDTH}s}" for name in COLUMNS), flush=True)


def measure_apart(case: Case) -> dict[str, Any]:
    """Measure a case in a fresh process."""
    count = str(case.threads)
    threads = {name: count for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    process = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(asdict(case))],
        env=os.environ | threads, capture_output=True, text=True,
    )  # fmt: skip
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"{case.size} pixels, {case.seconds:g} s: {' '.join(reason)}")
    return dict(json.loads(process.stdout.splitlines()[-1]))


def measure(case: Case) -> dict[str, Any]:
    """Measure a case in this process, which should be a fresh one."""
    if hasattr(os, "sched_setaffinity"):  # libraries with threads of their own obey it, too
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: case.threads])
    began = time.perf_counter()
    import torch

    torch.set_num_threads(case.threads)
    from ..media.audio import load_audio, open_audio

    pipeline = load_pipeline(case.weights, case.device, doing=None)
    result: dict[str, Any] = asdict(case) | {"load_s": time.perf_counter() - began}
    whole = pipeline.prepare_portrait(case.photo)
    picture, clip = frame_head(whole.image, whole.landmarks, case.size), load_audio(case.speech)
    with tempfile.TemporaryDirectory() as folder:
        sound = open_audio(write_long_wav(Path(folder) / "speech.wav", clip, case.seconds))
        fit = Stopwatch()
        with fit:
            portrait = pipeline.face_renderer.prepare(pipeline.prepare_portrait(picture))
        live = measure_stream(pipeline, portrait, clip, case.live_seconds)
        result |= {"fit_s": fit.seconds} | live
        began = time.process_time()
        stages = measure_file(pipeline, portrait, sound, Path(folder) / "talk.mp4")
        result["cpu_rtf"] = (time.process_time() - began) / sound.duration
    frames = stages.pop("frames")
    result |= {f"{name}_ms": 1000 * seconds / frames for name, seconds in stages.items()}
    result |= {"rtf": (fit.seconds + sum(stages.values())) / sound.duration, "peak_gib": peak_gib()}
    result["load_average"] = os.getloadavg()[0]
    return result


def measure_file(
    pipeline: "DirfaPipeline", portrait: "PreparedPortrait", sound: "AudioFile", path: Path
) -> dict[str, float]:
    """Seconds that each stage takes from sound to mp4, and the number of `frames`."""
    import torch

    from ..provenance.marking import video_writer

    encode, draw, render, video = (Stopwatch() for _ in range(4))
    hooks = [
        pipeline.audio_encoder.register_forward_pre_hook(lambda *_: encode.__enter__()),
        pipeline.audio_encoder.register_forward_hook(lambda *_: encode.__exit__()),
    ]
    with draw:
        animation = pipeline.sample_animation(sound, torch.Generator().manual_seed(1))
    for hook in hooks:
        hook.remove()
    with video:
        writer = video_writer(path, animation.fps, sound)
        writer.__enter__()
    for frame in render.around(pipeline.render(portrait, animation)):
        with video:
            writer.write(frame)
    with video:
        writer.__exit__(None, None, None)
    return {
        "encode": encode.seconds, "sample": draw.seconds - encode.seconds, "render": render.seconds,
        "video": video.seconds, "frames": len(animation),
    }  # fmt: skip


def measure_stream(
    pipeline: "DirfaPipeline", portrait: "PreparedPortrait", clip: "AudioClip", seconds: float
) -> dict[str, Any]:
    """
    Delay of the first frame after the first 0.4 s of sound, RTF, lateness of frames and memory of a stream of sound.

    Sound is given as fast as it is taken; lateness is what it would be if blocks came at a microphone's pace. It grows
    without end where the stream is slower than real time.
    """
    wave, block = clip.samples.mean(0), round(MICROPHONE_BLOCK * clip.sampling_rate)
    heard = 0

    def microphone() -> Iterator[np.ndarray]:
        nonlocal heard
        while heard < seconds * clip.sampling_rate:
            chunk = np.take(wave, np.arange(heard, heard + block), mode="wrap")
            heard += block
            yield chunk

    stopwatch = Stopwatch()
    ready: list[tuple[float, float]] = []  # for each frame: seconds heard and seconds worked
    memory: list[float] = []
    frames = pipeline.stream(portrait, microphone(), clip.sampling_rate)
    for _ in stopwatch.around(frames):
        ready.append((heard / clip.sampling_rate, stopwatch.seconds))
        if ready[-1][0] >= seconds * (len(memory) + 1) / MEMORY_READINGS:
            memory.append(resident_mib())
    late = lateness(*np.array(ready).T)
    return {
        # All that was computed counts, even what a live stream computes while it listens.
        "first_frame_s": ready[0][1] + max(0.0, ready[0][0] - FIRST_SOUND),
        "live_rtf": stopwatch.seconds / seconds,
        "live_late_ms": 1000 * float(np.percentile(late, 99)), "live_late_median_ms": 1000 * float(np.median(late)),
        "live_latest_ms": 1000 * float(late.max()),
        "live_memory_mib": memory, "live_growth_mib": memory[-1] - memory[0],
    }  # fmt: skip


def lateness(heard: np.ndarray, worked: np.ndarray) -> np.ndarray:
    """
    How late frames come after the sound that they need, in seconds.

    Args:
        heard (`np.ndarray` of shape `(frames,)`): When the sound that a frame needs has been heard.
        worked (`np.ndarray` of shape `(frames,)`): Seconds of work up to and with that frame, one after another; work
            for a frame starts when its sound is there and the frame before it is done.
    """
    # Done at worked[i] plus the longest wait for sound that any frame up to it had.
    before = np.concatenate([[0.0], worked[:-1]])
    return worked + np.maximum.accumulate(heard - before) - heard


def frame_head(image: np.ndarray, landmarks: np.ndarray, size: int) -> np.ndarray:
    """A square of `size` pixels around the head, whatever the photo's own size, so that cases compare."""
    from PIL import Image

    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    side = min(HEAD_SHARE * float(high[1] - low[1]), *image.shape[:2])
    corner = np.clip((low + high - side) / 2, 0, np.array(image.shape[1::-1]) - side)
    box = (*corner.tolist(), *(corner + side).tolist())
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS, box=box))


def write_long_wav(path: Path, clip: "AudioClip", seconds: float) -> Path:
    """Repeat a clip, in one channel, to a length and write it as 16-bit WAV."""
    from ..media.audio import AudioClip
    from ..media.wav import write_wav

    repeated = np.resize(clip.samples.mean(0), round(seconds * clip.sampling_rate))
    write_wav(path, AudioClip(repeated[None], clip.sampling_rate))
    return path


def peak_gib() -> float:
    """Largest resident memory of this process so far."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def resident_mib() -> float:
    """Resident memory of this process now; its peak where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 1024 * peak_gib()
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])))))
