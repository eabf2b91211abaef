"""
Measure the arousal that is heard in voices, and whether it depends on their gain.

    python benchmarks/evaluate_arousal.py SOUND ... [--weights weights/dirfa-base] [--seconds 12]

Each row is a sound: its arousal at the end and on average, as `expression="auto"` follows it, and then the mean at
lower gains minus the mean at full gain. Takes of one speaker in several moods show whether angry and happy ones rank
above neutral ones, and these above sad ones.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from results import add_option, record

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.media.audio import ENCODER_RATE, AudioClip, load_audio


GAINS = (0.3, 0.1, 0.03)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each sound (default 12)")
    add_option(parser, "arousal")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    print(f"{'':36s}   end  mean" + "".join(f"  at {gain:g}" for gain in GAINS))
    changes = []
    for path in options.sounds:
        wave = load_audio(path).mono(ENCODER_RATE)[: round(options.seconds * ENCODER_RATE)].astype(np.float32)
        clips = [AudioClip(np.float32(gain) * wave[None], ENCODER_RATE) for gain in (1.0, *GAINS)]
        curves = [pipe.animation_sampler.arousal(pipe.encode_audio(clip)) for clip in clips]
        own, *others = (float(curve.mean()) for curve in curves)
        changes.append([other - own for other in others])
        print(f"{path.stem:36s} {curves[0][-1]:5.2f} {own:5.2f}" + "".join(f" {c:+7.3f}" for c in changes[-1]))
    size = np.abs(changes)
    print(f"{'mean size':47s}" + "".join(f" {value:7.3f}" for value in size.mean(0)))
    print(f"{'largest':47s}" + "".join(f" {value:7.3f}" for value in size.max(0)))
    values = {f"mean.{gain:g}": value for gain, value in zip(GAINS, size.mean(0), strict=True)}
    values |= {f"largest.{gain:g}": value for gain, value in zip(GAINS, size.max(0), strict=True)}
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
