"""
Files and folders by address: paths of this machine, or whatever fsspec reaches (`s3://`, `gs://`, `hf://`, `http://`).

What is written takes its name when it is whole; what is read comes as a local file, for decoders read nothing else.
"""

import contextlib
import errno
import os
import posixpath
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..media.files import whole_file


if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class AddressError(InputError):
    """An address does not answer: what was to be done there may be done later."""


@dataclass(frozen=True)
class Listed:
    """A file of a folder: its path there, with slashes, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Address:
    """
    A file or folder, here or elsewhere. It travels to other processes.

    Args:
        text (`str`): A path, or an address with a protocol that fsspec knows.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> "Address":
        joined = posixpath.join(self.text, name) if self.is_remote else os.path.join(self.text, name)
        return Address(joined)

    @property
    def is_remote(self) -> bool:
        """Whether fsspec is needed to reach it."""
        return "://" in self.text

    @property
    def name(self) -> str:
        """The last part of it."""
        return PurePosixPath(self.text.rstrip("/")).name if self.is_remote else Path(self.text).resolve().name

    @property
    def parent(self) -> "Address":
        """The folder that it is in."""
        if self.is_remote:
            return Address(self.text.rstrip("/").rpartition("/")[0])
        return Address(os.path.dirname(self.text) or ".")

    def size(self) -> int | None:
        """Bytes of the file that is there, `None` where there is none."""
        if not self.is_remote:
            return os.path.getsize(self.text) if os.path.isfile(self.text) else None
        with self._reached() as (system, path):
            return int(system.size(path)) if system.isfile(path) else None

    def read(self) -> bytes | None:
        """The file's content, `None` where there is none."""
        with self._reached() as (system, path), contextlib.suppress(FileNotFoundError):
            return bytes(system.cat_file(path))
        return None

    def write(self, content: bytes) -> None:
        """Write a file whole or not at all; folders on the way are made."""
        with self.whole() as path:
            path.write_bytes(content)

    def remove(self) -> None:
        """Remove the file, if there is one."""
        with self._reached() as (system, path), contextlib.suppress(FileNotFoundError):
            system.rm_file(path)

    def list(self) -> Iterator[Listed]:
        """
        All files under the folder, in no order; nothing where there is none.

        Raises:
            AddressError: The address does not answer.
        """
        with self._reached() as (system, path):
            root = path.rstrip("/")
            for folder, _, files in system.walk(path, detail=True):
                inside = posixpath.relpath(folder, root) if folder.rstrip("/") != root else ""
                for name, facts in files.items():
                    if name:  # an object store may list the folder itself
                        yield Listed(posixpath.join(inside, name), int(facts.get("size") or 0))

    @contextlib.contextmanager
    def local(self) -> Iterator[Path]:
        """
        The file as one of this machine: itself, or a copy that is removed again.

        Raises:
            FileNotFoundError: There is none.
        """
        if not self.is_remote:
            yield Path(self.text)
            return
        with tempfile.TemporaryDirectory(prefix="dirfa-") as folder:
            copy = Path(folder) / self.name
            with self._reached() as (system, path):
                system.get_file(path, str(copy))
            yield copy

    @contextlib.contextmanager
    def handed(self) -> Iterator[Path]:
        """A local path with the same ending, for writers that clean up after themselves."""
        if self.is_remote:
            with self.whole() as path:
                yield path
        else:
            Path(self.text).parent.mkdir(parents=True, exist_ok=True)
            yield Path(self.text)

    @contextlib.contextmanager
    def whole(self) -> Iterator[Path]:
        """A local path to write to; what is there takes its place when the block ends well."""
        if not self.is_remote:
            Path(self.text).parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.text) as temporary:
                yield temporary
            return
        with tempfile.TemporaryDirectory(prefix="dirfa-") as folder:
            written = Path(folder) / self.name
            yield written
            with self._reached() as (system, path):
                system.makedirs(posixpath.dirname(path), exist_ok=True)
                unfinished = f"{path}.{secrets.token_hex(6)}.part"
                try:
                    system.put_file(str(written), unfinished)
                    system.mv(unfinished, path)
                except BaseException:
                    with contextlib.suppress(Exception):
                        system.rm_file(unfinished)
                    raise

    @contextlib.contextmanager
    def _reached(self) -> Iterator[tuple["AbstractFileSystem", str]]:
        """The file system and the path in it; what goes wrong on the way there is named."""
        from fsspec.core import url_to_fs

        try:
            system, path = url_to_fs(self.text)
            yield system, path
        except (ImportError, ValueError) as error:  # a protocol that is unknown, or whose package is missing
            raise InputError(f"{self.text} cannot be reached: {error}") from error
        except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
            raise
        except OSError as error:
            if not self.is_remote or error.errno == errno.ENOSPC:
                raise
            raise AddressError(f"{self.text} does not answer: {_reason(error)}") from error
        except Exception as error:
            if not self.is_remote or isinstance(error, InputError):
                raise
            raise AddressError(f"{self.text} does not answer: {_reason(error)}") from error


def _reason(error: Any) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}{': ' + lines[0] if lines else ''}"
