"""
Measure the quality of the face by groups of people.

    pip install dlib-bin face_recognition_models
    python benchmarks/evaluate_groups.py GROUPS.csv FOLDER SPEECH --weights weights/dirfa-base --embedder MODELS

GROUPS.csv has a column `file`, with names within FOLDER, and a column for each way to group people, such as `sex`,
`age` or `glasses`; an empty cell leaves a photo out of that grouping. One more grouping is measured: `tone`, by the
individual typology angle of the cheeks, arctan((L - 50) / b) (Chardon et al., 1991), with the usual limits. MODELS is
the same as for evaluate_likeness.py. All photos get the same motion: a take of the speech with one seed. The measures,
for which 1 is perfect, are

- still, moving: cosine of identity between photo and frames, without and with head motion;
- sharp: deviation of the Laplacian on the lips, relative to the photo, or the inverse if above 1; photos whose lips
  have too few pixels are left out of it;
- opening: slope of the lips' opening detected in frames, relative to the requested one, or the inverse if above 1;
- shut: share of the gap between the lids that a blink closes;
- turn: yaw detected in frames, relative to the requested 15 degrees, or the inverse if above 1.

The row `photo` is the score for repeating the photo; `others` is the identity of other people in the table.
"""

import argparse
import csv
import warnings
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from evaluate_likeness import Descriptor, Embedder, relative_sharpness
from numpy.typing import NDArray
from poses import POSES
from results import add_option, record

from dirfa_pipeline import Animation, DirfaPipeline, load_audio
from dirfa_pipeline.animation.coefficients import NUM_EXPRESSIONS
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.measures import eye_gaps, lip_aperture


MEASURES: Final = ("still", "moving", "sharp", "opening", "shut", "turn")
CHEEKS: Final = (50, 280, 205, 425, 101, 330)
TONES: Final = ((41.0, "light"), (28.0, "intermediate"), (10.0, "tan"), (-30.0, "brown"), (-91.0, "dark"))  # degrees
JAWS: Final = (0.0, 0.2, 0.4, 0.6)
YAW: Final = 15.0  # degrees
BEHIND: Final = 0.9  # groups below this share of the overall mean are marked


def tone_of(portrait: Portrait) -> str:
    """Name of the skin tone, by the angle of the cheeks' median colour."""
    places = portrait.landmarks[list(CHEEKS), :2].round().astype(int)
    patch = np.median(portrait.image[places[:, 1], places[:, 0]], axis=0)
    colour = np.asarray(patch / 255.0, np.float32).reshape(1, 1, 3)
    lightness, _, yellow = cv2.cvtColor(colour, cv2.COLOR_RGB2LAB)[0, 0]
    angle = float(np.degrees(np.arctan2(lightness - 50.0, yellow)))
    return next(name for least, name in TONES if angle > least)


def as_one(ratio: float) -> float:
    """A ratio, or its inverse if above 1."""
    return min(ratio, 1.0 / ratio) if ratio > 0.0 else 0.0


def measure(
    pipe: DirfaPipeline, portrait: Portrait, motion: NDArray[np.float32], embed: Embedder, detector: FaceDetector
) -> tuple[dict[str, float], Descriptor]:
    """All measures of a photo, and its identity descriptor."""
    photo = embed(portrait.image)
    if photo is None:
        raise ValueError("no face is found in the photo")
    still = motion.copy()
    still[:, NUM_EXPRESSIONS:] = 0.0
    values, prepared = {}, pipe.face_renderer.prepare(portrait)
    for name, coefficients in (("still", still), ("moving", motion)):
        found = [embed(frame) for frame in pipe.render(prepared, Animation(coefficients), facing=0.0)]
        values[name] = float(np.mean([photo @ face for face in found if face is not None]))
    curves = [POSES["blink"]] + [{"jawOpen": jaw} for jaw in JAWS] + [{"yaw": YAW}]
    rows = np.stack([Animation.from_curves(1, **curve).coefficients[0] for curve in curves])
    rows[-1] = portrait.face.rest_coefficients()
    rows[-1, NUM_EXPRESSIONS] += np.radians(YAW)
    *frames, turned = pipe.render(prepared, Animation(rows), facing=0.0)
    try:
        lips = relative_sharpness(pipe.face_renderer, prepared)
        values["sharp"] = float(np.mean([as_one(ratio) for ratio in lips]))
    except ValueError:  # lips of too few pixels
        values["sharp"] = np.nan
    seen = [detector.find_faces(frame)[0] for frame in frames]
    values["shut"] = 1.0 - float(np.mean(eye_gaps(seen[0]))) / float(np.mean(eye_gaps(portrait.landmarks)))
    asked = lip_aperture(portrait.face.vertices(rows[-1 - len(JAWS) : -1]))
    values["opening"] = as_one(float(np.polyfit(asked, lip_aperture(np.stack(seen[1:])), 1)[0]))
    yaw = pipe.face_model.fit_image(detector.find_faces(turned)[0]).head_angles()[0] - portrait.face.head_angles()[0]
    values["turn"] = as_one(float(np.degrees(yaw)) / YAW)
    return values, photo


def show(name: str, scores: list[dict[str, float]], everybody: dict[str, float] | None = None) -> dict[str, float]:
    """Print the means of a group, mark those that are far below the overall means, and return them."""
    means = {key: float(np.nanmean([score[key] for score in scores])) for key in MEASURES}
    cells = [
        f"{mean:.3f}{'*' if everybody and mean < BEHIND * everybody[key] else ' '}" for key, mean in means.items()
    ]
    print(f"{name:24} {len(scores):4}  " + "  ".join(cells), flush=True)
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=4, help="frames of each photo, still and moving")
    parser.add_argument("--max-size", type=int, default=512)
    add_option(parser, "groups")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    motion = pipe.sample_animation(load_audio(options.speech), torch.Generator().manual_seed(1)).coefficients
    motion = motion[np.linspace(0, len(motion) - 1, options.frames + 2).astype(int)[1:-1]]
    people: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    everybody, identities = [], []
    with options.groups.open(newline="") as file, closing(FaceDetector(video=False)) as detector:
        embed = Embedder(options.embedder, detector)
        for row in csv.DictReader(file):
            name = row.pop("file")
            try:
                portrait = pipe.prepare_portrait(options.folder / name, max_size=options.max_size)
                values, identity = measure(pipe, portrait, motion, embed, detector)
            except (ValueError, IndexError) as error:
                print(f"left out: {name}: {error}", flush=True)
                continue
            everybody.append(values)
            identities.append(identity)
            for way, group in (row | {"tone": tone_of(portrait)}).items():
                if group:
                    people[way, group].append(values)
    print(f"{'group':24} {'n':>4}  " + "  ".join(f"{name:6}" for name in MEASURES))
    mean = show("everybody", everybody)
    values = {f"everybody.{measure}": value for measure, value in mean.items()} | {"everybody.people": len(everybody)}
    for (way, group), scores in sorted(people.items()):
        means = show(f"{way}: {group}", scores, mean)
        shares = {measure: value / mean[measure] for measure, value in means.items()}
        values |= {f"{way}.{group}.{measure}": share for measure, share in shares.items()}
        values |= {f"{way}.{group}.people": len(scores), f"{way}.{group}.least": min(shares.values())}
    show("photo", [dict.fromkeys(MEASURES, 1.0) | {"opening": 0.0, "shut": 0.0, "turn": 0.0}])
    alike = np.array(identities) @ np.array(identities).T
    others = float(alike[~np.eye(len(alike), dtype=bool)].mean())
    print(f"identity of others: {others:.3f}")
    values["others"] = others
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
