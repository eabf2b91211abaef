"""Sender reports of tracks, by a connection between two peers: equal times of frames are equal times in reports."""

import asyncio
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")

from aiortc import RTCPeerConnection
from aiortc.clock import current_ntp_time
from aiortc.rtp import RtcpSrPacket, RtpPacket

from dirfa_pipeline.server.timed_track import NTP_TIMESTAMP, RTP_TIMESTAMP, SECOND, TimedTrack


CLOCK = {"video": 90_000, "audio": 48_000}  # RTP timestamps per second
EVERY = 0.02  # seconds between frames
BEGIN = 3.0  # time of the first frame in seconds
FARTHEST = 0.002  # seconds between two tracks' reports
SOON = 20.0  # seconds within which reports come; aiortc sends one each 0.5 to 1.5 s


class Late(TimedTrack):
    """A track whose frames come some seconds after their time, once it may start."""

    def __init__(self, kind: str, begin: int, late: float, start: asyncio.Event) -> None:
        super().__init__(begin)
        self.kind, self._late, self._start, self._count = kind, late, start, 0

    async def next(self) -> Any:
        await self._start.wait()
        await asyncio.sleep(self._late if self._count == 0 else EVERY)
        time, self._count = BEGIN + self._count * EVERY, self._count + 1
        if self.kind == "video":
            frame: Any = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        else:
            frame = av.Packet(b"\xf8\xff\xfe")  # silence in Opus
        frame.pts, frame.time_base = round(time * CLOCK[self.kind]), Fraction(1, CLOCK[self.kind])
        return frame


class Ear:
    """Notes what a receiver gets: the timestamp of the first packet, and the reports."""

    def __init__(self, receiver: Any) -> None:
        self.first: int | None = None
        self.reports: asyncio.Queue[RtcpSrPacket] = asyncio.Queue()
        self._rtp, self._rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet
        receiver._handle_rtp_packet, receiver._handle_rtcp_packet = self._packet, self._report

    async def _packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self.first = packet.timestamp if self.first is None else self.first
        await self._rtp(packet, arrival_time_ms=arrival_time_ms)

    async def _report(self, packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket) and self.first is not None:
            self.reports.put_nowait(packet)
        await self._rtcp(packet)


async def offsets(late: dict[str, float]) -> dict[str, list[float]]:
    """For two reports of each kind of track, the NTP time less the time of the frame, in seconds since the start."""
    there, here = RTCPeerConnection(), RTCPeerConnection()
    begin, start, ears = current_ntp_time(), asyncio.Event(), dict[str, Ear]()
    here.on("track", lambda track: None)
    for kind, seconds in late.items():
        Late(kind, begin, seconds, start).add_to(there)
    await there.setLocalDescription(await there.createOffer())
    await here.setRemoteDescription(there.localDescription)
    for transceiver in here.getTransceivers():
        ears[transceiver.kind] = Ear(transceiver.receiver)
    await here.setLocalDescription(await here.createAnswer())
    await there.setRemoteDescription(here.localDescription)
    while {there.connectionState, here.connectionState} != {"connected"}:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # both are connected a moment before they hand out what they receive
    start.set()
    found: dict[str, list[float]] = {kind: [] for kind in late}
    for kind, ear in ears.items():
        for _ in range(2):
            said = (await ear.reports.get()).sender_info
            assert ear.first is not None
            time = BEGIN + ((said.rtp_timestamp - ear.first) % 2**32) / CLOCK[kind]
            found[kind].append((said.ntp_timestamp - begin) / SECOND - time)
    await there.close()
    await here.close()
    return found


def test_reports_give_the_times_of_frames_not_of_sending() -> None:
    """Images come half a second after their sound. aiortc alone would report that they belong half a second later."""
    found = asyncio.run(asyncio.wait_for(offsets({"video": 0.6, "audio": 0.1}), SOON))
    assert found == {kind: pytest.approx([0.0, 0.0], abs=FARTHEST) for kind in ("video", "audio")}


def test_frames_that_the_encoder_leaves_out_do_not_count() -> None:
    """The report names the last packet that was sent, so its time stays that of the frame in it."""

    async def scene() -> tuple[int, int]:
        start, sender = asyncio.Event(), SimpleNamespace(**{RTP_TIMESTAMP: 0, NTP_TIMESTAMP: 0})
        track = Late("audio", 0, 0.0, start)
        track._sender = sender
        start.set()
        await track.recv()
        setattr(sender, RTP_TIMESTAMP, 7)  # the first frame was sent
        await track.recv()
        first = getattr(sender, NTP_TIMESTAMP)
        await track.recv()  # the second one was not
        return first, getattr(sender, NTP_TIMESTAMP)

    assert asyncio.run(scene()) == (BEGIN * SECOND, BEGIN * SECOND)
