"""The speech corpus on disk: one .npz file per source, with its utterances end to end."""

import logging
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media.audio import ENCODER_RATE
from ..media.files import whole_file
from .utterance import Utterance


logger = logging.getLogger(__name__)

ARRAYS: Final = ("samples", "offsets", "segment_utterance", "segment_viseme", "segment_times", "speakers")


def save_corpus(utterances: Iterable[Utterance], path: Path) -> None:
    """Write a source as flat arrays: samples with offsets, segments with the index of their utterance, speakers."""
    items = list(utterances)
    if not items:
        raise InputError(f"nothing to write to {path}: no utterance is left")
    rows = [(i, *segment) for i, item in enumerate(items) for segment in item.segments]
    table = np.array(rows, np.float64).reshape(-1, 4)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            samples=np.concatenate([item.samples for item in items]),
            offsets=np.cumsum([0] + [len(item.samples) for item in items]),
            segment_utterance=table[:, 0].astype(np.int32),
            segment_viseme=table[:, 1].astype(np.int8),
            segment_times=table[:, 2:].astype(np.float32),
            speakers=np.array([item.speaker for item in items]),
        )
    speakers, hours = {item.speaker for item in items}, sum(len(item.samples) for item in items) / ENCODER_RATE / 3600
    logger.info("%s: %d utterances of %d speakers, %.2f hours", path.name, len(items), len(speakers), hours)


def read_source(path: Path) -> list[tuple[NDArray[np.int16], NDArray[np.int8], NDArray[np.float32], str]]:
    """
    Read the utterances of one source: samples, classes and times of the segments, speaker.

    Raises:
        InputError: The file cannot be read or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS if name in file}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); write it again with prepare_speech") from error
    missing = sorted(set(ARRAYS) - set(arrays))
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; write it with prepare_speech")
    samples, offsets, owner, classes, times, speakers = (arrays[name] for name in ARRAYS)
    bounds = np.searchsorted(owner, np.arange(len(offsets)))
    return [
        (samples[a:b], classes[first:last], times[first:last], str(speaker))
        for a, b, first, last, speaker in zip(
            offsets[:-1], offsets[1:], bounds[:-1], bounds[1:], speakers, strict=True
        )
    ]
