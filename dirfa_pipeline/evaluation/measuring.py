"""One clip of an evaluation: drawn, rendered and tracked, and what it is compared with."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ..animation.animation import Animation
from ..animation.frame_rate import ANIMATION_FPS
from ..capture.pictures import read_image
from ..capture.portrait import Portrait
from ..face.fit import FaceFit
from ..media.audio import ENCODER_RATE, AudioClip, load_audio, num_frames
from ..pipeline_dirfa import DirfaPipeline
from .clip_list import ClipEntry
from .hearing import likeness
from .metrics import Array, Phone
from .scores import Scores, Sound, mean_scores, take_distances
from .tracking import (
    SAMPLE_STEP,
    Embedder,
    Picture,
    Track,
    cosine,
    cut_out_face,
    photo_from_video,
    sharpness,
    track_frames,
    track_still,
    track_video,
)


logger = logging.getLogger(__name__)

SHORT: Final = 7.0  # seconds: shorter clips are reported apart


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Args:
        seconds (`float`): Of each clip, from its beginning.
        max_size (`int`): Longest side of the rendered pictures.
        seeds (`int`): Takes that are drawn for the diversity; the first one is rendered. 1 leaves the diversity out.
        first_seed (`int`): The first clip's first one; later clips have the seeds that follow. All clips are drawn
            with it once more, to compare what one seed makes of different speeches.
        words_file (`Path`, *optional*): Pronunciations of words that pocketsphinx lacks.
    """

    seconds: float = 12.0
    max_size: int = 288
    seeds: int = 3
    first_seed: int = 1
    words_file: Path | None = None


@dataclass(frozen=True, eq=False)
class Clip:
    """
    A clip of the list as measured.

    Args:
        entry ([`ClipEntry`]): Its line of the list.
        sound ([`Sound`]): What is heard.
        phones (sequence of [`Phone`]): What is said; empty where that is not known.
        ours, still ([`Track`]), real ([`Track`], *optional*): What is seen.
        same_seed (`np.ndarray` of shape `(frames, 58)`): The take of the seed that all clips share.
        centre (`np.ndarray` of shape `(frames, 58)`): The take at diversity 0.
        extra (`dict[str, float]`): More scores of ours: diversity, sharpness, identity.
    """

    entry: ClipEntry
    sound: Sound
    phones: Sequence[Phone]
    ours: Track
    still: Track
    real: Track | None
    same_seed: Array
    centre: Array
    extra: Scores

    @property
    def group(self) -> str:
        return "" if len(self.sound) >= SHORT * ANIMATION_FPS else ", short clips"


def measure_clip(
    pipe: DirfaPipeline, entry: ClipEntry, settings: Settings, first_seed: int, embedder: Embedder | None = None
) -> Clip:
    """Draw, render and track one clip of the list, and track what it is compared with."""
    recording = load_audio(entry.audio)
    phones = phones_of(entry, recording, settings)
    end = round(settings.seconds * recording.sampling_rate)
    clip = AudioClip(recording.samples[:, :end], recording.sampling_rate)
    count = num_frames(clip.num_samples, clip.sampling_rate, ANIMATION_FPS)
    real = None if entry.video is None else track_video(entry.video, settings.seconds, pipe.face_model).cut(count)
    if entry.photo is not None:
        photo = read_image(entry.photo)
    else:
        assert entry.video is not None and real is not None  # read_clip_list saw to it
        photo = photo_from_video(entry.video, real)
    portrait = pipe.prepare_portrait(cut_out_face(photo), max_size=settings.max_size)
    seeds = (settings.first_seed, *range(first_seed, first_seed + settings.seeds))
    same_seed, *takes = pipe.sample_animations(clip, [torch.Generator().manual_seed(seed) for seed in seeds])
    sampled: list[Picture] = []
    ours = track_frames(_keep_some(pipe.render(portrait, takes[0]), sampled), ANIMATION_FPS, pipe.face_model)
    return Clip(
        entry,
        Sound.of(clip.mono(ENCODER_RATE), count),
        phones,
        ours,
        track_still(portrait.image, count, pipe.face_model),
        real,
        same_seed.coefficients,
        pipe.sample_animation(clip, diversity=0.0).coefficients,
        picture_scores(portrait, sampled, ours, embedder) | seed_scores(takes, portrait.face),
    )


def phones_of(entry: ClipEntry, recording: AudioClip, settings: Settings) -> Sequence[Phone]:
    """Phones of an English clip whose text is known, as far as it is scored; none of others."""
    if not entry.scored_by_phones:
        return ()
    from .phones import find_phones

    phones = find_phones(recording.mono(ENCODER_RATE).astype(np.float32), entry.text, settings.words_file)
    if not phones:
        logger.warning("%s: its text could not be aligned; its phone scores are left out", entry.name)
    return [phone for phone in phones if phone.end <= settings.seconds]


def _keep_some(frames: Iterator[Picture], kept: list[Picture]) -> Iterator[Picture]:
    for index, frame in enumerate(frames):
        if index % SAMPLE_STEP == 0:
            kept.append(frame)
        yield frame


def picture_scores(portrait: Portrait, sampled: list[Picture], ours: Track, embedder: Embedder | None) -> Scores:
    """Sharpness, and identity if there is an embedder, of every tenth frame against the photo."""
    base = sharpness(portrait.image, portrait.landmarks)
    tracked = zip(sampled, ours.landmarks[::SAMPLE_STEP], strict=False)
    scores = {"sharpness": float(np.mean([sharpness(*one) / max(base, 1e-9) for one in tracked]))}
    if embedder is not None:
        own = embedder(portrait.image)
        cosines = [cosine(embedder(picture), own) for picture in sampled]
        scores |= {"identity_mean": float(np.mean(cosines)), "identity_min": float(np.min(cosines))}
    return scores


def seed_scores(takes: Sequence[Animation], face: FaceFit) -> Scores:
    """How far and how alike takes of one sound are, over all pairs; empty for one take."""
    curves = [take.coefficients for take in takes]
    distances = mean_scores([take_distances(a, b, face) for a, b in combinations(curves, 2)])
    return distances | {f"seeds_{name}": value for name, value in likeness(curves).items()}
