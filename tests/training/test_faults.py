"""Preparation on real processes that die: nodes, workers, disks. The job ends and every clip is accounted for."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from moving_photos import FACES, film
from tiny import WEIGHTS

from dirfa_pipeline.training.track_shards import read_shards


COUNT, CORRUPT, DEADLY = 100, 42, 77  # clips; the one that is no video; the one that needs more memory than there is
MEMORY = 200_000_000  # bytes of Ray's object store on each node
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VoxCeleb2's layout: ten people with ten clips each, one of which is corrupt and another one long."""
    root = tmp_path_factory.mktemp("data") / "vox"
    for index in range(COUNT):
        path = root / f"id{index // 10:05d}" / "video" / f"{index % 10:05d}.mp4"
        if index in (0, 1, DEADLY):
            film(path, FACES[index % 3], 75 if index == DEADLY else 13)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            source = root / "id00000" / "video" / f"{index % 2:05d}.mp4"
            path.write_bytes(source.read_bytes()[: 700 if index == CORRUPT else None])
    return root


def command(tree: Path, output: Path, *more: str) -> list[str]:
    words = [str(tree), "--source", "vox2", "--output", str(output), "--weights", str(WEIGHTS)]
    return [sys.executable, "-m", "dirfa_pipeline.training.prepare", *words, "--clips-per-shard", "5", *more]


def start(words: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with open(log, "ab") as file:
        return subprocess.Popen(words, stdout=file, stderr=file)


def check_account(output: Path, reasons: dict[str, int]) -> None:
    """Exactly one row a clip, exactly one clip in the shards for each kept one, and nothing half-done."""
    rows = [json.loads(line) for line in (output / "clips.jsonl").read_text().splitlines()]
    names = [row["clip"] for row in rows]
    assert len(names) == len(set(names)) == COUNT
    found = Counter(row["reason"] for row in rows)
    print(dict(found))
    assert found == {"": COUNT - sum(reasons.values())} | reasons
    kept = sorted(row["clip"] for row in rows if row["kept"])
    assert sorted(clip.name for clip in read_shards(output)) == kept
    assert not list(output.rglob("*.part"))
    assert not list(output.glob("attempts/*"))


def shards_done(output: Path, count: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for some shards."""
    while len(list(output.glob("parts/*"))) < count:
        assert process.poll() is None, log.read_text()[-3000:]
        time.sleep(0.05)


class OutOfMemory(threading.Thread):
    """Kills whichever worker touches the deadly clip, as the kernel does when memory is short."""

    def __init__(self, output: Path) -> None:
        super().__init__(daemon=True)
        self.output, self.ended = output, threading.Event()
        self.killed: set[int] = set()  # a dead process answers to its number until its parent has taken note

    def run(self) -> None:
        deadly = f"id{DEADLY // 10:05d}/video/{DEADLY % 10:05d}"
        while not self.ended.wait(0.005):
            for note in self.output.glob("attempts/*.json"):
                with contextlib.suppress(OSError, ValueError, ProcessLookupError):
                    told = json.loads(note.read_text())
                    if told["now"].endswith(deadly):
                        os.kill(told["process"], signal.SIGKILL)
                        self.killed.add(told["process"])


def test_a_cluster_loses_a_node_and_workers_their_memory(tree: Path, tmp_path: Path) -> None:
    """Three nodes; one is killed in the middle, and the deadly clip kills its worker until it is left out."""
    import ray
    from ray.cluster_utils import Cluster

    output, log = tmp_path / "shards", tmp_path / "log"
    node = {"num_cpus": 1, "object_store_memory": MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    try:
        lost = cluster.add_node(**node)
        cluster.add_node(**node)
        killer = OutOfMemory(output)
        killer.start()
        process = start(command(tree, output, "--address", cluster.address, "--workers", "3"), log)
        shards_done(output, 3, process, log)
        before = time.monotonic()
        cluster.remove_node(lost, allow_graceful=False)
        assert process.wait(1800) == 0, log.read_text()[-3000:]
        killer.ended.set()
        seconds = time.monotonic() - before
        print(f"a node killed after 3 of 20 shards, {len(killer.killed)} workers killed; {seconds:.0f} s")
        print(log.read_text()[-1500:])
        assert len(killer.killed) == 2
    finally:
        ray.shutdown()
        cluster.shutdown()
    check_account(output, {"not a readable video": 1, "its workers died of it": 1})


def test_a_local_job_is_killed_and_goes_on(tree: Path, tmp_path: Path) -> None:
    """The whole job, workers too, in the middle; one and three workers write the same bytes."""
    outputs = {workers: tmp_path / str(workers) for workers in (1, 3)}
    for workers, output in outputs.items():
        words, log = command(tree, output, "--workers", str(workers)), tmp_path / f"log{workers}"
        process = start(words, log)
        shards_done(output, 4, process, log)
        process.kill()
        process.wait()
        assert start(words, log).wait(1800) == 0
        assert "of 20 shards exist already" in log.read_text()
        check_account(output, {"not a readable video": 1})
    first, second = ({path.name: path.read_bytes() for path in output.glob("*.*")} for output in outputs.values())
    assert first == second


def test_a_full_disk_ends_the_job(tree: Path, tmp_path: Path) -> None:
    """A file system of little more than a megabyte; then one with room."""
    output, log = tmp_path / "disk", tmp_path / "log"
    output.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", output], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs the rights of an administrator")
    try:
        assert start(command(tree, output, "--workers", "2"), log).wait(1800) != 0
        told = log.read_text()
        print(told[-600:])
        assert "shards are not done" in told
        assert "no space is left" in told
        assert not list(output.rglob("*.part"))
        list(read_shards(output))  # each of them is whole
        subprocess.run(["mount", "-o", "remount,size=64m", output], check=True)
        assert start(command(tree, output, "--workers", "2"), log).wait(1800) == 0
        check_account(output, {"not a readable video": 1})
    finally:
        subprocess.run(["umount", output], check=True)
