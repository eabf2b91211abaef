"""The demo, served for real and driven by `gradio_client` and plain requests."""

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
import numpy as np
import pytest
import soundfile


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from media_files import speech
from PIL import Image
from tiny import tiny_pipeline

from dirfa_pipeline import Animation, InputError
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.demo.api import ADDRESS, HELP
from dirfa_pipeline.demo.create import order_from
from dirfa_pipeline.demo.curves import draw_curves
from dirfa_pipeline.demo.direction import controls_from
from dirfa_pipeline.demo.label import burn_label
from dirfa_pipeline.demo.live import LiveSession
from dirfa_pipeline.demo.preview import prepare_preview
from dirfa_pipeline.demo.synthesis import find_engine, list_voices, speak
from dirfa_pipeline.demo.takes import Take, make_takes


EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
PRINTED = re.findall(r"```(python|bash)\n(.*?)```", HELP, re.DOTALL)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
    page = build_demo(tiny_pipeline()).queue()
    _, url, _ = page.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", mcp_server=True, **launch_options()
    )
    yield Client(url, verbose=False)
    page.close()
    patch.undo()


def generate(client: Client, **changes: object) -> list[str]:
    arguments = {
        "photo": handle_file(str(EXAMPLES / "astronaut.jpg")), "speech": handle_file(str(EXAMPLES / "speech.flac")),
        "seed": 7, "takes": 1, "diversity": 1.0, "expressiveness": 1.0, "fps": 10, "size": 512, "label": True,
    }  # fmt: skip
    return client.predict(**(arguments | changes), api_name="/generate")


@pytest.mark.slow
def test_takes_come_with_their_animations(client: Client) -> None:
    before = set(Path(tempfile.gettempdir()).glob("dirfa-*"))
    files = [Path(path) for path in generate(client, takes=2)]
    assert [path.name for path in files] == [
        f"take-{seed}.{kind}" for seed in (7, 8) for kind in ("mp4", "csv", "npz")
    ]
    for video, _, curves in (files[:3], files[3:]):
        with av.open(str(video)) as container:
            assert container.streams.video[0].frames == 93 == len(Animation.load_npz(curves))
            assert container.streams.audio
            assert "AI-generated" in container.metadata["comment"]
    assert files[0].read_bytes() != files[3].read_bytes()
    assert set(Path(tempfile.gettempdir()).glob("dirfa-*")) <= before, "the working folder is left behind"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speech": None}, "speech is needed"),
        ({"photo": None}, "a photo is needed"),
        ({"takes": 5}, "5 is greater than maximum value 4"),
        ({"size": 4000}, "4000 is greater than maximum value 1024"),
        ({"diversity": 3.0}, "3.0 is greater than maximum value 2"),
        ({"seed": -1}, "-1 is less than minimum value 0"),
        ({"fps": 1000}, "1000 is greater than maximum value 60"),
    ],
)
def test_limits_bind_programs_too(client: Client, changes: dict[str, object], message: str) -> None:
    with pytest.raises(AppError, match=message):
        generate(client, **changes)


@pytest.mark.slow
def test_long_speech_is_refused(client: Client, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 121 * 8000), 8000)
    with pytest.raises(AppError, match="speech may last up to 120 s here, got 121 s"):
        generate(client, speech=handle_file(str(tmp_path / "long.wav")))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "code"), PRINTED, ids=["gradio_client", "curl", "mcp"])
def test_the_page_prints_examples_that_work(client: Client, tmp_path: Path, language: str, code: str) -> None:
    Image.open(EXAMPLES / "astronaut.jpg").save(tmp_path / "photo.jpg")
    samples, rate = soundfile.read(EXAMPLES / "speech.flac")
    soundfile.write(tmp_path / "speech.wav", samples[:rate], rate)
    program = [{"python": sys.executable, "bash": "bash"}[language], "-c", code.replace(ADDRESS, home(client))]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    seeds = (7, 8) if "takes=2" in code else (7,)
    expected = {f"take-{seed}.{kind}" for seed in seeds for kind in ("mp4", "csv", "npz")}
    assert set(re.findall(r"take-\d+\.\w+", done.stdout)) == expected, done.stdout + done.stderr
    (video, *_) = re.findall(r"http[^\s'\"]+take-7\.mp4", done.stdout) or re.findall(
        r"/[^\s']+take-7\.mp4", done.stdout
    )
    content = urlopen(video, timeout=60).read() if video.startswith("http") else Path(video).read_bytes()
    assert content[4:8] == b"ftyp"


def test_mcp_offers_one_tool_and_says_what_is_wrong(client: Client) -> None:
    async def talk() -> tuple[list[Tool], CallToolResult]:
        async with (
            streamable_http_client(home(client) + "/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, await session.call_tool("generate", {"photo": "/etc/passwd", "speech": "/etc/passwd"})

    (tool,), refused = asyncio.run(talk())
    assert tool.name == "generate"
    assert "person of a photo says a speech clip" in (tool.description or "")
    assert tool.inputSchema["required"] == ["photo", "speech"]
    assert "Strength of nods" in tool.inputSchema["properties"]["nods"]["description"]
    assert refused.isError and "Invalid file data format" in str(refused.content)


def home(client: Client) -> str:
    return client.src.rstrip("/")


def ask(client: Client, path: str, data: bytes | None = None, kind: str = "application/json") -> str:
    return urlopen(Request(home(client) + path, data, {"Content-Type": kind}), timeout=60).read().decode()


@pytest.mark.parametrize("target", ["/etc/passwd", str(Path(__file__)), "../../../../etc/passwd"])
def test_only_uploads_are_read(client: Client, target: str) -> None:
    with pytest.raises(HTTPError) as refused:
        ask(client, f"/gradio_api/file={target}")
    assert refused.value.code in (403, 404)
    answer = order_from_path(client, target)
    assert "event: error" in answer
    assert "root:" not in answer


def test_addresses_are_not_fetched(client: Client) -> None:
    assert "files must be uploaded" in order_from_path(client, "http://example.com/photo.jpg")


def order_from_path(client: Client, path: str) -> str:
    """What curl gets for the example of the page, but for the files."""
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [given, given, 7, 1, 1.0, 25, 512, True, False, "happy", 1.0, 1.0, "as drawn", 1.0, 0.0]
    job = json.loads(ask(client, "/gradio_api/call/generate", json.dumps({"data": data}).encode()))["event_id"]
    return ask(client, f"/gradio_api/call/generate/{job}")


def test_large_uploads_are_refused(client: Client) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="big.wav"\r\n\r\n'
    with pytest.raises(HTTPError) as refused:
        ask(
            client,
            "/gradio_api/upload",
            head + bytes(27_000_000) + b"\r\n--edge--\r\n",
            "multipart/form-data; boundary=edge",
        )
    assert refused.value.code == 413


def test_live_is_directed() -> None:
    pipe = tiny_pipeline()
    portrait = prepare_preview(pipe, str(EXAMPLES / "astronaut.jpg"), 256)

    def shown(expression: str) -> list[str]:
        live = LiveSession(pipe, portrait, 1, controls_from(expression, 1.0, 0.0, "at the camera", 0.5, 1.0))
        live.hear(16_000, speech(0.6).mono(16_000))
        live.close()
        frames: list[str] = []
        while live.alive:
            time.sleep(0.05)
            frames += live.drain()["frames"]
        return frames

    neutral, happy = shown("neutral"), shown("happy")
    assert len(neutral) == len(happy) == 15
    assert shown("neutral") == neutral
    assert all(one != other for one, other in zip(neutral, happy, strict=True))


def test_old_uploads_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    upload_folder = runpy.run_path(str(EXAMPLES.parents[1] / "app.py"))["upload_folder"]
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


def test_label_is_small_and_in_the_corner() -> None:
    frame = np.full((512, 384, 3), 120, np.uint8)
    (labelled,) = burn_label([frame])
    rows, columns = np.nonzero((labelled != frame).any(2))
    assert rows.min() > 0.9 * 512 and columns.max() < 0.5 * 384
    assert 0 < len(rows) < 0.03 * 512 * 384
    assert labelled.max() > 220
    assert frame.max() == 120, "the caller's frame is left alone"


def test_curves_show_what_moves() -> None:
    calm = np.zeros(50, np.float32)
    shut = draw_curves(Animation.from_curves(50), speech(2.0), calm)
    talking = draw_curves(Animation.from_curves(50, jawOpen=np.linspace(0, 1, 50)), speech(2.0), calm)
    aroused = draw_curves(Animation.from_curves(50), speech(2.0), np.linspace(-1, 1, 50, dtype=np.float32))
    assert shut != talking
    assert shut.count("<polyline") == 11
    assert aroused != shut
    assert "Arousal of the voice" in shut
    assert "<polygon" in shut


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_typed_text_is_spoken(tmp_path: Path) -> None:
    from dirfa_pipeline import load_audio

    engine = find_engine()
    assert engine is not None
    assert ("English (America)", "en-us") in list_voices(engine)
    speak(engine, "Hello, this is a typed sentence; rm -rf $HOME", "en-us", tmp_path / "typed.wav")
    assert 1.0 < load_audio(tmp_path / "typed.wav").duration < 8.0
    with pytest.raises(InputError, match="text must hold 1 to 600 characters, got 601"):
        speak(engine, "a" * 601, "en-us", tmp_path / "long.wav")


def test_a_deadpan_order_is_drawn_deadpan(tmp_path: Path) -> None:
    """The slider reaches the draw: less expressive takes move the head less."""
    orders = [
        order_from(
            str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac"), 1, 1, 1.0, value, 10, 256, False, False,
            "neutral", 1.0, 1.0, "as drawn", 1.0, 0.0,
        )
        for value in (0.0, 2.0)
    ]  # fmt: skip
    pipe = tiny_pipeline()
    takes = [next(e for e in make_takes(pipe, order, tmp_path) if isinstance(e, Take)) for order in orders]
    deadpan, stage = (take.animation["yaw"].std() for take in takes)
    assert deadpan < 1e-4 < stage
    assert takes[0].arousal.shape == (round(takes[0].speech.duration * 25),)
