"""
Compare the outline of a head that turns and nods with the filmed one.

    python benchmarks/compare_outlines.py CLIP... --weights weights/dirfa-base [--frames 50] [--step 3]

In each clip, the frame that looks most directly into the camera is the photo. It is rendered in the poses of the
frames that are farthest away in yaw, pitch and roll. The person is segmented in the render, and the outline above the
chin is compared with that in the film: intersection over union, and how much lower the highest point is in the render,
in inter-ocular distances. For comparison, a row shows the photo without any motion.
"""

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from evaluate_renderer import motion_from, read_frames, track
from numpy.typing import NDArray

from dirfa_pipeline.animation.coefficients import NUM_EXPRESSIONS
from dirfa_pipeline.capture.detector import PERSON, FaceDetector
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


LEAST_TURN = 7.0  # degrees by which a frame must be turned
CHIN = 152


def farthest(angles: NDArray[np.floating]) -> list[int]:
    """Frames turned farthest either way in yaw, pitch and roll, `(frames, 3)` in degrees, at least by `LEAST_TURN`."""
    ends = {int(turns.argmax()) for turns in (*angles.T, *-angles.T) if turns.max() >= LEAST_TURN}
    return sorted(ends)


def compare(outline: NDArray[np.bool_], truth: NDArray[np.bool_], chin: int, scale: float) -> tuple[float, float]:
    """Intersection over union of two outlines above the chin, and how much lower the first one begins."""
    ours, real = outline[:chin], truth[:chin]
    tops = [int(part.any(1).argmax()) for part in (ours, real)]
    return float((ours & real).sum() / max(1, (ours | real).sum())), (tops[0] - tops[1]) / scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=50, help="frames of each clip")
    parser.add_argument("--step", type=int, default=3, help="use every n-th frame of a clip")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    scores: dict[str, list[tuple[float, float]]] = {"ours": [], "still": []}
    with closing(FaceDetector(video=False)) as detector:
        for path in options.clips:
            frames = read_frames(path, options.frames * options.step)[:: options.step]
            landmarks = track(frames, video=False)
            photo = int(np.argmin([np.abs(face_model.fit_image(face).head_angles()).sum() for face in landmarks]))
            portrait = Portrait.from_image(frames[photo], face_model, detector=detector)
            motion = motion_from(face_model.fit_video(landmarks), photo, portrait.face)
            angles = np.degrees(motion[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3])
            chosen = farthest(angles)
            if not chosen:
                print(f"{path.stem}: turns by less than {LEAST_TURN:g} degrees")
                continue
            for frame, render in zip(chosen, renderer.render(renderer.prepare(portrait), motion[chosen]), strict=True):
                truth = detector.person_mask(frames[frame]) > PERSON
                chin = int(np.clip(landmarks[frame, CHIN, 1], 1, len(truth)))
                pictures = {"ours": render, "still": frames[photo]}
                for name, picture in pictures.items():
                    outline = detector.person_mask(picture) > PERSON
                    scores[name].append(compare(outline, truth, chin, portrait.face.scale))
                print(path.stem, angles[frame].round().astype(int), *np.round([scores["ours"][-1]], 3), flush=True)
    for name, values in scores.items():
        shared, lower = np.mean(values, axis=0)
        print(f"{name}: shared {shared:.3f}, lower by {lower:+.3f} ({len(values)} frames)")


if __name__ == "__main__":
    main()
