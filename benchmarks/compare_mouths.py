"""
Compare rendered mouths with filmed ones: are they as light inside, and is the opening shaped alike?

    python benchmarks/compare_mouths.py CLIP... --weights weights/dirfa-base [--frames 100]

Each clip is reenacted as in `evaluate_renderer.py`. Light is measured between the lips, as percentiles relative to the
light of the skin. The outline is the gap between the lips at nine pairs of landmarks from corner to corner, relative
to the gap in the middle. Both are medians over the clips' medians, in groups of frames by how far the lips are parted.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from evaluate_renderer import Array, Frames, motion_from, read_frames, track
from results import add_option, record

from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.landmarks import INNER_LIP_PAIRS, INNER_LIPS
from dirfa_pipeline.face.measures import eye_openness, lip_aperture
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


PARTED = (0.05, 0.1, 0.2, 0.5)  # limits of the groups, in inter-ocular distances
PERCENTILES = (5, 25, 50, 75, 95)
INSET = 0.85  # share of the opening's size that is measured, because its edge belongs to the lips
SKIN = (50, 280, 205, 425, 101, 330)
GREY = np.array([0.299, 0.587, 0.114])


def light_inside(frame: Frames, points: Array) -> Array | None:
    """Percentiles of the light between the lips, `(5,)`; `None` if there are too few pixels."""
    opening = points[list(INNER_LIPS), :2]
    middle = opening.mean(0)
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [(middle + INSET * (opening - middle)).round().astype(np.int32)], 1)
    pixels = frame[inside > 0] @ GREY
    return np.percentile(pixels, PERCENTILES) if len(pixels) >= 15 else None


def outline(points: Array) -> Array:
    """Gaps `(9,)` between opposite lip landmarks, relative to the middle one."""
    upper, lower = np.array(INNER_LIP_PAIRS).T
    gaps = np.linalg.norm(points[lower, :2] - points[upper, :2], axis=1)
    return gaps / max(float(gaps[len(gaps) // 2]), 1e-6)


def compare(path: Path, length: int, face_model: FaceModel, renderer: FaceRenderer) -> dict[int, list[Array]]:
    """For each group of a clip's frames, rows of 5 + 9 values of the real mouth and 5 + 9 of the rendered one."""
    frames = read_frames(path, length)
    tracked = track(frames, video=True)
    opened, eyes = lip_aperture(tracked), eye_openness(tracked)
    photo = int(np.flatnonzero((eyes >= np.median(eyes)) & (opened <= np.percentile(opened, 30)))[0])
    portrait = Portrait.from_image(frames[photo], face_model)
    motion = motion_from(face_model.fit_video(tracked), photo, portrait.face)
    rendered = renderer.render(renderer.prepare(portrait), motion)
    found = track(rendered, video=False)
    places = portrait.landmarks[list(SKIN), :2].astype(int)
    skin = float(np.median(portrait.image[places[:, 1], places[:, 0]] @ GREY))
    rows: dict[int, list[Array]] = {}
    for index in np.flatnonzero((opened >= PARTED[0]) & (opened < PARTED[-1])):
        real, ours = (light_inside(picture[index], tracked[index]) for picture in (frames, rendered))
        if real is not None and ours is not None:
            row = np.concatenate([real / skin, outline(tracked[index]), ours / skin, outline(found[index])])
            rows.setdefault(int(np.searchsorted(PARTED, opened[index], side="right")), []).append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=100, help="frames from the beginning of each clip")
    add_option(parser, "mouths")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    groups: dict[int, list[Array]] = {}
    for path in options.clips:
        for group, rows in compare(path, options.frames, face_model, renderer).items():
            groups.setdefault(group, []).append(np.median(rows, axis=0))
    found: dict[str, float] = {}
    for group, clips in sorted(groups.items()):
        print(f"lips parted by {PARTED[group - 1]} to {PARTED[group]}, {len(clips)} clips")
        for name, values in zip(("real", "ours"), np.split(np.median(clips, axis=0), 2), strict=True):
            light, shape = (" ".join(f"{value:.2f}" for value in part) for part in (values[:5], values[5:]))
            print(f"  {name}  light {light}  outline {shape}")
            shown = {"dark": values[0], "median": values[2], "light": values[4]}
            found |= {f"{name}.{group}.{place}": value for place, value in shown.items()}
    record(options.record, found, options.weights)


if __name__ == "__main__":
    main()
