"""
Run a pipeline over a list of clips and score what it shows.

Everything is measured on pictures: landmarks are detected in rendered frames as in real ones, and poses and weights
are fitted to those landmarks. Only what compares takes of ours with each other (`diversity_*`, `hearing_*`,
`centre_*`, `seeds_*`) looks at drawn coefficients.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import InputError
from ..pipeline_dirfa import DirfaPipeline
from .clip_list import ClipEntry
from .measuring import SHORT, Clip, Settings, measure_clip
from .report import make_report
from .tracking import Embedder


logger = logging.getLogger(__name__)


def evaluate(
    pipe: DirfaPipeline,
    entries: Sequence[ClipEntry],
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    progress: Callable[[str], None] = logger.info,
) -> dict[str, object]:
    """
    Evaluate a pipeline; see [`make_report`] for the result.

    A clip that cannot be measured (no face in its photo, unreadable sound) is left out and named in the report.

    Raises:
        InputError: No clip could be measured.
    """
    settings = settings or Settings()
    clips: list[Clip] = []
    left_out: list[dict[str, str]] = []
    for number, entry in enumerate(entries, 1):
        progress(f"clip {number} of {len(entries)}: {entry.name}")
        try:
            # Seeds of their own for each clip: blinks and head motion of one seed are much alike for any sound.
            seed = settings.first_seed + (number - 1) * settings.seeds
            clips.append(measure_clip(pipe, entry, settings, seed, embedder))
        except ValueError as error:
            left_out.append({"name": entry.name, "reason": str(error)})
            progress(f"left out {entry.name}: {error}")
    if not clips:
        raise InputError(f"no clip of the list could be measured; the last one: {left_out[-1]['reason']}")
    return make_report(clips, settings, left_out)


def quick(entries: Sequence[ClipEntry], settings: Settings) -> tuple[list[ClipEntry], Settings]:
    """A third of the list and half of each clip, for a look while one works."""
    return list(entries[::3]), replace(settings, seconds=max(SHORT, 0.6 * settings.seconds), seeds=2)
