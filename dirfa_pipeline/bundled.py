"""Where the trained files that come with the package lie."""

import os
from pathlib import Path
from typing import Final

from .errors import CheckpointError


BUNDLED_NAME: Final = "dirfa-base"
FACE_DETECTOR: Final = "face_detector"  # a checkpoint's folder with the networks that find faces


def bundled_weights() -> Path:
    """
    Folder of the trained pipeline: `DIRFA_WEIGHTS` if set, else inside the installed package or beside its checkout.

    Raises:
        CheckpointError: Nothing is there.
    """
    package = Path(__file__).parent
    named = os.environ.get("DIRFA_WEIGHTS")
    places = [Path(named)] if named else [home / "weights" / BUNDLED_NAME for home in (package, package.parent)]
    for place in places:
        if (place / "model_index.json").is_file():
            return place
    raise CheckpointError(
        f"no trained weights in {' or '.join(map(str, places))}; pass --weights with a folder or a hub id"
    )


def detector_folder(weights: Path | None = None) -> Path:
    """
    Folder of the networks that find faces: a checkpoint's own, or the bundled ones where it has none.

    Raises:
        CheckpointError: Nothing is there.
    """
    own = weights and weights / FACE_DETECTOR
    return own if own and own.is_dir() else bundled_weights() / FACE_DETECTOR
