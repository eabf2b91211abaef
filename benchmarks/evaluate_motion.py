"""
Head motion, blinks and diversity of drawn animations, beside real tracked clips.

    python benchmarks/evaluate_motion.py AUDIO... --photo PHOTO --weights weights/dirfa-base [--tracks TRACKS]

Spread is in degrees, speed in degrees a second. The distance of two animations is a root mean square: of the head's
angles in degrees, of brows and lids and of the lips in hundredths of the inter-ocular distance, in the head's frame.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from dirfa_pipeline import Animation, DirfaPipeline, load_audio
from dirfa_pipeline.metrics import RIGID, count_blinks, eye_openness, head_motion, jitter
from dirfa_pipeline.models.face_landmarks import BROWS, LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.models.face_model import FaceFit


UPPER_FACE = [*BROWS, *LEFT_EYE.upper, *RIGHT_EYE.upper]
COLUMNS = ("yaw_std", "pitch_std", "roll_std", "angular_speed", "blinks_a_minute", "jitter_rigid", "jitter_lips")


def describe(animation: Animation, face: FaceFit) -> dict[str, float]:
    """Motion scores of one animation."""
    vertices = face.vertices(animation.coefficients)
    blinks = count_blinks(eye_openness(vertices)) / animation.duration * 60
    measures = {
        "blinks_a_minute": blinks,
        "jitter_rigid": jitter(vertices, RIGID),
        "jitter_lips": jitter(vertices, LIPS),
    }
    return head_motion(animation.coefficients[:, 52:55], animation.fps) | measures


def distance(first: Animation, second: Animation, face: FaceFit) -> np.ndarray:
    """Distances of pose, upper face and lips over the common length."""
    length = min(len(first), len(second))
    a, b = (animation.coefficients[:length] for animation in (first, second))
    pose = np.degrees(a[:, 52:55] - b[:, 52:55])
    shape = 100 * (face.head_vertices(a) - face.head_vertices(b))[..., :2]
    parts = (pose, shape[:, UPPER_FACE], shape[:, list(LIPS)])
    return np.array([np.sqrt(np.square(part).sum(-1).mean()) for part in parts])


def print_row(name: str, rows: list[dict[str, float]]) -> None:
    print(f"{name:28s}" + "".join(f"{np.mean([row[column] for row in rows]):17.2f}" for column in COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, nargs="+")
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--tracks", type=Path, help="folder of tracked clips for the real rows")
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    face = pipe.prepare_portrait(options.photo, max_size=512).face
    print(f"{'':28s}" + "".join(f"{column:>17s}" for column in COLUMNS))
    seeds = range(1, options.seeds + 1)
    distances = {0.0: [], 1.0: []}
    for path in options.audio:
        clip = load_audio(path)
        for diversity, rows in distances.items():
            takes = [pipe.sample_animation(clip, torch.Generator().manual_seed(s), diversity) for s in seeds]
            rows += [distance(a, b, face) for a, b in combinations(takes, 2)]
            if diversity == 1.0:
                print_row(path.stem[-28:], [describe(take, face) for take in takes])
    if options.tracks:
        real = {}
        for path in sorted(options.tracks.glob("*.npz")):
            with np.load(path) as file:
                real[path.stem] = Animation(file["coefficients"])
            print_row(f"real {path.stem}"[:28], [describe(real[path.stem], face)])
        people = {name.split("_")[0] for name in real}
        pairs = [
            distance(real[a], real[b], face)
            for person in people
            for a, b in combinations([name for name in real if name.split("_")[0] == person], 2)
        ]
        print("two clips of one person: pose {:.1f}, upper face {:.1f}, lips {:.1f}".format(*np.mean(pairs, axis=0)))
    for diversity, rows in distances.items():
        pose, upper, lips = np.mean(rows, axis=0)
        print(f"two seeds at diversity {diversity:.0f}: pose {pose:.1f}, upper face {upper:.1f}, lips {lips:.2f}")


if __name__ == "__main__":
    main()
