"""Two hundred malformed messages and fifty abrupt ends leave nothing behind in the server's process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from served import Served, served
from server.test_server import MALFORMED, PATIENCE
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux' /proc")]
OFFERS = ({}, [], {"type": "offer", "sdp": "nonsense"}, {"type": "offer", "sdp": "v=0\r\nm=audio x\r\n"})
POOL = min(32, (os.cpu_count() or 1) + 4)  # threads that asyncio keeps once they were needed
MOST_GROWTH = 128 * 2**20  # bytes: allocators keep some; fifty faces that were left open would take far more


@pytest.fixture(scope="module")
def server(astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(astronaut, tmp_path_factory.mktemp("server"), "--max-size", "400", "--max-waiting", "60") as running:
        yield running


def held(server: Served) -> tuple[int, int, int]:
    """Threads, open files and bytes of memory of the process."""
    process = Path(f"/proc/{server.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    files = sum(1 for _ in (process / "fd").iterdir())
    return int(status["Threads"]), files, int(status["VmRSS"].split()[0]) * 1024


async def misbehave(server: Served, malformed: int, ends: int) -> None:
    """Send so many malformed messages and offers, and leave so often without a word, in all ways by turns."""
    address = server.address.replace("http", "ws") + "ws"
    left = malformed
    while left > 0:
        async with connect(address, max_size=None) as socket:
            for number in range(min(left, 40)):  # more than 50 end the conversation
                await socket.send(MALFORMED[number % len(MALFORMED)])
            await until_errors(socket, min(left, 40))
        left -= 40
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        for offer in OFFERS:
            assert (await client.post(f"{server.address}offer", json=offer)).status_code == 400
        for number in range(ends):
            if number % 5 == 4:
                await abandon_a_call(server, client)
                continue
            socket = await connect(address, max_size=None)
            if number % 3:
                await socket.recv()
                await socket.send(json.dumps({"type": "say", "text": "a " * 20}))
            socket.transport.abort()
        while "dirfa_sessions 0" not in (await client.get(f"{server.address}metrics")).text.splitlines():
            await asyncio.sleep(0.2)


async def until_errors(socket: ClientConnection, number: int) -> None:
    while number:
        message = await socket.recv()
        if isinstance(message, str):
            number -= json.loads(message)["type"] == "error"


async def abandon_a_call(server: Served, client: httpx.AsyncClient) -> None:
    """Offer a call and answer nothing any more."""
    connection = RTCPeerConnection()
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await client.post(
        f"{server.address}offer", json={"type": "offer", "sdp": connection.localDescription.sdp}
    )
    if answer.status_code == 200:  # else all places are taken
        await connection.setRemoteDescription(RTCSessionDescription(**answer.json()))
    await connection.close()


def test_nothing_is_left_behind(server: Served) -> None:
    asyncio.run(misbehave(server, 22, 12))  # memory has its size then
    before = held(server)
    asyncio.run(misbehave(server, 200, 50))
    after = held(server)
    assert after[0] - before[0] <= POOL and after[1] <= before[1]
    assert after[2] - before[2] < MOST_GROWTH
    assert "Traceback" not in server.complaints.read_text()

    async def still_there() -> str:
        async with connect(server.address.replace("http", "ws") + "ws") as socket:
            return await socket.recv()

    assert json.loads(asyncio.run(still_there()))["type"] == "ready"
    with pytest.raises(ConnectionClosed):
        asyncio.run(one_too_many(server))


async def one_too_many(server: Served) -> None:
    """A visitor who sends nothing but nonsense is sent away."""
    async with connect(server.address.replace("http", "ws") + "ws", max_size=None) as socket:
        for _ in range(60):
            await socket.send("nonsense")
        while True:
            await socket.recv()


# Says half a second of a minute, then hangs, as a voice does whose model is stuck.
HANGING = """
import os, sys, time, wave
open(sys.argv[1], "w").write(str(os.getpid()))
with wave.open(sys.argv[1] + ".wav", "wb") as sound:
    sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(24000)
    sound.writeframes(bytes(24000 * 2 * 60))
sys.stdout.buffer.write(open(sys.argv[1] + ".wav", "rb").read()[:24000])
sys.stdout.buffer.flush()
time.sleep(600)
"""


@pytest.mark.parametrize(("how", "codes"), [(signal.SIGTERM, {1001, 1012}), (signal.SIGKILL, {None})])
def test_a_server_that_is_stopped_or_killed(astronaut: Path, tmp_path: Path, how: int, codes: set[int | None]) -> None:
    """In mid-sentence: visitors notice, its place can be taken at once, and when it is stopped no voice stays."""
    (tmp_path / "hang.py").write_text(HANGING)
    voice = f"command:{sys.executable} {tmp_path / 'hang.py'} {tmp_path / 'voice'}"

    async def scene(server: Served) -> int | None:
        async with connect(server.address.replace("http", "ws") + "ws", max_size=None) as socket:
            await socket.recv()
            await socket.send(json.dumps({"type": "say", "text": "Hello"}))
            while True:
                message = await asyncio.wait_for(socket.recv(), PATIENCE)
                if isinstance(message, str) and json.loads(message)["type"] == "started":
                    break
            server.process.send_signal(how)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(socket.recv(), PATIENCE)
            return closed.value.rcvd and closed.value.rcvd.code

    with served(astronaut, tmp_path, "--max-size", "400", "--voice", voice) as server:
        assert asyncio.run(scene(server)) in codes
        status = server.process.wait(PATIENCE)
        assert status == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        assert "Traceback" not in server.complaints.read_text()
        port = server.address.rsplit(":", 1)[1].strip("/")
    program = int((tmp_path / "voice").read_text())
    if how == signal.SIGTERM:
        assert not Path(f"/proc/{program}").exists()
    else:
        os.kill(program, signal.SIGKILL)  # it would notice at its next word; this one has none
    with served(astronaut, tmp_path, "--max-size", "400", "--port", port) as server:
        assert server.address.endswith(f":{port}/")
