"""
Lips against sound on held-out recordings, measured on the rendered pictures by a tracker.

    python benchmarks/evaluate_lips.py PHOTO --data DATA --weights weights/dirfa-base

One row a clip for our video, then means for ours, for the same videos against another clip's sound, for a still photo,
and for the real video where there is one. Apertures are in inter-ocular distances.
"""

import argparse
import json
from contextlib import closing
from dataclasses import asdict, astuple, fields
from pathlib import Path

import numpy as np
import torch
from evaluate_audio_encoder import held_out_jobs

from dirfa_pipeline import DirfaPipeline, load_audio
from dirfa_pipeline.metrics import LipScores, Phone, best_lag, lip_aperture, lip_scores
from dirfa_pipeline.portrait import FaceDetector
from dirfa_pipeline.training.prepare_speech import align
from dirfa_pipeline.video import read_video


FPS = 25.0


def phones_of(path: Path, text: str, lexicon: Path) -> list[Phone] | None:
    """Aligned phones of a recording."""
    samples = (load_audio(path).mono(16_000) * 32767).astype(np.int16)
    aligned = align(samples, text, lexicon)
    return aligned and [Phone(name.rstrip("012"), start, end) for name, start, end in aligned]


def track_aperture(frames: list[np.ndarray]) -> np.ndarray:
    """Inner-lip aperture of each frame by MediaPipe."""
    landmarks: list[np.ndarray] = []
    with closing(FaceDetector(video=True)) as detector:
        for frame in frames:
            faces = detector.landmarks(np.ascontiguousarray(frame))
            landmarks.append(faces[0] if faces else landmarks[-1])
    return lip_aperture(np.array(landmarks))


def print_row(name: str, scores: LipScores, more: str = "") -> None:
    print(f"{name:28s}" + "".join(f"{value:16.3f}" for value in astuple(scores)) + more)


def mean_scores(rows: list[LipScores]) -> LipScores:
    return LipScores(*(float(np.nanmean(column)) for column in zip(*map(astuple, rows), strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the means here, for `dirfa push --metrics`")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    portrait = pipe.prepare_portrait(options.photo, max_size=512)
    lexicon = options.data / "speech" / "speechocean762" / "lexicon.txt"
    jobs = [job for name, job in held_out_jobs(options.data) if name == "grid" or job[2] == "librivox"]

    tracked: list[tuple[np.ndarray, list[Phone]]] = []
    ours, still, real = [], [], []
    print(f"{'clip':28s}" + "".join(f"{field.name:>16s}" for field in fields(LipScores)))
    for path, text, _ in jobs:
        phones = phones_of(path, text, lexicon)
        if not phones:
            print(f"{path.stem:28s} left out: its text could not be aligned")
            continue
        animation = pipe.sample_animation(load_audio(path), torch.Generator().manual_seed(options.seed))
        aperture = track_aperture(list(pipe.render(portrait, animation)))
        ours.append(lip_scores(aperture, FPS, phones))
        more = ""
        if path.suffix == ".mp4":
            truth = track_aperture(list(read_video(path).frames))
            real.append(lip_scores(truth, FPS, phones))
            more = "   lag {} frames, correlation {:.2f} to the real video".format(*best_lag(aperture, truth))
        print_row(path.stem, ours[-1], more)
        frozen = np.full(len(aperture), lip_aperture(portrait.landmarks[None])[0])
        still.append(lip_scores(frozen + 1e-4 * np.random.default_rng(0).standard_normal(len(frozen)), FPS, phones))
        tracked.append((aperture, phones))
    others = [tracked[(index + 1) % len(tracked)][1] for index in range(len(tracked))]
    shuffled = [lip_scores(curve, FPS, phones) for (curve, _), phones in zip(tracked, others, strict=True)]
    rows = {"mean of ours": ours, "another clip's sound": shuffled, "still photo": still, "real video (GRID)": real}
    means = {name: mean_scores(scores) for name, scores in rows.items()}
    for name, scores in means.items():
        print_row(name, scores)
    if options.json:
        options.json.write_text(json.dumps({name: asdict(scores) for name, scores in means.items()}, indent=2))


if __name__ == "__main__":
    main()
