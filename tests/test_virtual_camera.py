"""The recipe of docs/conversation.md for a virtual camera, with a camera and a loudspeaker that a test plays."""

import io
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tiny import tiny_pipeline

from dirfa_pipeline import DirfaPipeline


PAGE = Path(__file__).parents[1] / "docs" / "conversation.md"


class Enough(Exception):
    """Ends what would go on for ever."""


class Device:
    """Takes what it is given."""

    def __init__(self, *about: Any, **more: Any) -> None:
        self.about, self.got = about, list[np.ndarray]()

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *error: object) -> None: ...

    def send(self, data: np.ndarray) -> None:
        self.got.append(data)

    def write(self, data: np.ndarray) -> None:
        self.got.append(data)
        if np.abs(np.concatenate(self.got)).max() > 0.01:
            raise Enough


def module(name: str, attribute: str, devices: list[Device]) -> ModuleType:
    def make(*about: Any, **more: Any) -> Device:
        devices.append(Device(*about, **more))
        return devices[-1]

    made = ModuleType(name)
    setattr(made, attribute, make)
    return made


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_lines_are_said_to_the_camera(astronaut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "Camera" in block)
    devices: list[Device] = []
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module("pyvirtualcam", "Camera", devices))
    monkeypatch.setitem(sys.modules, "sounddevice", module("sounddevice", "OutputStream", devices))
    monkeypatch.setattr(DirfaPipeline, "from_pretrained", lambda _: tiny_pipeline())
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello there, how are you?\n"))
    with pytest.raises(Enough):
        exec(code.replace("photo.jpg", str(astronaut)), {})
    camera, speaker = devices
    width, height, fps = camera.about
    assert {frame.shape for frame in camera.got} == {(height, width, 3)} and fps == 25
    assert all(len(sound) % (24_000 / fps) == 0 and sound.shape[1] == 1 for sound in speaker.got)
