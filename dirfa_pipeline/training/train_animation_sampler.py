"""
Train the AnimationSampler on tracked clips.

    python -m dirfa_pipeline.training.train_animation_sampler --tracks TRACKS --weights weights/dirfa-base \
        --speech-head speech_head.safetensors --run RUN --output weights/dirfa-base/animation_sampler

`TRACKS` holds the shards that `track_videos` wrote; each clip says whether it teaches lips, motion or both. An
interrupted run goes on from its last checkpoint, and the sampler as it is then is in `RUN/lips-latest` or
`RUN/motion-latest`, for `AnimationSampler.from_pretrained`; `accelerate launch` runs it on several processes.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import Wav2Vec2Model

from ..animation.frame_rate import ANIMATION_FPS
from ..errors import InputError
from ..media.audio import (
    ENCODER_RATE,
    FEATURES_PER_FRAME,
    encoder_windows,
    num_frames,
    pad_for_encoder,
    receptive_field,
)
from ..models.animation_sampler import AnimationSampler
from ..models.animation_stream import ROWS, MotionDraw, spline_weights
from ..models.face_model import FaceModel
from ..models.motion_channels import MIRRORED, MOTION_NAMES
from .held_out import split_clips
from .lip_stage import LipExample, LipGeometry, calibrate_lips, lip_example, lip_schedule, train_lips
from .loop import Schedule, TrainingRun, exporter, pad_rows, remove_checkpoints
from .motion_data import (
    CHANNELS,
    TrackedClip,
    blink_profile,
    find_blinks,
    fit_spline,
    motion_channels,
    style_of,
)
from .tally import Tally
from .track_shards import read_shards


logger = logging.getLogger(__name__)

BLINK_WEIGHT = 0.3
MIN_VALID_FRAMES, MIN_VALID_SHARE = 50, 0.6  # of a clip that is used
LONG_CLIP = 75  # frames: clips whose spread is measured
LEASH_ROUNDS = 12
MOTION_CROPS, MOTION_STEPS = 32, 40  # in a batch, of a crop
STAGES = ("lips", "motion")

StartRun = Callable[..., TrainingRun]  # TrainingRun, but for its accelerator, folder and seed


@dataclass(frozen=True)
class TrainingExample:
    """A clip as tensors: posteriors `(2 * frames, visemes + 1)`, and control points with blinks."""

    name: str
    speech: Tensor  # zeros where the clip has no sound of its own
    heard: bool
    teaches: tuple[str, ...]
    points: Tensor
    blinks: Tensor
    style: Tensor


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True, help="folder of shards that track_videos wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder with audio_encoder and face_model")
    parser.add_argument("--speech-head", type=Path, required=True, help="speech_head.safetensors of the audio encoder")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and curves")
    parser.add_argument("--output", type=Path, required=True, help="where to save the sampler")
    parser.add_argument("--lip-steps", type=int, default=800)
    parser.add_argument("--motion-steps", type=int, default=250)
    parser.add_argument("--accumulate", type=int, default=1, help="batches for one update")
    parser.add_argument("--mixed-precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


@torch.no_grad()
def speech_of(audio: Tensor, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> Tensor:
    """Posteriors of a 16 kHz waveform, computed exactly as the pipeline does."""
    frames = num_frames(len(audio), ENCODER_RATE, ANIMATION_FPS)
    field = receptive_field(encoder.config.conv_kernel, encoder.config.conv_stride)
    padded = torch.from_numpy(pad_for_encoder(audio.numpy(), frames, field))
    features = [
        encoder(padded[window.samples].unsqueeze(0)).last_hidden_state[0, window.keep]
        for window in encoder_windows(FEATURES_PER_FRAME * frames, field=field)
    ]
    return sampler.speech(torch.cat(features).unsqueeze(0))[0]


def prepare_example(clip: TrackedClip, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> TrainingExample:
    """Turn a tracked clip into tensors of equal length."""
    frames = len(clip.coefficients)
    if clip.audio is None:
        speech = torch.zeros(FEATURES_PER_FRAME * frames, sampler.motion_prior.audio_input.in_features)
    else:
        speech = speech_of(torch.from_numpy(clip.audio), encoder, sampler)
        frames = min(frames, len(speech) // FEATURES_PER_FRAME)
        speech = speech[: FEATURES_PER_FRAME * frames]
    motion, valid = motion_channels(clip)[:frames], torch.from_numpy(clip.valid)[:frames]
    points = fit_spline(motion, valid, sampler.config.stride)
    blinks = torch.zeros(len(points) - 3)
    for peak in find_blinks(clip):
        step = max(0, peak - 5) // sampler.config.stride
        blinks[min(step, len(blinks) - 1)] = 1.0
    return TrainingExample(
        clip.name, speech, clip.audio is not None, clip.teaches, points, blinks, style_of(motion)
    )  # fmt: skip


def lip_examples(
    clips: Sequence[TrackedClip], examples: Sequence[TrainingExample], face_model: FaceModel
) -> list[LipExample]:
    """What of the clips teaches lips, with the speech of their examples."""
    pairs = [(clip, e) for clip, e in zip(clips, examples, strict=True) if "lips" in clip.teaches and e.heard]
    found = [lip_example(clip.name, clip.coefficients, clip.valid, e.speech, face_model) for clip, e in pairs]
    return [example for example in found if example is not None]


def motion_schedule(steps: int, rate: float = 1e-3, accumulate: int = 1) -> Schedule:
    """How motion is learned: in few steps, for the clips are few."""
    return Schedule(steps, rate, 0.3, average=0.95, accumulate=accumulate, checkpoint_every=25, validate_every=10)


def crop_motion(
    examples: list[TrainingExample], sampler: AnimationSampler, batch: int, steps: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw crops of control points with their speech, mirrored half of the time; speech is left out of a third."""
    config = sampler.config
    window = config.audio_past + 1 + config.audio_future
    weights = torch.tensor([float(max(len(example.blinks) - 5, 1)) for example in examples])
    rows: dict[str, list[Tensor]] = {"points": [], "windows": [], "style": [], "blinks": [], "mask": []}
    for index in torch.multinomial(weights, batch, replacement=True, generator=generator).tolist():
        example = examples[index]
        start = int(torch.randint(0, max(1, len(example.points) - steps - 1), (1,), generator=generator))
        points = example.points[start : start + steps + 2] / sampler.motion_scale
        if torch.rand(1, generator=generator) < 0.5:
            points = points.clone()
            points[:, list(MIRRORED)] *= -1.0
        speech_dim = sampler.motion_prior.audio_input.in_features
        windows = torch.zeros(len(example.blinks) + 2, window, speech_dim)
        if example.heard and torch.rand(1, generator=generator) > 0.33:
            real = sampler.speech_windows(example.speech[None])[0]
            windows = torch.cat([real, real[-1:], real[-1:]])[: len(windows)]
        present = len(points)
        windows = windows[start : start + steps + 2][:present]
        blinks = F.pad(example.blinks, (0, 3))[start : start + steps + 2][:present]
        rows["points"].append(pad_rows(points, steps + 2))
        rows["windows"].append(pad_rows(windows, steps + 2))
        rows["blinks"].append(pad_rows(blinks, steps + 2))
        rows["mask"].append(pad_rows(torch.ones(present), steps + 2))
        rows["style"].append((example.style - sampler.style_mean) / sampler.style_std)
    return {name: torch.stack(values) for name, values in rows.items()}


def motion_loss(
    prior: nn.Module, crop: dict[str, Tensor], generator: torch.Generator, noise: float = 0.0
) -> dict[str, Tensor]:
    """
    Flow matching loss of the control points and negative log-likelihood of blink onsets, as named terms.

    `noise` is the deviation of what is added to the past, so that the prior learns to mend its own errors.
    """
    points = crop["points"]
    past = points + noise * torch.randn(points.shape, generator=generator)
    history = torch.cat([past[:, 1:-1], past[:, 1:-1] - past[:, :-2]], dim=-1)
    distribution = prior(history, crop["windows"][:, 2:], crop["style"])
    mask = crop["mask"][:, 2:]
    flow = (distribution.loss(points[:, 2:], generator) * mask).sum() / mask.sum()
    blink = F.binary_cross_entropy_with_logits(distribution.blink_logits.float(), crop["blinks"][:, 2:], weight=mask)
    return {"points": flow, "blinks": BLINK_WEIGHT * blink}


def train_motion(
    sampler: AnimationSampler,
    training: list[TrainingExample],
    validation: list[TrainingExample],
    schedule: Schedule,
    start: StartRun,
) -> None:
    """Fit the motion prior; keeps the weights of the best validation, over crops and noise that stay the same."""
    fixed = crop_motion(validation, sampler, 2 * MOTION_CROPS, MOTION_STEPS, torch.Generator().manual_seed(1))

    @torch.no_grad()
    def validate(prior: nn.Module) -> dict[str, float]:
        losses = motion_loss(prior.eval(), fixed, torch.Generator().manual_seed(2))
        return {name: loss.item() for name, loss in losses.items()}

    run = start("motion", sampler.motion_prior, schedule, validate=validate, export=exporter(sampler, "motion_prior"))
    for generator in run:
        crop = crop_motion(training, sampler, MOTION_CROPS, MOTION_STEPS, generator)
        with run.accelerator.autocast():
            losses = motion_loss(run.model, crop, generator, noise=0.1)
        run.update(losses)
    sampler.motion_prior.load_state_dict(run.best)
    sampler.eval()


@torch.no_grad()
def measure_motion(sampler: AnimationSampler, examples: list[TrainingExample], clips: list[TrackedClip]) -> None:
    """Store the scale of each channel, the spread of styles and the course of a blink."""
    points = torch.cat([example.points for example in examples])
    sampler.motion_scale.copy_(points.std(0).clamp_min(1e-3))
    styles = torch.stack([example.style for example in examples])
    sampler.style_mean.copy_(styles.mean(0))
    sampler.style_std.copy_(styles.std(0).clamp_min(0.1))
    sampler.blink_shape.copy_(blink_profile(clips))


@torch.no_grad()
def roll_out(sampler: AnimationSampler, speech: Tensor, first_seed: int) -> Tensor:
    """
    Motion `(takes, frames, motions)` that the prior draws for posteriors `(2 * frames, visemes + 1)`, without limits.

    There are as many takes as are drawn at once.
    """
    draw = MotionDraw(sampler, [torch.Generator().manual_seed(first_seed + take) for take in range(ROWS)], 1.0)
    points = torch.stack([point for point, _ in draw.steps(sampler.speech_windows(speech[None])[0])], dim=1)
    weights = spline_weights(sampler.config.stride).to(points)
    return torch.einsum("sk,tnck->tnsc", weights, points.unfold(1, 4, 1)).flatten(1, 2) * sampler.motion_scale


@torch.no_grad()
def calibrate_leash(sampler: AnimationSampler, clips: list[TrackedClip], examples: list[TrainingExample]) -> None:
    """
    Choose how strongly head and gaze are pulled back, so that drawn motion strays as far as tracked motion does.

    Spread is the standard deviation within a clip of 3 s or more, averaged over the clips; what is drawn is as long as
    the clip is.
    """
    channels = slice(0, MOTION_NAMES.index("browDown"))
    long = [(clip, example) for clip, example in zip(clips, examples, strict=True) if clip.valid.sum() >= LONG_CLIP]
    target = torch.stack([motion_channels(clip)[torch.from_numpy(clip.valid)].std(0) for clip, _ in long]).mean(0)
    for _ in range(LEASH_ROUNDS):
        drawn = [roll_out(sampler, e.speech, ROWS * index).std(1).mean(0) for index, (_, e) in enumerate(long)]
        ratio = (torch.stack(drawn).mean(0) / target)[channels]
        sampler.leash[channels] = (sampler.leash[channels] + 0.1 * ratio.log()).clamp(0.0, 0.4)
    logger.info("spread of rollouts over that of tracks %s, leash %s", ratio, sampler.leash[channels])


def read_clips(folder: Path) -> tuple[list[TrackedClip], list[TrackedClip]]:
    """
    Clips to train on and clips to validate on; those of too few good frames are counted in a table that is logged.

    Raises:
        InputError: One of the parts has no clip that teaches lips, or none that teaches motion.
    """
    tally, clips = Tally("clips"), []
    for clip in read_shards(folder):
        if clip.valid.sum() > MIN_VALID_FRAMES and clip.valid.mean() > MIN_VALID_SHARE:
            tally.keep()
            clips.append(clip)
        else:
            tally.leave_out(f"{MIN_VALID_FRAMES} good frames, or {MIN_VALID_SHARE:.0%} of all, are missing", clip.name)
    logger.info("%s", tally)
    parts = split_clips(clips)
    for purpose, part in zip(("train", "validate"), parts, strict=True):
        lips, motion = (sum(channel in clip.teaches for clip in part) for channel in CHANNELS)
        logger.info("%d clips to %s on, %d teach lips, %d teach motion", len(part), purpose, lips, motion)
        if not lips or not motion:
            raise InputError(
                f"{folder} must hold clips with sound and clips with moving heads to {purpose} on; of its {len(part)} "
                f"good ones {lips} teach lips and {motion} teach motion; add videos with track_videos"
            )
    return parts


def main(arguments: list[str] | None = None) -> None:
    """Train lips, then motion, and save the sampler."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    set_seed(options.seed)
    clips = read_clips(options.tracks)
    accelerator = Accelerator(  # the sampler is small: minutes on one core
        cpu=True, mixed_precision=options.mixed_precision, log_with="tensorboard", project_dir=options.run
    )
    accelerator.init_trackers("curves")
    start = partial(TrainingRun, accelerator=accelerator, folder=options.run, seed=options.seed)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    sampler = AnimationSampler(audio_dim=encoder.config.hidden_size, dropout=0.2)
    sampler.speech_head.load_state_dict(load_file(options.speech_head))
    sampler.speech_head.requires_grad_(False)
    sampler.eval()

    training, validation = ([prepare_example(clip, encoder, sampler) for clip in split] for split in clips)

    if options.lip_steps:
        heard = [lip_examples(*parts, face_model) for parts in zip(clips, (training, validation), strict=True)]
        schedule, geometry = lip_schedule(options.lip_steps, accumulate=options.accumulate), LipGeometry.of(face_model)
        train_lips(sampler, heard[0], heard[1], geometry, schedule, start)
        calibrate_lips(sampler, heard[0], geometry)

    moving = [[example for example in split if "motion" in example.teaches] for split in (training, validation)]
    moving_clips = [clip for clip in clips[0] if "motion" in clip.teaches]
    measure_motion(sampler, moving[0], moving_clips)
    train_motion(sampler, moving[0], moving[1], motion_schedule(options.motion_steps, 1e-3, options.accumulate), start)
    accelerator.end_training()
    if accelerator.is_main_process:
        calibrate_leash(sampler, moving_clips, moving[0])
        sampler.save_pretrained(options.output)
        logger.info("saved %s", options.output)
        remove_checkpoints(options.run, STAGES)  # the next run must not take them for its own


if __name__ == "__main__":
    main()
