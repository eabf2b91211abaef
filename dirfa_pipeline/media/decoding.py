"""Packets to frames as players do it: what cannot be decoded is passed over."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from av.error import EOFError as EndOfFile
from av.error import FFmpegError


class Damage:
    """What of a file was lost: how often, how much, where first."""

    def __init__(self) -> None:
        self.places, self.seconds, self.first = 0, 0.0, 0.0

    def add(self, time: float, seconds: float) -> None:
        """Note that `seconds` from `time` on were lost."""
        if not self.places:
            self.first = time
        self.places += 1
        self.seconds += seconds

    def warn(self, path: str, what: str) -> None:
        """Tell the user of it, if anything was lost."""
        if self.places:
            places = "place" if self.places == 1 else "places"
            warnings.warn(
                f"{path} is damaged in {self.places} {places}, the first at {self.first:.2f} s: {self.seconds:.2f} s "
                f"{what}",
                UserWarning,
                stacklevel=3,
            )


def decode_frames(container: Any, stream: Any, lost: Callable[[Any], None]) -> Iterator[Any]:
    """
    Yield the frames of a stream of PyAV's; `lost` is called with each packet that cannot be decoded, and with `None`
    where the file breaks off.

    Raises:
        FFmpegError: Nothing at all can be decoded.
    """
    packets, decoded, fault = container.demux(stream), False, None
    while True:
        packet = None
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except EndOfFile:
            break
        except FFmpegError as error:
            fault = error
            lost(packet)
            if packet is None:
                break
            continue
        decoded = decoded or bool(frames)
        yield from frames
    if fault is not None and not decoded:
        raise fault
