"""
Files and folders by address: local paths, or anything that fsspec supports (`s3://`, `gs://`, `hf://`, `http://`).

Files are written under a temporary name and renamed when complete. Remote files are read through a local copy, because
decoders read only local files.
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
    """An address cannot be reached at present; trying again later may work."""


@dataclass(frozen=True)
class Listed:
    """A file in a folder: its path relative to the folder, with slashes, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Address:
    """
    A local or remote file or folder. It can be pickled for other processes.

    Args:
        text (`str`): A path, or an address with a protocol that fsspec supports.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> "Address":
        joined = posixpath.join(self.text, name) if self.is_remote else os.path.join(self.text, name)
        return Address(joined)

    @property
    def is_remote(self) -> bool:
        """Whether it is remote, so that fsspec is needed."""
        return "://" in self.text

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(self.text.rstrip("/")).name if self.is_remote else Path(self.text).resolve().name

    @property
    def parent(self) -> "Address":
        """The folder that contains it."""
        if self.is_remote:
            return Address(self.text.rstrip("/").rpartition("/")[0])
        return Address(os.path.dirname(self.text) or ".")

    def size(self) -> int | None:
        """Size of the file in bytes; `None` if it does not exist."""
        if not self.is_remote:
            return os.path.getsize(self.text) if os.path.isfile(self.text) else None
        with self._reached() as (system, path):
            return int(system.size(path)) if system.isfile(path) else None

    def read(self) -> bytes | None:
        """The file's content; `None` if it does not exist."""
        with self._reached() as (system, path), contextlib.suppress(FileNotFoundError):
            return bytes(system.cat_file(path))
        return None

    def write(self, content: bytes) -> None:
        """Write the file completely or not at all, and create missing folders."""
        with self.whole() as path:
            path.write_bytes(content)

    def remove(self) -> None:
        """Remove the file if it exists."""
        with self._reached() as (system, path), contextlib.suppress(FileNotFoundError):
            system.rm_file(path)

    def list(self) -> Iterator[Listed]:
        """
        List all files in the folder and its subfolders, in no particular order. A missing folder is treated as empty.

        Raises:
            AddressError: The address cannot be reached.
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
        A local path to the file: the file itself, or a copy that is removed after the block.

        Raises:
            FileNotFoundError: The file does not exist.
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
        """A local path with the same extension, for writers that remove incomplete files themselves."""
        if self.is_remote:
            with self.whole() as path:
                yield path
        else:
            Path(self.text).parent.mkdir(parents=True, exist_ok=True)
            yield Path(self.text)

    @contextlib.contextmanager
    def whole(self) -> Iterator[Path]:
        """A local path to write to; the file moves to its address if the block ends without an error."""
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
        """The file system and the path in it; errors in reaching it are raised with the address in the message."""
        from fsspec.core import url_to_fs

        try:
            system, path = url_to_fs(self.text)
            yield system, path
        except (ImportError, ValueError) as error:  # an unknown protocol, or one whose package is missing
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
