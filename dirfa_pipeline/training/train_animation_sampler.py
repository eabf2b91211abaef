"""
Train the AnimationSampler on tracked clips.

    python -m dirfa_pipeline.training.train_animation_sampler --tracks TRACKS --weights weights/dirfa-base \\
        --speech-head weights/dirfa-base --run RUN --output weights/dirfa-base/animation_sampler

`TRACKS` holds the shards that `track_videos` wrote; each clip says whether it is used for lips, motion or both.
`--speech-head` names the speech_head.safetensors that `train_audio_encoder` saved, or a pipeline whose sampler has a
head for the same encoder. An interrupted run resumes from its last checkpoint. The sampler at that point is in
`RUN/lips-latest` or `RUN/motion-latest`, for `AnimationSampler.from_pretrained`. `torchrun` runs this on several
processes, on one machine or on many; see docs/scale.md.

With `--stream`, clips stay in their shards, which must contain speech features. Each clip is used once per epoch, over
all processes and their `--readers`. Scales, calibration and validation are measured on `--held` of the clips, which
are held in memory.

With `--motion-of`, only the lips are trained; all else is that sampler's.
"""

import argparse
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor
from transformers import Wav2Vec2Model

from ..errors import InputError
from ..media.audio import FEATURES_PER_FRAME
from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.listener import Listener
from ..workers.addresses import Address
from .clip_stream import ClipStream, Readers, ShardPart, read_table, shard_parts
from .held_out import UNSYNCHRONISED_CLIPS, split_clips
from .lip_stage import LEAST_AGREEMENT, LipExample, LipGeometry, calibrate_lips, lip_example, lip_schedule, train_lips
from .loop import Schedule, StartRun, TrainingRun, remove_checkpoints, tell_processes
from .motion_data import CHANNELS, TrackedClip
from .motion_stage import (
    MotionExample,
    calibrate,
    fit_cue_scale,
    measure_motion,
    motion_example,
    motion_schedule,
    shift_to_sound,
    train_motion,
)
from .streamed_stages import StreamedClips
from .tally import Tally
from .track_shards import OpenShard, read_shards
from .tracked_clip import encode_sound, mark_of


logger = logging.getLogger(__name__)

MIN_VALID_FRAMES, MIN_VALID_SHARE = 50, 0.6  # fewest valid frames of a clip that is used
STAGES = ("lips", "motion")
Split = tuple[list[TrackedClip], list[TrackedClip]]
# Arguments of the bundled sampler, and of one for a million clips.
SIZES: Final[dict[str, dict[str, int]]] = {
    "base": {},
    "large": {
        "lip_channels": 1024, "dim": 768, "num_layers": 12, "num_heads": 12, "flow_channels": 1024, "memory": 48,
    },
}  # fmt: skip
# Highest learning rates for lips and motion: those of the bundled sampler, and lower ones, as wider networks need
# them. The lower ones are a guess that has not been tried on a million clips.
RATES: Final = {"base": (2e-3, 1e-3), "large": (3e-4, 2e-4)}
SPEECH_HEAD = "speech_head."  # prefix of its tensors' names in a sampler
LIPS = ("lip_decoder.", "closed_lips")  # those of the lips' tensors


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", required=True, help="folder of shards that track_videos or prepare wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder with audio_encoder and face_model")
    parser.add_argument("--speech-head", type=Path, required=True, help="speech_head.safetensors, or a pipeline")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and curves")
    parser.add_argument("--output", type=Path, required=True, help="where to save the sampler")
    parser.add_argument("--lip-steps", type=int, default=800)
    parser.add_argument("--motion-steps", type=int, default=60)
    parser.add_argument("--motion-of", type=Path, metavar="SAMPLER", help="sampler whose motion is kept, not trained")
    parser.add_argument("--accumulate", type=int, default=1, help="batches per update")
    parser.add_argument("--mixed-precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint-every", type=int, help="steps (default 200 for lips, 25 for motion)")
    parser.add_argument("--log-every", type=int, default=50, help="steps between points of the curves")
    parser.add_argument("--size", choices=SIZES, default="base", help="1 or 100 million weights, both trained on CPUs")
    parser.add_argument("--stream", action="store_true", help="read shards while training; --tracks may be an address")
    parser.add_argument("--readers", type=int, default=1, help="reading processes per training process, with --stream")
    parser.add_argument("--held", type=int, default=2000, help="clips to hold in memory, with --stream")
    options = parser.parse_args(arguments)
    least = {"readers": 0, "held": 2, "log_every": 1, "accumulate": 1}
    for name, number in least.items():
        if getattr(options, name) < number:
            parser.error(f"--{name.replace('_', '-')} must be at least {number}, got {getattr(options, name)}")
    return options


def read_speech_head(path: Path) -> dict[str, Tensor]:
    """Read the head of the audio encoder from its own file, or from the sampler in a pipeline's folder."""
    if path.is_file():
        return load_file(path)
    tensors = load_file(path / "animation_sampler" / "diffusion_pytorch_model.safetensors")
    return {name.removeprefix(SPEECH_HEAD): value for name, value in tensors.items() if name.startswith(SPEECH_HEAD)}


def take_motion(sampler: AnimationSampler, folder: Path) -> None:
    """
    Give a sampler the motion of another, in place.

    Raises:
        InputError: It is of another size.
    """
    other = AnimationSampler.from_pretrained(folder).state_dict()
    own = {name: value for name, value in sampler.state_dict().items() if not name.startswith((SPEECH_HEAD, *LIPS))}
    odd = [name for name, value in own.items() if name not in other or other[name].shape != value.shape]
    if odd:
        raise InputError(f"--motion-of must name a sampler of the same --size, and {folder} differs in {odd[0]}")
    sampler.load_state_dict({name: other[name] for name in own}, strict=False)


def paced(schedule: Schedule, options: argparse.Namespace) -> Schedule:
    """A stage's schedule, with checkpoints and logging as often as the command line says."""
    every = options.checkpoint_every or schedule.checkpoint_every
    return replace(schedule, checkpoint_every=every, log_every=options.log_every)


@torch.no_grad()
def heard_in(clip: TrackedClip, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> Tensor:
    """
    Process the sound of a clip as the pipeline does, to `(2 * frames, heard_dim)`.

    The encoder runs only if the clip does not contain features of the same encoder.
    """
    assert clip.audio is not None  # checked by the caller
    if clip.features is not None and clip.encoder == mark_of(encoder):
        features = torch.from_numpy(clip.features).float()
    else:
        features = encode_sound(clip.audio, encoder)
    heard, _ = sampler.hear(features, Listener())
    return heard[0, : FEATURES_PER_FRAME * min(len(features) // FEATURES_PER_FRAME, len(clip.coefficients))]


def lip_examples(
    clips: Iterable[TrackedClip], heard: Mapping[str, Tensor], sampler: AnimationSampler, face_model: FaceModel
) -> list[LipExample]:
    """
    The examples for the lip stage, with their processed sound. Clips whose lips never match the sound are left out,
    unless this is so for all clips, because then the encoder is the cause.
    """
    teaching = [
        clip
        for clip in clips
        if "lips" in clip.teaches and clip.name in heard and Path(clip.name).name not in UNSYNCHRONISED_CLIPS
    ]
    for least in (LEAST_AGREEMENT, -1.0):
        found = [
            lip_example(
                clip.name, clip.coefficients, clip.valid, heard[clip.name][:, : sampler.lip_dim], face_model, least
            )
            for clip in teaching
        ]
        examples = [example for example in found if example is not None]
        if examples:
            return examples
    return []


def good(clip_frames: int, valid_frames: int) -> bool:
    """Whether a clip has enough valid frames."""
    return valid_frames > MIN_VALID_FRAMES and valid_frames > MIN_VALID_SHARE * clip_frames


def streamed_clips(folder: Address, held: int) -> tuple[dict[str, list[ShardPart]], Split]:
    """
    Clips that stay in their shards, by the channel that they are used for, and clips in memory, to measure and
    validate on.

    The clips in memory come from shards spread evenly over all. Those to measure on are used for training as well.
    """
    rows = [row for row in read_table(folder) if good(row.frames, row.valid_frames)]
    training, validation = split_clips(rows)
    parts = {channel: shard_parts(folder, [r for r in training if channel in r.teaches]) for channel in CHANNELS}
    kept = []
    for split, most in ((training, held), (validation, max(1, held // 10))):
        chosen = split[:: max(1, len(split) // most)][:most]
        opened = [(OpenShard(part.place), part) for part in shard_parts(folder, chosen)]
        kept.append([shard[index] for shard, part in opened for index in part.clips])
    return parts, (check_teaching(folder, kept[0], "train"), check_teaching(folder, kept[1], "validate"))


def read_clips(folder: Path) -> Split:
    """
    Read clips for training and clips for validation. Those with too few valid frames are counted in a table that is
    logged.

    Raises:
        InputError: The clips for training or for validation contain none for lips, or none for motion.
    """
    tally, clips = Tally("clips"), []
    for clip in read_shards(folder):
        if good(len(clip.valid), int(clip.valid.sum())):
            tally.keep()
            clips.append(clip)
        else:
            reason = f"fewer than {MIN_VALID_FRAMES} good frames, or less than {MIN_VALID_SHARE:.0%} of all"
            tally.leave_out(reason, clip.name)
    logger.info("%s", tally)
    parts = split_clips(clips)
    return check_teaching(folder, parts[0], "train"), check_teaching(folder, parts[1], "validate")


def check_teaching(folder: Path | Address, part: list[TrackedClip], purpose: str) -> list[TrackedClip]:
    """Return the clips; raises [`InputError`] unless some are for training lips and some for training motion."""
    lips, motion = (sum(channel in clip.teaches for clip in part) for channel in CHANNELS)
    logger.info("%d clips to %s on: %d for lips, %d for motion", len(part), purpose, lips, motion)
    if not lips or not motion:
        raise InputError(
            f"{folder} must hold clips with sound and clips with moving heads to {purpose} on; of its {len(part)} "
            f"good ones {lips} are for lips and {motion} for motion; add videos with track_videos"
        )
    return part


def learn_motion(
    sampler: AnimationSampler, clips: Split, heard: Mapping[str, Tensor], face_model: FaceModel, schedule: Schedule,
    start: StartRun, stream: ClipStream | None,
) -> list[MotionExample]:  # fmt: skip
    """Measure and train the motion on the clips that are for it, or on a stream; returns those to calibrate on."""
    moving = [[clip for clip in split if "motion" in clip.teaches and clip.name in heard] for split in clips]
    moving = [[shift_to_sound(clip, heard[clip.name], face_model) for clip in split] for split in moving]
    training, validation = ([motion_example(clip, heard[clip.name]) for clip in split] for split in moving)
    measure_motion(sampler, training, moving[0])
    fit_cue_scale(sampler, training)
    train_motion(sampler, training, validation, schedule, start, stream)
    return training


def main(arguments: list[str] | None = None) -> None:
    """Train the lips, then the motion, and save the sampler."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    set_seed(options.seed)
    if options.stream:
        parts, clips = streamed_clips(Address(options.tracks), options.held)
    else:
        parts, clips = {}, read_clips(Path(options.tracks))
    accelerator = Accelerator(  # the sampler is so small that it trains in minutes on one core
        cpu=True, mixed_precision=options.mixed_precision, log_with="tensorboard", project_dir=options.run
    )
    tell_processes(accelerator)
    accelerator.init_trackers("curves")
    start = partial(TrainingRun, accelerator=accelerator, folder=options.run, seed=options.seed)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    sampler = AnimationSampler(audio_dim=encoder.config.hidden_size, dropout=0.2, **SIZES[options.size])
    sampler.speech_head.load_state_dict(read_speech_head(options.speech_head))
    sampler.speech_head.requires_grad_(False)
    if options.motion_of:
        take_motion(sampler, options.motion_of)
    sampler.eval()

    heard = {
        clip.name: heard_in(clip, encoder, sampler) for split in clips for clip in split if clip.audio is not None
    }
    readers = Readers(accelerator.process_index, accelerator.num_processes, options.readers)
    streamed = None
    if options.stream:
        streamed = StreamedClips(parts, readers, options.seed, mark_of(encoder), sampler, face_model)
    if options.lip_steps:
        lips = [lip_examples(split, heard, sampler, face_model) for split in clips]
        schedule = paced(lip_schedule(options.lip_steps, RATES[options.size][0], options.accumulate), options)
        geometry = LipGeometry.of(face_model)
        train_lips(sampler, lips[0], lips[1], geometry, schedule, start, None if streamed is None else streamed.lips())
        calibrate_lips(sampler, lips[0], geometry)

    examples: list[MotionExample] = []
    if not options.motion_of:
        motion = None if streamed is None else streamed.motion()
        schedule = paced(motion_schedule(options.motion_steps, RATES[options.size][1], options.accumulate), options)
        examples = learn_motion(sampler, clips, heard, face_model, schedule, start, motion)
    accelerator.end_training()
    if accelerator.is_main_process:
        if examples:
            calibrate(sampler, examples, face_model)
        sampler.save_pretrained(options.output)
        logger.info("saved %s", options.output)
        remove_checkpoints(options.run, STAGES)  # so that the next run does not resume from them


if __name__ == "__main__":
    main()
