"""The demo, served for real and driven by `gradio_client` and plain requests."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
import numpy as np
import pytest


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from media import speech
from tiny import tiny_pipeline

from dirfa_pipeline import Animation, InputError
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.demo.curves import draw_curves
from dirfa_pipeline.demo.label import burn_label
from dirfa_pipeline.demo.synthesis import find_engine, list_voices, speak


EXAMPLES = Path(__file__).parents[1] / "dirfa_pipeline" / "examples"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    page = build_demo(tiny_pipeline()).queue()
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **launch_options())
    yield Client(url, verbose=False)
    page.close()


def generate(client: Client, **changes: object) -> list[str]:
    arguments = {
        "photo": handle_file(str(EXAMPLES / "astronaut.jpg")), "speech": handle_file(str(EXAMPLES / "speech.flac")),
        "seed": 7, "takes": 1, "diversity": 1.0, "fps": 10, "size": 512, "label": True,
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


def ask(client: Client, path: str, data: bytes | None = None, kind: str = "application/json") -> str:
    return urlopen(Request(client.src.rstrip("/") + path, data, {"Content-Type": kind}), timeout=60).read().decode()


@pytest.mark.parametrize("target", ["/etc/passwd", str(Path(__file__)), "../../../../etc/passwd"])
def test_only_uploads_are_read(client: Client, target: str) -> None:
    with pytest.raises(HTTPError) as refused:
        ask(client, f"/gradio_api/file={target}")
    assert refused.value.code in (403, 404)
    given = {"path": target, "meta": {"_type": "gradio.FileData"}}
    data = [given, given, 7, 1, 1.0, 25, 512, True]
    job = json.loads(ask(client, "/gradio_api/call/generate", json.dumps({"data": data}).encode()))["event_id"]
    answer = ask(client, f"/gradio_api/call/generate/{job}")
    assert "event: error" in answer
    assert "root:" not in answer


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


def test_label_is_small_and_in_the_corner() -> None:
    frame = np.full((512, 384, 3), 120, np.uint8)
    (labelled,) = burn_label([frame])
    rows, columns = np.nonzero((labelled != frame).any(2))
    assert rows.min() > 0.9 * 512 and columns.max() < 0.5 * 384
    assert 0 < len(rows) < 0.03 * 512 * 384
    assert labelled.max() > 220
    assert frame.max() == 120, "the caller's frame is left alone"


def test_curves_show_what_moves() -> None:
    shut = draw_curves(Animation.from_curves(50), speech(2.0))
    talking = draw_curves(Animation.from_curves(50, jawOpen=np.linspace(0, 1, 50)), speech(2.0))
    assert shut != talking
    assert shut.count("<polyline") == 10
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
