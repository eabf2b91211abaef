"""Tracked clips of real people for comparison in benchmarks, read from shards and applied to one face."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.clip_list import KNOWN_TEXTS, grid_sentence
from dirfa_pipeline.evaluation.metrics import Phone, runs
from dirfa_pipeline.evaluation.phones import find_phones
from dirfa_pipeline.evaluation.scores import Sound
from dirfa_pipeline.evaluation.tracking import Track
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.media.audio import ENCODER_RATE
from dirfa_pipeline.training.held_out import VALIDATION_CLIPS, is_held_out
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.track_shards import read_shards


SAMPLES_PER_FRAME = round(ENCODER_RATE / ANIMATION_FPS)


@dataclass(frozen=True, eq=False)
class RealClip:
    """The longest well-tracked stretch of a clip: its motion on the common face, its sound and its phones."""

    name: str
    track: Track
    waveform: NDArray[np.float32]
    sound: Sound
    phones: list[Phone]
    shows: tuple[str, ...]

    @property
    def unseen(self) -> bool:
        """Whether nothing was trained on this clip."""
        return is_held_out(Path(self.name)) or Path(self.name).name in VALIDATION_CLIPS


def read_real_clips(
    tracks: Path,
    face: FaceFit,
    shortest: float,
    longest: float,
    shows: Iterable[str] = ("lips", "motion"),
    most: int = 30,
) -> Iterator[RealClip]:
    """
    Read the clips in a folder of shards that show motion with their own sound for at least `shortest` seconds.

    Args:
        tracks (`Path`): The folder.
        face ([`FaceFit`]): The face that shows them all.
        shortest, longest (`float`): Seconds; longer clips are cut.
        shows: What clips must be usable for, of `"lips"` and `"motion"`.
        most (`int`): Most clips of each source.
    """
    taken: Counter[str] = Counter()
    for clip in read_shards(tracks):
        start, stop = max(runs(clip.valid), key=lambda span: span[1] - span[0], default=(0, 0))
        stop = min(stop, start + round(longest * ANIMATION_FPS))
        long_enough = stop - start >= shortest * ANIMATION_FPS
        if clip.audio is None or not long_enough or not set(shows) <= set(clip.teaches) or taken[clip.source] == most:
            continue
        taken[clip.source] += 1
        waveform = clip.audio[start * SAMPLES_PER_FRAME : stop * SAMPLES_PER_FRAME]
        track = Track.of_animation(face, clip.coefficients[start:stop])
        phones = phones_of_clip(clip, start / ANIMATION_FPS, stop / ANIMATION_FPS)
        yield RealClip(clip.name, track, waveform, Sound.of(waveform, stop - start), phones, clip.teaches)


def phones_of_clip(clip: TrackedClip, start: float, stop: float) -> list[Phone]:
    """The phones of a part of a clip, in seconds from its start; empty if the text is not known."""
    name = Path(clip.name).name
    code = name.rpartition("_")[2]  # the code of a GRID clip, which the speaker may precede
    text = grid_sentence(code) if clip.source.startswith("grid") and len(code) == 6 else KNOWN_TEXTS.get(name, "")
    phones = find_phones(clip.audio, text) if text and clip.audio is not None else []
    return [
        Phone(phone.name, phone.start - start, phone.end - start)
        for phone in phones
        if phone.start >= start and phone.end <= stop
    ]
