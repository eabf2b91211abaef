"""What SECURITY.md promises and no other room tests, and that all tests that it names are there."""

import ast
import os
import pickle
import re
import shutil
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from dirfa_pipeline import Animation, DirfaPipeline, InputError
from dirfa_pipeline.animation.files import load_animation
from dirfa_pipeline.capture.pictures import read_image


ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights" / "dirfa-base"
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))


class Trap:
    """What makes a folder as soon as it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_security_names_is_tested(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def array(value: object) -> bytes:
    file = BytesIO()
    np.lib.format.write_array(file, np.asarray(value), allow_pickle=True)
    return file.getvalue()


def test_pickles_in_archives_are_refused(tmp_path: Path) -> None:
    made = array(np.array([Trap(tmp_path / "sprung")], object))
    for name in ("coefficients", "names", "fps"):
        good = {"coefficients": array(np.zeros((2, 1), np.float32)), "names": array(["jawOpen"]), "fps": array(25.0)}
        path = archive(tmp_path / f"{name}.npz", **(good | {name: made}))
        with pytest.raises(InputError):
            load_animation(path)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(FileExistsError):  # the trap is one
        pickle.loads(pickle.dumps(Trap(tmp_path)))


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 58)})
    good = {"names": array(["jawOpen"]), "fps": array(25.0)}
    with pytest.raises(InputError, match="may have at most"):
        load_animation(archive(tmp_path / "a.npz", coefficients=head.getvalue(), **good))


def test_nothing_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    Animation.from_curves(2, jawOpen=0.1).save_npz(place / "a.npz")
    with zipfile.ZipFile(place / "a.npz", "a") as file:
        for name in ("../out.npy", "/tmp/out.npy", "inside.npy"):
            file.writestr(name, array(1.0))
    load_animation(place / "a.npz")
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "a.npz"]


@pytest.mark.parametrize("part", ["animation_sampler", "audio_encoder"])
def test_pickled_weights_are_refused(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    (tensors,) = (folder / part).glob("*.safetensors")
    name = {"model.safetensors": "pytorch_model.bin"}.get(tensors.name, tensors.with_suffix(".bin").name)
    tensors.unlink()
    torch.save({"x": Trap(tmp_path / "sprung")}, folder / part / name)
    with pytest.raises(InputError):
        DirfaPipeline.from_pretrained(folder)
    assert not (tmp_path / "sprung").exists()


def test_code_beside_weights_does_not_run(tmp_path: Path) -> None:
    """Neither the pipeline's file nor a component's, as long as nobody trusts them."""
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    trap = f"import os\nos.mkdir({str(tmp_path / 'sprung')!r})\n"
    (folder / "pipeline.py").write_text(trap)
    (folder / "face_renderer" / "dirfa_pipeline.models.face_renderer.py").write_text(trap)
    (folder / "sitecustomize.py").write_text(trap)
    with pytest.raises(ValueError, match="trust_remote_code"):
        DirfaPipeline.from_pretrained(folder)
    (folder / "face_renderer" / "dirfa_pipeline.models.face_renderer.py").unlink()
    DirfaPipeline.from_pretrained(folder)
    assert not (tmp_path / "sprung").exists()


def test_pictures_are_bounded_before_they_are_decoded(tmp_path: Path) -> None:
    """PNG files of a few bytes, which say that they hold gigabytes; memory is limited, so that decoding would fail."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for side in (30_000, 60_000):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(bytes(1000)))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b""))
        with pytest.raises(InputError, match="megapixels|cannot be read"):
            read_image(tmp_path / "a.png", max_size=512)


def test_nothing_goes_through_a_shell() -> None:
    """Programs are started with lists of arguments, and no text becomes code."""
    ways = (r"shell\s*=\s*True", r"os\.(system|popen)\(", r"(?<![\w.])(eval|exec)\(", r"yaml\.load\(")
    own = ROOT / "dirfa_pipeline" / "workers"  # processes of one user, who hand each other objects
    for path in (ROOT / "dirfa_pipeline").rglob("*.py"):
        forbidden = ways if path.is_relative_to(own) else (*ways, r"pickle\.load")
        assert not re.search("|".join(forbidden), path.read_text(encoding="utf-8")), path
