"""
Compare two designs of the sampler's random part, trained alike on the same tracks.

    python benchmarks/compare_motion_designs.py --tracks TRACKS --weights weights/dirfa-base [--steps 250]

`mixture` is what ships: the transformer gives a mixture of Gaussians for the next control point. `flow` puts a flow
matching head (Lipman et al., 2023) on the same transformer: a small network turns noise into the control point in
eight steps of diffusers' `FlowMatchEulerDiscreteScheduler`. Both drive themselves over the sound of the clips, then
their head, gaze and face are set beside the tracked: Frechet distance of windows of a second to the validation clips,
deviation of yaw, pitch and roll within a clip, speed of the head.
"""

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from transformers import Wav2Vec2Model

from dirfa_pipeline.metrics import frechet_distance, window_features
from dirfa_pipeline.models.animation_sampler import AnimationSampler, MotionPrior
from dirfa_pipeline.models.motion_channels import NUM_MOTIONS
from dirfa_pipeline.training.held_out import split_clips
from dirfa_pipeline.training.motion_data import load_clip, motion_channels
from dirfa_pipeline.training.train_animation_sampler import (
    calibrate_leash,
    measure_motion,
    prepare_example,
    roll_out,
    train_motion,
)


FLOW_STEPS = 8
SILENT_SETS, STILL_SETS = ("silent",), ("grid_s1",)


@dataclass
class FlowDistribution:
    """The next control point as the end of a flow from noise, given `context` of shape `(batch, steps, dim)`."""

    velocity: nn.Module
    context: Tensor
    last: Tensor
    blink_logits: Tensor

    def log_prob(self, points: Tensor) -> Tensor:
        """Minus the flow matching loss, `(batch, steps)`: what training maximises in place of a likelihood."""
        data, noise = points - self.last, torch.randn_like(points)
        sigma = torch.rand(*points.shape[:-1], 1)
        guess = self._flow((1 - sigma) * data + sigma * noise, sigma)
        return -(guess - (noise - data)).square().sum(-1)

    def sample(self, diversity: float, uniform: Tensor, normal: Tensor) -> Tensor:
        """Draw a control point; `diversity` scales its distance to where no noise leads."""
        mean, draw = self._integrate(torch.zeros_like(normal)), self._integrate(normal)
        return self.last + mean + diversity * (draw - mean)

    def _integrate(self, state: Tensor) -> Tensor:
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(FLOW_STEPS)
        for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
            speed = self._flow(state, sigma.expand(*state.shape[:-1], 1))
            state = scheduler.step(speed, timestep, state, return_dict=False)[0]
        return state

    def _flow(self, state: Tensor, sigma: Tensor) -> Tensor:
        return self.velocity(torch.cat([self.context, state, sigma], dim=-1))


class FlowPrior(MotionPrior):
    """The shipped transformer with a flow matching head."""

    def __init__(self, dim: int, **sizes: int | float) -> None:
        super().__init__(dim=dim, num_mixtures=1, **sizes)
        self.output = nn.Linear(dim, dim + 1)
        self.velocity = nn.Sequential(
            nn.Linear(dim + NUM_MOTIONS + 1, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(),
            nn.Linear(128, NUM_MOTIONS),
        )  # fmt: skip

    def _distribution(self, output: Tensor, points: Tensor) -> FlowDistribution:
        return FlowDistribution(self.velocity, output[..., :-1], points[..., :NUM_MOTIONS], output[..., -1])


def report(name: str, motions: list[np.ndarray], reference: np.ndarray, milliseconds: float) -> None:
    """Print one row."""
    features = np.concatenate([window_features(motion) for motion in motions if len(motion) > 25])
    degrees = [np.degrees(motion[:, :3]) for motion in motions if len(motion) >= 75]
    spread = np.mean([motion.std(0) for motion in degrees], axis=0)
    speed = np.mean([25 * np.linalg.norm(np.diff(motion, axis=0), axis=1).mean() for motion in degrees])
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
    clips = [
        [
            load_clip(path, with_audio=path.parent.name not in SILENT_SETS)
            for path in split
            if path.parent.name not in STILL_SETS
        ]
        for split in split_clips(sorted(options.tracks.glob("*/*.npz")))
    ]
    clips = [[clip for clip in split if clip.valid.mean() > 0.6 and clip.valid.sum() > 50] for split in clips]
    training, validation = ([prepare_example(clip, encoder, sampler) for clip in split] for split in clips)
    real = [[motion_channels(clip)[torch.from_numpy(clip.valid)].numpy() for clip in split] for split in clips]
    reference = np.concatenate([window_features(motion) for motion in real[1] if len(motion) > 25])
    report("tracked, training", real[0], reference, 0.0)
    report("tracked, validation", real[1], reference, 0.0)

    config, mixture = sampler.config, sampler.motion_prior
    sizes = {
        "speech_dim": mixture.audio_input.in_features, "style_dim": config.style_dim, "num_layers": config.num_layers,
        "num_heads": config.num_heads, "memory": config.memory, "dropout": config.dropout,
        "window": config.audio_past + 1 + config.audio_future,
    }  # fmt: skip
    torch.manual_seed(options.seed)
    designs = {
        "mixture": MotionPrior(dim=config.dim, num_mixtures=config.num_mixtures, **sizes),
        "flow": FlowPrior(config.dim, **sizes),
    }
    for name, prior in designs.items():
        sampler.motion_prior = prior
        sampler.leash.zero_()
        measure_motion(sampler, training, clips[0])
        train_motion(sampler, training, validation, options.steps, Accelerator(cpu=True), options.seed)
        for label in (name, f"{name}, leashed"):
            if label != name:
                calibrate_leash(sampler.eval(), clips[0], training)
            began = time.monotonic()
            # A seed of its own for each: a seed also chooses how lively the take is.
            drawn = [
                roll_out(sampler.eval(), example.speech, 100 * take + index).numpy()
                for index, example in enumerate(training + validation)
                for take in range(4)
            ]
            steps = sum(len(motion) for motion in drawn) / config.stride
            report(label, drawn, reference, 1000 * (time.monotonic() - began) / steps)


if __name__ == "__main__":
    main()
