"""
Train the AnimationSampler on tracked clips.

    python -m dirfa_pipeline.training.train_animation_sampler --tracks TRACKS --weights weights/dirfa-base \\
        --speech-head weights/dirfa-base --run RUN --output weights/dirfa-base/animation_sampler

`TRACKS` holds the shards that `track_videos` wrote; each clip says whether it teaches lips, motion or both.
`--speech-head` names the speech_head.safetensors that `train_audio_encoder` left, or a pipeline whose sampler has one
for the same encoder. An interrupted run goes on from its last checkpoint, and the sampler as it is then is in
`RUN/lips-latest` or `RUN/motion-latest`, for `AnimationSampler.from_pretrained`; `accelerate launch` runs it on
several processes.
"""

import argparse
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor
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
from ..media.prosody import prosody
from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.listener import Listener
from .held_out import UNSYNCHRONISED_CLIPS, split_clips
from .lip_stage import LEAST_AGREEMENT, LipExample, LipGeometry, calibrate_lips, lip_example, lip_schedule, train_lips
from .loop import TrainingRun, remove_checkpoints
from .motion_data import CHANNELS, TrackedClip
from .motion_stage import (
    calibrate,
    fit_cue_scale,
    in_time,
    measure_motion,
    motion_example,
    motion_schedule,
    train_motion,
)
from .tally import Tally
from .track_shards import read_shards


logger = logging.getLogger(__name__)

MIN_VALID_FRAMES, MIN_VALID_SHARE = 50, 0.6  # of a clip that is used
STAGES = ("lips", "motion")
SPEECH_HEAD = "speech_head."  # what the names of its tensors begin with in a sampler


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True, help="folder of shards that track_videos wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder with audio_encoder and face_model")
    parser.add_argument("--speech-head", type=Path, required=True, help="speech_head.safetensors, or a pipeline")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and curves")
    parser.add_argument("--output", type=Path, required=True, help="where to save the sampler")
    parser.add_argument("--lip-steps", type=int, default=800)
    parser.add_argument("--motion-steps", type=int, default=60)
    parser.add_argument("--accumulate", type=int, default=1, help="batches for one update")
    parser.add_argument("--mixed-precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def read_speech_head(path: Path) -> dict[str, Tensor]:
    """The read-out of the audio encoder: from its own file, or from the sampler of a pipeline's folder."""
    if path.is_file():
        return load_file(path)
    tensors = load_file(path / "animation_sampler" / "diffusion_pytorch_model.safetensors")
    return {name.removeprefix(SPEECH_HEAD): value for name, value in tensors.items() if name.startswith(SPEECH_HEAD)}


@torch.no_grad()
def heard_in(clip: TrackedClip, encoder: Wav2Vec2Model, sampler: AnimationSampler) -> Tensor:
    """What is heard in a clip with sound, `(2 * frames, heard_dim)`, computed exactly as the pipeline does."""
    assert clip.audio is not None  # whoever asks saw to it
    frames = num_frames(len(clip.audio), ENCODER_RATE, ANIMATION_FPS)
    field = receptive_field(encoder.config.conv_kernel, encoder.config.conv_stride)
    padded = pad_for_encoder(clip.audio, frames, field)
    parts = []
    for window in encoder_windows(FEATURES_PER_FRAME * frames, field=field):
        samples = padded[window.samples]
        features = encoder(torch.from_numpy(samples).unsqueeze(0)).last_hidden_state[0]
        parts.append(torch.cat([features, torch.from_numpy(prosody(samples, field))], dim=1)[window.keep])
    heard, _ = sampler.hear(torch.cat(parts), Listener())
    return heard[0, : FEATURES_PER_FRAME * min(frames, len(clip.coefficients))]


def lip_examples(
    clips: Iterable[TrackedClip], heard: Mapping[str, Tensor], sampler: AnimationSampler, face_model: FaceModel
) -> list[LipExample]:
    """
    What of the clips teaches lips, with what is heard in them. Lips that never fit the sound are left out, unless that
    are all: then it is the encoder that tells nothing of the sound.
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
    sampler.speech_head.load_state_dict(read_speech_head(options.speech_head))
    sampler.speech_head.requires_grad_(False)
    sampler.eval()

    heard = {
        clip.name: heard_in(clip, encoder, sampler) for split in clips for clip in split if clip.audio is not None
    }
    if options.lip_steps:
        lips = [lip_examples(split, heard, sampler, face_model) for split in clips]
        schedule, geometry = lip_schedule(options.lip_steps, accumulate=options.accumulate), LipGeometry.of(face_model)
        train_lips(sampler, lips[0], lips[1], geometry, schedule, start)
        calibrate_lips(sampler, lips[0], geometry)

    moving = [[clip for clip in split if "motion" in clip.teaches and clip.name in heard] for split in clips]
    moving = [[in_time(clip, heard[clip.name], face_model) for clip in split] for split in moving]
    training, validation = ([motion_example(clip, heard[clip.name]) for clip in split] for split in moving)
    measure_motion(sampler, training, moving[0])
    fit_cue_scale(sampler, training)
    train_motion(sampler, training, validation, motion_schedule(options.motion_steps, 1e-3, options.accumulate), start)
    accelerator.end_training()
    if accelerator.is_main_process:
        calibrate(sampler, training, face_model)
        sampler.save_pretrained(options.output)
        logger.info("saved %s", options.output)
        remove_checkpoints(options.run, STAGES)  # the next run must not take them for its own


if __name__ == "__main__":
    main()
