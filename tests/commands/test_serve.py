"""`dirfa serve` as a program: it says where it listens, answers, and stops when told."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")
httpx = pytest.importorskip("httpx")


def serve(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dirfa_pipeline", "serve", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_it_serves_and_stops(astronaut: Path) -> None:
    server = serve(str(astronaut), "--port", "0", "--max-size", "384", "--token", "a b")
    try:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:") and address.endswith("/?token=a%20b")
        assert "Talk" in httpx.get(address).text
        assert httpx.get(address.partition("?")[0] + "metrics").status_code == 401
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 130, server.stderr.read()
        assert "Traceback" not in server.stderr.read()
    finally:
        server.kill()
        server.communicate()


BAD = {
    "no face": (["{folder}/no.png"], "no.png"),
    "same name": (["{photo}", "{photo}"], "rename one"),
    "port": (["{photo}", "--port", "99999"], "--port must be"),
    "limit": (["{photo}", "--max-sessions", "0"], "--max-sessions must be positive, got 0"),
    "voice": (["{photo}", "--voice", "robot"], "voice"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_told(name: str, astronaut: Path, tmp_path: Path) -> None:
    options, message = BAD[name]
    command = [option.format(photo=astronaut, folder=tmp_path) for option in options]
    server = serve(*command, *([] if "--port" in command else ["--port", "0"]))
    _, said = server.communicate(timeout=600)
    assert server.returncode == 2 and message in said and "Traceback" not in said
    assert "fitting" not in said, "told before the pipeline is loaded"
