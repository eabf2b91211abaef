"""
Several performances of the same words, and how far they spread.

    python examples/takes.py [PHOTO SPEECH] [--output FOLDER]
"""

from itertools import combinations

import numpy as np
import torch
from arguments import parse_arguments

from dirfa_pipeline import Animation, DirfaPipeline, write_video


SEEDS = (1, 2, 3)


def apart(first: Animation, second: Animation) -> float:
    """How far the heads of two takes are turned apart, in degrees on average."""
    angles = [np.stack([take[name] for name in ("yaw", "pitch", "roll")]) for take in (first, second)]
    return float(np.degrees(np.linalg.norm(angles[0] - angles[1], axis=0)).mean())


options = parse_arguments(__doc__)
pipe = DirfaPipeline.from_pretrained("dirfa-base")
portrait = pipe.prepare_portrait(options.photo, max_size=options.max_size)

# All takes of one diversity are drawn at once: the sound is heard only once.
for diversity in (0.0, 0.5, 1.0, 1.5):
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    takes = pipe.sample_animations(options.speech, generators, diversity)
    distance = np.mean([apart(first, second) for first, second in combinations(takes, 2)])
    print(f"diversity {diversity}: heads {distance:.1f} degrees apart")

# A portrait is prepared for rendering once, and then moved by each take.
prepared = pipe.face_renderer.prepare(portrait)
for seed, take in zip(SEEDS, takes, strict=True):
    path = options.output / f"take-{seed}.mp4"
    write_video(path, pipe.render(prepared, take), take.fps, options.speech)
    print(path)
