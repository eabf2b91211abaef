"""
Eight visitors at once for ten minutes: they create, cancel and vanish.

Nothing is mixed up, one video is drawn at a time, and memory comes back. `DIRFA_LOAD_SECONDS=120` makes it shorter.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

SECONDS = float(os.environ.get("DIRFA_LOAD_SECONDS", "600"))
VISITORS = 8
WARM = 4  # videos after which the server has allocated what it does once
GROWTH = 150  # MiB that a server may keep: what numba, FFmpeg and Gradio allocate once
EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
SERVER = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from tiny import tiny_pipeline
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.threads import let_threads_share_memory
let_threads_share_memory()
pipe, drawing, lock = tiny_pipeline(), [0, 0], threading.Lock()
render = pipe.render
def counted(*arguments, **options):
    frames = render(*arguments, **options)
    def each():
        with lock:
            drawing[0] += 1
            drawing[1] = max(drawing)
        try:
            yield from frames
        finally:
            with lock:
                drawing[0] -= 1
            print("most at once:", drawing[1], flush=True)
    return each()
pipe.render = counted
build_demo(pipe).queue(max_size=16).launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), **launch_options())
"""


@contextmanager
def server(log: Path) -> Iterator[tuple[str, int]]:
    """Its address and the number of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(port), str(Path(__file__).parents[1])]
    with TemporaryDirectory() as folder, open(log, "w") as told:
        environment = os.environ | {"GRADIO_TEMP_DIR": folder}
        process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, env=environment)
        try:
            end = time.monotonic() + 180
            while time.monotonic() < end:
                assert process.poll() is None, log.read_text()
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(30)


def resident(process: int) -> float:
    """MiB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


KINDS = ("create", "create", "cancel", "vanish")


def visit(
    address: str,
    number: int,
    end: float,
    told: "multiprocessing.Queue[tuple[str, str]]",
    kinds: tuple[str, ...] = KINDS,
) -> None:
    """One visitor, again and again: a video of their own seed and size, one that they cancel, one that they leave."""
    import av
    from gradio_client import Client, handle_file

    random = np.random.default_rng(number)
    photo, speech = handle_file(str(EXAMPLES / "astronaut.jpg")), handle_file(str(EXAMPLES / "speech.flac"))
    while time.monotonic() < end:
        try:
            with TemporaryDirectory() as folder:
                client = Client(address, verbose=False, download_files=folder, httpx_kwargs={"timeout": 60})
                seed, size = 1000 * number + int(random.integers(1000)), 384 + 64 * (number % 3)
                job = client.submit(
                    photo, speech, seed=seed, takes=1, fps=10, size=size, label=False, api_name="/generate"
                )
                what = random.choice(kinds)
                if what == "create":
                    files = job.result(timeout=300)
                    assert [Path(file).name for file in files][0] == f"take-{seed}.mp4", files
                    with av.open(files[0]) as container:
                        stream = container.streams.video[0]
                        assert max(stream.width, stream.height) == size, (stream.width, stream.height, size)
                else:
                    time.sleep(float(random.uniform(0.0, 4.0)))
                    if what == "cancel":
                        job.cancel()
                    else:
                        os.kill(os.getpid(), signal.SIGKILL)
                told.put((what, ""))
        except AssertionError as error:
            told.put(("mixed up", str(error)))
        except Exception as error:
            told.put(("refused" if "queue" in str(error).lower() else "failed", f"{type(error).__name__}: {error}"))
            time.sleep(1.0)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_eight_visitors_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    with server(tmp_path / "log") as (address, process):
        end = time.monotonic() + SECONDS
        visitors: dict[int, multiprocessing.process.BaseProcess] = {}
        before = 0.0
        seen: Counter[str] = Counter()
        problems = []
        while time.monotonic() < end:
            for number in range(VISITORS):
                if number not in visitors or not visitors[number].is_alive():  # somebody vanished: the next one comes
                    seen["vanished"] += number in visitors
                    visitors[number] = context.Process(target=visit, args=(address, number, end, told), daemon=True)
                    visitors[number].start()
            while not told.empty():
                what, problem = told.get()
                seen[what] += 1
                problems += [problem] if problem else []
            if not before and seen["create"] >= WARM:
                before = resident(process)
            time.sleep(0.5)
        for visitor in visitors.values():
            visitor.join(300)
        time.sleep(60)
        after = resident(process)
        # The place of somebody who left is free: the next visitor is served at once.
        began = time.monotonic()
        visit(address, 1, began + 1.0, told, ("create",))
        waited = time.monotonic() - began
    print(dict(seen), problems[:5], f"{before:.0f} -> {after:.0f} MiB, the next one waited {waited:.0f} s")
    assert seen["create"] > WARM and seen["vanished"] > 0
    assert not seen["mixed up"] and not seen["failed"], problems
    most = [int(line.rpartition(" ")[2]) for line in (tmp_path / "log").read_text().splitlines() if "most" in line]
    assert max(most) == 1
    assert after < before + GROWTH
    assert waited < 60
