"""
Draw several people saying the same speech: one row per photo, with frames at equal intervals, as one PNG.

    python benchmarks/clip_sheet.py SPEECH PHOTO... --weights weights/dirfa-base --output sheet.png [--step 10]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from contact_sheet import box_of
from PIL import Image

from dirfa_pipeline import Animation, AudioClip, DirfaPipeline, load_audio
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0, help="first frame")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--step", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--zoom", choices=("mouth", "eyes"))
    parser.add_argument("--cell", type=int, default=150)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    clip = load_audio(options.speech)
    length = (options.start + options.frames * options.step) / ANIMATION_FPS
    clip = AudioClip(clip.samples[:, : int(length * clip.sampling_rate)], clip.sampling_rate)
    rows = []
    for index, photo in enumerate(options.photos):
        portrait = pipe.prepare_portrait(photo, max_size=768)
        animation = pipe.sample_animation(clip, torch.Generator().manual_seed(options.seed + index))
        chosen = Animation(animation.coefficients[options.start :: options.step][: options.frames])
        box = box_of(portrait, options.zoom)
        cells = [Image.fromarray(f).crop(box).resize((options.cell,) * 2) for f in pipe.render(portrait, chosen)]
        rows.append(np.concatenate([np.asarray(cell) for cell in cells], axis=1))
    Image.fromarray(np.concatenate(rows)).save(options.output)


if __name__ == "__main__":
    main()
