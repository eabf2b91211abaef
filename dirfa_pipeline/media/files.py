"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """
    Give a temporary name beside `path` to write to; what was written takes the name `path` when the block ends.

    If the block fails, the temporary file is removed and a file that was at `path` stays as it was.

    Raises:
        OSError: The folder is not there or cannot be written to.
    """
    target = Path(path)
    temporary = target.with_name(f"{target.name}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
