"""
Measure self-reenactment: one frame of a clip, driven by the clip's own fitted motion, is compared with the clip.

    python benchmarks/evaluate_renderer.py CLIP... --weights weights/dirfa-base [--frames 150] [--json scores.json]

The motion is fitted to landmarks tracked through the video. For the scores, landmarks are detected in each rendered
and real frame separately. Two rows are for comparison: the unchanged photo, and "tracked", the agreement of two
trackings of the clip itself, which a render can hardly exceed. PSNR and SSIM are computed in the box of the face.
Landmark errors are in hundredths of the inter-ocular distance. Slopes are those of the rendered aperture and width of
the mouth, relative to the real ones.
"""

import argparse
import json
from contextlib import closing
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from results import add_option, record

from dirfa_pipeline.animation.coefficients import LIP_INDICES, NUM_EXPRESSIONS
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.fit import CAMERA_DISTANCE, FaceFit, VideoFit
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.face.measures import eye_openness, inter_ocular_distance, lip_aperture, mouth_width
from dirfa_pipeline.face.rotations import rotation_angles
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


Array = NDArray[np.floating]
Frames = NDArray[np.uint8]
EYES = (*RIGHT_EYE.outline, *LEFT_EYE.outline)
COLUMNS = ("psnr", "ssim", "lip_error", "eye_error", "slope", "aperture_r", "width_slope", "width_r", "eye_r")


def track(frames: Frames, video: bool) -> Array:
    """Landmarks `(frames, 478, 3)`, tracked or detected in each frame separately; the last ones if none are found."""
    tracked: list[Array] = []
    with closing(FaceDetector(video=video)) as detector:
        for frame in frames:
            faces = detector.landmarks(frame) if video else detector.find_faces(frame)
            if not faces and not tracked:
                raise ValueError("no face in the first frame")
            tracked.append(faces[0] if faces else tracked[-1])
    return np.array(tracked)


def read_frames(path: Path, length: int) -> Frames:
    """The first frames of a clip, `(frames, height, width, 3)`, cropped to even height and width."""
    frames = np.array(list(islice(read_video(path).frames, length)))
    return frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]


def motion_from(fit: VideoFit, photo: int, face: FaceFit) -> Array:
    """The clip's coefficients, `(frames, 58)`, relative to the fit of one of its frames as a photo."""
    rotation, translation, scale = fit.face.cameras(fit.coefficients)
    coefficients = fit.coefficients.copy()
    others = np.setdiff1d(np.arange(NUM_EXPRESSIONS), LIP_INDICES)
    coefficients[:, others] -= fit.coefficients[photo, others]
    # The clip's lip coefficients are absolute and include the photo's smile.
    coefficients[:, :NUM_EXPRESSIONS] -= face.rest
    turn = rotation @ rotation[photo].T
    growth = scale / scale[photo]
    # The photo's own fit may place the pivot of the head elsewhere.
    pivot = growth[:, None] * (turn @ (face.translation - translation[photo])) + translation
    coefficients[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3] = rotation_angles(turn)
    coefficients[:, NUM_EXPRESSIONS + 3 : NUM_EXPRESSIONS + 5] = (pivot - face.translation)[:, :2] / face.scale
    coefficients[:, NUM_EXPRESSIONS + 5] = CAMERA_DISTANCE * (1.0 / growth - 1.0)
    return coefficients


def ssim(picture: Frames, truth: Frames) -> float:
    """Structural similarity of grey images with Gaussian windows of 1.5 pixels (Wang et al., 2004)."""
    a, b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (picture, truth))

    def local(values: Array) -> Array:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())


def correlation(curve: Array, truth: Array) -> float:
    """Pearson's correlation; NaN if a curve is constant."""
    return float(np.corrcoef(curve, truth)[0, 1]) if min(curve.std(), truth.std()) > 1e-4 else float("nan")


def slope(curve: Array, truth: Array) -> float:
    """Slope of the regression line of a curve on the true one."""
    return float(np.cov(curve, truth)[0, 1] / truth.var(ddof=1))


def score(frames: Frames, landmarks: Array, truth: Frames, true_landmarks: Array) -> dict[str, float]:
    """Compare frames and their landmarks with the real ones; PSNR uses the mean squared error over all frames."""
    errors, similar = [], []
    for picture, real, points in zip(frames, truth, true_landmarks, strict=True):
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        (x0, y0), (x1, y1) = np.maximum(low, 0).astype(int), np.ceil(high).astype(int)
        box = slice(y0, y1), slice(x0, x1)
        errors.append(np.square(picture[box].astype(float) - real[box]).mean())
        similar.append(ssim(picture[box], real[box]))
    noise = 10.0 * np.log10(255.0**2 / np.mean(errors))
    return follow(landmarks, true_landmarks) | {"psnr": float(noise), "ssim": float(np.mean(similar))}


def follow(landmarks: Array, true_landmarks: Array) -> dict[str, float]:
    """How closely landmarks follow the real ones: all columns except those of the images, which are NaN."""
    error = np.linalg.norm((landmarks - true_landmarks)[..., :2], axis=-1)
    error = 100.0 * error / inter_ocular_distance(true_landmarks)[:, None]
    aperture, true_aperture = lip_aperture(landmarks), lip_aperture(true_landmarks)
    width, true_width = mouth_width(landmarks), mouth_width(true_landmarks)
    opened = slope(aperture, true_aperture), correlation(aperture, true_aperture)
    widened = slope(width, true_width), correlation(width, true_width)
    lips, eyes = (error[:, list(points)].mean() for points in (LIPS, EYES))
    lids = correlation(eye_openness(landmarks), eye_openness(true_landmarks))
    values = np.nan, np.nan, lips, eyes, *opened, *widened, lids
    return dict(zip(COLUMNS, map(float, values), strict=True))


def reenact(path: Path, length: int, face_model: FaceModel, renderer: FaceRenderer) -> dict[str, dict[str, float]]:
    """Scores of our render of a clip, of two trackings of the clip, and of the unchanged photo."""
    frames = read_frames(path, length)
    tracked = track(frames, video=True)
    openness = eye_openness(tracked)
    photo = int(np.flatnonzero(openness >= np.median(openness))[0])
    portrait = Portrait.from_image(frames[photo], face_model)
    motion = motion_from(face_model.fit_video(tracked), photo, portrait.face)
    rendered = renderer.render(renderer.prepare(portrait), motion)
    found, real = track(rendered, video=False), track(frames, video=False)
    still = np.repeat(frames[photo : photo + 1], len(frames), axis=0)
    return {
        "ours": score(rendered, found, frames, real),
        "tracked": follow(tracked, real),
        "still": score(still, np.repeat(real[photo : photo + 1], len(real), axis=0), frames, real),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=150, help="frames from the beginning of each clip")
    parser.add_argument("--json", type=Path)
    add_option(parser, "reenactment")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    table: dict[str, dict[str, dict[str, float]]] = {}
    print(f"{'clip':24s}{'':8s}" + "".join(f"{name:>11s}" for name in COLUMNS))
    for path in options.clips:
        table[path.stem] = reenact(path, options.frames, face_model, renderer)
        print_rows(path.stem, table[path.stem])
    means = {
        kind: {name: float(np.mean([scores[kind][name] for scores in table.values()])) for name in COLUMNS}
        for kind in ("ours", "tracked", "still")
    }
    print_rows("mean", means)
    values = {f"{kind}.{name}": value for kind, scores in means.items() for name, value in scores.items()}
    record(options.record, values, options.weights)
    if options.json:
        options.json.write_text(json.dumps({"clips": table, "mean": means}, indent=1), encoding="utf-8")


def print_rows(name: str, scores: dict[str, dict[str, float]]) -> None:
    for kind, values in scores.items():
        print(f"{name:24s}{kind:8s}" + "".join(f"{values[column]:11.3f}" for column in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
