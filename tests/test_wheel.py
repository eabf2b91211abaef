"""What is built from this repository: contents of wheel and sdist, and the wheel at work away from the repository."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import av
import pytest

import dirfa_pipeline


ROOT = Path(__file__).parents[1]


def build(target: str, folder: Path) -> Path:
    """Build a distribution without the network; hatchling is among the test requirements."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def tracked(*folders: str) -> set[str]:
    """The repository's files in some folders, without what building and running leave there."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_wheel_holds_the_package_and_one_copy_of_the_weights(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        (metadata,) = (file.read(name).decode() for name in file.namelist() if name.endswith("/METADATA"))
        licences = {name.rpartition("/")[2] for name in file.namelist() if "/licenses/" in name}
    expected = tracked("dirfa_pipeline") | {f"dirfa_pipeline/{name}" for name in tracked("weights", "spaces")}
    assert names == expected
    assert licences == {"LICENSE", "NOTICE"}
    header = HeaderParser().parsestr(metadata)
    assert header["Version"] == dirfa_pipeline.__version__
    assert {"app", "train"} <= set(header.get_all("Provides-Extra"))
    assert wheel.stat().st_size < 40e6


@pytest.mark.slow
def test_sdist_holds_what_the_wheel_is_built_from(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    extras = {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "constraints.txt"}
    assert names == tracked("dirfa_pipeline", "weights", "spaces") | extras | {"PKG-INFO", ".gitignore"}


@pytest.mark.slow
def test_an_index_takes_both(wheel: Path, tmp_path: Path) -> None:
    """Metadata are complete, and the README renders as an index shows it."""
    sdist = build("sdist", tmp_path)
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == 2


@pytest.mark.slow
def test_wheel_works_offline_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    examples = site / "dirfa_pipeline" / "examples"
    command = [sys.executable, "-m", "dirfa_pipeline", "generate", str(examples / "astronaut.jpg")]
    command += [str(examples / "speech.flac"), "-o", "talk.mp4", "--seed", "1", "--max-size", "512"]
    environment = os.environ | {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    environment.pop("DIRFA_WEIGHTS", None)
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    with av.open(str(tmp_path / "talk.mp4")) as container:
        assert container.streams.video[0].frames > 200
        assert container.streams.audio


def test_every_import_is_a_requirement() -> None:
    """Each package that the library imports is named in pyproject, under the name that pip knows it by."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *(each for name in extras if name != "test" for each in extras[name])]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in named}
    known = {
        "cv2": "opencv-python-headless", "PIL": "pillow", "ai_edge_litert": "ai-edge-litert", "c2pa": "c2pa-python",
        "pocket_tts": "pocket-tts",
    }  # fmt: skip
    imported = set()
    for path in (ROOT / "dirfa_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    imported -= set(sys.stdlib_module_names) | {"dirfa_pipeline"}
    assert {known.get(name, name) for name in imported} <= names
