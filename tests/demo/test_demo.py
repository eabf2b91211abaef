"""The demo, served for real and driven by `gradio_client` and plain requests."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
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

from dirfa_pipeline import Animation, InputError, VoiceError
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.demo.api import ADDRESS, HELP
from dirfa_pipeline.demo.create import order_from
from dirfa_pipeline.demo.curves import draw_curves
from dirfa_pipeline.demo.label import burn_label
from dirfa_pipeline.demo.page import in_turn
from dirfa_pipeline.demo.shared_folder import SharedFolder
from dirfa_pipeline.demo.synthesis import Voices
from dirfa_pipeline.demo.takes import Order, Take, make_takes
from dirfa_pipeline.demo.talk_tab import MAX_GUESTS, Guests, Mute
from dirfa_pipeline.media.wav import write_wav
from dirfa_pipeline.pipeline_check import CONSENT
from dirfa_pipeline.server.people import Person


EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
PRINTED = re.findall(r"```(python|bash)\n(.*?)```", HELP, re.DOTALL)
OTHERS = PRINTED.pop(1)  # the endpoints beside /generate


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files MCP clients name."""
    folder = tmp_path_factory.mktemp("shared")
    Image.open(EXAMPLES / "astronaut.jpg").save(folder / "photo.jpg")
    shutil.copy(EXAMPLES / "speech.flac", folder / "speech.flac")
    return folder


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One that says the same whatever it is given."""
    said = tmp_path_factory.mktemp("voice") / "said.wav"
    write_wav(str(said), speech(0.8))
    return {"Anna": f"command:cat {said}"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, shared: Path, voices: dict[str, str]) -> Iterator[Client]:
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
    page = build_demo(tiny_pipeline(), voices=voices, files=shared).queue()
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


@pytest.mark.parametrize("name", ["status", "dub-status"])
def test_no_late_answer_wipes_the_progress_of_a_run(client: Client, name: str) -> None:
    """What empties the line when an input changes runs in the browser: the server's answer could come too late."""
    (status,) = [part["id"] for part in client.config["components"] if part["props"].get("elem_id") == name]
    writers = [event for event in client.config["dependencies"] if status in event["outputs"]]
    on_change = [event for event in writers if {"change", "input"} & {how for _, how in event["targets"]}]
    assert on_change and not any(event["backend_fn"] for event in on_change)


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
        ({"text": "Hello"}, "speech and a text are both given"),
        ({"speech": None, "text": "a" * 601}, "text may hold 600 characters here, got 601"),
        ({"speech": None, "text": "Hello", "voice": "command:sh"}, "Value: command:sh is not in the list of choices"),
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


@pytest.mark.slow
def test_the_page_prints_how_stills_heads_and_dubs_are_asked_for(client: Client, tmp_path: Path) -> None:
    Image.open(EXAMPLES / "astronaut.jpg").save(tmp_path / "photo.jpg")
    samples, rate = soundfile.read(EXAMPLES / "speech.flac")
    soundfile.write(tmp_path / "speech.wav", samples[:rate], rate)
    program = [sys.executable, "-c", OTHERS[1].replace(ADDRESS, home(client))]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    still, head, dub = map(Path, done.stdout.splitlines()[-3:])
    with Image.open(still) as picture:
        assert picture.format == "JPEG" and max(picture.size) == 512
    assert head.name == "head.glb" and b'"animations":' in head.read_bytes()
    assert dub.name == "dub-3.mp4"
    with av.open(str(dub)) as container:
        assert container.streams.video[0].frames == 25 and container.streams.audio


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("/still", {"photo": None}, "a photo is needed"),
        ("/head", {"photo": None}, "a photo is needed"),
        ("/dub", {"film": None}, "a film is needed"),
        ("/dub", {"film": handle_file(str(EXAMPLES / "speech.flac")), "text": "Hello"}, "holds no pictures"),
        ("/still", {"photo": handle_file(str(EXAMPLES / "astronaut.jpg")), "face": 3}, "face"),
    ],
)
def test_other_endpoints_say_what_is_wrong(
    client: Client, name: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(**arguments, api_name=name)


@pytest.mark.slow
def test_programs_hear_how_far_the_work_is(client: Client) -> None:
    job = client.submit(
        photo=handle_file(str(EXAMPLES / "astronaut.jpg")), speech=handle_file(str(EXAMPLES / "speech.flac")),
        takes=2, nose_sneer=1.0, api_name="/generate",
    )  # fmt: skip
    heard = set()
    while not job.done():
        heard |= {(step.progress, step.desc) for step in job.status().progress_data or ()}
        time.sleep(0.02)
    shares = [share for share, _ in heard if share is not None]
    assert len(shares) > 2 and all(0.0 <= share <= 1.0 for share in shares)
    assert any("rendering take" in (text or "") for _, text in heard)
    *_, animation = job.result()
    assert Animation.load_npz(animation)["noseSneerLeft"].min() >= 0.9


def use_tool(client: Client, **arguments: object) -> tuple[list[Tool], CallToolResult]:
    async def talk() -> tuple[list[Tool], CallToolResult]:
        async with (
            streamable_http_client(home(client) + "/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, await session.call_tool("make_talking_video", arguments)

    return asyncio.run(talk())


def test_mcp_offers_one_tool_and_says_what_is_wrong(client: Client) -> None:
    (tool,), refused = use_tool(client, photo="/etc/passwd", text="Hello")
    assert tool.name == "make_talking_video"
    assert "person of a photo says a text" in (tool.description or "")
    assert "base64" not in str(tool) and "upload_file_to_gradio" not in str(tool)
    assert tool.inputSchema["required"] == ["photo"]
    assert tool.inputSchema["properties"]["voice"]["enum"] == ["Anna"]
    assert all(about["description"] for about in tool.inputSchema["properties"].values())
    assert refused.isError and "files must lie in" in str(refused.content)


@pytest.mark.slow
def test_an_assistant_names_a_photo_and_a_text(client: Client, shared: Path) -> None:
    _, done = use_tool(client, photo="photo.jpg", text="Hello, you.", seed=3, size=448)
    assert not done.isError, done.content
    (answer,) = done.content
    kept = [Path(path) for path in answer.text.splitlines()]
    assert [path.name for path in kept] == ["take-3.mp4", "take-3.csv", "take-3.npz"]
    assert all(path.is_relative_to(shared) for path in kept)
    with av.open(str(kept[0])) as container:
        assert container.streams.video[0].frames == 20


def test_only_files_of_the_shared_folder_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads, folder = tmp_path / "uploads", tmp_path / "shared"
    for place in (uploads, folder):
        (place / "in").mkdir(parents=True)
        (place / "in" / "photo.jpg").write_bytes(b"photo")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link.jpg").symlink_to(tmp_path / "secret")
    shared, nothing_shared = SharedFolder(folder), SharedFolder()
    assert shared.find("") is None
    assert shared.find("in/photo.jpg") == str(folder / "in" / "photo.jpg")
    for place in (shared, nothing_shared):
        assert place.find(str(uploads / "in" / "photo.jpg")) == str(uploads / "in" / "photo.jpg")
        for name in ("/etc/passwd", "../secret", str(tmp_path / "secret"), "link.jpg", "http://example.com/photo.jpg"):
            with pytest.raises(InputError, match="files must lie in|there is no file"):
                place.find(name)
    with pytest.raises(InputError, match="files must lie in what was uploaded here"):
        nothing_shared.find(str(folder / "in" / "photo.jpg"))
    assert nothing_shared.keep([str(tmp_path / "secret")]) == []


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["x" * 240, "_Tiger...__ Responds To", "\u6c34\u672c" * 30, "a%2e%2e #?&'\"", "-rf"], ids=range(5)
)
def test_any_name_may_be_uploaded(client: Client, tmp_path: Path, name: str) -> None:
    photo, speech = tmp_path / f"{name}.jpg", tmp_path / f"{name}.flac"
    photo.write_bytes((EXAMPLES / "astronaut.jpg").read_bytes())
    speech.write_bytes((EXAMPLES / "speech.flac").read_bytes())
    files = generate(client, photo=handle_file(str(photo)), speech=handle_file(str(speech)), size=384)
    assert [Path(path).name for path in files] == ["take-7.mp4", "take-7.csv", "take-7.npz"]


def test_addresses_are_not_fetched(client: Client) -> None:
    assert "files must be uploaded" in order_from_path(client, "http://example.com/photo.jpg")


def order_from_path(client: Client, path: str) -> str:
    """What curl gets for the example of the page, but for the files."""
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [given, given, "", None, 7, 1, 1.0, 1.0, 25, 512, True, False, "happy", 1.0, 1.0, "natural", 1.0, 0.0]
    data += [0] * 10 + [None]  # single expressions, and the face
    job = json.loads(ask(client, "/gradio_api/call/generate", json.dumps({"data": data}).encode()))["event_id"]
    return ask(client, f"/gradio_api/call/generate/{job}")


def test_the_page_asks_what_the_photo_is(client: Client) -> None:
    assert CONSENT in json.dumps(client.config, ensure_ascii=False)


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


def test_the_oldest_guests_leave() -> None:
    guests = Guests()
    tickets = [guests.admit(Person(object(), Mute())) for _ in range(MAX_GUESTS + 1)]  # type: ignore[arg-type]
    assert guests.names == [] and len(set(tickets)) == len(tickets)
    assert isinstance(guests.choose(tickets[-1]).voice, Mute)
    guests.forget(tickets[-1])
    for gone in (tickets[0], tickets[-1], "guess", None):
        with pytest.raises(InputError, match="does not hold any more"):
            guests.choose(gone)
    with pytest.raises(VoiceError, match="none is offered here"):
        Mute().speak("Hello")


def test_label_is_small_and_in_the_corner() -> None:
    frame = np.full((512, 384, 3), 120, np.uint8)
    (labelled,) = burn_label([frame])
    rows, columns = np.nonzero((labelled != frame).any(2))
    assert rows.min() > 0.9 * 512 and columns.max() < 0.5 * 384
    assert 0 < len(rows) < 0.03 * 512 * 384
    assert labelled.max() > 220
    assert frame.max() == 120, "the caller's frame is left alone"


@pytest.mark.parametrize("shape", [(87, 87), (64, 64), (120, 66), (66, 120)])
def test_label_fits_into_the_smallest_frames(shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 120, np.uint8)
    (labelled,) = burn_label([frame])
    rows, columns = np.nonzero((labelled != frame).any(2))
    assert rows.max() < shape[0] and columns.max() < shape[1] - 1
    assert np.ptp(columns) > 0.6 * min(shape)


def test_curves_show_what_moves() -> None:
    calm = np.zeros(50, np.float32)
    shut = draw_curves(Animation.from_curves(50), speech(2.0), calm)
    talking = draw_curves(Animation.from_curves(50, jawOpen=np.linspace(0, 1, 50)), speech(2.0), calm)
    aroused = draw_curves(Animation.from_curves(50), speech(2.0), np.linspace(-1, 1, 50, dtype=np.float32))
    assert shut != talking
    assert shut.count("<polyline") == 11
    assert aroused != shut
    assert "Excitement in the voice" in shut
    assert "<polygon" in shut


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_espeak_is_offered_where_no_voice_is_named() -> None:
    voices = Voices()
    assert voices.first == "English (America)" and "German" in voices.names
    assert 1.0 < voices.say("Hello, this is a typed sentence; rm -rf $HOME").duration < 8.0
    assert 0.2 < voices.say("Guten Tag.", "German").duration < 3.0


def test_only_voices_that_are_offered_speak(voices: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"one that is offered here \(Anna\), got 'command:sh'"):
        Voices(voices).say("Hello", "command:sh")
    with pytest.raises(InputError, match="none, espeak-ng is not installed"):
        Voices({}).say("Hello")
    with pytest.raises(VoiceError, match="must begin with an installed program"):
        Voices({"Nobody": "command:no-such-program"}).say("Hello")


def test_a_typed_text_becomes_a_take(voices: dict[str, str], tmp_path: Path) -> None:
    order = Order(str(EXAMPLES / "astronaut.jpg"), None, "Hello, you.", "Anna", size=448, fps=10)
    (take,) = (e for e in make_takes(tiny_pipeline(), order, tmp_path, Voices(voices)) if isinstance(e, Take))
    assert len(take.animation) == 8


def test_seeds_have_their_bounds() -> None:
    for seed, takes in ((2**63 - 1, 1), (2**64, 1), (-1, 1), (2**63 - 4, 4)):
        with pytest.raises(InputError, match=r"seed must be a whole number from 0 to 2\*\*63 - 1"):
            Order("a.jpg", "a.wav", seed=seed, takes=takes).check()
    Order("a.jpg", "a.wav", seed=2**63 - 5, takes=4).check()


def test_a_deadpan_order_is_drawn_deadpan(tmp_path: Path) -> None:
    """The slider reaches the draw: less expressive takes move the head less."""
    orders = [
        order_from(
            str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac"), "", None, 1, 1, 1.0, value, 10, 448,
            False, False, "neutral", 1.0, 1.0, "natural", 1.0, 0.0,
        )
        for value in (0.0, 2.0)
    ]  # fmt: skip
    pipe = tiny_pipeline()
    takes = [
        next(event for event in make_takes(pipe, order, tmp_path, Voices({})) if isinstance(event, Take))
        for order in orders
    ]
    deadpan, stage = (take.animation["yaw"].std() for take in takes)
    assert deadpan < 1e-4 < stage
    assert takes[0].arousal.shape == (round(takes[0].speech.duration * 25),)


def test_work_waits_for_its_turn() -> None:
    """As when somebody cancels: their work is closed while the next one has begun."""
    drawing, seen = threading.Lock(), []

    def work(name: str) -> Iterator[str]:
        with in_turn(drawing):
            seen.append(f"{name} begins")
            yield name
        seen.append(f"{name} ends")

    first = work("first")
    next(first)
    second = threading.Thread(target=lambda: list(work("second")))
    second.start()
    time.sleep(0.2)
    assert seen == ["first begins"]
    first.close()
    second.join(10.0)
    assert seen == ["first begins", "second begins", "second ends"]
    assert list(work("third")) == ["third"]
