"""Files that are written whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final


UNFINISHED: Final = re.compile(r".*\.[0-9a-f]{12}\.part")  # names of files whose writer was killed, or writes still
KEPT_OF_NAME: Final = 50  # characters of the name that the temporary one repeats: file systems take 255 bytes in all


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """
    Give a temporary name in the folder of `path` to write to; the file is renamed to `path` when the block ends.

    The temporary name is different each time, so that two writers of one file do not share it: the later one to
    finish replaces what the earlier one wrote. If the block fails, the temporary file is removed and a file that was
    at `path` stays as it was. A link stays one: the file that it leads to is replaced.

    Raises:
        OSError: The folder is not there or cannot be written to, or `path` is a folder or no possible name.
    """
    target = Path(os.path.realpath(path))
    if os.path.lexists(target) and target.is_dir():
        raise IsADirectoryError(f"{os.fspath(path)} is a folder; name a file")
    _check_name(target)
    temporary = target.with_name(f"{target.name[:KEPT_OF_NAME]}.{secrets.token_hex(6)}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _check_name(path: Path) -> None:
    """Raise [`OSError`] for a name that the file system cannot take, before the work rather than after it."""
    with suppress(FileNotFoundError):
        path.lstat()
