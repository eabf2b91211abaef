"""`dirfa app`: the page opens, says where it is, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from dirfa_pipeline.cli import BAD_INPUT, INTERRUPTED, main
from dirfa_pipeline.commands.app import upload_folder


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

BAD_OPTIONS = {
    "no folder": (["--files", "nowhere"], "--files must be a folder, got nowhere"),
    "files for others": (["--files", ".", "--host", "0.0.0.0"], "got --host 0.0.0.0; leave one of them out"),
    "no port": (["--port", "65536"], "--port must be in [0, 65535], got 65536"),
    "a voice without a name": (["--voice", "espeak:de"], "--voice must be NAME=VOICE, such as Anna=espeak:de"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, message = BAD_OPTIONS[name]
    assert main(["app", *options]) == BAD_INPUT
    assert message in capsys.readouterr().err


def test_old_uploads_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with upload_folder(seconds=0.2) as folder:
        (folder / "hash").mkdir()
        (folder / "hash" / "photo.jpg").write_bytes(b"photo")
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        for _ in range(100):
            if not list(folder.rglob("*.jpg")):
                break
            time.sleep(0.1)
        assert not list(folder.rglob("*.jpg"))
    assert not folder.exists()


@pytest.mark.slow
def test_the_page_opens_and_ends(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    command = [sys.executable, "-m", "dirfa_pipeline", "app", "--port", str(port), "--no-browser"]
    page = subprocess.Popen(
        command, env=environment | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert page.stderr is not None
    said = []
    for line in page.stderr:
        said.append(line)
        if "the page is at" in line:
            break
    assert f"http://127.0.0.1:{port}" in said[-1], said
    with urlopen(f"http://127.0.0.1:{port}", timeout=60) as answer:
        assert b"A photo that speaks" in answer.read()
    page.send_signal(signal.SIGTERM)
    rest, errors = page.communicate(timeout=60)
    assert page.returncode == INTERRUPTED, errors
    assert "Traceback" not in errors and "share=True" not in rest + "".join(said)
    assert not list(tmp_path.glob("dirfa-page-*"))
