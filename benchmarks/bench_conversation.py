"""
Measure conversations in real time and with a fake clock: delay, skipped frames, joins, memory.

    python benchmarks/bench_conversation.py PHOTO SPEECH [--weights DIR] [--sizes 512 256] [--faces 1 2 4]
        [--seconds 30] [--minutes 10] [--steady 60] [--record NAME]

In real time, for each size and number of simultaneous conversations in one process, which speak half of the time and
idle the other half, it prints: the delay from a frame's moment until it is handed out, frames per second, skipped
frames, seconds from `say` to the first frame that speaks, seconds from `interrupt` to lips at rest, and memory per
conversation. It also prints how many conversations per core got nearly all of their frames, and the seconds from a
text to the voice of espeak-ng.

With a fake clock, it prints how much the image changes where speech begins and where it is interrupted, relative to
the largest change around it, and the memory over `--minutes`. `--steady` runs one conversation of the first size for
that many minutes in real time, and prints delay, skipped frames and memory for each tenth. `--faces` without a number,
`--texts 0`, `--joins 0` and `--minutes 0` leave parts out.
"""

import argparse
import asyncio
import os
import resource
import time
from collections.abc import Sequence

import numpy as np
import psutil
import torch
from results import add_option, record

from dirfa_pipeline import AudioClip, DirfaPipeline, load_audio, open_voice
from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES, LIP_INDICES
from dirfa_pipeline.live.conversation import Conversation
from dirfa_pipeline.models.face_renderer import PreparedPortrait


LIVE_FPS = 25.0
HELD = 0.95  # share of its frames from which a conversation counts as kept up
TEXT = "Good morning! How are you today?"
AT_REST = 0.05  # lips count as at rest if no weight is above the photo's by more; a smile is not speech
SPEAKING = [index for index in LIP_INDICES if not EXPRESSION_NAMES[index].startswith("mouthSmile")]
TURN = 5.0  # seconds of speech, and of idling after it
WINDOW = 15  # frames around a join that it is compared with


class FakeClock:
    """A clock that jumps to the next moment that is waited for."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep_until(self, moment: float) -> None:
        self.seconds = max(self.seconds, moment)
        await asyncio.sleep(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo")
    parser.add_argument("speech")
    parser.add_argument("--weights", default="dirfa-base")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--faces", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes of the fake clock; 0 skips the memory")
    parser.add_argument("--joins", type=int, default=6, help="joins of each kind; 0 skips them")
    parser.add_argument("--texts", type=int, default=8, help="texts that espeak-ng says; 0 skips them")
    parser.add_argument("--steady", type=float, default=0.0, help="minutes of one conversation in real time")
    add_option(parser, "conversation")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    pipe.set_progress_bar_config(disable=True)
    clip = load_audio(options.speech)
    values: dict[str, float] = {"load": os.getloadavg()[0]}
    print(f"{os.cpu_count()} cores; load before: {_load()}")
    if options.faces:
        print("size  faces  fps  delay p50/p95/p99 s  skipped  say to voice s  interrupt to rest s  MiB each  load")
    for size in options.sizes:
        prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(options.photo, size))
        rates = {}
        for faces in options.faces:
            row = asyncio.run(measure_live(pipe, prepared, clip, size, faces, options.seconds))
            rates[faces] = row["fps"]
            values |= {f"live.{size}.{faces}.{name}": value for name, value in row.items()}
        if rates:
            held = max((faces for faces, rate in rates.items() if rate >= HELD * LIVE_FPS), default=0)
            cores = os.cpu_count() or 1
            print(f"{size} pixels: {held} at once had {HELD:.0%} of their frames, {held / cores:g} a core")
            values[f"live.{size}.held"] = held
        if options.texts:
            row = asyncio.run(measure_text(pipe, prepared, size, options.texts))
            values |= {f"text.{size}.{name}": value for name, value in row.items()}
    if options.steady:
        prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(options.photo, options.sizes[0]))
        values |= asyncio.run(measure_steady(pipe, prepared, clip, options.steady))
    if options.joins:
        prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(options.photo, max(options.sizes)))
        values |= asyncio.run(measure_joins(pipe, prepared, clip, options.joins))
    if options.minutes:
        prepared = pipe.face_renderer.prepare(pipe.prepare_portrait(options.photo, min(options.sizes)))
        values |= asyncio.run(measure_memory(pipe, prepared, clip, options.minutes))
    record(options.record, values, options.weights)


async def measure_live(
    pipe: DirfaPipeline, prepared: PreparedPortrait, clip: AudioClip, size: int, faces: int, seconds: float
) -> dict[str, float]:
    """Measure one row of the table."""
    before = _memory()
    results = await asyncio.gather(*(_talk(pipe, prepared, clip, seconds, seed) for seed in range(faces)))
    delays = np.concatenate([result["delays"] for result in results])
    voiced, rests = (np.concatenate([result[name] for result in results]) for name in ("voiced", "rests"))
    row = _spread(delays) | {
        "fps": len(delays) / faces / seconds,
        "skipped": float(np.mean([result["skipped"] for result in results])),
        "voice": float(np.median(voiced)), "voice_most": voiced.max(),
        "rest": float(np.median(rests)), "rest_most": rests.max(),
        "mebibytes": (_memory() - before) / faces, "load": os.getloadavg()[0],
    }  # fmt: skip
    print(
        f"{size:4d}  {faces:5d}  {row['fps']:4.1f}  {_told(row)}  {row['skipped']:6.1%}  "
        f"{row['voice']:.2f}, worst {row['voice_most']:.2f}  {row['rest']:.2f}, worst {row['rest_most']:.2f}  "
        f"{row['mebibytes']:.0f}  {_load()}",
        flush=True,
    )
    return row


async def _talk(
    pipe: DirfaPipeline, prepared: PreparedPortrait, clip: AudioClip, seconds: float, seed: int
) -> dict[str, np.ndarray | float]:
    """Alternate speech and idling; every second utterance is interrupted."""
    delays, voiced, rests = [], [], []
    async with pipe.converse(prepared, generator=torch.Generator().manual_seed(seed)) as face:
        lips = _watch_lips(face)
        said = asked = stopped = None
        turns = 0
        async for frame in face:
            delays.append(face.now - frame.time)
            if said is None and frame.time >= turns * 2 * TURN:
                said = asked = face.now
                length = round(2 * TURN * clip.sampling_rate)
                await face.say((clip.sampling_rate, clip.samples[:, :length]))
            if asked is not None and frame.speaking:
                voiced.append(face.now - asked)
                asked = None
            if said is not None and stopped is None and face.now - said > TURN:
                stopped = face.now
                await face.interrupt()
            if stopped is not None and np.abs(lips[-1]).max() <= AT_REST:
                rests.append(face.now - stopped)
                said, stopped, turns = None, None, turns + 1
            if frame.time >= seconds:
                break
        total = round(face.now * face.fps)
        return {
            "delays": np.array(delays), "voiced": np.array(voiced), "rests": np.array(rests),
            "skipped": face.skipped / total,
        }  # fmt: skip


async def measure_text(pipe: DirfaPipeline, prepared: PreparedPortrait, size: int, texts: int) -> dict[str, float]:
    """Measure the seconds from a text to the first frame with a voice, and from an interruption to lips at rest."""
    voice, voiced, rests = open_voice("espeak"), [], []
    async with pipe.converse(prepared, generator=torch.Generator().manual_seed(1)) as face:
        lips = _watch_lips(face)
        for _ in range(texts):
            asked = face.now
            saying = asyncio.create_task(face.say(voice.speak(TEXT)))
            async for frame in face:
                if frame.speaking:
                    break
            voiced.append(face.now - asked)
            await _let_pass(face, 0.8)
            stopped = face.now
            await face.interrupt()
            async for _frame in face:
                if np.abs(lips[-1]).max() <= AT_REST:
                    break
            rests.append(face.now - stopped)
            await saying
            await _let_pass(face, 1.0)
    print(
        f"{size} pixels, espeak-ng: text to voice {np.median(voiced):.2f} s, worst {max(voiced):.2f}; "
        f"interruption to lips at rest {np.median(rests):.2f} s, worst {max(rests):.2f}; load {_load()}"
    )
    return {
        "voice": float(np.median(voiced)), "voice_most": max(voiced),
        "rest": float(np.median(rests)), "rest_most": max(rests), "load": os.getloadavg()[0],
    }  # fmt: skip


async def _let_pass(face: Conversation, seconds: float) -> None:
    until = face.now + seconds
    async for _frame in face:
        if face.now > until:
            return


async def measure_steady(
    pipe: DirfaPipeline, prepared: PreparedPortrait, clip: AudioClip, minutes: float
) -> dict[str, float]:
    """Print a row for each tenth of a long conversation, half of it speech; memory is that of the whole process."""
    print("minutes  fps  delay p50/p95/p99/most s  skipped  MiB now, peak  load")
    part, values = 60.0 * minutes / 10.0, dict[str, float]()
    async with pipe.converse(prepared, generator=torch.Generator().manual_seed(1)) as face:
        delays: list[float] = []
        whole: list[np.ndarray] = []
        skipped, turn = 0, 0
        async for frame in face:
            delays.append(face.now - frame.time)
            if frame.time >= 2 * TURN * turn:
                turn = int(frame.time / (2 * TURN)) + 1
                await face.say((clip.sampling_rate, clip.samples[:, : round(TURN * clip.sampling_rate)]))
            if frame.time < (len(whole) + 1) * part:
                continue
            row = _spread(delays) | {
                "fps": len(delays) / part, "skipped_percent": 100.0 * (face.skipped - skipped) / part / face.fps,
                "mebibytes": _memory(), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "load": os.getloadavg()[0],
            }  # fmt: skip
            print(
                f"{frame.time / 60:7.1f}  {row['fps']:4.1f}  {_told(row)}/{row['most']:.2f}  "
                f"{row['skipped_percent']:5.1f}%  {row['mebibytes']:.0f}, {row['peak']:.0f}  {_load()}",
                flush=True,
            )
            whole.append(np.array(delays))
            delays, skipped = [], face.skipped
            values |= {f"steady.{len(whole)}.{name}": value for name, value in row.items()}
            if len(whole) == 10:
                break
        every = _spread(np.concatenate(whole)) | {"skipped_percent": 10.0 * skipped / part / face.fps}
        every["fps"] = sum(map(len, whole)) / (10.0 * part)
        return values | {f"steady.{name}": value for name, value in every.items()}


async def measure_joins(
    pipe: DirfaPipeline, prepared: PreparedPortrait, clip: AudioClip, joins: int
) -> dict[str, float]:
    """How much the image changes at a join, relative to the frames around it."""
    starts, stops = [], []
    length = round(3.0 * clip.sampling_rate)
    async with pipe.converse(
        prepared, generator=torch.Generator().manual_seed(1), clock=FakeClock(), marks=None
    ) as face:
        for turn in range(joins):
            pictures = [(await anext(face)).image for _ in range(2 * WINDOW)]
            first = turn * length // 2
            await face.say((clip.sampling_rate, clip.samples[:, first : first + length]))
            start = len(pictures)
            while True:
                frame = await anext(face)
                pictures.append(frame.image)
                if frame.speaking:
                    break
            spoken = len(pictures) - 1
            pictures += [(await anext(face)).image for _ in range(2 * WINDOW)]
            stop = len(pictures)
            await face.interrupt()
            pictures += [(await anext(face)).image for _ in range(2 * WINDOW)]
            change = _changes(pictures)
            around = np.concatenate([change[start - WINDOW : start], change[spoken + 2 : spoken + WINDOW]])
            starts.append(change[start : spoken + 2].max() / around.max())
            stops.append(change[stop - 1 : stop + 5].max() / change[stop - WINDOW : stop - 1].max())
    values: dict[str, float] = {}
    for name, what, ratios in (("start", "speech begins", starts), ("stop", "interruption", stops)):
        print(
            f"change of the picture, {what}, over the most around it: {np.mean(ratios):.2f}, worst {max(ratios):.2f}"
        )
        values |= {f"join.{name}": float(np.mean(ratios)), f"join.{name}_most": max(ratios)}
    return values


async def measure_memory(
    pipe: DirfaPipeline, prepared: PreparedPortrait, clip: AudioClip, minutes: float
) -> dict[str, float]:
    """Memory and CPU time with a fake clock, for alternating speech and idling; a busy machine affects them little."""
    peaks = []
    async with pipe.converse(prepared, generator=torch.Generator().manual_seed(1), clock=FakeClock()) as face:
        began, part = time.process_time(), 1
        async for frame in face:
            if face.backlog == 0.0 and int(frame.time) % 10 == 5:
                await face.say((clip.sampling_rate, clip.samples[:, : 4 * clip.sampling_rate]))
            if frame.time >= part * 60.0 * minutes / 10.0:
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                part += 1
            if part > 10:
                break
        work = (time.process_time() - began) / 60.0 / minutes
    print(
        f"peak memory at each tenth of {minutes:g} minutes: {', '.join(f'{peak:.0f}' for peak in peaks)} MiB; "
        f"{work:.2f} s of one core for a second, {1.0 / work:.1f} conversations would fill one; load {_load()}"
    )
    return {"memory.first": peaks[0], "memory.last": peaks[-1], "work": work, "work_load": os.getloadavg()[0]}


def _watch_lips(face: Conversation) -> list[np.ndarray]:
    """A list whose only item is always the lips of the last frame drawn."""
    assert face._face is not None
    live, seen = face._face, [np.zeros(len(SPEAKING), np.float32)]
    settle = live._settle

    def watched(row: np.ndarray, moment: float) -> np.ndarray:
        row = settle(row, moment)
        seen[0] = row[SPEAKING]
        return row

    live._settle = watched  # type: ignore[method-assign, assignment]
    return seen


def _changes(pictures: list[np.ndarray]) -> np.ndarray:
    whole = np.array(pictures).astype(np.int16)
    return np.array([np.abs(after - before).mean() for before, after in zip(whole, whole[1:], strict=False)])


def _spread(delays: Sequence[float] | np.ndarray) -> dict[str, float]:
    p50, p95, p99 = np.percentile(delays, (50, 95, 99))
    return {"p50": p50, "p95": p95, "p99": p99, "most": float(np.max(delays))}


def _told(row: dict[str, float]) -> str:
    return "/".join(f"{row[name]:.2f}" for name in ("p50", "p95", "p99"))


def _memory() -> float:
    return psutil.Process().memory_info().rss / 2**20


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
