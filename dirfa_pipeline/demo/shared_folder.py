"""Files that programs on the same machine name instead of sending them."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from gradio.utils import get_upload_folder

from ..errors import InputError


@dataclass(frozen=True)
class SharedFolder:
    """
    A folder of this machine, and the files that visitors uploaded.

    Args:
        folder (`Path`, *optional*): Where files may be named, and videos are kept; none if left out.
    """

    folder: Path | None = None

    def find(self, name: str) -> str | None:
        """
        The path of a file that was named, relative to the folder or whole; `None` for no name.

        Raises:
            InputError: It lies elsewhere, also by way of a link, or there is none.
        """
        if not name:
            return None
        roots = [Path(get_upload_folder()), *([self.folder] if self.folder else [])]
        path = Path(name) if self.folder is None else self.folder / name
        real = path.resolve()
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            where = "what was uploaded here" if self.folder is None else str(self.folder)
            raise InputError(
                f"files must lie in {where}, got {name[:200]!r}; move the file there, or start with --files"
            )
        if not real.is_file():
            raise InputError(f"there is no file {name[:200]!r}; see how its name is written")
        return str(real)

    def keep(self, paths: Iterable[str]) -> list[str]:
        """Copy files into a new folder in the shared one and tell where; nothing where none is shared."""
        if self.folder is None:
            return []
        home = mkdtemp(prefix="talking-", dir=self.folder.resolve())
        return [shutil.copy(path, home) for path in paths]


def lend(path: str) -> str:
    """Copy a file to where this server gives files away, for as long as it keeps those of visitors."""
    uploads = Path(get_upload_folder())
    uploads.mkdir(parents=True, exist_ok=True)
    return shutil.copy(path, mkdtemp(prefix="made-", dir=uploads))
