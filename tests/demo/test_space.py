"""The Space and the Dockerfile: what they name exists, and the Space's app serves a visitor."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import SpaceCardData
from huggingface_hub.repocard import metadata_load

from dirfa_pipeline.hub.space import gather_space


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

from demo.test_demo import generate
from gradio_client import Client


ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces"


def test_front_matter_is_a_space() -> None:
    data = metadata_load(SPACE / "README.md")
    card = SpaceCardData(**data)
    assert card.sdk == "gradio"
    assert card.license == "apache-2.0"
    assert (SPACE / card.app_file).is_file()
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if ";" not in line)
    assert card.sdk_version == pinned["gradio"]
    assert card.python_version == "3.11"
    assert len(card.short_description) <= 60
    assert {card.colorFrom, card.colorTo} <= {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_space_folder_hides_no_package() -> None:
    """In the repository's root, `import spaces` is the installed package, not the folder."""
    script = "import spaces; print(spaces.GPU.__module__, spaces.__file__)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not (SPACE / "__init__.py").exists()
    assert str(ROOT / "spaces") not in done.stdout


def test_dockerfile_copies_what_exists_and_runs_valid_shell() -> None:
    text = (ROOT / "Dockerfile").read_text()
    steps = re.findall(r"^([A-Z]+) (.*)$", re.sub(r"\\\n", " ", text), re.MULTILINE)
    assert [kind for kind, _ in steps][0] == "FROM"
    assert {kind for kind, _ in steps} <= {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "CMD"}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for kind, words in steps:
        if kind == "RUN":
            subprocess.run(["sh", "-n", "-c", words], check=True)
        if kind == "COPY":
            for source in words.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in allowed
    packages = set((SPACE / "packages.txt").read_text().split())
    assert packages <= set(text.split()), "the Space and the image need the same system packages"


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """
    The Space as `dirfa push --space` uploads it, running in an environment of its own; its address.

    The environment borrows this one's packages, but not ours, and installs the Space's requirements.
    """
    folder = tmp_path_factory.mktemp("space")
    gather_space(folder / "app")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    Path(sysconfig.get_path("purelib", "venv", paths), "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [*pip, "--requirement", "app/requirements.txt"]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=300)
    where = [python, "-c", "import dirfa_pipeline; print(dirfa_pipeline.__file__)"]
    found = subprocess.run(where, cwd=folder / "app", env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(folder / "app")), "the sources that were uploaded are used"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment |= {"GRADIO_SERVER_PORT": port, "GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen([python, "app.py"], cwd=folder / "app", env=environment) as process:
        try:
            wait_for(int(port), process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen, seconds: float = 180.0) -> None:
    """Wait until a port answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the Space's app has stopped"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError(f"the Space's app did not answer within {seconds} s")


@pytest.mark.slow
def test_the_space_serves_a_visitor(space: str) -> None:
    files = generate(Client(space, verbose=False))
    assert [Path(file).name for file in files] == ["take-7.mp4", "take-7.csv", "take-7.npz"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_typed_text_works_there(space: str) -> None:
    """With the program that packages.txt names."""
    assert "espeak-ng" in (SPACE / "packages.txt").read_text().split()
    files = generate(Client(space, verbose=False), speech=None, text="Hello, you.")
    assert [Path(file).name for file in files] == ["take-7.mp4", "take-7.csv", "take-7.npz"]
