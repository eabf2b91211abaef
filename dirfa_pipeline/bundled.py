"""Where the trained files that come with the package lie."""

import os
from pathlib import Path
from typing import Final

from .errors import CheckpointError


BUNDLED_NAME: Final = "dirfa-base"
FACE_DETECTOR: Final = "face_detector"  # folder of the networks that find faces, in every checkpoint


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
