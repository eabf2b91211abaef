"""
Fine-tune the AnimationSampler on one person: how their lips articulate, and how far and fast head and face move.

    python -m dirfa_pipeline.training.finetune_speaker CLIPS --output my-speaker

`CLIPS` is a folder of .mp4 files with sound that show one person talking to the camera; one minute in all is little,
five minutes are plenty. The result is a complete pipeline: `dirfa generate PHOTO SPEECH -o talk.mp4 --weights
my-speaker`. Training starts from the given weights; a part that does not improve on held-back clips is not changed.
"""

import argparse
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from ..animation.frame_rate import ANIMATION_FPS
from ..bundled import BUNDLED_NAME
from ..errors import InputError
from ..hub.pretrained import find_weights
from ..media.audio import ENCODER_RATE
from ..models.animation_sampler import AnimationSampler
from ..models.sound_events import TICK_SILENT
from ..pipeline_dirfa import DirfaPipeline
from . import track_videos
from .lip_stage import LipGeometry, calibrate_lips, lip_schedule, train_lips
from .loop import StartRun, TrainingRun, remove_checkpoints
from .motion_data import TrackedClip
from .motion_stage import MotionExample, calibrate, motion_example, motion_schedule, train_motion
from .track_shards import read_shards
from .train_animation_sampler import STAGES, heard_in, lip_examples


logger = logging.getLogger(__name__)

HELD_BACK = 0.2  # share of the clips, or of each clip if there are few
FEW_CLIPS = 5
MIN_FRAMES = 75  # 3 s, the length of a training crop
LIP_RATE, MOTION_RATE = 3e-4, 1e-4  # lower than from scratch, for there is little data and a good start


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of .mp4 files of one person")
    parser.add_argument("--output", type=Path, required=True, help="where to save the pipeline")
    parser.add_argument("--weights", default=BUNDLED_NAME, help="pipeline to start from: a folder or a Hub id")
    parser.add_argument("--work", type=Path, help="where tracks are kept for the next run (default OUTPUT-work)")
    parser.add_argument("--lip-steps", type=int, default=500, help="steps; 0 leaves the lips as they are")
    parser.add_argument("--motion-steps", type=int, default=40, help="steps; 0 only learns how far the head moves")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def cut(clip: TrackedClip, start: int, stop: int) -> TrackedClip:
    """Frames `start` to `stop` of a clip with their sound, as a clip with its own name and without speech features."""
    step = round(ENCODER_RATE / ANIMATION_FPS)
    audio = None if clip.audio is None else clip.audio[start * step : stop * step]
    return replace(
        clip, name=f"{clip.name}-{start}", coefficients=clip.coefficients[start:stop], valid=clip.valid[start:stop],
        eye_openness=clip.eye_openness[start:stop], audio=audio, features=None, encoder="",
    )  # fmt: skip


def hold_back(clips: list[TrackedClip]) -> tuple[list[TrackedClip], list[TrackedClip]]:
    """Split one person's clips into those for training and for validation; if there are few, each is cut in two."""
    if len(clips) >= FEW_CLIPS:
        kept = round(len(clips) * (1.0 - HELD_BACK))
        return clips[:kept], clips[kept:]
    cuts = [round(len(clip.coefficients) * (1.0 - HELD_BACK)) for clip in clips]
    first = [cut(clip, 0, at) for clip, at in zip(clips, cuts, strict=True)]
    return first, [cut(clip, at, len(clip.coefficients)) for clip, at in zip(clips, cuts, strict=True)]


def read_clips(tracks: Path, source: str) -> list[TrackedClip]:
    """
    Read all clips of one person in a folder of tracks that are good enough for training.

    Raises:
        InputError: No clip is good enough.
    """
    clips = [clip for clip in read_shards(tracks) if clip.source == source]
    good = [clip for clip in clips if clip.valid.sum() >= MIN_FRAMES and clip.valid.mean() > 0.6]
    if not good:
        raise InputError(
            f"no clip shows a face from the front for {MIN_FRAMES / ANIMATION_FPS:.0f} s or more: {len(clips)} .mp4 "
            "files could be tracked at all; film one person from the front, with sound"
        )
    return good


@torch.no_grad()
def measure_speaker(sampler: AnimationSampler, examples: list[MotionExample]) -> None:
    """Store how far and fast this person moves; what the motion prior has learned is relative to these units."""
    sampler.level_scale.copy_(torch.cat([example.motion for example in examples]).std(0).clamp_min(1e-3))
    styles = torch.stack([example.style for example in examples])
    sampler.style_mean.copy_(styles.mean(0))
    if len(styles) > 1:
        sampler.style_std.copy_(styles.std(0).clamp_min(0.1))


def finetune(
    pipe: DirfaPipeline, clips: list[TrackedClip], lip_steps: int, motion_steps: int, start: StartRun
) -> None:
    """Fine-tune a pipeline's sampler in place on one person's tracked clips; parts that do not improve are kept."""
    sampler = pipe.animation_sampler
    parts = [[clip for clip in part if clip.valid.any()] for part in hold_back(clips)]
    heard = {
        clip.name: heard_in(clip, pipe.audio_encoder, sampler) for p in parts for clip in p if clip.audio is not None
    }
    lips = [lip_examples(part, heard, sampler, pipe.face_model) for part in parts]
    logger.info("%d clips for training, %d for validation", *map(len, parts))
    if lip_steps and all(lips):
        geometry = LipGeometry.of(pipe.face_model)
        train_lips(sampler, lips[0], lips[1], geometry, lip_schedule(lip_steps, LIP_RATE), start)
        calibrate_lips(sampler, lips[0], geometry)
    long = {name for name, sound in heard.items() if len(sound) > TICK_SILENT}  # long enough to contain events
    training, judging = ([motion_example(c, heard[c.name]) for c in part if c.name in long] for part in parts)
    if not training:
        return
    measure_speaker(sampler, training)
    if motion_steps and judging:
        train_motion(sampler, training, judging, motion_schedule(motion_steps, MOTION_RATE), start)
    if any(clip.valid.sum() >= MIN_FRAMES for clip in parts[0]):
        calibrate(sampler, training, pipe.face_model)


def main(arguments: list[str] | None = None) -> None:
    """Track the clips, fit the sampler, save the pipeline."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    set_seed(options.seed)
    work = options.work or options.output.with_name(f"{options.output.name}-work")
    folder = find_weights(str(options.weights))
    track_videos.main([str(options.clips), "--weights", str(folder), "--output", str(work / "tracks")])
    pipe = DirfaPipeline.from_pretrained(folder)
    person = options.clips.resolve().name
    clips = read_clips(work / "tracks", person)
    runs = work / person  # one folder per person, so that no run resumes another person's
    start = partial(TrainingRun, accelerator=Accelerator(cpu=True), folder=runs, seed=options.seed)
    finetune(pipe, clips, options.lip_steps, options.motion_steps, start)
    pipe.save_pretrained(options.output)
    logger.info("saved %s", options.output)
    remove_checkpoints(runs, STAGES)


if __name__ == "__main__":
    main()
