"""Two launchers over gloo, as on two machines: one is killed, and the run that goes on is like one that was not."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import tiny_audio_encoder
from toy_shards import write_toy_shards, write_toy_weights

from dirfa_pipeline import InputError
from dirfa_pipeline.training import train_animation_sampler


LIPS, MOTION = 12, 6  # steps
Launch = Callable[[list[str], Path], "list[subprocess.Popen[bytes]]"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_toy_weights(folder / "weights")
    write_toy_shards(folder / "shards", 22, 6)
    return folder


def arguments(data: Path, run: Path, *more: str) -> list[str]:
    weights = data / "weights"
    paths = {"tracks": data / "shards", "weights": weights, "speech-head": weights / "speech_head.safetensors"}
    values = paths | {"run": run, "output": run / "sampler", "lip-steps": LIPS, "motion-steps": MOTION}
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    return [*words, "--stream", "--log-every", "1", "--checkpoint-every", "3", "--held", "8", *more]


def free_port() -> int:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Starts two launchers, one a machine, each with a process of its own; both run here, and end with the test."""
    launchers: list[subprocess.Popen[bytes]] = []

    def two(words: list[str], log: Path) -> list[subprocess.Popen[bytes]]:
        port = free_port()
        for rank in range(2):
            command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
            command += ["--node-rank", str(rank), "--master-addr", "127.0.0.1", "--master-port", str(port)]
            command += ["-m", "--", "dirfa_pipeline.training.train_animation_sampler", *words]
            with open(log.with_suffix(f".{rank}.log"), "ab") as file:
                launchers.append(subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True))
        return launchers[-2:]

    yield two
    for launcher in launchers:
        if launcher.poll() is None:
            kill(launcher)


def curve(run: Path, name: str) -> dict[int, float]:
    """The last value that was written for each step."""
    events = EventAccumulator(str(run / "curves")).Reload()
    return {event.step: event.value for event in events.Scalars(name)}


def kill(launcher: "subprocess.Popen[bytes]") -> None:
    """A launcher and what it launched, in sessions of their own, too: as a machine that is switched off."""
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(launcher.pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.long
def test_one_of_two_launchers_is_killed(data: Path, tmp_path: Path, launch: Launch) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for launcher in launch(arguments(data, whole), tmp_path / "whole"):
        assert launcher.wait(900) == 0, (tmp_path / "whole.0.log").read_text()[-2000:]
    launchers = launch(arguments(data, killed), tmp_path / "killed")
    while not (killed / "lips.pt").exists():
        assert launchers[0].poll() is None, (tmp_path / "killed.0.log").read_text()[-2000:]
        time.sleep(0.02)
    kill(launchers[1])
    assert launchers[0].wait(300) != 0, "the other one notices"
    kill(launchers[0])
    step = torch.load(killed / "lips.pt", weights_only=True)["step"]
    for launcher in launch(arguments(data, killed), tmp_path / "killed"):
        assert launcher.wait(900) == 0, (tmp_path / "killed.0.log").read_text()[-2000:]
    told = (tmp_path / "killed.0.log").read_text() + (tmp_path / "killed.1.log").read_text()
    assert "resumes at step" in told
    assert "one of 2 processes" in told
    largest = 0.0
    for name, steps in (("lips/loss", LIPS), ("motion/events", MOTION), ("motion/blinks", MOTION)):
        expected, found = curve(whole, name), curve(killed, name)
        assert list(expected) == list(range(1, steps + 1)) == sorted(found)
        largest = max(largest, *(abs(expected[step] - found[step]) for step in expected))
    print(f"killed after step {step}; largest difference of the curves {largest:.2g}")
    assert largest <= 1e-6
    assert {"lips/clips a second", "lips/tokens a second", "lips/share of waiting for data"} <= set(
        EventAccumulator(str(whole / "curves")).Reload().Tags()["scalars"]
    )


@pytest.mark.slow
def test_a_stream_trains_both_stages(data: Path, tmp_path: Path) -> None:
    words = arguments(data, tmp_path, "--readers", "0")
    train_animation_sampler.main(words)
    assert (tmp_path / "sampler" / "config.json").is_file()
    assert sorted(curve(tmp_path, "lips/loss")) == list(range(1, LIPS + 1))
    other, encoder = tmp_path / "other", tiny_audio_encoder()
    write_toy_weights(other)
    encoder.feature_projection.projection.bias.data += 1.0
    encoder.save_pretrained(other / "audio_encoder")
    with pytest.raises(InputError, match="has no speech features of this audio encoder"):
        train_animation_sampler.main([*arguments(data, tmp_path / "run", "--readers", "0"), "--weights", str(other)])
