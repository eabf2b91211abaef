"""Files by address: here and elsewhere, whole or not at all; what cannot be reached is named."""

from pathlib import Path

import fsspec
import pytest

from dirfa_pipeline import InputError
from dirfa_pipeline.workers.addresses import Address


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    return Address(str(tmp_path / "ein ordner") if request.param == "local" else f"memory:/{tmp_path}/ein ordner")


def test_what_is_written_is_read(folder: Address) -> None:
    file = folder / "über/a b.txt"
    assert file.read() is None
    assert file.size() is None
    file.write(b"first")
    file.write(b"second")
    assert (file.read(), file.size(), file.name) == (b"second", 6, "a b.txt")
    with file.local() as path:
        assert path.read_bytes() == b"second"
    assert [(found.path, found.size) for found in folder.list()] == [("über/a b.txt", 6)]
    file.remove()
    file.remove()
    assert file.read() is None


def test_what_fails_leaves_nothing(folder: Address) -> None:
    (folder / "a").write(b"old")
    with pytest.raises(ZeroDivisionError), (folder / "a").whole() as path:
        path.write_bytes(b"half")
        raise ZeroDivisionError
    assert [(found.path, found.size) for found in folder.list()] == [("a", 3)]


def test_an_upload_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = Address(f"memory:/{tmp_path}/out")
    (folder / "a").write(b"old")

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "mv", fail)
    with pytest.raises(InputError, match=r"memory:/.*out/a does not answer: ConnectionError: gone"):
        (folder / "a").write(b"new")
    assert [(found.path, found.size) for found in folder.list()] == [("a", 3)]


@pytest.mark.parametrize("error", [ValueError("theirs"), OSError(5, "theirs"), KeyError("theirs")])
def test_what_fails_while_a_copy_is_used_is_not_blamed_on_the_address(folder: Address, error: Exception) -> None:
    (folder / "a").write(b"content")
    with pytest.raises(type(error)) as raised, (folder / "a").local():
        raise error
    assert raised.value is error


def test_a_folder_that_is_not_there_is_empty(folder: Address) -> None:
    assert list((folder / "nowhere").list()) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nosuch://a/b", r"nosuch://a/b cannot be reached: Protocol not known: nosuch"),
        ("http://127.0.0.1:9/x", r"http://127.0.0.1:9/x (cannot be reached|does not answer)"),
    ],
)
def test_addresses_that_do_not_answer_are_named(address: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Address(address).read()
