"""
Measure sampled motion without rendering: does it follow the sound, what is its range, how does it compare with people?

    python benchmarks/evaluate_motion.py --data DATA --tracks TRACKS [--weights weights/dirfa-base] [--json SCORES]

Takes are sampled for held-out sounds of 7 s or more (see dirfa_pipeline.evaluation.clip_list) and applied, as
landmarks, to one held-out face. The columns are ours; the same takes evaluated with another clip's sound, as a
baseline; and real clips from TRACKS, written by dirfa_pipeline.training.track_videos, on the same face. All landmarks
are computed from coefficients, so the numbers differ somewhat from those of `dirfa evaluate`, which tracks rendered
frames. The rows of the likelihood are over real clips that nothing was trained on.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from real_clips import RealClip, read_real_clips
from results import add_option, record

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.accents import accent_scores, answers
from dirfa_pipeline.evaluation.clip_list import HELD_OUT_PHOTOS, ClipEntry, held_out_clips
from dirfa_pipeline.evaluation.hearing import likeness
from dirfa_pipeline.evaluation.metrics import Phone
from dirfa_pipeline.evaluation.phones import find_phones
from dirfa_pipeline.evaluation.prediction import prediction_scores, velocities
from dirfa_pipeline.evaluation.rows import format_table
from dirfa_pipeline.evaluation.scores import (
    Scores,
    Sound,
    lip_scores,
    mean_scores,
    motion_scores,
    sound_scores,
    take_distances,
)
from dirfa_pipeline.evaluation.spreads import channel_spreads, format_spreads
from dirfa_pipeline.evaluation.tracking import Track
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.media.audio import ENCODER_RATE, AudioClip, load_audio
from dirfa_pipeline.media.files import whole_file


SHORTEST = 7.0  # seconds of sound


@dataclass(frozen=True, eq=False)
class Performance:
    """A sound, its phones, the takes for each seed, and the take at diversity 0."""

    sound: Sound
    phones: Sequence[Phone]
    takes: list[Track]
    centre: Track


def draw(pipe: DirfaPipeline, clip: AudioClip, face: FaceFit, seeds: int, diversity: float = 1.0) -> list[Track]:
    """Sample takes with seeds 0, 1, ..., on a face."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    takes = pipe.sample_animations(clip, generators, diversity)
    return [Track.of_animation(face, take.coefficients) for take in takes]


def perform(
    pipe: DirfaPipeline, entry: ClipEntry, data: Path, face: FaceFit, seconds: float, seeds: int
) -> Performance | None:
    """Sample all takes for the beginning of a sound; `None` if it is too short."""
    waveform = load_audio(data / entry.audio).mono(ENCODER_RATE).astype(np.float32)
    if len(waveform) < SHORTEST * ENCODER_RATE:
        return None
    phones = find_phones(waveform, entry.text) if entry.scored_by_phones else []
    clip = AudioClip(waveform[None, : round(seconds * ENCODER_RATE)], ENCODER_RATE)
    takes, centre = draw(pipe, clip, face, seeds), draw(pipe, clip, face, 1, diversity=0.0)[0]
    sound = Sound.of(clip.samples[0], len(centre))
    return Performance(sound, [phone for phone in phones if phone.end <= seconds], takes, centre)


def score(track: Track, sound: Sound, phones: Sequence[Phone]) -> Scores:
    """All scores of a track with a sound."""
    return motion_scores(track) | sound_scores(track, sound) | (lip_scores(track, phones) if phones else {})


def likeness_scores(performances: Sequence[Performance]) -> Scores:
    """Likeness of sounds with the same seed, at diversity 1 (two seeds) and 0, and of seeds with the same sound."""
    coefficients = [[take.coefficients for take in one.takes] for one in performances]
    groups = {
        "hearing": [likeness(same_seed) for same_seed in list(zip(*coefficients, strict=True))[:2]],
        "centre": [likeness([one.centre.coefficients for one in performances])],
        "seeds": [likeness(takes) for takes in coefficients],
    }
    scores: Scores = {}
    for kind, rows in groups.items():
        scores |= {f"{kind}_{name}": value for name, value in mean_scores(rows).items()}
        scores |= {f"{kind}_largest": max(row["largest"] for row in rows if row)} if any(rows) else {}
    return scores


def our_scores(performances: Sequence[Performance]) -> Scores:
    """Means over takes, then over sounds."""
    each = [mean_scores([score(take, one.sound, one.phones) for take in one.takes]) for one in performances]
    distances = [
        take_distances(a.coefficients, b.coefficients, a.face)
        for one in performances
        for a, b in combinations(one.takes[:3], 2)
    ]
    gestures = [
        answers([(take.rotations, take.brows) for take in one.takes], one.sound.loudness, ANIMATION_FPS)
        for one in performances
    ]
    return mean_scores(each) | mean_scores(distances) | likeness_scores(performances) | accent_scores(gestures)


def other_scores(performances: Sequence[Performance]) -> Scores:
    """Scores of the same takes with the sound and phones of the next clip that has them."""
    rows = []
    for index, one in enumerate(performances):
        others = [*performances[index + 1 :], *performances[:index]]
        spoken = next((other.phones for other in others if other.phones), None)
        for take in one.takes:
            row = sound_scores(take, others[0].sound)
            rows.append(row | (lip_scores(take, spoken) if one.phones and spoken else {}))
    return mean_scores(rows)


def real_scores(clips: Sequence[RealClip]) -> Scores:
    """Scores of real people, on the same face."""
    each = [score(clip.track, clip.sound, clip.phones) for clip in clips]
    alike = {f"hearing_{name}": value for name, value in likeness([c.track.coefficients for c in clips]).items()}
    gestures = [answers([(c.track.rotations, c.track.brows)], c.sound.loudness, ANIMATION_FPS) for c in clips]
    return mean_scores(each) | alike | accent_scores(gestures)


def likelihoods(pipe: DirfaPipeline, clips: Sequence[RealClip], takes: int) -> Scores:
    """Whether takes for a real clip's own sound explain its motion better than takes for another clip's sound."""

    def speed(track: Track) -> np.ndarray:
        return velocities(track.rotations, track.brows, ANIMATION_FPS)

    drawn = [
        [speed(take) for take in draw(pipe, AudioClip(clip.waveform[None], ENCODER_RATE), clip.track.face, takes)]
        for clip in clips
    ]
    return prediction_scores([speed(clip.track) for clip in clips], drawn)


def finite(scores: Scores) -> Scores:
    return {name: value for name, value in scores.items() if np.isfinite(value)}


def performances_of(
    pipe: DirfaPipeline, options: argparse.Namespace, face: FaceFit, start: float
) -> Iterator[Performance]:
    """The performances of sounds that are spread evenly over the list."""
    entries = [entry for entry in held_out_clips(options.data) if "grid" not in entry.audio.parts[1]]
    chosen = np.unique(np.linspace(0, len(entries) - 1, options.sounds).round().astype(int))
    for index in chosen:
        one = perform(pipe, entries[index], options.data, face, options.seconds, options.seeds)
        if one is not None:
            yield one
    print(f"{len(chosen)} sounds in {time.monotonic() - start:.0f} s", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with speech/, photos/ and video/")
    parser.add_argument("--tracks", type=Path, help="folder of shards of real clips (default: show only ours)")
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    parser.add_argument("--sounds", type=int, default=18, help="number of sounds, spread over the list (default 18)")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each sound and real clip (default 12)")
    parser.add_argument("--seeds", type=int, default=8, help="takes for each sound (default 8)")
    parser.add_argument("--predict", type=int, default=32, help="takes for the likelihood; 0 leaves it out")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    add_option(parser, "motion")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    torch.set_num_threads(1)
    start = time.monotonic()
    pipe = DirfaPipeline.from_pretrained(options.weights)
    face = pipe.prepare_portrait(options.data / "photos" / HELD_OUT_PHOTOS[0]).face
    performances = list(performances_of(pipe, options, face, start))
    rows = {"ours": our_scores(performances), "other sound": other_scores(performances)}
    real: list[RealClip] = []
    if options.tracks:
        real = list(read_real_clips(options.tracks, face, 5.0, options.seconds))
        rows["real"] = real_scores(real)
        rows["ours"] |= (
            likelihoods(pipe, [clip for clip in real if clip.unseen], options.predict) if options.predict else {}
        )
    rows = {name: finite(row) for name, row in rows.items()}
    print(format_table(rows))
    found = {f"{row}.{name}": value for row, scores in rows.items() for name, value in scores.items()}
    record(options.record, found, options.weights)
    spreads = channel_spreads([take.coefficients for one in performances for take in one.takes[:2]])
    if real:
        print("\n" + format_spreads(spreads, channel_spreads([clip.track.coefficients for clip in real])))
    print(f"\n{len(performances)} sounds, {len(real)} real clips, {time.monotonic() - start:.0f} s", file=sys.stderr)
    if options.json:
        with whole_file(options.json) as temporary:
            temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
