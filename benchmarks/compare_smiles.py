"""
Compare a photo that is made to smile with a photo of the same person smiling.

    python benchmarks/compare_smiles.py SMILING NEUTRAL [SMILING NEUTRAL ...] --weights weights/dirfa-base

Each photo gets the smile that was fitted to the other one, less its own. The table shows medians over the pairs, found
on the photos and on the rendered frames, with the unchanged photo's beside, and the moves of the fitted shapes alone:

- in hundredths of the inter-ocular distance, how far each corner of the mouth goes outwards and how far it rises, and
  how far cheek, chin and the wings of the nose rise; and how far the lips' landmarks are from the real ones;
- the change of the light in the folds beside the nose and on the cheeks, in hundredths;
- the sharpness of the lips, relative to the photo that does not smile;
- where both mouths are open, the light between the lips, relative to the skin's, in the middle, at a fifth and at an
  eighth of the way from one corner to the other.

People whose photos taught the light of smiles (all but every fourth of the London Set) are not for measuring.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from compare_mouths import GREY, SKIN
from compare_neutral import at_rest, brought_to
from evaluate_renderer import Array, Frames, track
from results import add_option, record

from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.evaluation.tracking import sharpness
from dirfa_pipeline.face.landmarks import INNER_CORNERS, INNER_LIPS, LIPS, MOUTH_CORNERS
from dirfa_pipeline.face.measures import inter_ocular_distance, lip_aperture
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


CORNERS = [outer for outer, *_ in MOUTH_CORNERS]
CHEEKS, CHIN, WINGS = [50, 280], [152], [129, 358]  # landmarks
FOLDS, APPLES = [203, 206, 423, 426], [50, 280, 101, 330]
AROUND = 0.02  # inter-ocular distances, the radius in which light is measured
OPEN = 0.06  # inter-ocular distances: mouths that show teeth
ALONG = {"middle": 0.5, "fifth": 0.2, "eighth": 0.125}
MOVES = ("out", "up", "cheek", "chin", "nose")


def moves(before: Array, after: Array) -> Array:
    """Values of `MOVES`, from aligned landmarks `(478, 2)`, in hundredths of the inter-ocular distance."""
    way = 100.0 * (after - before) / float(inter_ocular_distance(before[None])[0])
    outwards = 0.5 * (way[CORNERS[1], 0] - way[CORNERS[0], 0])
    return np.array([outwards, *(-way[places, 1].mean() for places in (CORNERS, CHEEKS, CHIN, WINGS))])


def light_at(picture: Frames, points: Array, places: list[int]) -> float:
    """Mean logarithm of the light around landmarks, relative to the skin's."""
    scale = float(inter_ocular_distance(points[None])[0])
    grey = cv2.GaussianBlur((picture @ GREY).astype(np.float32), (0, 0), AROUND * scale) + 1.0
    column, row = np.clip(points[:, :2].round().astype(int), 0, np.array(grey.shape[::-1]) - 1).T
    return float(
        np.log(grey[row[places], column[places]]).mean() - np.log(np.median(grey[row[list(SKIN)], column[list(SKIN)]]))
    )


def light_along(picture: Frames, points: Array) -> Array:
    """Light between the lips at each of `ALONG` of both sides, relative to the skin's; NaN where there is none."""
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [points[list(INNER_LIPS), :2].round().astype(np.int32)], 1)
    grey = picture @ GREY
    at = np.clip(points[list(SKIN), :2].astype(int), 0, np.array(grey.shape[::-1]) - 1)
    skin = float(np.median(grey[at[:, 1], at[:, 0]]))
    right, left = points[list(INNER_CORNERS), 0]
    lights = []
    for share in ALONG.values():
        columns = [round(right + side * (left - right)) for side in (share, 1.0 - share)]
        pixels = [grey[inside[:, column] > 0, column] for column in columns]
        lights.append(np.mean([part.mean() if len(part) else np.nan for part in pixels]) / skin)
    return np.array(lights)


def ways(points: Array, neutral: Portrait, smiling: Portrait) -> dict[str, float]:
    """`MOVES`, and how far the lips are from the real ones, of landmarks `(478, 3)` of somebody with two photos."""
    place = brought_to(neutral.landmarks, points)
    real = brought_to(neutral.landmarks, smiling.landmarks)
    scale = float(inter_ocular_distance(neutral.landmarks[None])[0])
    found = dict(zip(MOVES, moves(neutral.landmarks[:, :2], place), strict=True))
    return found | {"error": 100.0 * float(np.linalg.norm((place - real)[list(LIPS)], axis=1).mean()) / scale}


def look(picture: Frames, points: Array, neutral: Portrait, smiling: Portrait) -> dict[str, float]:
    """All values of one picture of somebody, of whom there is a neutral and a smiling photo."""
    found = ways(points, neutral, smiling)
    for name, places in (("folds", FOLDS), ("cheeks", APPLES)):
        found[name] = 100.0 * (light_at(picture, points, places) - light_at(neutral.image, neutral.landmarks, places))
    # At the neutral photo's size: a larger picture is less sharp.
    factor = float(inter_ocular_distance(neutral.landmarks[None])[0] / inter_ocular_distance(points[None])[0])
    same = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    calm = sharpness(neutral.image, neutral.landmarks, LIPS)
    found["sharpness"] = float((sharpness(same, points * np.float32(factor), LIPS) / calm) ** 0.5)
    both_open = min(lip_aperture(each[None])[0] for each in (points, smiling.landmarks)) > OPEN
    along = light_along(picture, points) if both_open else np.full(len(ALONG), np.nan)
    return found | dict(zip(ALONG, along, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="a smiling and a neutral photo of each person, in turn")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--max-size", type=int, default=512)
    add_option(parser, "smiles")
    options = parser.parse_args()
    torch.set_num_threads(1)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows: dict[str, list[dict[str, float]]] = {"real": [], "ours": [], "unchanged": [], "fitted": []}
    for pair in zip(options.photos[::2], options.photos[1::2], strict=True):
        smiling, neutral = (Portrait.from_image(path, face_model, max_size=options.max_size) for path in pair)
        smile = at_rest(neutral, smiling)
        frames = renderer.render(renderer.prepare(neutral), smile)
        ours, unchanged = frames[0], neutral.image
        found, still = track(np.array([ours, unchanged]), video=False)
        for name, picture, points in (
            ("real", smiling.image, smiling.landmarks), ("ours", ours, found), ("unchanged", unchanged, still),
        ):  # fmt: skip
            rows[name].append(look(picture, points, neutral, smiling))
        rows["fitted"].append(ways(neutral.face.vertices(smile)[0], neutral, smiling))
    values: dict[str, float] = {}
    for name, people in rows.items():
        medians = {column: float(np.nanmedian([person[column] for person in people])) for column in people[0]}
        print(f"{name:9}", *(f"{column} {value:.2f}" for column, value in medians.items()))
        values |= {f"{name}.{column}": value for column, value in medians.items() if np.isfinite(value)}
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
