"""
Let judges compare mouths with and without a learned refiner, on people that it was not trained on.

    python benchmarks/judge_refiner.py sheets --data DATA --weights weights/dirfa-base --held-out LIST --run RUN
    python benchmarks/judge_refiner.py table --run RUN

DATA, LIST and RUN are those of `try_refiner.py`; DATA must also hold `video/grid_others`. `sheets` draws the photo's
mouth next to the frame's with and without the refiner, in an order that is kept in RUN/key.txt, and a labelled sheet
with real mouths, RUN/comparison.jpg. Write a letter for each pair into RUN/votes.txt: l, r, or = for no preference;
`table` then evaluates them with the key. L1 and PSNR are computed on the crop of the mouth. Sharpness is the deviation
of its Laplacian, and flicker its second difference in time, both relative to the real mouth.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw
from poses import POSES
from torch import nn
from try_refiner import HEIGHT, WIDTH, Array, Picture, Refiner, Scene, Scenes, cut, find_mouth, stage_parser

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.landmarks import INNER_LIPS
from dirfa_pipeline.rendering.mouth_layer import smooth_outline


JUDGED = ("p", "aa", "ee", "oo", "f", "l", "smile", "grin")  # poses without real frames to compare with
VISIBLE = 12  # least value, of 255, of the largest difference in a crop; pairs that differ less are not judged


def posed(scenes: Scenes, count: int) -> Iterator[Scene]:
    """Photos of held-out people, each in three of the judged poses."""
    files = [files[0] for files in scenes.people[True].values()]
    motion = np.stack([Animation.from_curves(1, **POSES[name]).coefficients[0] for name in JUDGED])
    for index, file in enumerate(files[:: len(files) // count][:count]):
        rows = motion[[(3 * index + step) % len(motion) for step in range(3)]]
        yield Scene("pose", scenes.portrait(scenes.photos / file), rows, None)


@torch.no_grad()
def refine(model: nn.Module, portrait: Portrait, inside: bool, row: Array, frame: Picture) -> Picture:
    """The frame with its mouth refined at the frame's own resolution; with `inside`, only between the lips."""
    mouth = find_mouth(portrait, row)
    crops = np.stack([cut(frame, mouth.place), cut(portrait.image, find_mouth(portrait).place)])
    render, photo = (torch.from_numpy(crops).permute(0, 3, 1, 2) / 127.5 - 1.0).split(1)
    change = model(render, photo, torch.from_numpy(mouth.weights)[None], torch.tensor([mouth.strength]))
    spread = cv2.warpAffine(127.5 * change[0].permute(1, 2, 0).numpy(), mouth.place, frame.shape[1::-1])
    if inside:
        outline = smooth_outline(portrait.face.vertices(row[None])[0, list(INNER_LIPS), :2])
        mask = cv2.fillPoly(np.zeros(frame.shape[:2], np.float32), [outline.round().astype(np.int32)], 1.0)
        spread *= cv2.GaussianBlur(mask, (0, 0), 0.012 * portrait.face.scale)[..., None]
    return np.clip(frame + spread + 0.5, 0, 255).astype(np.uint8)


def draw_and_score(options: argparse.Namespace) -> None:
    """Write blind sheets of held-out people and their key, a labelled sheet with the real mouths, and the numbers."""
    scenes, model = Scenes(options.data, options.weights, options.held_out), Refiner()
    model.load_state_dict(torch.load(options.run / "average.pt", weights_only=True))
    model.eval()
    views: dict[str, list[Picture]] = defaultdict(list)
    scores: dict[str, list[Array]] = defaultdict(list)
    clips = scenes.clips(sorted((options.data / "video" / "grid_others").glob("*.mp4")), slice(0, 60))
    for scene in chain(posed(scenes, 12), clips, scenes.looks(held_out=True, step=3)):
        frames = scenes.render(scene)
        variants = [
            [refine(model, scene.portrait, inside, *pair) for pair in zip(scene.motion, frames, strict=True)]
            for inside in (False, True)
        ]
        films = [frames, *map(np.array, variants)] + ([] if scene.truth is None else [scene.truth])
        places = [find_mouth(scene.portrait, row).place for row in scene.motion]
        if scene.truth is not None:
            crops = [[cut(*pair) for pair in zip(film, places, strict=True)] for film in films]
            scores[scene.name].append(score(np.array(crops, np.float32)))
        photo = cut(scene.portrait.image, find_mouth(scene.portrait).place, 2)
        for index in range(len(places)) if scene.truth is None else range(0, len(places), 25)[-2:]:
            shown = [cut(film[index], places[index], 2) for film in films]
            if cv2.absdiff(shown[0], shown[1 + options.inside]).max() > VISIBLE:
                views[scene.name].append(np.hstack([photo, *shown]))
    folder = results_folder(options)
    folder.mkdir(exist_ok=True)
    draw_sheets(views, options.inside, folder)
    means = {name: np.mean(values, axis=0).tolist() for name, values in scores.items()}
    numbers = {"milliseconds": 1000.0 * seconds_a_mouth(model), "scores": means}
    (folder / "numbers.json").write_text(json.dumps(numbers), encoding="utf-8")


@torch.no_grad()
def seconds_a_mouth(model: Refiner, runs: int = 100) -> float:
    """CPU time of the network for one mouth, in seconds."""
    crop, weights = torch.zeros(1, 3, HEIGHT, WIDTH), torch.zeros(1, model.film.in_features)
    began = time.process_time()
    for _ in range(runs):
        model(crop, crop, weights, torch.ones(1))
    return (time.process_time() - began) / runs


def score(films: Array) -> Array:
    """L1, PSNR, relative sharpness and flicker of each film against the last one, which is real: `(films, 4)`."""

    def edges(crops: Array) -> float:
        return float(np.mean([cv2.Laplacian(crop.mean(-1), cv2.CV_32F).std() for crop in crops]))

    def flicker(crops: Array) -> float:
        return float(np.abs(np.diff(crops, 2, axis=0)).mean()) if len(crops) > 2 else float("nan")

    *ours, truth = films
    rows = []
    for crops in ours:
        noise = 10.0 * np.log10(255.0**2 / np.square(crops - truth).mean())
        relative = (edges(crops) / edges(truth), flicker(crops) / flicker(truth))
        rows.append((np.abs(crops - truth).mean(), noise, *relative))
    return np.array(rows)


def draw_sheets(views: dict[str, list[Picture]], inside: bool, run: Path) -> None:
    """Draw blind sheets of eight pairs, their key, and a labelled sheet: photo, render, refined, inside, real."""
    generator = np.random.default_rng(5)
    chosen = [(name, view) for name, rows in views.items() for view in rows[:: max(1, len(rows) // 12)][:12]]
    cells, key = [], []
    for number, index in enumerate(generator.permutation(len(chosen))):
        name, side = chosen[index][0], "lr"[generator.integers(2)]
        photo, render, *variants = np.split(chosen[index][1], np.arange(1, 5) * 2 * WIDTH, axis=1)[:4]
        refined = variants[inside]
        cell = Image.fromarray(np.hstack([photo, refined, render] if side == "l" else [photo, render, refined]))
        ImageDraw.Draw(cell).text((4, 2), str(number), fill="white")
        cells.append(np.asarray(cell))
        key.append(f"{side}\t{name}")
    for number, start in enumerate(range(0, len(cells), 8)):
        part = [*cells[start : start + 8], *[np.zeros_like(cells[0])] * 8][:8]
        sheet = np.vstack([np.hstack(part[i : i + 2]) for i in range(0, 8, 2)])
        Image.fromarray(sheet).save(run / f"blind-{number}.png")
    (run / "key.txt").write_text("\n".join(key), encoding="utf-8")
    header = Image.new("RGB", (10 * WIDTH, 30))
    for column, title in enumerate(("photo", "render", "refined", "between the lips", "real")):
        ImageDraw.Draw(header).text((2 * WIDTH * column + 8, 2), title, fill="white", font_size=22)
    shown = [np.asarray(header)]
    for rows in views.values():
        for view in rows[:: max(1, len(rows) // 3)][:3]:
            shown.append(np.pad(view, ((0, 0), (0, 10 * WIDTH - view.shape[1]), (0, 0))))
    Image.fromarray(np.vstack(shown)).reduce(2).save(run / "comparison.jpg", quality=85)


def results_folder(options: argparse.Namespace) -> Path:
    return Path(options.run / "inside" if options.inside else options.run)


def print_table(options: argparse.Namespace) -> None:
    """Print the numbers and the result of the blind votes."""
    folder = results_folder(options)
    numbers = json.loads((folder / "numbers.json").read_text(encoding="utf-8"))
    print(f"network {numbers['milliseconds']:.1f} ms a mouth")
    for name, values in numbers["scores"].items():
        for what, row in zip(("render", "refined", "inside"), values, strict=True):
            columns = zip(("L1", "PSNR", "sharpness", "flicker"), row, strict=True)
            print(f"{name:22s}{what:10s}" + "  ".join(f"{column} {value:.2f}" for column, value in columns))
    votes = (folder / "votes.txt").read_text(encoding="utf-8").split()
    fell: dict[str, Counter[str]] = defaultdict(Counter)
    for vote, line in zip(votes, (folder / "key.txt").read_text(encoding="utf-8").splitlines(), strict=True):
        side, name = line.split("\t")
        for group in (name, "all"):
            fell[group]["none" if vote == "=" else "refined" if vote == side else "render"] += 1
    for name, counts in fell.items():
        print(f"{name:22s}" + "  ".join(f"{what} {counts[what]}" for what in ("refined", "render", "none")))


def main() -> None:
    stages = {"sheets": draw_and_score, "table": print_table}
    parser = stage_parser(__doc__, stages)
    parser.add_argument("--inside", action="store_true", help="refine only between the lips; writes to RUN/inside")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stages[options.stage](options)


if __name__ == "__main__":
    main()
