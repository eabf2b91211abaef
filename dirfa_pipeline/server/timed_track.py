"""Tracks whose sender reports say which moment of the conversation an RTP timestamp stands for."""

from abc import abstractmethod
from fractions import Fraction
from typing import Final

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender


SECOND: Final = 2**32  # one second in an NTP timestamp

# Attributes of aiortc's sender: what its next report says about the last packet that was sent.
RTP_TIMESTAMP: Final = "_RTCRtpSender__rtp_timestamp"
NTP_TIMESTAMP: Final = "_RTCRtpSender__ntp_timestamp"


class TimedTrack(MediaStreamTrack):
    """
    A track whose frames a receiver plays together with those that have the same time in the connection's other tracks.

    Receivers align tracks by sender reports, which pair the RTP timestamp of a frame with a wall-clock time. aiortc
    reports when it sent the frame, so a frame that took longer to encode is taken for a later one. This class reports
    the frame's own time instead. aiortc has no public way to do so: when it asks a track for its next frame, the last
    one has been sent, and the time of sending is overwritten in two private attributes of the sender.

    Args:
        begin (`int`): The NTP timestamp of time 0, the same for all tracks of a connection.
    """

    def __init__(self, begin: int) -> None:
        super().__init__()
        self._begin = begin
        self._sender: RTCRtpSender | None = None
        self._time = Fraction(0)  # of the last frame that was given out, in seconds
        self._reported = 0  # the RTP timestamp of the last frame whose time was set; 0 is aiortc's before the first

    def add_to(self, connection: RTCPeerConnection) -> None:
        """Send this track over a connection."""
        self._sender = connection.addTrack(self)

    async def recv(self) -> av.VideoFrame | av.Packet:
        """Wait for the next frame."""
        self._report()
        frame = await self.next()
        self._time = frame.pts * frame.time_base
        return frame

    @abstractmethod
    async def next(self) -> av.VideoFrame | av.Packet:
        """Make the next frame; its time counts from `begin`."""

    def _report(self) -> None:
        """Set the time of the last frame that was sent. An encoder may leave frames out; their time does not count."""
        sent = getattr(self._sender, RTP_TIMESTAMP, 0)
        if sent != self._reported:
            self._reported = sent
            setattr(self._sender, NTP_TIMESTAMP, self._begin + round(self._time * SECOND))
