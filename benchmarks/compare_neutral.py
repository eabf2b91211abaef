"""
Compare a smiling photo, rendered at rest, with a photo of the same person at rest.

    python benchmarks/compare_neutral.py SMILING NEUTRAL [SMILING NEUTRAL ...] --weights weights/dirfa-base

Each smiling photo is given the expression fitted to the neutral one. The table shows medians over the pairs:

- the distance of lip landmarks, in hundredths of the inter-ocular distance, after aligning the landmarks that
  expressions hardly move;
- the width of the mouth, the heights of both lips, the sharpness of the mouth (deviation of the Laplacian) and the
  texture of the cheeks next to it, relative to the neutral photo;
- red, green and blue of the lips, relative to the skin, minus those of the neutral photo.

For comparison, it also shows the smiling photo with the look and lips of speech without expression, as with
`neutralize=True`, and the unchanged smiling photo.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from compare_mouths import SKIN
from evaluate_renderer import Array, Frames, track
from PIL import Image
from results import add_option, record

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.animation.coefficients import LIP_INDICES, NUM_COEFFICIENTS, NUM_EXPRESSIONS
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.direction.controls import neutralize
from dirfa_pipeline.evaluation.tracking import sharpness
from dirfa_pipeline.face.landmarks import INNER_LIPS, LIPS, LOWER_LIP_ROWS, RIGID, UPPER_LIP_ROWS
from dirfa_pipeline.face.measures import inter_ocular_distance
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


OUTER_LIPS = (61, *UPPER_LIP_ROWS[0], 291, *reversed(LOWER_LIP_ROWS[0]))
CHEEKS = ((36, 205, 187, 207, 216, 206, 203, 129), (266, 425, 411, 427, 436, 426, 423, 358))
COLUMNS = ("lip error", "width", "upper", "lower", "sharpness", "creases", "red", "green", "blue")


def at_rest(smiling: Portrait, neutral: Portrait) -> Array:
    """Coefficients `(1, 58)` that give a smiling photo the lips of another one and remove the rest of its smile."""
    row = np.zeros((1, NUM_COEFFICIENTS), np.float32)
    row[0, :NUM_EXPRESSIONS] = neutral.face.expression - smiling.face.expression
    lips = list(LIP_INDICES)
    row[0, lips] = (neutral.face.expression - smiling.face.rest)[lips]
    return row


def brought_to(place: Array, points: Array) -> Array:
    """Landmarks `(478, 2)`, aligned with `place` by a similarity of those that expressions hardly move."""
    matrix, _ = cv2.estimateAffinePartial2D(points[list(RIGID), :2], place[list(RIGID), :2], method=cv2.LMEDS)
    return points[:, :2] @ matrix[:, :2].T + matrix[:, 2]


def _inside(shape: tuple[int, ...], outline: Array) -> Frames:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
    return mask


def look(picture: Frames, points: Array) -> Array:
    """Width of the mouth, heights of the lips, sharpness, deviation of folds in the cheeks, lips' colour: `(8,)`."""
    scale = float(inter_ocular_distance(points[None])[0])
    sizes = [np.linalg.norm(points[a, :2] - points[b, :2]) / scale for a, b in ((61, 291), (0, 13), (14, 17))]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    folds = cv2.GaussianBlur(grey, (0, 0), 0.015 * scale) - cv2.GaussianBlur(grey, (0, 0), 0.08 * scale)
    cheeks = sum(_inside(picture.shape, points[list(cheek), :2]) for cheek in CHEEKS)
    lips = _inside(picture.shape, points[list(OUTER_LIPS), :2]) > _inside(picture.shape, points[list(INNER_LIPS), :2])
    at = points[list(SKIN), :2].astype(int)
    skin = np.median(picture[at[:, 1], at[:, 0]].astype(float), axis=0)
    colour = picture[lips].mean(0) / skin
    return np.array([*sizes, sharpness(picture, points, LIPS) ** 0.5, folds[cheeks > 0].std(), *colour])


def compare(picture: Frames, points: Array, real: Portrait) -> Array:
    """Values of `COLUMNS` for one image and its landmarks, compared with the real photo."""
    place = brought_to(points, real.landmarks)
    error = np.linalg.norm(points[list(LIPS), :2] - place[list(LIPS)], axis=1).mean()
    ours, theirs = look(picture, points), look(real.image, real.landmarks)
    scale = inter_ocular_distance(points[None])[0]
    return np.array([100.0 * error / scale, *(ours[:5] / theirs[:5]), *(ours[5:] - theirs[5:])])


def mouth_of(picture: Frames, points: Array) -> Frames:
    """The mouth and its surroundings, 240 x 180."""
    reach = 0.9 * inter_ocular_distance(points[None])[0]
    x, y = points[[13, 14], :2].mean(0)
    box = x - reach, y - 0.75 * reach, x + reach, y + 0.75 * reach
    return np.asarray(Image.fromarray(picture).transform((240, 180), Image.Transform.EXTENT, box, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="a smiling and a neutral photo of each person, in turn")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--max-size", type=int, default=768)
    parser.add_argument("--sheet", type=Path, help="write a PNG of each pair's mouths: smiling, ours, neutral")
    add_option(parser, "neutral")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows, cells = [], []
    for pair in zip(options.photos[::2], options.photos[1::2], strict=True):
        smiling, neutral = (Portrait.from_image(path, face_model, max_size=options.max_size) for path in pair)
        unspoken = neutralize(Animation.from_curves(1), smiling.face).coefficients
        motion = np.concatenate([at_rest(smiling, neutral), unspoken])
        frame, calm = renderer.render(renderer.prepare(smiling), motion)
        place, calm_place = track(np.array([frame, calm]), video=False)
        pictures = (frame, place), (calm, calm_place), (smiling.image, smiling.landmarks)
        rows.append([compare(picture, points, neutral) for picture, points in pictures])
        cells += [mouth_of(smiling.image, smiling.landmarks), mouth_of(frame, place)]
        cells.append(mouth_of(neutral.image, neutral.landmarks))
    print(" " * 6, *(f"{name:>9}" for name in COLUMNS))
    found: dict[str, float] = {}
    for name, values in zip(("ours", "neutral", "smiling"), np.median(rows, axis=0), strict=True):
        print(f"{name:7}", *(f"{value:9.3f}" for value in values))
        found |= {f"{name}.{column.replace(' ', '_')}": value for column, value in zip(COLUMNS, values, strict=True)}
        found[f"{name}.colour"] = np.abs(values[-3:]).max()
    record(options.record, found, options.weights)
    if options.sheet:
        lines = [np.hstack(cells[start : start + 6]) for start in range(0, len(cells) - len(cells) % 6, 6)]
        Image.fromarray(np.vstack(lines)).save(options.sheet)


if __name__ == "__main__":
    main()
