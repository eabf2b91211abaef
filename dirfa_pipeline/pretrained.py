"""Where the pipeline's own weights are."""

import os
from pathlib import Path
from typing import Final

from .errors import CheckpointError


BUNDLED_NAME: Final = "dirfa-base"


def bundled_weights() -> Path:
    """
    Folder of the trained pipeline: `DIRFA_WEIGHTS` if set, else beside or inside the installed package.

    Raises:
        CheckpointError: Nothing is there.
    """
    package = Path(__file__).parent
    named = os.environ.get("DIRFA_WEIGHTS")
    places = (
        [Path(named)] if named else [package.parent / "weights" / BUNDLED_NAME, package / "weights" / BUNDLED_NAME]
    )
    for place in places:
        if (place / "model_index.json").is_file():
            return place
    raise CheckpointError(
        f"no trained weights in {' or '.join(map(str, places))}; pass --weights with a folder or a hub id"
    )
