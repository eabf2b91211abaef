"""What a file is, by the ending of its name."""

import mimetypes
import os
from typing import Any


def kind_of(path: Any) -> str:
    """`"image"`, `"audio"`, `"video"` ... for a path whose ending tells; an empty string for anything else."""
    if not isinstance(path, str | os.PathLike):
        return ""
    return (mimetypes.guess_type(os.fspath(path))[0] or "").partition("/")[0]
