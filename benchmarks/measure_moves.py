"""
Measure how far and how fast talkers move head, brows and lids: where `gestures.py` has its bounds from.

    python benchmarks/measure_moves.py VIDEO... [--weights weights/dirfa-base]

For each channel it prints the 99.5th percentile over frames of the change in one frame and within a step's and a
gesture's rise, each the upper quartile over the videos, as of a lively talker; and the bounds that follow. A
step or gesture goes no further than talkers do in its time, and is at its fastest moment no faster than they are: a
move of minimum jerk is then 1.875 times as fast as on average.
Radians, inter-ocular distances and weights. Last come the slopes of the position over leaning and nodding, medians.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.models.gestures import ATTACK, STEP
from dirfa_pipeline.models.motion_channels import ABOUT_NECK, MOTION_NAMES, motion_from_coefficients


PERCENTILE = 99.5
PEAK = 1.875  # of minimum jerk: its greatest speed over its mean


def change(motions: list[np.ndarray], frames: int) -> np.ndarray:
    """How far each channel moves within some frames, `(channels,)`: the upper quartile over the videos."""
    each = [np.percentile(abs(rows[frames:] - rows[:-frames]), PERCENTILE, axis=0) for rows in motions]
    return np.percentile(each, 75.0, axis=0)


def slope(motions: list[np.ndarray], turn: str, shift: str) -> float:
    """How far a head moves for each radian that it turns: the median over the videos of the slope of regression."""
    turns, shifts = MOTION_NAMES.index(turn), MOTION_NAMES.index(shift)
    return float(np.median([np.polyfit(rows[:, turns], rows[:, shifts], 1)[0] for rows in motions]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    options = parser.parse_args()
    pipe = DirfaPipeline.from_pretrained(options.weights)
    motions = []
    for video in options.videos:
        track = pipe.track(video)
        rows = track.resample(ANIMATION_FPS).coefficients
        motions.append(motion_from_coefficients(torch.from_numpy(rows)).numpy())
    fastest = change(motions, 1)
    lengths = (round(STEP), round(ATTACK))
    far = [change(motions, length) for length in lengths]
    bounds = [np.minimum(most, fastest * length / PEAK) for most, length in zip(far, lengths, strict=True)]
    print(f"{'':12s} one frame  {lengths[0]} frames  {lengths[1]} frames  step  gesture")
    for index, name in enumerate(MOTION_NAMES):
        row = [fastest[index], *(most[index] for most in far), *(bound[index] for bound in bounds)]
        print(f"{name:12s}", *(f"{value:8.3f}" for value in row))
    print(*(f"{shift} over {turn}: {slope(motions, turn, shift):.2f}" for turn, shift in ABOUT_NECK))


if __name__ == "__main__":
    main()
