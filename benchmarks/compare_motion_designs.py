"""
Compare two designs of the sampler's random part, trained alike on the same tracks.

    python benchmarks/compare_motion_designs.py --tracks TRACKS --weights weights/dirfa-base [--steps 250]

`flow` is what ships: a small network leads from noise to the next control point in eight steps. `mixture` lets the
same transformer give a mixture of four Gaussians for it, trained by maximum likelihood. Both drive themselves over the
sound of the clips, then their head, gaze and face are set beside the tracked: Frechet distance of windows of a second
to the validation clips, deviation of yaw, pitch and roll within a clip, speed of the head.
"""

import argparse
import logging
import math
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import Wav2Vec2Model

from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.metrics import frechet_distance, window_features
from dirfa_pipeline.models.animation_sampler import AnimationSampler, MotionPrior
from dirfa_pipeline.models.motion_channels import NUM_MOTIONS
from dirfa_pipeline.training.loop import TrainingRun
from dirfa_pipeline.training.motion_data import motion_channels
from dirfa_pipeline.training.train_animation_sampler import (
    calibrate_leash,
    measure_motion,
    motion_schedule,
    prepare_example,
    read_clips,
    roll_out,
    train_motion,
)


NUM_GAUSSIANS = 4


@dataclass
class Mixture:
    """A mixture of Gaussians for the next control point: logits `(..., 4)`, means and log_stds `(..., 4, motions)`."""

    logits: Tensor
    means: Tensor
    log_stds: Tensor
    blink_logits: Tensor

    def loss(self, points: Tensor, generator: torch.Generator) -> Tensor:
        """Negative log-likelihood a channel, `(batch, steps)`."""
        z = (points.unsqueeze(-2) - self.means) * torch.exp(-self.log_stds)
        log_density = (-0.5 * z.square() - self.log_stds - 0.5 * math.log(2 * math.pi)).sum(-1)
        return -torch.logsumexp(self.logits.log_softmax(-1) + log_density, dim=-1) / NUM_MOTIONS

    def sample(self, diversity: float, normal: Tensor) -> Tensor:
        """Draw a control point; `diversity` scales its distance to the mean."""
        mean = (self.logits.softmax(-1).unsqueeze(-1) * self.means).sum(-2)
        chosen = torch.distributions.Categorical(logits=self.logits).sample()
        index = chosen[..., None, None].expand(*chosen.shape, 1, NUM_MOTIONS)
        draw = self.means.gather(-2, index) + self.log_stds.gather(-2, index).exp() * normal.unsqueeze(-2)
        return mean + diversity * (draw.squeeze(-2) - mean)


class MixturePrior(MotionPrior):
    """The shipped transformer with a mixture in place of the flow."""

    def __init__(self, dim: int, **sizes: int) -> None:
        super().__init__(dim=dim, **sizes)
        self.output = nn.Linear(dim, NUM_GAUSSIANS * (1 + 2 * NUM_MOTIONS) + 1)

    def _distribution(self, output: Tensor, points: Tensor) -> Mixture:
        sizes = [NUM_GAUSSIANS, NUM_GAUSSIANS * NUM_MOTIONS, NUM_GAUSSIANS * NUM_MOTIONS, 1]
        logits, offsets, log_stds, blink = output.split(sizes, dim=-1)
        means = points[..., None, :NUM_MOTIONS] + offsets.unflatten(-1, (NUM_GAUSSIANS, NUM_MOTIONS))
        log_stds = log_stds.unflatten(-1, (NUM_GAUSSIANS, NUM_MOTIONS)).clamp(-5.0, 1.0)
        return Mixture(logits, means, log_stds, blink.squeeze(-1))


def report(name: str, motions: list[np.ndarray], reference: np.ndarray, milliseconds: float) -> None:
    """Print one row."""
    features = np.concatenate([window_features(motion) for motion in motions if len(motion) > 25])
    degrees = [np.degrees(motion[:, :3]) for motion in motions if len(motion) >= 75]
    spread = np.mean([motion.std(0) for motion in degrees], axis=0)
    speed = np.mean([ANIMATION_FPS * np.linalg.norm(np.diff(motion, axis=0), axis=1).mean() for motion in degrees])
    print(
        f"{name:22s} distance {frechet_distance(features, reference):6.2f}   yaw, pitch, roll "
        f"{spread[0]:.1f} {spread[1]:.1f} {spread[2]:.1f}   {speed:5.1f} degrees/s   {milliseconds:.2f} ms a step",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    encoder = Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32).eval()
    sampler = AnimationSampler.from_pretrained(options.weights / "animation_sampler").eval()
    clips = [[clip for clip in part if "motion" in clip.teaches] for part in read_clips(options.tracks)]
    training, validation = ([prepare_example(clip, encoder, sampler) for clip in split] for split in clips)
    real = [[motion_channels(clip)[torch.from_numpy(clip.valid)].numpy() for clip in split] for split in clips]
    reference = np.concatenate([window_features(motion) for motion in real[1] if len(motion) > 25])
    report("tracked, training", real[0], reference, 0.0)
    report("tracked, validation", real[1], reference, 0.0)

    config = sampler.config
    sizes = {
        "speech_dim": sampler.motion_prior.audio_input.in_features, "style_dim": config.style_dim,
        "num_layers": config.num_layers,
        "num_heads": config.num_heads, "memory": config.memory, "dropout": config.dropout,
        "window": config.audio_past + 1 + config.audio_future, "flow_channels": config.flow_channels,
        "flow_steps": config.flow_steps,
    }  # fmt: skip
    torch.manual_seed(options.seed)
    designs = {"flow": MotionPrior(dim=config.dim, **sizes), "mixture": MixturePrior(config.dim, **sizes)}
    for name, prior in designs.items():
        sampler.motion_prior = prior
        sampler.leash.zero_()
        measure_motion(sampler, training, clips[0])
        with tempfile.TemporaryDirectory() as folder:
            start = partial(TrainingRun, accelerator=Accelerator(cpu=True), folder=Path(folder), seed=options.seed)
            train_motion(sampler, training, validation, motion_schedule(options.steps), start)
        for label in (name, f"{name}, leashed"):
            if label != name:
                calibrate_leash(sampler.eval(), clips[0], training)
            began = time.monotonic()
            # A seed of its own for each: a seed also chooses how lively the take is.
            drawn = [
                take.numpy()
                for index, example in enumerate(training + validation)
                for take in roll_out(sampler.eval(), example.speech, 100 * index)
            ]
            steps = sum(len(motion) for motion in drawn) / config.stride
            report(label, drawn, reference, 1000 * (time.monotonic() - began) / steps)


if __name__ == "__main__":
    main()
