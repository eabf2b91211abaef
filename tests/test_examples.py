"""The examples run as they stand, on a second of speech; the notebook in a process of its own."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest


ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
MAKES = {
    "quickstart": {"quickstart.mp4"},
    "takes": {"take-1.mp4", "take-2.mp4", "take-3.mp4"},
    "directing": {"directed.mp4"},
    "dub": {"film.mp4", "dubbed.mp4"},
    "head3d": {"head.glb", "talk.csv"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKES)
def test_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    options = ["--seconds", "1", "--max-size", "400", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} == MAKES[name]
    assert str(tmp_path) in capsys.readouterr().out, "it tells where its work lies"
    for video in tmp_path.glob("*.mp4"):
        with av.open(str(video)) as container:
            assert container.streams.video[0].frames == 25
            assert container.streams.audio


def test_every_example_is_tried_and_told_of() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - {"arguments"}
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert {name for name in scripts if not name.startswith("assistant")} == MAKES.keys()
    assert all(f"examples/{path.name}" in page for path in EXAMPLES.iterdir() if path.stem in scripts)


@pytest.mark.slow
def test_the_notebook_shows_what_it_makes(tmp_path: Path) -> None:
    notebook = tmp_path / "quickstart.ipynb"
    shutil.copy(EXAMPLES / notebook.name, notebook)
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=300", "--overwrite", str(notebook)]
    command += ["-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-3000:]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output["data"] for cell in cells for output in cell.get("outputs", []) if "data" in output]
    portrait, curves, video, takes = ("".join(data["text/html"]) for data in outputs)
    assert portrait.count("<circle") == 478
    assert curves.count("<polyline") == 10
    assert (video.count("<video"), takes.count("<video")) == (1, 2)
