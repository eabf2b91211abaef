"""The check under the photo is short, plain and safe to show."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

from dirfa_pipeline.capture.faces import FoundFace
from dirfa_pipeline.demo.photo_check import show_check
from dirfa_pipeline.pipeline_check import Finding, PhotoCheck


def face(index: int) -> FoundFace:
    return FoundFace(index, (40 * index, 10, 40 * index + 30, 50), np.zeros((478, 3), np.float32))


def test_what_stands_in_the_way_is_shown_and_all_else_folded(tmp_path: Path) -> None:
    told = PhotoCheck((Finding("eyes", "good", "open <b>"), Finding("turn", "poor", "turned 30°", "from the front")))
    shown = show_check(told, "unused")
    before, after = shown.split("<details>")
    assert "not well" in before and "Turned 30°; from the front." in before and "Open" not in before
    assert "Open &lt;b&gt;." in after and "figure" not in shown
    refused = PhotoCheck((*told.findings, Finding("size", "refused", "40 pixels", "pass a larger one")))
    before, after = show_check(refused, "unused").split("<details>")
    assert "cannot be used" in before and "40 pixels; pass" in before and "Turned" in after


def test_faces_are_numbered_and_the_chosen_one_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "group.png"
    Image.new("RGB", (120, 80), "teal").save(path)
    told = PhotoCheck((Finding("faces", "works", "two"),), (face(0), face(1)), face=1)
    shown = show_check(told, str(path))
    assert shown.count("<figure") == 2
    assert '<figure class="chosen"><img alt="Face 1"' in shown
