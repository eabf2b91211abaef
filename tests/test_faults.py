"""Full disks, folders that cannot be written, kills at any moment: no half file under its name, and a message."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


LIMIT = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""
LESS = """
import os
if os.geteuid() == 0:
    os.setuid(65534)
"""
WRITE = """
import signal
import sys
import numpy as np
from dirfa_pipeline.media.video import VideoWriter
from dirfa_pipeline.animation.files import save_animation
from dirfa_pipeline import Animation
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start what runs behind them without it
noise = np.random.default_rng(0)
#HERE
path, kind = sys.argv[1:]
if kind == "animation":
    save_animation(Animation.from_curves(9000, jawOpen=noise.uniform(size=9000)), path)
else:
    with VideoWriter(path, 25) as writer:
        print("writing", flush=True)
        for index in range(int(kind)):
            writer.write(noise.integers(0, 256, (128, 128, 3), np.uint8))
print("done", flush=True)
"""


def start(folder: Path, name: str, kind: str, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITE.replace("#HERE", before), str(folder / name), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize(
    ("name", "kind", "old"), [("a.mp4", "60", True), ("a.mov", "20", False), ("a.npz", "animation", True)]
)
def test_a_full_disk_leaves_what_was_there_and_says_so(tmp_path: Path, name: str, kind: str, old: bool) -> None:
    """A limit of 20 kB a file stands for the end of the disk."""
    if old:
        (tmp_path / name).write_text("old")
    process = start(tmp_path, name, kind, LIMIT)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "File too large" in told
    assert [path.name for path in tmp_path.iterdir()] == ([name] if old else [])
    assert not old or (tmp_path / name).read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="users of POSIX")
def test_a_folder_that_cannot_be_written_is_named() -> None:
    """Root writes everywhere, so it becomes nobody first."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        process = start(folder, "a.mp4", "5", LESS)
        _, told = process.communicate(timeout=300)
        assert f"the folder {name!r} of the video cannot be written" in told
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("how", "seconds"), [(signal.SIGKILL, 0.0), (signal.SIGKILL, 0.4), (signal.SIGTERM, 0.1), (signal.SIGINT, 0.1)]
)
def test_a_kill_leaves_no_half_video(tmp_path: Path, how: signal.Signals, seconds: float) -> None:
    """What SIGKILL and SIGTERM leave is a temporary file that says so by its ending; SIGINT leaves nothing."""
    (tmp_path / "a.mp4").write_text("old")
    process = start(tmp_path, "a.mp4", "100000")
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    time.sleep(seconds)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert (tmp_path / "a.mp4").read_text() == "old"
    left = [path for path in tmp_path.iterdir() if path.name != "a.mp4"]
    assert all(path.suffix == ".part" for path in left)
    if how == signal.SIGINT:
        assert left == []
