"""
Measure whether the face keeps the person's identity, and the lips the sharpness of the photo.

    pip install dlib-bin face_recognition_models
    python benchmarks/evaluate_likeness.py SPEECH PHOTO... --weights weights/dirfa-base --embedder MODELS

MODELS is the folder `face_recognition_models/models` of that package: a shape predictor and a residual network (King,
2017; CC0). According to its author, two images show the same person if their descriptors, of length one, are less than
0.6 apart. The photo's identity is compared with that of frames of the speech, with and without head motion, and with
that of the photo's face turned by 15 degrees. Sharpness is the deviation of the Laplacian on the lips, away from their
edges and from what is between them, relative to the photo; photos with shut mouths and with open ones are told apart.
"""

import argparse
from contextlib import closing
from pathlib import Path

import cv2
import dlib
import numpy as np
import torch
from numpy.typing import NDArray
from poses import pose_rows
from results import add_option, record

from dirfa_pipeline import Animation, AudioClip, DirfaPipeline, load_audio
from dirfa_pipeline.animation.coefficients import NUM_EXPRESSIONS
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.face.landmarks import INNER_LIPS
from dirfa_pipeline.models.face_renderer import FaceRenderer, PreparedPortrait
from dirfa_pipeline.rendering.masks import ellipse, polygon, whole
from dirfa_pipeline.rendering.relaxed_photo import LIP_OUTLINE


Frame = NDArray[np.uint8]
Descriptor = NDArray[np.float64]
MOUTHS = ("silence", "p", "smile")
LIPS_EDGE = 0.03  # inter-ocular distances from their edges that are left out
LEAST_LIPS = 20  # pixels
TURNS = ("yaw+15", "yaw-15", "pitch+15", "pitch-15", "roll+15", "roll-15")


class Embedder:
    """Computes descriptors of faces, `(128,)` of length one."""

    def __init__(self, folder: Path, detector: FaceDetector) -> None:
        self.detector = detector
        self.predictor = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self.network = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    def __call__(self, frame: Frame) -> Descriptor | None:
        """The descriptor of the largest face; `None` if there is no face."""
        faces = self.detector.find_faces(frame)
        if not faces:
            return None
        low, high = faces[0][:468, :2].min(0), faces[0][:468, :2].max(0)
        box = dlib.rectangle(*(int(value) for value in (*low, *high)))
        values = np.array(self.network.compute_face_descriptor(frame, self.predictor(frame, box)))
        return values / np.linalg.norm(values)


def lip_sharpness(picture: Frame, points: NDArray[np.float32], scale: float) -> float:
    """Deviation of the Laplacian on lips whose landmarks are `(478, 3)`; `scale` is the inter-ocular distance."""
    edge = ellipse(whole(LIPS_EDGE * scale))
    outer, inner = (polygon(points[list(line), :2], picture.shape) for line in (LIP_OUTLINE, INNER_LIPS))
    lips = (cv2.erode(outer, edge) > 0) & (cv2.dilate(inner, edge) == 0)
    if lips.sum() < LEAST_LIPS:
        raise ValueError(f"the lips must have {LEAST_LIPS} pixels away from their edges, got {lips.sum()}")
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[lips].std())


def relative_sharpness(renderer: FaceRenderer, prepared: PreparedPortrait) -> list[float]:
    """Sharpness of the lips in each of `MOUTHS`, relative to the photo's."""
    portrait, scale = prepared.portrait, prepared.face.scale
    rows = pose_rows(MOUTHS, portrait.face)
    photo = lip_sharpness(portrait.image, portrait.landmarks, scale)
    frames = renderer.frames(prepared, rows)
    return [
        lip_sharpness(frame, prepared.pose(row).vertices, scale) / photo
        for frame, row in zip(frames, rows, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=8, help="frames of each photo")
    parser.add_argument("--step", type=int, default=10)
    add_option(parser, "likeness")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    clip = load_audio(options.speech)
    samples = int(options.frames * options.step / ANIMATION_FPS * clip.sampling_rate)
    clip = AudioClip(clip.samples[:, :samples], clip.sampling_rate)
    likeness: dict[str, list[float]] = {"head still": [], "head moves": [], "head turned": []}
    sharp: dict[str, list[list[float]]] = {"shut": [], "open": []}
    with closing(FaceDetector(video=False)) as detector:
        embed = Embedder(options.embedder, detector)
        for index, path in enumerate(options.photos):
            portrait = pipe.prepare_portrait(path, max_size=512)
            prepared, photo = pipe.face_renderer.prepare(portrait), embed(portrait.image)
            if photo is None:
                raise ValueError(f"no face in {path}")
            moving = pipe.sample_animation(clip, torch.Generator().manual_seed(index)).coefficients[:: options.step]
            still = moving.copy()
            still[:, NUM_EXPRESSIONS:] = 0.0
            turned = pose_rows(TURNS, portrait.face)
            for kind, coefficients in zip(likeness, (still, moving, turned), strict=True):
                found = [embed(frame) for frame in pipe.render(prepared, Animation(coefficients), facing=0.0)]
                likeness[kind] += [float(photo @ face) for face in found if face is not None]
            try:
                lips = relative_sharpness(pipe.face_renderer, prepared)
            except ValueError as error:
                print(f"{path.stem}: {error}", flush=True)
                continue
            sharp["open" if prepared.lips.open_photo > 0.5 else "shut"].append(lips)
            print(path.stem, *(f"{name} {value:.2f}" for name, value in zip(MOUTHS, lips, strict=True)), flush=True)
    values: dict[str, float] = {}
    for kind, cosines in likeness.items():
        distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * np.array(cosines)))
        print(
            f"{kind}: cosine mean {np.mean(cosines):.3f}, least {min(cosines):.3f};"
            f" distance mean {distances.mean():.3f}, largest {distances.max():.3f} ({len(cosines)} frames)"
        )
        name = {"head still": "still", "head moves": "moving", "head turned": "turned"}[kind]
        values |= {f"cosine.{name}": float(np.mean(cosines)), f"distance.{name}": float(distances.mean())}
        values["distance.largest"] = max(values.get("distance.largest", 0.0), distances.max())
    for mouth, scores in sharp.items():
        if not scores:
            continue
        means = dict(zip(MOUTHS, np.mean(scores, 0), strict=True))
        print(f"sharpness, {mouth}:", *(f"{name} {value:.2f}" for name, value in means.items()))
        values |= {f"sharpness.{mouth}.{name}": float(value) for name, value in means.items()}
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
