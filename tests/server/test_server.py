"""The server by real connections: uvicorn on a free port, websockets, HTTP and aiortc as visitors."""

import asyncio
import base64
import io
import json
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from media_files import speech
from PIL import Image
from tiny import tiny_pipeline


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")

import cv2
import httpx
import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection, connect

from dirfa_pipeline import AudioClip, load_audio, verify
from dirfa_pipeline.errors import VoiceError
from dirfa_pipeline.live.conversation import MAX_BACKLOG
from dirfa_pipeline.server.app import build_app
from dirfa_pipeline.server.house import House
from dirfa_pipeline.server.people import Ensemble
from dirfa_pipeline.server.settings import Settings


PATIENCE = 60.0  # seconds: busy machines are slow
RATE = 24_000
HANGS = threading.Event()  # set where a voice that hangs may go on


class Voice:
    """Says a syllable for each word; some words make it fail."""

    def speak(self, text: str) -> Iterator[AudioClip]:
        for word in text.split():
            if word == "fail":
                raise VoiceError("the voice failed in mid-sentence")
            if word == "break":
                raise RuntimeError("a bug")
            if word == "hang":
                HANGS.wait(PATIENCE)
            yield speech(0.25, RATE)


class Server:
    """A server in a thread of its own."""

    def __init__(self, house: House, **options: Any) -> None:
        self.house = house
        options |= {"port": 0, "log_level": "error", "ws_max_size": house.settings.max_message}
        self._server = uvicorn.Server(uvicorn.Config(build_app(house), **options))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> "Server":
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.http, self.ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.http}/metrics", timeout=PATIENCE).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"dirfa_{name} ")).split()[1])


@pytest.fixture(scope="module")
def house(astronaut: Path) -> House:
    pipeline = tiny_pipeline()
    crop = Image.open(astronaut).crop((110, 10, 340, 240))
    face = pipeline.face_renderer.prepare(pipeline.prepare_portrait(crop, max_size=184))
    return House(pipeline, Ensemble({"anna": face, "bert": face}, Voice()))


@pytest.fixture
def serve(house: House) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**limits: Any) -> Server:
        settings = Settings(**({"max_sessions": 2, "max_waiting": 1} | limits))
        servers.append(Server(House(house.pipe, house.people, settings)).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("dirfa-face")]


def run(scene: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(scene, 2 * PATIENCE))


class Visitor:
    """What comes over a WebSocket, sorted."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.sound: list[np.ndarray] = []
        self.times: list[float] = []
        self.picture: np.ndarray | None = None
        self.acknowledges = True
        self.read = 0

    async def tell(self, kind: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **more}))

    async def take(self) -> None:
        message = await asyncio.wait_for(self.socket.recv(), PATIENCE)
        if isinstance(message, str):
            self.events.append(json.loads(message))
            return
        moment, speaking, size = struct.unpack_from("<dII", message)
        self.times.append(moment)
        self.sound.append(np.frombuffer(message, "<i2", size // 2, 16))
        assert speaking in (0, 1) and (not self.sound[-1].any() or speaking)
        self.picture = cv2.imdecode(np.frombuffer(message, np.uint8, offset=16 + size), cv2.IMREAD_COLOR)
        if self.acknowledges:
            await self.tell("shown", time=moment)

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of a kind, after those that were asked for before."""
        while True:
            while self.read < len(self.events):
                self.read += 1
                if self.events[self.read - 1]["type"] == kind:
                    return self.events[self.read - 1]
            await self.take()

    async def frames(self, number: int) -> None:
        seen = len(self.times)
        while len(self.times) < seen + number:
            await self.take()


@asynccontextmanager
async def visit(server: Server, query: str = "", **options: Any) -> AsyncIterator[Visitor]:
    async with connect(server.ws + query, max_size=None, **options) as socket:
        yield Visitor(socket)


def pcm(clip: AudioClip, kind: int = 0) -> bytes:
    return struct.pack("<I", kind) + (clip.samples[0] * 32767).astype("<i2").tobytes()


def test_text_is_said(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server, "?face=bert") as visitor:
            await visitor.tell("say", text="one two three")  # before the server is ready, even
            ready = await visitor.until("ready")
            assert ready == {"type": "ready", "fps": 25, "rate": RATE, "faces": ["anna", "bert"]}
            started = await visitor.until("started")
            ended = await visitor.until("ended")
            assert started["utterance"] == ended["utterance"] == 0
            assert ended["heard"] == ended["seconds"] == pytest.approx(0.75)
            await visitor.frames(2)  # events pass the frame that they belong to
            sound = np.concatenate(visitor.sound)
            assert np.count_nonzero(sound) > 0.6 * RATE and visitor.picture.shape[2] == 3
            assert len(sound) == pytest.approx((visitor.times[-1] + 0.04) * RATE, abs=2)  # none is missing

    server = serve()
    run(scene())
    assert server.metric("sessions_total") == 1 and server.metric("frames_total") > 0
    assert "dirfa_delay_seconds_count" in server.house.report()


def test_sound_is_said_and_listened_to(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server, "?rate=16000") as visitor:
            await visitor.until("ready")
            clip = speech(1.0)
            for start in range(0, 16_000, 320):
                await visitor.socket.send(pcm(AudioClip(clip.samples[:, start : start + 320], 16_000)))
            await visitor.socket.send(pcm(clip, kind=1))
            await visitor.tell("flush")
            ended = await visitor.until("ended")
            assert ended["seconds"] == pytest.approx(1.0, abs=0.01)
            assert not [event for event in visitor.events if event["type"] == "error"]

    server = serve()
    run(scene())


def test_interruption_and_direction(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.tell("direct", expression="happy", gaze="camera")
            await visitor.tell("say", text="a " * 60)
            await visitor.tell("say", text="never")
            await visitor.until("started")
            await visitor.tell("interrupt")
            interrupted = await visitor.until("interrupted")
            assert 0.0 <= interrupted["heard"] < interrupted["seconds"]
            visitor.sound.clear()
            await visitor.frames(20)
            assert not np.concatenate(visitor.sound[4:]).any()
            await visitor.tell("say", text="again")
            assert (await visitor.until("ended"))["seconds"] == pytest.approx(0.25)

    server = serve()
    run(scene())


MALFORMED: list[str | bytes] = [
    "", "nonsense", "[]", "3", "null", '{"type": 3}', '{"type": "_say"}', '{"type": "say"}',
    '{"type": "say", "text": 3}',
    '{"type": "say", "text": "!"}', '{"type": "direct", "expression": "hapy"}', '{"type": "direct", "nods": 1}',
    '{"type": "direct", "pose": "up"}', '{"type": "direct", "lips": null}', '{"type": "shown"}',
    '{"type": "shown", "time": 1e9}', '{"type": "shown", "time": NaN}', "[" * 5000, b"", b"abc", b"\0\0\0\0\0",
    b"\7\0\0\0\0\0",
    *(f'{{"type": {what}: {10**400}}}' for what in ('"shown", "time"', '"direct", "head_motion"', '"direct", "lips"')),
]  # fmt: skip


def test_malformed_messages_are_told_and_counted(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.until("ready")
            for message in MALFORMED:
                await visitor.socket.send(message)
            await visitor.tell("say", text="still here")
            await visitor.until("ended")
            errors = [event for event in visitor.events if event["type"] == "error"]
            assert len(errors) == len(MALFORMED) and all(len(error["text"]) > 15 for error in errors)
        async with visit(server) as visitor:
            for _ in range(200):
                await visitor.socket.send("nonsense")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await visitor.until("never")
            assert closed.value.rcvd.code == 1008 and "malformed" in closed.value.rcvd.reason

    server = serve()
    run(scene())
    assert server.metric("faults_total") > len(MALFORMED) + 50


def test_a_voice_that_fails_is_told(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.tell("say", text="one fail")
            assert "mid-sentence" in (await visitor.until("error"))["text"]
            await visitor.tell("say", text="one break")
            assert "RuntimeError" in (await visitor.until("error"))["text"]
            await visitor.tell("say", text="works")
            await visitor.until("ended")

    server = serve()
    run(scene())


def test_a_voice_that_hangs_is_interrupted_and_the_others_go_on(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor, visit(server) as other:
            await visitor.tell("say", text="one hang two")
            await visitor.until("started")
            await other.tell("say", text="works")
            await other.until("ended")
            await visitor.frames(10)  # it lives on
            await visitor.tell("interrupt")
            assert (await visitor.until("interrupted"))["seconds"] == pytest.approx(0.25)
            await visitor.tell("say", text="again")
            await visitor.until("ended")

    HANGS.clear()
    server = serve()
    run(scene())
    HANGS.set()
    deadline = time.monotonic() + PATIENCE
    while any(thread.name == "dirfa-sound" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(thread.name == "dirfa-sound" for thread in threading.enumerate())


async def settle(server: Server, name: str, value: float) -> None:
    """Wait until the server has noticed who left."""
    while server.metric(name) != value:
        await asyncio.sleep(0.05)


def test_visitors_above_capacity_wait_or_are_sent_away(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as first, visit(server) as second:
            await first.until("ready")
            await second.until("ready")
            async with visit(server) as third:
                assert await third.until("waiting") == {"type": "waiting", "place": 1}
                async with visit(server) as fourth:
                    with pytest.raises(websockets.ConnectionClosed) as closed:
                        await fourth.until("ready")
                    assert closed.value.rcvd.code == 1013
                refused = httpx.post(f"{server.http}/offer", json={"type": "offer", "sdp": "v=0"}, timeout=PATIENCE)
                assert refused.status_code == 503 and "all 2 places" in refused.json()["error"]
                await first.socket.close()
                await third.until("ready")  # moved up
            await settle(server, "sessions", 1)
            async with visit(server) as fifth:
                await fifth.until("ready")
                async with visit(server) as sixth:
                    await sixth.until("waiting")
                await settle(server, "waiting", 0)  # who leaves the line makes room in it
                async with visit(server) as seventh:
                    assert (await seventh.until("waiting"))["place"] == 1
        await settle(server, "sessions", 0)
        await settle(server, "waiting", 0)

    server = serve()
    run(scene())
    assert server.metric("sessions") == server.metric("waiting") == 0


def test_those_who_wait_are_read(house: House) -> None:
    """What is too large is told; whoever sends much and leaves makes room in the line."""

    async def scene() -> None:
        async with visit(server) as first:
            await first.until("ready")
            async with visit(server) as second:
                await second.until("waiting")
                await second.socket.send(b"\0" * 2000)
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await second.until("never")
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
            third = await connect(server.ws, max_size=None)
            await third.recv()
            for _ in range(200):
                await third.send('{"type": "flush"}')
            third.transport.abort()
            await settle(server, "waiting", 0)

    settings = Settings(max_sessions=1, max_waiting=1, max_message=1000)
    server = Server(House(house.pipe, house.people, settings))
    server._server.config.ws_max_size = 10_000  # the limit of the application itself is tried
    with server:
        run(scene())


def test_fifty_abrupt_disconnects_leave_nothing(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        for number in range(50):
            socket = await connect(server.ws, max_size=None)
            if number % 3:
                await socket.recv()
                await socket.send(json.dumps({"type": "say", "text": "a " * 20}))
            socket.transport.abort()
        async with visit(server) as visitor:
            await visitor.until("ready")

    server = serve(max_waiting=60)
    run(scene())
    deadline = time.monotonic() + PATIENCE
    while server.metric("sessions") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.metric("sessions") == server.metric("waiting") == 0
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("dirfa-face", "dirfa-sound"))]


def test_a_visitor_who_reads_slowly_gets_the_newest(serve: Callable[..., Server]) -> None:
    """With confirmations no more than 0.6 s of frames are under way, and none of the sound is missing."""

    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.frames(5)
            visitor.acknowledges = False
            await asyncio.sleep(3.0)
            seen = len(visitor.times)
            late = asyncio.create_task(visitor.frames(40))
            await asyncio.sleep(1.0)
            assert not late.done() and len(visitor.times) - seen <= 25
            late.cancel()
            await asyncio.wait({late})
            visitor.acknowledges = True
            await visitor.tell("shown", time=visitor.times[-1])
            await visitor.frames(5)
            assert max(np.diff(visitor.times)) > 1.0
            assert len(np.concatenate(visitor.sound)) == pytest.approx((visitor.times[-1] + 0.04) * RATE, abs=2)

    server = serve()
    run(scene())
    assert server.metric("frames_unread_total") > 0


def test_a_flood_is_bounded(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.until("ready")
            for _ in range(40):
                await visitor.tell("say", text="a " * 30)
            errors = [await visitor.until("error")]
            assert "are waiting to be said" in errors[0]["text"]
            await visitor.tell("interrupt")
            await visitor.until("interrupted")
        async with visit(server) as visitor:
            await visitor.socket.send(b"\0" * (server.house.settings.max_message + 2))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await visitor.until("never")
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009

    server = serve(max_texts=8)
    run(scene())


def test_ten_minutes_of_sound_at_once_are_bounded_and_the_others_go_on(serve: Callable[..., Server]) -> None:
    ten_seconds = pcm(speech(10.0, RATE))

    async def scene() -> None:
        async with visit(server) as visitor, visit(server) as other:
            await visitor.until("ready")
            for _ in range(60):
                await visitor.socket.send(ten_seconds)
            assert "s of speech are waiting" in (await visitor.until("overflow"))["text"]
            assert max(conversation.backlog for conversation in server.house.conversations) <= MAX_BACKLOG
            await visitor.tell("interrupt")
            await visitor.until("interrupted")
            await other.tell("say", text="works")
            await other.until("ended")

    server = serve(max_texts=60)
    run(scene())


def test_a_visitor_who_reads_nothing_is_sent_away(house: House) -> None:
    """The network holds the server up, which notices that no ping is answered; meanwhile the others go on."""

    async def scene() -> None:
        address = urlsplit(server.http)
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        key = base64.b64encode(bytes(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await settle(server, "sessions", 1)
        async with visit(server) as other:
            await other.tell("say", text="works")
            await other.until("ended")
        await settle(server, "sessions", 0)
        writer.transport.abort()

    quiet = House(house.pipe, house.people, Settings(max_sessions=2))
    with Server(quiet, ws_ping_interval=1.0, ws_ping_timeout=2.0) as server:
        run(scene())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("dirfa-face")]


def test_a_conversation_ends_in_time(serve: Callable[..., Server]) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            closing = await visitor.until("closing")
            assert "may last at most 1 s" in closing["text"]

    server = serve(max_seconds=1.0)
    run(scene())


REFUSED: dict[str, tuple[str, dict[str, str], int]] = {
    "no token": ("/metrics", {}, 401),
    "wrong token": ("/metrics?token=guess", {}, 401),
    "other origin": ("/metrics?token=secret", {"origin": "http://evil.example"}, 403),
    "other host": ("/metrics?token=secret", {"host": "evil.example"}, 403),
    "no host": ("/metrics?token=secret", {"host": "["}, 403),
    "no origin": ("/metrics?token=secret", {"origin": "http://["}, 403),
}


@pytest.mark.parametrize("name", REFUSED)
def test_strangers_are_refused(serve: Callable[..., Server], name: str) -> None:
    path, headers, status = REFUSED[name]
    server = serve(token="secret")
    assert httpx.get(server.http + path, headers=headers, timeout=PATIENCE).status_code == status
    assert httpx.get(f"{server.http}/healthz", timeout=PATIENCE).status_code == 200
    assert (
        httpx.get(f"{server.http}/metrics", headers={"authorization": "Bearer secret"}, timeout=PATIENCE).status_code
        == 200
    )

    async def scene() -> None:
        for query, origin in (("", None), ("?token=guess", None), ("?token=secret", "http://evil.example")):
            with pytest.raises(websockets.InvalidStatus):
                async with visit(server, query, origin=origin):
                    pass
        async with visit(server, "?token=secret", origin=server.http) as visitor:
            await visitor.until("ready")

    run(scene())


@pytest.mark.parametrize("query", ["?face=nobody", f"?face={60 * '%C3%A9'}", "?rate=3", "?rate=fast", "?rate=%C2%B2"])
def test_bad_queries_are_told(serve: Callable[..., Server], query: str) -> None:
    async def scene() -> None:
        async with visit(server, query) as visitor:
            assert len((await visitor.until("closing"))["text"]) > 20

    server = serve()
    run(scene())


def wav(clip: AudioClip) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, clip.samples.T, clip.sampling_rate, format="WAV")
    return file.getvalue()


def test_generate_makes_marked_videos(serve: Callable[..., Server], tmp_path: Path, astronaut: Path) -> None:
    server = serve(max_size=448)
    forms = (
        ({"face": "bert", "seed": "3"}, {"audio": wav(speech(0.6))}),
        ({"text": "one two"}, {"photo": astronaut.read_bytes()}),
    )
    for number, (data, files) in enumerate(forms):
        answer = httpx.post(f"{server.http}/generate", data=data, files=files, timeout=4 * PATIENCE)
        assert answer.status_code == 200 and answer.headers["content-type"] == "video/mp4", answer.text
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(answer.content)
        assert load_audio(path).duration == pytest.approx((0.6, 0.5)[number], abs=0.1)
    assert server.metric("generated_total") == 2 and callable(verify)


BAD_FORMS: dict[str, tuple[dict[str, str], dict[str, bytes], str]] = {
    "nothing": ({}, {}, "either audio"),
    "both": ({"text": "a"}, {"audio": b"x"}, "either audio"),
    "unknown field": ({"txt": "a"}, {}, "fields may be"),
    "no sound": ({}, {"audio": b"not a sound"}, "cannot be read as audio"),
    "no picture": ({"text": "a"}, {"photo": b"not a picture"}, "picture|image"),
    "unknown face": ({"text": "a", "face": "carl"}, {}, "one of anna, bert"),
    "seed": ({"text": "a", "seed": "x"}, {}, "whole number"),
    "large seed": ({"text": "a", "seed": str(2**64)}, {}, "from 0 to 2**63 - 1"),
    "too long": ({"text": "a " * 20}, {}, "may last at most 2 s"),
    "audio as text": ({"audio": "a"}, {}, "must be a file"),
    "failing voice": ({"text": "fail"}, {}, "mid-sentence"),
}


def test_bad_forms_are_told(serve: Callable[..., Server]) -> None:
    server = serve(max_generate_seconds=2.0)
    for data, files, message in BAD_FORMS.values():
        answer = httpx.post(f"{server.http}/generate", data=data, files=files, timeout=PATIENCE)
        assert answer.status_code == 400, answer.text
        assert any(part in answer.json()["error"] for part in message.split("|")), answer.text


class PatientVoice:
    """Says nothing until it is told to."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Event(), threading.Event()

    def speak(self, text: str) -> Iterator[AudioClip]:
        self.asked.set()
        self.may.wait(PATIENCE)
        yield speech(0.25, RATE)


def test_who_leaves_the_line_for_videos_makes_room(house: House) -> None:
    voice = PatientVoice()
    server = Server(House(house.pipe, Ensemble(house.people.faces, voice), Settings(max_generating=2)))
    (route,) = (route for route in server._server.config.app.routes if route.path == "/generate")
    places = route.endpoint.__self__._reception

    async def until_free(number: int) -> None:
        while places._free != number:
            await asyncio.sleep(0.05)

    async def scene() -> None:
        async with httpx.AsyncClient(timeout=2 * PATIENCE) as client:
            order = {"url": f"{server.http}/generate", "data": {"text": "one"}}
            first = asyncio.create_task(client.post(**order))
            await asyncio.to_thread(voice.asked.wait, PATIENCE)
            others = [asyncio.create_task(client.post(**order)) for _ in range(2)]
            await until_free(0)
            assert (await client.post(**order)).status_code == 503
            for other in others:
                other.cancel()
            await asyncio.wait(others)
            await until_free(2)
            last = asyncio.create_task(client.post(**order))
            await until_free(1)
            voice.may.set()
            assert [(await answer).status_code for answer in (first, last)] == [200, 200]

    with server:
        run(scene())


def test_a_body_without_a_length_is_bounded(serve: Callable[..., Server]) -> None:
    server = serve(max_body=10_000)

    def endless() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 1000

    assert httpx.post(f"{server.http}/generate", content=b"x" * 10_001, timeout=PATIENCE).status_code == 413
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert (
        httpx.post(f"{server.http}/generate", content=endless(), headers=headers, timeout=PATIENCE).status_code == 413
    )


def test_it_describes_itself(serve: Callable[..., Server]) -> None:
    server = serve()
    document = httpx.get(f"{server.http}/openapi.json", timeout=PATIENCE).json()
    assert document["openapi"].startswith("3.1") and set(document["paths"]) == {
        "/generate", "/offer", "/healthz", "/metrics",
    }  # fmt: skip
    for path, methods in document["paths"].items():
        for method in methods:
            status = httpx.request(method.upper(), server.http + path, timeout=PATIENCE).status_code
            assert str(status) in methods[method]["responses"]
    page = httpx.get(server.http, timeout=PATIENCE)
    assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    assert "access-control-allow-origin" not in page.headers


def test_stopping_ends_conversations(house: House) -> None:
    async def scene() -> None:
        async with visit(server) as visitor:
            await visitor.frames(3)
            server._server.should_exit = True
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await visitor.until("never")
            assert closed.value.rcvd is not None and closed.value.rcvd.code in (1000, 1001, 1012)

    with Server(replace(house, settings=Settings(), conversations=set())) as server:
        run(scene())


def test_a_call(serve: Callable[..., Server]) -> None:
    """aiortc as the browser: picture, sound and events come; the microphone is listened to."""
    from aiortc import RTCPeerConnection, RTCSessionDescription
    from aiortc.contrib.media import MediaPlayer  # noqa: F401 - the visitor's side has all of the library
    from aiortc.mediastreams import AudioStreamTrack

    async def scene() -> None:
        connection = RTCPeerConnection()
        tracks: dict[str, Any] = {}
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        connection.on("track", lambda track: tracks.__setitem__(track.kind, track))
        channel = connection.createDataChannel("dirfa")
        channel.on("message", lambda text: messages.put_nowait(json.loads(text)))
        connection.addTransceiver("video", direction="recvonly")
        connection.addTrack(AudioStreamTrack())
        await connection.setLocalDescription(await connection.createOffer())
        offer = {"type": "offer", "sdp": connection.localDescription.sdp}
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            answer = (await client.post(f"{server.http}/offer", json=offer)).json()
        await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        picture = await asyncio.wait_for(tracks["video"].recv(), PATIENCE)
        assert picture.width >= 64
        while channel.readyState != "open":
            await asyncio.sleep(0.05)
        channel.send(json.dumps({"type": "say", "text": "one two three"}))
        channel.send("nonsense")
        loudest, kinds = 0, set()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and (loudest < 1000 or "ended" not in kinds):
            packet = await asyncio.wait_for(tracks["audio"].recv(), PATIENCE)
            loudest = max(loudest, int(np.abs(packet.to_ndarray().astype(int)).max()))
            while not messages.empty():
                kinds.add(messages.get_nowait()["type"])
        assert loudest > 1000 and {"started", "ended", "error"} <= kinds
        assert "dirfa_delay_seconds_count 0" not in server.house.report()
        await connection.close()

    server = serve()
    run(scene())
    deadline = time.monotonic() + PATIENCE
    while server.metric("sessions") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.metric("sessions") == 0


@pytest.mark.parametrize(
    "offer", [{}, [], {"type": "offer"}, {"type": "answer", "sdp": ""}, {"type": "offer", "sdp": "nonsense"},
              {"type": "offer", "sdp": "v=0\r\nm=audio x\r\n"}, {"type": "offer", "sdp": "", "face": "carl"},
              {"type": "offer", "sdp": "", "face": [1]}],
)  # fmt: skip
def test_bad_offers_are_refused(serve: Callable[..., Server], offer: Any) -> None:
    server = serve()
    assert httpx.post(f"{server.http}/offer", json=offer, timeout=PATIENCE).status_code == 400
    assert httpx.post(f"{server.http}/offer", content=b"{", timeout=PATIENCE).status_code == 400
    assert server.metric("sessions") == 0
