"""
Run a pipeline over a list of clips and score what it shows.

Everything is measured on pictures: landmarks are found anew in rendered frames as in real ones, and poses and weights
are fitted to those landmarks. Only `diversity_*` of ours compares drawn coefficients, of several seeds, on the
clip's own face.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ..animation.animation import Animation
from ..animation.frame_rate import ANIMATION_FPS
from ..capture.pictures import read_image
from ..capture.portrait import Portrait
from ..errors import InputError
from ..face import measures
from ..face.fit import FaceFit
from ..face.landmarks import BROWS, LEFT_EYE, LIPS, RIGHT_EYE
from ..media.audio import ENCODER_RATE, AudioClip, load_audio, num_frames
from ..pipeline_dirfa import DirfaPipeline
from . import metrics
from .clip_list import ClipEntry
from .metrics import Array, Phone
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
UPPER_FACE: Final = [*BROWS, *LEFT_EYE.upper, *RIGHT_EYE.upper]

Scores = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """What a number means, and the range in which it should lie (`None`: no bound)."""

    meaning: str
    low: float | None = None
    high: float | None = None
    digits: int = 2


METRICS: Final[Mapping[str, Metric]] = {
    "closure_recall": Metric("share of p, b, m at which the lips close within 60 ms (English)", 0.92),
    "closure_chance": Metric("the same share at random times"),
    "closure_gain": Metric("the share less chance", 0.5),
    "open_close_ratio": Metric("aperture at AA AE AO AY over that at p, b, m", 4.0, None, 1),
    "phone_openness": Metric("correlation of the aperture with what the phones ask for, best lag within 5", 0.5),
    "phone_lag_frames": Metric("that lag; for real video it tells whether its own sound is in time", -1, 1, 0),
    "aperture_correlation": Metric("correlation with the real face that said it, best lag within 5", 0.55),
    "lag_frames": Metric("that lag; positive is late", -1, 1, 0),
    "lip_distance": Metric("distance of the lips' landmarks from the real ones, % of the inter-ocular distance"),
    "aperture_mean": Metric("mean aperture, inter-ocular distances (IOD)", None, None, 3),
    "aperture_std": Metric("its deviation, IOD", 0.07, 0.10, 3),
    "aperture_low": Metric("its 5th percentile, IOD", None, 0.02, 3),
    "mouth_width_std": Metric("deviation of the mouth's width, IOD", None, None, 3),
    "silence_stillness": Metric("aperture deviation in silences over that in speech", None, 0.15),
    "yaw_std": Metric("deviation of yaw, degrees", 2.0, 6.0, 1),
    "pitch_std": Metric("deviation of pitch, degrees", 1.5, 4.0, 1),
    "roll_std": Metric("deviation of roll, degrees", 1.0, 4.0, 1),
    "angular_speed": Metric("mean speed of the head, degrees a second", 12.0, 27.0, 1),
    "blinks_a_minute": Metric("dips of the eye aspect ratio under .55 of its usual value", 12.0, 35.0, 1),
    "blink_frames": Metric("length of a blink, frames", 4.0, 7.0, 1),
    "brow_std": Metric("deviation of the brows' height, IOD / 100", 1.0, 4.0),
    "jitter_rigid": Metric("third difference of nose and eye corners, IOD / 1000 / frame^3", None, 30.0, 1),
    "jitter_lips": Metric("the same of the lips", None, 50.0, 1),
    "beat_alignment": Metric("nearness of turns of the head to onsets of syllables, 0 to 1"),
    "frechet_distance": Metric("of windows of 1 s of head, brows, lids, lips to real ones", None, None, 1),
    "diversity_pose": Metric("distance of two seeds (real: two clips of one person), degrees", 4.5, 13.0, 1),
    "diversity_upper_face": Metric("the same of brows and lids, IOD / 100", 1.5, 4.6, 1),
    "diversity_lips": Metric("the same of the lips, IOD / 100", None, 1.9, 1),
    "identity_mean": Metric("cosine of the embeddings of frames and photo"),
    "identity_min": Metric("the smallest of them"),
    "sharpness": Metric("variance of the Laplacian in the face over that in the photo; noise raises it", 0.6),
}  # fmt: skip
GROUPS: Final = ("ours", "real video", "still photo", "shuffled audio")


@dataclass(frozen=True)
class Settings:
    """
    How much is measured.

    Args:
        seconds (`float`): Of each clip, from its beginning.
        max_size (`int`): Longest side of the rendered pictures.
        seeds (`int`): Takes that are drawn for the diversity; the first one is rendered. 1 leaves the diversity out.
        first_seed (`int`): The first clip's first one; later clips have the seeds that follow.
        words_file (`Path`, *optional*): Pronunciations of words that pocketsphinx lacks.
    """

    seconds: float = 12.0
    max_size: int = 288
    seeds: int = 3
    first_seed: int = 1
    words_file: Path | None = None


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip of the list as measured: its sound's level `(frames,)` in dB, phones, tracks of all it is shown by."""

    entry: ClipEntry
    level: Array
    phones: Sequence[Phone]
    ours: Track
    still: Track
    real: Track | None
    extra: Scores  # of ours: diversity, sharpness, identity

    @property
    def group(self) -> str:
        return "" if len(self.level) >= SHORT * ANIMATION_FPS else ", short clips"


# ------------------------------------------------------------------------------------------------- scores of a track


def lip_scores(track: Track, phones: Sequence[Phone]) -> Scores:
    """What only the phones can tell."""
    aperture = measures.lip_aperture(track.landmarks)
    recall, chance = metrics.closure_recall(aperture, ANIMATION_FPS, phones)
    lag, correlation = metrics.best_lag(aperture, metrics.phone_openness(phones, len(aperture), ANIMATION_FPS))
    return {
        "closure_recall": recall, "closure_chance": chance, "closure_gain": recall - chance,
        "open_close_ratio": metrics.open_close_ratio(aperture, ANIMATION_FPS, phones),
        "phone_openness": correlation, "phone_lag_frames": float(lag),
    }  # fmt: skip


def reference_scores(track: Track, real: Track) -> Scores:
    """How near the lips are to those of the real face."""
    curves = [measures.lip_aperture(one.landmarks) for one in (track, real)]
    shapes = [measures.lip_shape(one.landmarks, LIPS) for one in (track, real)]
    lag, correlation = metrics.best_lag(curves[0], curves[1])
    return {
        "aperture_correlation": correlation, "lag_frames": float(lag),
        "lip_distance": metrics.lip_distance(*shapes),
    }  # fmt: skip


def sound_scores(track: Track, level: Array) -> Scores:
    """What the sound's loudness alone can tell."""
    length = min(len(track), len(level))
    level, aperture = level[:length], measures.lip_aperture(track.landmarks)[:length]
    silent = metrics.silent_frames(level, ANIMATION_FPS)
    beats = metrics.motion_beats(track.rotations[:length], ANIMATION_FPS), metrics.speech_beats(level, ANIMATION_FPS)
    return {
        "silence_stillness": metrics.silence_stillness(aperture, silent),
        "beat_alignment": metrics.beat_alignment(*beats),
    }


def motion_scores(track: Track) -> Scores:
    """What needs no sound."""
    aperture = measures.lip_aperture(track.landmarks)
    blinks = metrics.blink_lengths(measures.eye_openness(track.landmarks))
    return metrics.head_motion(track.rotations, ANIMATION_FPS) | {
        "aperture_mean": float(aperture.mean()), "aperture_std": float(aperture.std()),
        "aperture_low": float(np.percentile(aperture, 5)),
        "mouth_width_std": float(measures.mouth_width(track.landmarks).std()),
        "blinks_a_minute": 60.0 * ANIMATION_FPS * len(blinks) / len(track),
        "blink_frames": float(np.mean(blinks)) if blinks else float("nan"),
        "brow_std": float(100.0 * measures.brow_height(track.landmarks).std()),
        "jitter_rigid": metrics.jitter(track.landmarks, metrics.RIGID),
        "jitter_lips": metrics.jitter(track.landmarks, LIPS),
    }  # fmt: skip


def all_scores(track: Track, clip: Clip, real: Track | None) -> Scores:
    """Every score of one track of a clip."""
    scores = motion_scores(track) | sound_scores(track, clip.level)
    scores |= lip_scores(track, clip.phones) if clip.phones else {}
    return scores | (reference_scores(track, real) if real is not None else {})


def motion_windows(track: Track) -> Array:
    """Features of windows of a second, for the Frechet distance."""
    curves = (measures.brow_height, measures.eye_openness, measures.lip_aperture, measures.mouth_width)
    signals = [np.degrees(track.rotations), *(100.0 * curve(track.landmarks)[:, None] for curve in curves)]
    return metrics.window_features(np.concatenate(signals, axis=1))


def take_distances(first: Array, second: Array, face: FaceFit) -> Scores:
    """Distances of two takes' coefficients, as shown on one face."""
    length = min(len(first), len(second))
    a, b = first[:length], second[:length]
    shapes = [100.0 * face.head_vertices(coefficients)[..., :2] for coefficients in (a, b)]
    return {
        "diversity_pose": metrics.rms_distance(*(np.degrees(one[:, 52:55]) for one in (a, b))),
        "diversity_upper_face": metrics.rms_distance(*(shape[:, UPPER_FACE] for shape in shapes)),
        "diversity_lips": metrics.rms_distance(*(shape[:, list(LIPS)] for shape in shapes)),
    }


# ------------------------------------------------------------------------------------------------------ from the list


def measure_clip(
    pipe: DirfaPipeline, entry: ClipEntry, settings: Settings, first_seed: int, embedder: Embedder | None = None
) -> Clip:
    """Draw, render and track one clip of the list, and track what it is compared with."""
    recording = load_audio(entry.audio)
    phones = phones_of(entry, recording, settings)
    end = round(settings.seconds * recording.sampling_rate)
    sound = AudioClip(recording.samples[:, :end], recording.sampling_rate)
    waveform = sound.mono(ENCODER_RATE)
    count = num_frames(sound.num_samples, sound.sampling_rate, ANIMATION_FPS)
    real = None if entry.video is None else track_video(entry.video, settings.seconds, pipe.face_model).cut(count)
    if entry.photo is not None:
        photo = read_image(entry.photo)
    else:
        assert entry.video is not None and real is not None  # read_clip_list saw to it
        photo = photo_from_video(entry.video, real)
    portrait = pipe.prepare_portrait(cut_out_face(photo), max_size=settings.max_size)
    seeds = range(first_seed, first_seed + settings.seeds)
    takes = pipe.sample_animations(sound, [torch.Generator().manual_seed(seed) for seed in seeds])
    sampled: list[Picture] = []
    ours = track_frames(_keep_some(pipe.render(portrait, takes[0]), sampled), ANIMATION_FPS, pipe.face_model)
    return Clip(
        entry,
        metrics.loudness(waveform, ENCODER_RATE, count, ANIMATION_FPS),
        phones,
        ours,
        track_still(portrait.image, count, pipe.face_model),
        real,
        picture_scores(portrait, sampled, ours, embedder) | seed_distances(takes, portrait.face),
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


def seed_distances(takes: Sequence[Animation], face: FaceFit) -> Scores:
    """Mean distances over all pairs of takes; empty for one take."""
    return mean_scores([take_distances(a.coefficients, b.coefficients, face) for a, b in combinations(takes, 2)])


def real_distances(clips: Sequence[Clip]) -> Scores:
    """Mean distances over all pairs of real clips of one person."""
    real = [(clip.entry.person, clip.real) for clip in clips if clip.real is not None and clip.entry.person]
    pairs = [(a, b) for (name, a), (other, b) in combinations(real, 2) if name == other]
    return mean_scores([take_distances(a.coefficients, b.coefficients, a.face) for a, b in pairs])


# --------------------------------------------------------------------------------------------------------- the table


def shuffled_scores(clips: Sequence[Clip], index: int) -> Scores:
    """Our video of a clip against the sound, the phones and the face of others in the list."""
    clip, others = clips[index], [*clips[index + 1 :], *clips[:index]]

    def partner(suits: Callable[[Clip], bool]) -> Clip | None:
        return next((other for other in others if suits(other)), None)

    scores: Scores = {}
    if others:
        scores |= sound_scores(clip.ours, others[0].level)
    if clip.phones and (spoken := partner(lambda other: bool(other.phones))):
        scores |= lip_scores(clip.ours, spoken.phones)
    if clip.real and (seen := partner(lambda other: other.real is not None and other.entry != clip.entry)):
        assert seen.real is not None
        scores |= reference_scores(clip.ours, seen.real)
    return scores


def score_group(clips: Sequence[Clip]) -> dict[str, list[Scores]]:
    """For each row, the scores of each clip."""
    return {
        "ours": [all_scores(clip.ours, clip, clip.real) | clip.extra for clip in clips],
        "real video": [all_scores(clip.real, clip, None) for clip in clips if clip.real is not None],
        "still photo": [all_scores(clip.still, clip, clip.real) for clip in clips],
        "shuffled audio": [shuffled_scores(clips, index) for index in range(len(clips))],
    }


def frechet_distances(clips: Sequence[Clip]) -> Scores:
    """
    Distance of each row's windows to those of all real clips.

    The real row is that of every other clip to the rest: what a perfect score would be for so few clips.
    """
    real = [motion_windows(clip.real) for clip in clips if clip.real is not None]
    if len(real) < 4:  # fewer say too little about real motion
        return {}
    everything = np.concatenate(real)
    rows = {
        "ours": np.concatenate([motion_windows(clip.ours) for clip in clips]),
        "still photo": np.concatenate([motion_windows(clip.still) for clip in clips]),
    }
    halves = np.concatenate(real[::2]), np.concatenate(real[1::2])
    distances = {name: metrics.frechet_distance(windows, everything) for name, windows in rows.items()}
    return distances | {"real video": metrics.frechet_distance(*halves)}


def mean_scores(rows: Sequence[Scores], average: Callable[..., float] = np.mean) -> Scores:
    """Average of each score over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row[name] for row in rows if np.isfinite(row.get(name, np.nan))] for name in names}
    return {name: float(average(values)) for name, values in columns.items() if values}


def make_report(clips: Sequence[Clip], settings: Settings, left_out: Sequence[Mapping[str, str]]) -> dict[str, object]:
    """
    The report, ready for JSON: `rows` of medians over clips, `targets` as [low, high] with null for no bound,
    `meanings`, how many clips were measured, how, the rows of each clip, and the name and reason of each that was left
    out. Scores that cannot be measured are absent.
    """
    rows: dict[str, Scores] = {}
    each: list[dict[str, object]] = []
    for group in ("", ", short clips"):
        members = [clip for clip in clips if clip.group == group]
        for name, scores in score_group(members).items():
            rows[name + group] = _in_order(mean_scores(scores, np.median))
            shown = [clip for clip in members if name != "real video" or clip.real is not None]
            for clip, values in zip(shown, scores, strict=True):
                each.append({"name": clip.entry.name, "row": name, **_in_order(values)})
        for name, distance in frechet_distances(members).items():
            rows[name + group]["frechet_distance"] = distance
        rows["real video" + group] |= real_distances(members)
    return {
        "rows": {name: _in_order(row) for name, row in rows.items() if row},
        "targets": {name: [metric.low, metric.high] for name, metric in METRICS.items()},
        "meanings": {name: metric.meaning for name, metric in METRICS.items()},
        "counts": {
            group: sum(clip.group == suffix for clip in clips)
            for group, suffix in (("clips", ""), ("short clips", ", short clips"))
        },
        "settings": {"seconds": settings.seconds, "max_size": settings.max_size, "seed": settings.first_seed},
        "clips": each,
        "left_out": list(left_out),
    }


def _in_order(scores: Scores) -> Scores:
    return {name: scores[name] for name in METRICS if np.isfinite(scores.get(name, np.nan))}


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


def format_table(report: Mapping[str, object]) -> str:
    """The report's rows as text: a line a metric, a column a row, its target last, `*` where ours misses it."""
    rows: dict[str, Scores] = report["rows"]  # type: ignore[assignment]
    names = list(rows)
    width = [max(10, len(name) + 2) for name in names]
    lines = ["".join([f"{'':22s}", *(f"{name:>{w}s}" for name, w in zip(names, width, strict=True)), "   target"])]
    for key, metric in METRICS.items():
        values = [rows[name].get(key) for name in names]
        if all(value is None for value in values):
            continue
        cells = [
            f"{'-' if value is None else f'{value:.{metric.digits}f}':>{w}s}"
            for value, w in zip(values, width, strict=True)
        ]
        lines.append("".join([f"{key:22s}", *cells, _target(metric, rows.get("ours", {}).get(key))]))
    return "\n".join(lines)


def _target(metric: Metric, value: float | None) -> str:
    low, high = metric.low, metric.high
    if low is None and high is None:
        return ""
    text = f">= {low:g}" if high is None else f"<= {high:g}" if low is None else f"{low:g} to {high:g}"
    inside = value is None or ((low is None or value >= low) and (high is None or value <= high))
    return f"   {text}{'' if inside else '  *'}"


def quick(entries: Sequence[ClipEntry], settings: Settings) -> tuple[list[ClipEntry], Settings]:
    """A third of the list and half of each clip, for a look while one works."""
    return list(entries[::3]), replace(settings, seconds=max(SHORT, 0.6 * settings.seconds), seeds=2)
