"""
Compare a photo that was taken in the middle of a word, rendered with shut lips, with the same person's shut lips.

    python benchmarks/compare_open.py CLIP... --weights weights/dirfa-base [--frames 150] [--sheet pairs.png]

In each clip, the frame with the widest opening is the photo, and the frame with shut lips whose head pose is most
similar is the truth. The photo is rendered with its lips at rest, as in a pause. The table has the columns of
`compare_neutral.py`, as medians over the clips, and the mean difference of mouth, chin and cheeks after alignment, in
levels of 255. For comparison, it also shows the unchanged photo.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from compare_neutral import COLUMNS, brought_to, compare, mouth_of
from evaluate_renderer import Array, Frames, read_frames, track
from PIL import Image

from dirfa_pipeline.animation.coefficients import NUM_COEFFICIENTS
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.errors import ImageError
from dirfa_pipeline.face.landmarks import RIGID
from dirfa_pipeline.face.measures import inter_ocular_distance, lip_aperture
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


OPEN = 0.15  # aperture from which a mouth counts as open
SHUT = 0.02  # aperture up to which lips count as shut
# Landmarks around the mouth, from under the nose along the cheeks to the chin.
MUZZLE = (98, 203, 206, 216, 212, 202, 204, 194, 201, 200, 421, 418, 424, 422, 432, 436, 426, 423, 327)


def find_pair(landmarks: Array) -> tuple[int, int] | None:
    """The frame with the widest opening, and the otherwise most similar one with shut lips; `None` without both."""
    aperture = lip_aperture(landmarks)
    photo, shut = int(aperture.argmax()), np.flatnonzero(aperture < SHUT)
    if aperture[photo] < OPEN or len(shut) == 0:
        return None
    scale = inter_ocular_distance(landmarks[[photo]])[0]
    gone = np.linalg.norm((landmarks[shut] - landmarks[photo])[:, list(RIGID), :2], axis=-1).mean(1) / scale
    return photo, int(shut[gone.argmin()])


def muzzle_difference(picture: Frames, points: Array, truth: Frames, real: Array) -> float:
    """Mean difference around the mouth in levels of 255, aligned by landmarks that expressions hardly move."""
    matrix, _ = cv2.estimateAffinePartial2D(real[list(RIGID), :2], points[list(RIGID), :2], method=cv2.LMEDS)
    moved = cv2.warpAffine(truth, matrix, picture.shape[1::-1], flags=cv2.INTER_LINEAR)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [brought_to(points, real)[list(MUZZLE)].round().astype(np.int32)], 1)
    blur = 0.03 * float(inter_ocular_distance(points[None])[0])
    ours, theirs = (cv2.GaussianBlur(image.astype(np.float32), (0, 0), blur) for image in (picture, moved))
    return float(np.abs(ours - theirs)[mask > 0].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=150, help="frames from the beginning of each clip")
    parser.add_argument("--sheet", type=Path, help="write a PNG of each pair's mouths: photo, ours, truth")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows, cells = [], []
    for path in options.clips:
        frames = read_frames(path, options.frames)
        pair = find_pair(track(frames, video=True))
        if pair is None:
            print(f"{path.stem}: no pair of an open and a shut mouth")
            continue
        try:
            photo, truth = (Portrait.from_image(frame, face_model) for frame in frames[list(pair)])
        except ImageError as error:
            print(f"{path.stem}: {error}")
            continue
        silence = np.zeros((1, NUM_COEFFICIENTS), np.float32)
        frame = renderer.render(renderer.prepare(photo), silence)[0]
        place = track(np.array([frame]), video=False)[0]
        rows.append(
            [
                [*compare(picture, points, truth), muzzle_difference(picture, points, truth.image, truth.landmarks)]
                for picture, points in ((frame, place), (photo.image, photo.landmarks))
            ]
        )
        opening, off = lip_aperture(photo.landmarks[None])[0], rows[-1][0][0]
        print(f"{path.stem}: opening {opening:.2f}, lips off by {off:.1f}", flush=True)
        cells += [mouth_of(photo.image, photo.landmarks), mouth_of(frame, place)]
        cells.append(mouth_of(truth.image, truth.landmarks))
    print(f"{len(rows)} pairs", *(f"{name:>9}" for name in (*COLUMNS, "muzzle")))
    for name, values in zip(("ours", "photo"), np.median(rows, axis=0), strict=True):
        print(f"{name:8}", *(f"{value:9.3f}" for value in values))
    if options.sheet:
        lines = [np.hstack(cells[start : start + 6]) for start in range(0, len(cells) - len(cells) % 6, 6)]
        Image.fromarray(np.vstack(lines)).save(options.sheet)


if __name__ == "__main__":
    main()
