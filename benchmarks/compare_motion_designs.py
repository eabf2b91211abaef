"""
Compare designs of the sampler's random part, trained equally on the same tracks: does it help to hear the voice?

    python benchmarks/compare_motion_designs.py --tracks TRACKS --weights weights/dirfa-base [--steps 60] [--record]

`events` is the design in use: motion is sampled at the accents, ends of phrases and ticks of a voice, depending on the
sound of each. `deaf` knows the time and kind of each event but nothing else about the sound. `clock` hears, but
samples at 2.4 ticks per second instead of at the voice's events. Every fourth clip with sound and a moving head is
held out. For these clips, it prints

- the loss of the flow, for two training seeds, and the log-likelihood of the cue scale, both for the clip's own sound
  and for the sound of events of the same kind in other clips. Losses can be compared within a design but not between
  designs, because these have different events;
- measures of the motion sampled for their sound, next to those of the tracks: beats of head, brows and chin
  (dirfa_pipeline.evaluation.beats); likeness, the mean absolute correlation of yaw, pitch, roll and brows between two
  clips with the same seed; Frechet distance of one-second windows to the held-out tracks; deviation of yaw, pitch and
  roll within a clip, in degrees; speed of the head, in degrees per second.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from results import add_option, record
from torch import Tensor
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.hearing import absolute_correlations
from dirfa_pipeline.evaluation.metrics import frechet_distance, head_motion, window_features
from dirfa_pipeline.models.animation_sampler import AnimationSampler
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.sound_events import (
    ACCENT_CUE,
    END_CUE,
    GESTURE_RISE,
    RISE,
    EventFinder,
    makes_gestures,
)
from dirfa_pipeline.training.loop import TrainingRun
from dirfa_pipeline.training.motion_data import TrackedClip
from dirfa_pipeline.training.motion_stage import (
    BROW_CHANNELS,
    MOTION_EVENTS,
    MotionExample,
    calibrate,
    crop_motion,
    fit_cue_scale,
    mean_beats,
    measure_motion,
    motion_example,
    motion_loss,
    motion_schedule,
    roll_out,
    train_motion,
)
from dirfa_pipeline.training.train_animation_sampler import heard_in, read_clips


HELD_OUT = 4  # one in this many clips is held out
SEEDS = (0, 1)  # seeds of training
CROPS = 256  # crops on which the loss is measured
CLOCK = round(50 / 2.4)  # rows between two ticks of the design `clock`
SHORTEST = 75  # fewest frames of a clip on which spreads and correlations are measured


class Clock(EventFinder):
    """Ticks at a fixed rate, independent of the sound."""

    def _kind(self, heard: NDArray, rise: NDArray, at: int, row: int) -> str | None:
        return "tick" if row - self._last >= CLOCK else None


def deafened(example: MotionExample) -> MotionExample:
    """The same events, without any information but their time and kind."""
    cues = torch.zeros_like(example.cues)
    cues[:, [ACCENT_CUE, END_CUE]] = example.cues[:, [ACCENT_CUE, END_CUE]]
    cues[:, RISE] = GESTURE_RISE * makes_gestures(example.cues)
    return replace(example, cues=cues, windows=torch.zeros_like(example.windows))


@dataclass(frozen=True)
class Design:
    """A design: where its events come from, and what is kept of them."""

    finder: type[EventFinder] = EventFinder
    keep: Callable[[MotionExample], MotionExample] = lambda example: example


DESIGNS = {"events": Design(), "deaf": Design(keep=deafened), "clock": Design(Clock)}


def exchanged(examples: list[MotionExample], generator: np.random.Generator) -> list[MotionExample]:
    """Give each event the cues and the window of an event of the same kind in another clip."""
    result = []
    for example in examples:
        cues, windows = example.cues.clone(), example.windows.clone()
        others = [(e, i, event.kind) for e in examples if e is not example for i, event in enumerate(e.events)]
        for index, event in enumerate(example.events):
            alike = [(e, i) for e, i, kind in others if kind == event.kind]
            if alike:
                other, place = alike[generator.integers(len(alike))]
                cues[index], windows[index] = other.cues[place], other.windows[place]
        result.append(replace(example, cues=cues, windows=windows))
    return result


@torch.no_grad()
def flow_loss(sampler: AnimationSampler, own: list[MotionExample], heard: list[MotionExample]) -> float:
    """Loss for the motion of `own` events when the prior hears those of `heard`."""
    crop, other = (
        crop_motion(examples, sampler, CROPS, MOTION_EVENTS, torch.Generator().manual_seed(1))
        for examples in (own, heard)
    )
    crop |= {name: other[name] for name in ("cues", "windows")}
    return motion_loss(sampler.motion_prior.eval(), crop, torch.Generator().manual_seed(2))["events"].item()


def likelihood(sampler: AnimationSampler, own: list[MotionExample], heard: list[MotionExample]) -> float:
    """Mean log-likelihood of a step or gesture of `own` events, given the cues of `heard`."""
    scores = [sampler.cue_scale.log_likelihood(a.drawn, b.cues) for a, b in zip(own, heard, strict=True)]
    return torch.cat(scores).mean().item()


def motion_row(examples: list[MotionExample], motions: list[Tensor], reference: NDArray) -> dict[str, float]:
    """The measures of takes `(takes, frames, motions)`, one tensor for each clip."""
    takes = [take.numpy() for clip in motions for take in clip]
    long = [clip.numpy() for clip in motions if clip.shape[1] >= SHORTEST]
    pairs = [
        absolute_correlations(*(np.column_stack([m[:, :3], m[:, list(BROW_CHANNELS)].mean(1)]) for m in both))
        for one, other in combinations(long, 2)
        for both in zip(one, other, strict=True)  # pairs of takes with the same seed
    ]
    heads = [head_motion(take[:, :3], ANIMATION_FPS) for take in takes if len(take) >= SHORTEST]
    beats = dict(zip(("head_beat", "brow_beat", "nods"), mean_beats(examples, motions), strict=True))
    likeness = dict(zip(("yaw", "pitch", "roll", "brows"), np.mean(pairs, axis=0), strict=True))
    features = np.concatenate([window_features(take) for take in takes])
    return (
        beats
        | {f"likeness.{name}": float(value) for name, value in likeness.items()}
        | {"distance": frechet_distance(features, reference)}
        | {name: float(np.mean([head[name] for head in heads])) for name in heads[0]}
    )


def examples_of(
    design: Design, clips: list[TrackedClip], heard: dict[str, Tensor]
) -> tuple[list[MotionExample], list[MotionExample]]:
    """The examples for training, and the held-out ones."""
    examples = [design.keep(motion_example(clip, heard[clip.name], design.finder)) for clip in clips]
    training = [example for index, example in enumerate(examples) if index % HELD_OUT]
    return training, examples[::HELD_OUT]


def evaluate(
    design: Design,
    template: AnimationSampler,
    face_model: FaceModel,
    clips: list[TrackedClip],
    heard: dict[str, Tensor],
    steps: int,
) -> dict[str, float]:
    """Train a design and measure it."""
    training, held_out = examples_of(design, clips, heard)
    other = exchanged(held_out, np.random.default_rng(0))
    row: dict[str, float] = {}
    for seed in SEEDS:
        torch.manual_seed(seed)
        sampler = AnimationSampler.from_config(template.config).eval()
        measure_motion(sampler, training, [clip for index, clip in enumerate(clips) if index % HELD_OUT])
        fit_cue_scale(sampler, training)
        with tempfile.TemporaryDirectory() as folder:
            start = partial(TrainingRun, accelerator=Accelerator(cpu=True), folder=Path(folder), seed=seed)
            train_motion(sampler, training, held_out, motion_schedule(steps), start)
        row[f"loss.{seed}.own"] = flow_loss(sampler, held_out, held_out)
        row[f"loss.{seed}.other"] = flow_loss(sampler, held_out, other)
    row["likelihood.own"] = likelihood(sampler, held_out, held_out)
    row["likelihood.other"] = likelihood(sampler, held_out, other)
    calibrate(sampler, training, face_model)
    reference = np.concatenate([window_features(example.motion.numpy()) for example in held_out])
    return row | motion_row(held_out, [roll_out(sampler, example, 0) for example in held_out], reference)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=60)
    add_option(parser, "motion-designs")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    template = AnimationSampler.from_pretrained(options.weights / "animation_sampler").eval()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    clips = [
        clip
        for part in read_clips(options.tracks)
        for clip in part
        if "motion" in clip.teaches and clip.audio is not None
    ]
    heard = {clip.name: heard_in(clip, encoder, template) for clip in clips}
    rows = {
        name: evaluate(design, template, face_model, clips, heard, options.steps) for name, design in DESIGNS.items()
    }
    held_out = examples_of(DESIGNS["events"], clips, heard)[1]
    tracked = [example.motion[None] for example in held_out]
    reference = np.concatenate([window_features(motion[0].numpy()) for motion in tracked])
    rows["tracked"] = motion_row(held_out, tracked, reference)
    seconds = sum(motion.shape[1] for motion in tracked) / ANIMATION_FPS
    print(f"{len(held_out)} of {len(clips)} clips held out, {seconds:.0f} s")
    print(f"{'':28s}" + "".join(f"{name:>10s}" for name in rows))
    for name in rows["events"]:
        print(f"{name:28s}" + "".join(f"{row.get(name, float('nan')):10.3f}" for row in rows.values()))
    found = {f"{design}.{name}": value for design, row in rows.items() for name, value in row.items()}
    sizes = {"clips": len(clips), "held_out": len(held_out), "seconds": seconds}
    record(options.record, found | sizes, options.weights)


if __name__ == "__main__":
    main()
