"""
Compare the range of each channel, and the shape of the mouth at each viseme, with tracked people saying the same.

    python benchmarks/compare_spreads.py --tracks TRACKS [--weights weights/dirfa-base] [--unseen]

For each real clip in TRACKS, written by dirfa_pipeline.training.track_videos, a take is sampled for its own sound;
both are applied to the same face. The first table has the spreads of coefficients over clips of 5 s or more. In
tracks, several weights that work against each other express one movement, and some are never zero. The second table
therefore expresses both sides as in training, by the fewest shapes that have the same effect relative to the mouth's
own rest. The other two tables have the mean aperture and width of the mouth at each viseme, minus the mean over all
spoken ones. `shuffled` is ours evaluated with another clip's phones, as a baseline for a mouth that ignores the sound.
`--unseen` uses only clips that nothing was trained on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from real_clips import RealClip, read_real_clips
from results import add_option, record

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.coefficients import LIP_INDICES
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.metrics import Phone
from dirfa_pipeline.evaluation.phone_shapes import viseme_means, viseme_values
from dirfa_pipeline.evaluation.rows import format_columns
from dirfa_pipeline.evaluation.spreads import channel_spreads, format_spreads
from dirfa_pipeline.evaluation.tracking import Track
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.face.measures import lip_aperture, mouth_width
from dirfa_pipeline.media.audio import ENCODER_RATE, AudioClip
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.training.lip_stage import movements
from dirfa_pipeline.training.visemes import ARPABET


LONG = 5.0  # seconds; shorter clips do not show a person's range

Curve = NDArray[np.floating]


def draw(pipe: DirfaPipeline, clip: RealClip, face: FaceFit) -> Track:
    """Sample a take for a real clip's own sound."""
    generator = torch.Generator().manual_seed(0)
    take = pipe.sample_animation(AudioClip(clip.waveform[None], ENCODER_RATE), generator)
    return Track.of_animation(face, take.coefficients)


def means(curves: Sequence[Curve], phones: Sequence[Sequence[Phone]]) -> dict[str, float]:
    """Mean of a curve at each viseme, over all clips."""
    pairs = zip(curves, phones, strict=True)
    return viseme_means([viseme_values(curve, ANIMATION_FPS, spoken, ARPABET) for curve, spoken in pairs])


def told_again(clip: Curve, face_model: FaceModel) -> Curve:
    """Coefficients `(frames, 58)` with lips expressed as movements relative to their rest, see [`movements`]."""
    clip = clip.astype(np.float32)
    clip[:, list(LIP_INDICES)] = movements(clip, np.ones(len(clip), bool), face_model).numpy()
    return clip


def viseme_table(ours: Sequence[Curve], real: Sequence[Curve], phones: Sequence[Sequence[Phone]], title: str) -> str:
    """A line per viseme: ours, real, their ratio, ours at shuffled phones; and the correlation over visemes."""
    own, true, chance = means(ours, phones), means(real, phones), means(ours, [*phones[1:], *phones[:1]])
    lines = [[title, "ours", "real", "ratio", "shuffled", ""]]
    for name in sorted(true, key=lambda name: true[name]):
        ratio = f"{own[name] / true[name]:.2f}" if abs(true[name]) > 0.005 else "-"
        shuffled = f"{chance[name]:.3f}" if name in chance else "-"
        lines.append([name, f"{own[name]:.3f}", f"{true[name]:.3f}", ratio, shuffled, ""])
    common = [name for name in true if name in chance]
    columns = [[row[name] for name in common] for row in (own, chance, true)]
    agreement = np.atleast_2d(np.corrcoef(columns))[2] if len(common) > 2 else np.full(3, np.nan)
    lines.append(["correlation with real", f"{agreement[0]:.2f}", "", "", f"{agreement[1]:.2f}", ""])
    return format_columns(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True, help="folder of shards of real clips")
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each clip (default 20)")
    parser.add_argument("--unseen", action="store_true", help="only clips that nothing was trained on")
    add_option(parser, "spreads")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    portrait = pipe.prepare_portrait(Path(__file__).parents[1] / "dirfa_pipeline" / "examples" / "astronaut.jpg")
    clips = [
        clip
        for clip in read_real_clips(options.tracks, portrait.face, 2.5, options.seconds, shows=("lips",))
        if clip.unseen or not options.unseen
    ]
    ours = [draw(pipe, clip, portrait.face) for clip in clips]
    whole = [
        (own.coefficients, clip.track.coefficients)
        for own, clip in zip(ours, clips, strict=True)
        if "motion" in clip.shows and len(own) >= LONG * ANIMATION_FPS
    ]
    print(f"{len(whole)} clips with head and lips, {sum(bool(clip.phones) for clip in clips)} with text\n")
    tracked = [channel_spreads(side) for side in zip(*whole, strict=True)]
    print(format_spreads(*tracked))
    told = [tuple(told_again(side, pipe.face_model) for side in pair) for pair in whole]
    print("\nlips as movements relative to their own rest")
    rows = [channel_spreads(side) for side in zip(*told, strict=True)]
    print(format_spreads(*({name: row[name] for name in row if name.startswith(("jaw", "mouth"))} for row in rows)))
    found: dict[str, float] = {}
    for way, pair in (("tracked", tracked), ("retold", rows)):
        for who, spreads in zip(("ours", "real"), pair, strict=True):
            found |= {f"{way}.{who}.{name}": spread.high for name, spread in spreads.items()}
    record(options.record, found, options.weights)
    said = [(own, clip) for own, clip in zip(ours, clips, strict=True) if clip.phones]
    for title, curve in (("aperture at", lip_aperture), ("width at", mouth_width)):
        sides = ([curve(own.landmarks) for own, _ in said], [curve(clip.track.landmarks) for _, clip in said])
        print("\n" + viseme_table(*sides, [clip.phones for _, clip in said], title))


if __name__ == "__main__":
    main()
