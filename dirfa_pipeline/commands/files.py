"""Files that a command line names, checked before anything heavy is loaded."""

import os

from ..errors import InputError


def check_files(output: str, **sources: str | None) -> None:
    """Raise [`InputError`] unless the sources that are named are files, and the output's folder is there."""
    for name, path in sources.items():
        if path is not None:
            check_source(name, path)
    if not os.path.isdir(os.path.dirname(output) or "."):
        raise InputError(f"the folder of --output does not exist: {output}")


def check_source(name: str, path: str) -> None:
    """Raise [`InputError`] unless a source is a file."""
    if os.path.isdir(path):
        raise InputError(f"{name.replace('_', '-')} must be a file, and this is a folder: {path}; name a file in it")
    if not os.path.isfile(path):
        raise InputError(f"{name.replace('_', '-')} not found: {path}")


def check_overwriting(outputs: list[str], **sources: str | None) -> None:
    """Raise [`InputError`] if an output is one of the sources."""
    for name, source in sources.items():
        if source is not None and any(os.path.exists(path) and os.path.samefile(path, source) for path in outputs):
            raise InputError(f"--output would overwrite the {name.replace('_', '-')} {source}; choose another name")
