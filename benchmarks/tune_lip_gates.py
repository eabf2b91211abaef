"""
Score settings of the lips' gates on the development split, which is separate from the people in reported results.

    python benchmarks/tune_lip_gates.py --corpus CORPUS --tracks TRACKS --weights weights/dirfa-base

`CORPUS` is the output of `prepare_speech`, `TRACKS` that of `track_videos`. Each row is a setting of the sampler's
gates that differs from its configuration: `closure_low` and `closure_high`, the closure probabilities at which the
lips begin to shut and are shut, or `rest_*`, the mean probability of silence at which the mouth comes to rest. The
columns are how often the lips close at p, b, m of the readers kept for validation, minus how often they do at random
times; for clips in the wild, the correlation of the opening with that of the real face, in validation clips and in
clips that the lip decoder was trained on; and how far the mouth moves in silence, relative to speech.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from evaluate_audio_encoder import read_speech
from torch import Tensor
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation import metrics
from dirfa_pipeline.evaluation.metrics import Phone
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.training.corpus_file import read_source
from dirfa_pipeline.training.held_out import is_validation_speaker
from dirfa_pipeline.training.lip_stage import LipExample, LipGeometry, lip_example
from dirfa_pipeline.training.speech_corpus import CLOSURE, SYNTHETIC
from dirfa_pipeline.training.train_animation_sampler import heard_in, read_clips


SETTINGS: tuple[dict[str, float], ...] = (
    {},
    *(
        {"closure_low": a, "closure_high": b}
        for a, b in ((0.1, 0.3), (0.15, 0.4), (0.2, 0.5), (0.25, 0.5), (0.3, 0.6))
    ),
    *(
        {"rest_length": length, "rest_margin": margin, "rest_low": low, "rest_high": high}
        for length, margin in ((12, 3), (13, 3), (13, 5), (16, 3), (20, 3))
        for low, high in ((0.75, 0.95), (0.6, 0.9))
    ),
)
GATE_NAMES = ("closure_low", "closure_high", "rest_low", "rest_high", "rest_length", "rest_margin")
READINGS = 40  # utterances of each source
SECONDS = (3, 15)


@dataclass(frozen=True)
class Reading:
    """The posteriors `(1, features, visemes + 1)` of an utterance, and its closures."""

    source: str
    speech: Tensor
    closures: list[Phone]


@dataclass(frozen=True)
class Clip:
    """A tracked clip with its sound, and whether it is a validation clip."""

    validates: bool
    example: LipExample
    silent: np.ndarray


def read_corpus(folder: Path, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> list[Reading]:
    """Read utterances of the readers kept for validation."""
    readings = []
    for path in sorted(folder.glob("*.npz")):
        count = 0
        for samples, classes, times, speaker in read_source(path):
            suits = is_validation_speaker(speaker) and SECONDS[0] <= len(samples) / 16_000 <= SECONDS[1]
            if path.stem in SYNTHETIC or not suits or count == READINGS:
                continue
            speech = torch.from_numpy(read_speech(samples.astype(np.float32) / 32768, encoder, sampler))[None]
            closures = [Phone("P", float(a), float(b)) for a, b in times[classes == CLOSURE]]
            readings.append(Reading(path.stem, speech, closures))
            count += 1
    return readings


def read_tracks(folder: Path, encoder: Wav2Vec2Model, sampler: AnimationSampler, face_model: FaceModel) -> list[Clip]:
    """Read clips in the wild whose lips match their sound."""
    clips = []
    for validates, part in zip((False, True), read_clips(folder), strict=True):
        for clip in part:
            if clip.audio is None or "lips" not in clip.teaches or "motion" not in clip.teaches:
                continue
            level = metrics.loudness(clip.audio, 16_000, len(clip.coefficients), ANIMATION_FPS)
            heard = heard_in(clip, encoder, sampler)[:, : sampler.lip_dim]
            example = lip_example(clip.name, clip.coefficients, clip.valid, heard, face_model)
            if example is not None:
                clips.append(Clip(validates, example, metrics.silent_frames(level, ANIMATION_FPS)))
    return clips


@torch.no_grad()
def aperture(sampler: AnimationSampler, speech: Tensor, opening: Tensor) -> np.ndarray:
    return (sampler.lips(speech)[0] @ opening).clamp_min(0.0).numpy()


def score(sampler: AnimationSampler, readings: list[Reading], clips: list[Clip], opening: Tensor) -> str:
    """Compute all columns of one setting."""
    closed, correlation, still = defaultdict(list), defaultdict(list), []
    for reading in readings:
        curve = aperture(sampler, reading.speech, opening)
        closed[reading.source].append(metrics.closure_recall(curve, ANIMATION_FPS, reading.closures))
    for clip in clips:
        ours, real = aperture(sampler, clip.example.heard[None], opening), (clip.example.lips @ opening).numpy()
        correlation[clip.validates].append(metrics.best_lag(ours, real)[1])
        still.append(metrics.silence_stillness(ours, clip.silent[: len(ours)]))
    columns = []
    for source, values in closed.items():
        recall, chance = np.nanmean(values, axis=0)
        columns.append(f"{source} {recall:.2f} ({recall - chance:+.2f})")
    columns += [f"real face {np.mean(correlation[True]):.3f}, seen {np.mean(correlation[False]):.3f}"]
    return "  ".join([*columns, f"silence {np.nanmedian(still):.2f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--tracks", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    sampler = AnimationSampler.from_pretrained(options.weights / "animation_sampler").eval()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    opening = LipGeometry.of(face_model).opening
    readings = read_corpus(options.corpus, encoder, sampler)
    clips = read_tracks(options.tracks, encoder, sampler, face_model)
    shipped = dict(sampler.config)
    for setting in SETTINGS:
        sampler.register_to_config(**{name: setting.get(name, shipped[name]) for name in GATE_NAMES})
        print(f"{' '.join(f'{value:g}' for value in setting.values()) or 'shipped':14s}", end="  ")
        print(score(sampler, readings, clips, opening), flush=True)


if __name__ == "__main__":
    main()
