"""What is sent is received and read back: Live Link Face by its layout, VMC by python-osc."""

import socket
import struct
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from dirfa_heads import LiveLinkSender, VmcSender, play
from dirfa_heads.live_link import NUM_VALUES
from dirfa_heads.vmc import CLIPS, MAX_BYTES, head_turn
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from dirfa_pipeline import EXPRESSION_NAMES, Animation


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5.0)
        yield receiver


def test_live_link_packets_read_back(receiver: socket.socket) -> None:
    row = np.linspace(-0.1, 1.0, 58, dtype=np.float32)
    with LiveLinkSender(*receiver.getsockname(), subject="Ängel", fps=29.97) as sender:
        sender.send(row, 1234)
    data = receiver.recv(2048)
    assert data[0] == 6
    device, rest = _text(data[1:])
    subject, rest = _text(rest)
    number, part, top, bottom, count = struct.unpack(">ifiiB", rest[:17])
    values = np.frombuffer(rest[17:], ">f4")
    assert len(device) == 36 and subject == "Ängel"
    assert (number, part, top / bottom, count, len(values)) == (1234, 0.0, 29.97, NUM_VALUES, NUM_VALUES)
    np.testing.assert_array_equal(values[:55], row[:55])
    assert EXPRESSION_NAMES[17] == "jawOpen" and values[17] == row[17]


def _text(data: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack(">i", data[:4])
    return data[4 : 4 + length].decode(), data[4 + length :]


def test_eyes_turn_with_the_gaze(receiver: socket.socket) -> None:
    row = Animation.from_curves(1, eyeLookOutLeft=1.0, eyeLookInRight=1.0, eyeLookUpLeft=0.5, eyeLookUpRight=0.5)
    with LiveLinkSender(*receiver.getsockname()) as sender:
        sender.send(row.coefficients[0], 0)
    left, right = np.frombuffer(receiver.recv(2048)[-24:], ">f4").reshape(2, 3)
    np.testing.assert_allclose(left, right)
    np.testing.assert_allclose(left, [0.44, 0.22, 0.0], atol=1e-6)


def test_vmc_messages_are_received() -> None:
    heard: list[tuple[str, tuple[object, ...]]] = []
    complete = threading.Event()

    def note(address: str, *values: object) -> None:
        heard.append((address, values))
        if address == "/VMC/Ext/Blend/Apply":
            complete.set()

    dispatcher = Dispatcher()
    dispatcher.set_default_handler(note)
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        row = Animation.from_curves(1, jawOpen=0.25, mouthPucker=1.5, browInnerUp=-0.5, yaw=0.3).coefficients[0]
        with VmcSender(*server.server_address, fps=25) as sender:
            sender.send(row, 50)
        assert complete.wait(5.0)
        server.shutdown()
        thread.join()
    weights = {values[0]: values[1] for address, values in heard if address == "/VMC/Ext/Blend/Val"}
    assert tuple(weights) == CLIPS
    assert weights["JawOpen"] == 0.25 and weights["MouthPucker"] == 1.0 and weights["BrowInnerUp"] == 0.0
    others = {address: values for address, values in heard if address != "/VMC/Ext/Blend/Val"}
    assert others["/VMC/Ext/OK"] == (1,) and others["/VMC/Ext/T"] == (2.0,)
    name, *position, x, y, z, w = others["/VMC/Ext/Bone/Pos"]
    assert name == "Head" and position == [0.0, 0.0, 0.0]
    assert (x, z) == (0.0, 0.0) and y == pytest.approx(-np.sin(0.15)) and w == pytest.approx(np.cos(0.15))


def test_packets_fit_into_one_frame_of_the_network(receiver: socket.socket) -> None:
    with VmcSender(*receiver.getsockname()) as sender:
        sender.send(np.zeros(58, np.float32), 0)
    sizes = [len(receiver.recv(65_536)) for _ in range(2)]
    assert max(sizes) <= MAX_BYTES
    assert sum(sizes) > 2000


@pytest.mark.parametrize(
    ("angles", "looks", "crown"),
    [
        ((0.5, 0.0, 0.0), (-np.sin(0.5), 0.0, np.cos(0.5)), (0.0, 1.0, 0.0)),
        ((0.0, 0.5, 0.0), (0.0, np.sin(0.5), np.cos(0.5)), (0.0, np.cos(0.5), -np.sin(0.5))),
        ((0.0, 0.0, 0.5), (0.0, 0.0, 1.0), (-np.sin(0.5), np.cos(0.5), 0.0)),
    ],
    ids=["to its left", "chin up", "leans to its left"],
)
def test_the_head_turns_as_ours_does(
    angles: tuple[float, float, float], looks: tuple[float, ...], crown: tuple[float, ...]
) -> None:
    """In Unity +x is the avatar's right; seen from the front, its left is the right of the picture."""
    x, y, z, w = head_turn(*angles)
    matrix = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    np.testing.assert_allclose(matrix @ (0, 0, 1), looks, atol=1e-9)
    np.testing.assert_allclose(matrix @ (0, 1, 0), crown, atol=1e-9)


class Clock:
    """Time that passes when somebody sleeps, or works."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Notes:
    """Remembers when which frame came."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.frames = clock, []

    def send(self, row: np.ndarray, number: int) -> None:
        self.frames.append((number, round(self.clock.time - 100.0, 3)))


def test_frames_go_at_their_moment() -> None:
    clock = Clock()
    notes = Notes(clock)
    assert play(np.zeros((4, 58), np.float32), [notes, notes], 25.0, clock.now, clock.sleep) == 4
    assert notes.frames == [(number, number / 25) for number in range(4) for _ in range(2)]


def test_late_frames_are_left_out() -> None:
    clock = Clock()
    notes = Notes(clock)

    def rows() -> Iterator[np.ndarray]:
        for number in range(8):
            if number == 3:
                clock.sleep(0.19)
            yield np.zeros(58, np.float32)

    assert play(rows(), [notes], 25.0, clock.now, clock.sleep) == 5
    assert [number for number, _ in notes.frames] == [0, 1, 2, 6, 7]
