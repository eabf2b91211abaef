"""
Measure the talking page in Chromium, over WebSocket and WebRTC: offset of image and sound, delay, frames per second.

    python benchmarks/bench_talking_page.py PHOTO SPEECH [--weights DIR] [--ways socket call] [--size 512]
        [--latency 0 0.12] [--busy 0 4] [--seconds 300] [--record]

Each row is a conversation, half of it speech, with a server in a process of its own. The server writes the wall-clock
time of each frame's moment into its pixels, and clicks at each full second. The page records what it shows and plays,
and when. `--latency` delays everything on the network by that many seconds in each direction; `--busy` runs that many
other programs that only compute. The step is the time from a click to the frame of the same moment; it is positive if
the frame is late.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from playwright.sync_api import Page, Route, sync_playwright
from results import add_option, record


BLOCK, BITS, CHECK = 16, 16, 4  # pixels of a block; blocks for the time; blocks for its checksum
TICK = 4  # milliseconds
RANGE = TICK * 2**BITS
CLICK, LOUD = 0.005, 0.6  # seconds; amplitude
QUIET = 0.4  # volume of the speech, which must stay below that of clicks
TURN = 10.0  # seconds of a turn; the face speaks in the first half
WARM = 5.0  # seconds at the beginning that are not measured
BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"  # ends with its parent, even if that is killed

# Reads the times in the frames that are shown, and detects clicks in the sound.
PROBE = """async ({call, blocks, size, loud}) => {
  window.noted = {frames: [], clicks: [], later: 0};
  const strip = Object.assign(document.createElement("canvas"), {width: blocks * size, height: size});
  const pencil = strip.getContext("2d", {willReadFrequently: true});
  const draw = CanvasRenderingContext2D.prototype.drawImage, wall = () => performance.timeOrigin + performance.now();
  const note = (picture, moment) => {
    draw.call(pencil, picture, 0, 0, strip.width, size, 0, 0, strip.width, size);
    const pixels = pencil.getImageData(0, size / 2, strip.width, 1).data;
    const bits = Array.from({length: blocks}, (_, block) => Number(pixels[4 * (block * size + size / 2)] > 128));
    noted.frames.push([moment, ...bits]);
  };
  if (!call) {
    CanvasRenderingContext2D.prototype.drawImage = function (picture, ...place) {
      note(picture, wall());
      return draw.call(this, picture, ...place);
    };
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (when) {
      const {context} = this, first = this.buffer.getChannelData(0).findIndex((value) => Math.abs(value) > loud);
      const later = when - context.currentTime + (context.outputLatency || 0);
      const inside = first / this.buffer.sampleRate / this.playbackRate.value;
      if (first >= 0) noted.clicks.push(wall() + 1000 * (later + inside));
      return start.call(this, when);
    };
    return;
  }
  const video = document.getElementById("video");
  const next = (_, {expectedDisplayTime}) => {
    note(video, performance.timeOrigin + expectedDisplayTime);
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
  const [track] = video.srcObject.getAudioTracks();
  const sounds = new MediaStreamTrackProcessor({track}).readable.getReader();
  noted.later = Infinity; // offset from the sound's clock to the page's; the least one, when nothing delayed the page
  const speakers = new AudioContext(); // the track is read before its sound waits for the speakers
  const waits = () => 1000 * (speakers.outputLatency || 0);
  (async () => {
    for (let {value} = await sounds.read(); value; {value} = await sounds.read()) {
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, {planeIndex: 0, format: "f32-planar"});
      noted.later = Math.min(noted.later, wall() - value.timestamp / 1000);
      const first = samples.findIndex((sample) => Math.abs(sample) > loud);
      if (first >= 0) noted.clicks.push(value.timestamp / 1000 + 1000 * first / value.sampleRate + waits());
      value.close();
    }
  })();
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo")
    parser.add_argument("speech")
    parser.add_argument("--weights", default="dirfa-base")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--ways", nargs="+", choices=("socket", "call"), default=["socket", "call"])
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 0.12])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 4])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    add_option(parser, "talking-page")
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    values: dict[str, float] = {}
    print("way     latency  load  frames/s, worst 5 s  delay p50/p95/p99/most s  step p5/p50/p95 ms  past 80 ms")
    for busy in options.busy:
        for latency in options.latency:
            for way in options.ways:
                row = measure(options, way, latency, busy)
                values |= {f"{way}.{1000 * latency:.0f}.{busy}.{name}": value for name, value in row.items()}
    record(options.record, values, options.weights)


def measure(options: argparse.Namespace, way: str, latency: float, busy: int) -> dict[str, float]:
    """Measure and print a row; the load is that at its end."""
    with started(options) as port, computing(busy), delaying(latency) as delay, sync_playwright() as driver:
        switches = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=switches)
        page = browser.new_context(bypass_csp=True).new_page()
        page.set_default_timeout(120_000)
        call = way == "call"
        if call and latency:
            page.route("**/offer", lambda route: delay.negotiate(route, port))
        page.goto(f"http://127.0.0.1:{delay.to(port)}/" + ("?call" if call else ""))
        page.wait_for_function("() => document.getElementById('status').textContent === 'Ready.'")
        if call:
            page.wait_for_function("() => document.getElementById('video').videoWidth > 0")
        page.evaluate(PROBE, {"call": call, "blocks": BITS + CHECK, "size": BLOCK, "loud": LOUD})
        noted = talk(page, options.seconds)
        browser.close()
    row = {"load": os.getloadavg()[0]} | summary(noted)
    print(
        f"{way:6s}  {latency:7.2f}  {row['load']:4.1f}  {row['fps']:8.1f}, {row['fps_least']:4.1f}     "
        f"{row['p50']:.2f}/{row['p95']:.2f}/{row['p99']:.2f}/{row['most']:.2f}      "
        f"{row['step_p5']:.0f}/{row['step_p50']:.0f}/{row['step_p95']:.0f} ({row['clicks']:.0f} clicks)  "
        f"{row['past_80']:.0%}; {row['not_read']:.1%} of frames not read, {row['in_time']:.1%} within 1 s",
        flush=True,
    )
    return row


def talk(page: Page, seconds: float) -> dict[str, Any]:
    """Type a text every ten seconds; returns what the page recorded after the warm-up."""
    end = time.monotonic() + WARM + seconds
    page.wait_for_timeout(1000 * WARM)
    page.evaluate("() => { noted.frames.length = noted.clicks.length = 0; }")
    while (left := end - time.monotonic()) > 0:
        page.get_by_label("What the face says").fill("go")
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000 * min(TURN, left))
    return page.evaluate("() => noted")


def summary(noted: dict[str, Any]) -> dict[str, float]:
    """The numbers of a row, in seconds; the step is in milliseconds."""
    rows = np.array(noted["frames"])
    shown, bits = rows[:, 0], rows[:, 1:].astype(int)
    value = bits[:, :BITS] @ (1 << np.arange(BITS))
    good = (bits[:, BITS:] @ (1 << np.arange(CHECK))) == check_sum(value)
    shown, value = shown[good], value[good]
    delay = (shown - TICK * value + 500.0) % RANGE - 500.0  # a frame is never shown before its moment
    moments = shown - delay
    counts = np.histogram(shown, np.arange(shown[0], shown[-1], 5000.0))[0] / 5.0
    order = np.argsort(moments)
    heard = np.array(sorted(noted["clicks"])) + noted["later"]
    first = np.diff(heard, prepend=-np.inf) > 100.0  # one click may be recorded twice
    steps = [step(click, moments[order], shown[order]) for click in heard[first]]
    clicks = np.array([found for found in steps if found is not None])
    p50, p95, p99 = np.percentile(delay, (50, 95, 99)) / 1000.0
    early, middle, late = np.percentile(clicks, (5, 50, 95))
    return {
        "fps": counts.mean(), "fps_least": counts.min(),
        "p50": p50, "p95": p95, "p99": p99, "most": delay.max() / 1000.0, "in_time": np.mean(delay <= 1000.0),
        "step_p5": early, "step_p50": middle, "step_p95": late, "clicks": len(clicks),
        "past_80": np.mean(np.abs(clicks) > 80.0), "not_read": np.mean(~good),
    }  # fmt: skip


def step(heard: float, moments: np.ndarray, shown: np.ndarray) -> float | None:
    """Milliseconds from a click to the frame of the same moment, which is a full second."""
    seconds = 1000.0 * (np.floor(heard / 1000.0) - np.arange(3))
    seconds = seconds[(seconds > moments[0]) & (seconds < moments[-1])]
    found = np.interp(seconds, moments, shown) - heard
    return None if len(found) == 0 else float(found[np.argmin(np.abs(found))])


def check_sum(value: Any) -> Any:
    """Four bits that tell whether a time was read correctly."""
    return (value ^ (value >> 4) ^ (value >> 8) ^ (value >> 12) ^ 5) & 15


def serve(options: argparse.Namespace) -> None:
    """Run the server, in a process of its own."""
    import torch
    import uvicorn

    from dirfa_pipeline import AudioClip, DirfaPipeline, load_audio
    from dirfa_pipeline.commands.serve import SWITCH, prepare_faces, read_photos
    from dirfa_pipeline.live.conversation import Conversation, ConversationEvent
    from dirfa_pipeline.live.face import AvatarFrame
    from dirfa_pipeline.live.timeline import SOUND_RATE
    from dirfa_pipeline.models.face_renderer import PreparedPortrait
    from dirfa_pipeline.server.app import build_app
    from dirfa_pipeline.server.house import House
    from dirfa_pipeline.server.people import Ensemble

    speech = load_audio(options.speech)
    said = AudioClip(speech.mono(SOUND_RATE)[None, : round(TURN / 2 * SOUND_RATE)], SOUND_RATE)
    tone = np.sin(np.arange(round(CLICK * SOUND_RATE)) * 2 * np.pi * 3000 / SOUND_RATE).astype(np.float32)

    class Voice:
        def speak(self, text: str) -> Iterator[AudioClip]:
            yield said

    def mark(frame: AvatarFrame, conversation: Conversation) -> AvatarFrame:
        wall = time.time() - conversation.now  # wall-clock time at which the conversation began
        value = round(1000.0 * (wall + frame.time)) // TICK % 2**BITS
        number = value + (check_sum(value) << BITS)
        bits = (number >> np.arange(BITS + CHECK)) & 1
        image, audio = frame.image.copy(), frame.audio * QUIET
        image[:BLOCK, : BLOCK * (BITS + CHECK)] = np.repeat(bits * 255, BLOCK)[None, :, None]
        stop = round((frame.time + 1.0 / conversation.fps) * SOUND_RATE)
        start = stop - audio.shape[1]
        second = int(np.ceil(wall + start / SOUND_RATE))
        place = round((second - wall) * SOUND_RATE) - start
        clicks = place < audio.shape[1]
        if clicks:
            audio[0, place : place + len(tone)] = tone[: audio.shape[1] - place]
        return replace(frame, image=image, audio=audio, speaking=frame.speaking or clicks)

    class MarkedHouse(House):
        @asynccontextmanager
        async def open(
            self, face: PreparedPortrait, on_event: Callable[[ConversationEvent], None]
        ) -> AsyncIterator[Conversation]:
            async with super().open(face, on_event) as conversation:
                live = conversation._face
                assert live is not None
                draw = live.draw
                live.draw = lambda number: mark(draw(number), conversation)  # type: ignore[method-assign]
                yield conversation

    torch.set_num_threads(1)
    sys.setswitchinterval(SWITCH)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    pipe.set_progress_bar_config(disable=True)
    house = MarkedHouse(pipe, Ensemble(prepare_faces(pipe, read_photos([options.photo], options.size)), Voice()))
    server = uvicorn.Server(uvicorn.Config(build_app(house), port=0, log_level="error"))

    async def run() -> None:
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.05)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await running

    asyncio.run(run())


@contextmanager
def started(options: argparse.Namespace) -> Iterator[int]:
    """Run the server; yields its port."""
    command = [sys.executable, __file__, options.photo, options.speech, "--serve", "--size", str(options.size)]
    command += ["--weights", options.weights]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


@contextmanager
def computing(number: int) -> Iterator[None]:
    """Run a number of programs that only compute, until the block or this process ends."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@dataclass
class Delay:
    """Delays the network: TCP with a proxy, and a call's packets with a relay whose address both sides are given."""

    seconds: float
    loop: asyncio.AbstractEventLoop

    def to(self, port: int) -> int:
        """The port of a proxy for a port, or the port itself if there is no delay."""
        if not self.seconds:
            return port
        return asyncio.run_coroutine_threadsafe(self._proxy(port), self.loop).result()

    def negotiate(self, route: Route, port: int) -> None:
        """Pass on an offer and its answer, in which the relay's address replaces that of the other side."""
        offer, host = json.loads(route.request.post_data or "{}"), own_address()
        relay = asyncio.run_coroutine_threadsafe(self._relay(host), self.loop).result()
        offer["sdp"] = _with_candidate(offer["sdp"], host, relay.ports[1])
        answer = _ask(port, offer)
        found = re.search(r"candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", answer["sdp"])
        assert found is not None, "the server names no address of the fourth version"
        relay.peers[1] = (found[1], int(found[2]))
        answer["sdp"] = _with_candidate(answer["sdp"], host, relay.ports[0])
        route.fulfill(json=answer)

    async def _proxy(self, port: int) -> int:
        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer), return_exceptions=True)

        server = await asyncio.start_server(visit, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)

        async def send() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - self.loop.time())
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        sending = asyncio.create_task(send())
        while data := await reader.read(65_536):
            await waiting.put((self.loop.time() + self.seconds, data))
        await waiting.put((self.loop.time() + self.seconds, b""))
        await sending

    async def _relay(self, host: str) -> "Relay":
        relay = Relay(self)
        for side in (0, 1):
            end = await self.loop.create_datagram_endpoint(partial(_End, relay, side), local_addr=(host, 0))
            relay.ends.append(end[0])
        return relay


class Relay:
    """Two sockets: packets that reach one are sent from the other, to the peer that the other has heard from."""

    def __init__(self, delay: Delay) -> None:
        self.delay = delay
        self.ends: list[asyncio.DatagramTransport] = []
        self.peers: list[Any] = [None, None]  # the browser, the server

    @property
    def ports(self) -> list[int]:
        """The ports of both sockets."""
        return [end.get_extra_info("sockname")[1] for end in self.ends]

    def came(self, side: int, data: bytes, peer: Any) -> None:
        """Send a packet on after the delay."""
        self.peers[side] = peer
        self.delay.loop.call_later(self.delay.seconds, self._send, 1 - side, data)

    def _send(self, side: int, data: bytes) -> None:
        if self.peers[side] is not None:
            self.ends[side].sendto(data, self.peers[side])


class _End(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay, side: int) -> None:
        self._relay, self._side = relay, side

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._relay.came(self._side, data, addr)


def own_address() -> str:
    """The address of this machine in its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # connecting a UDP socket sends nothing
        return probe.getsockname()[0]


def _with_candidate(sdp: str, host: str, port: int) -> str:
    """The description with one candidate in place of its own ones."""
    lines = [line for line in sdp.split("\r\n") if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    candidate = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host"
    return "\r\n".join(
        part for line in lines for part in ([line, candidate] if line.startswith("a=ice-pwd") else [line])
    )


def _ask(port: int, offer: dict[str, Any]) -> dict[str, Any]:
    asked = Request(f"http://127.0.0.1:{port}/offer", json.dumps(offer).encode())
    with urlopen(asked) as answer:
        return json.load(answer)


@contextmanager
def delaying(seconds: float) -> Iterator[Delay]:
    """Run the delays in an event loop of their own, in a separate thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield Delay(seconds, loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


if __name__ == "__main__":
    main()
