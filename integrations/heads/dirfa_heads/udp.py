"""What goes over UDP: to whom, at how many frames a second."""

import socket
from typing import Self


class UdpSender:
    """
    Sends packets to one program.

    Args:
        host (`str`), port (`int`): Where it listens.
        fps (`float`, defaults to 25): Frames per second, of which the packets tell the time.
    """

    def __init__(self, host: str, port: int, fps: float = 25.0) -> None:
        self._target, self._fps = (host, port), fps
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def _send(self, packet: bytes) -> None:
        self._socket.sendto(packet, self._target)
