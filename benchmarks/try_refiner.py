"""
Try a learned refiner: a small network that should make rendered mouths look more real. It is not part of the package.

    python benchmarks/try_refiner.py pairs --data DATA --weights weights/dirfa-base --held-out LIST --run RUN
    python benchmarks/try_refiner.py train --run RUN

DATA holds `video/grid_s1` and `photos` with `photos.csv` (columns file, set, identity). LIST names photos, relative to
`photos`, whose people are held out for `judge_refiner.py`. A pair is a rendered mouth and the real one: the first
frame of a GRID clip driven by the clip, a neutral photo driven by a smiling one of the same person and vice versa, or
a smiling photo's render with closed lips driven back to the smile. A U-Net learns the difference, given the
coefficients of the lips and the photo's own mouth. Its losses are L1, gradients, a patch discriminator (least squares,
Mao et al., 2017) and the features of the discriminator.
"""

import argparse
import csv
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from evaluate_renderer import motion_from, track
from numpy.typing import NDArray
from torch import Tensor, nn

from dirfa_pipeline.animation.coefficients import LIP_INDICES, LIP_NAMES
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.errors import InputError
from dirfa_pipeline.face.landmarks import LIPS
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer
from dirfa_pipeline.training.loop import Schedule, TrainingRun


Picture = NDArray[np.uint8]
Array = NDArray[np.float32]

WIDTH, HEIGHT = 128, 96  # of a crop, in pixels
SPAN: Final = 1.4  # inter-ocular distances across a crop
SIDES: Final = {"Left": "Right", "Right": "Left"}
MIRRORED = [LIP_NAMES.index(re.sub("Left|Right", lambda side: SIDES[side[0]], name)) for name in LIP_NAMES]
GRADIENT, FEATURES, ADVERSARIAL = 0.5, 0.2, 0.03  # weights of the losses, relative to L1
CLIP_SHARE: Final = 0.4  # share of clips in a batch; the rest are photos


class Refiner(nn.Module):
    """A U-Net at a half, a quarter and an eighth of the crop's size, conditioned on coefficients (FiLM)."""

    def __init__(self, widths: tuple[int, int, int] = (32, 48, 64)) -> None:
        super().__init__()
        fine, middle, deep = self.widths = widths
        levels = ((24, fine, 1), (fine, middle, 2), (middle, deep, 2))
        self.down = nn.ModuleList([nn.Sequential(_conv(*level), _conv(level[1], level[1])) for level in levels])
        self.up = nn.ModuleList([_conv(deep + middle, middle), _conv(middle + fine, fine)])
        self.film = nn.Linear(2 * len(LIP_NAMES), 2 * sum(widths))
        self.leave = nn.Conv2d(fine, 12, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, render: Tensor, photo: Tensor, weights: Tensor, strength: Tensor) -> Tensor:
        """The change to add to a render `(batch, 3, 96, 128)` in [-1, 1], scaled by strength, faded at the border."""
        gains = self.film(weights)[..., None, None].split([2 * width for width in self.widths], 1)
        levels = [F.pixel_unshuffle(torch.cat([render, photo], 1), 2)]
        for block, gain in zip(self.down, gains, strict=True):
            scale, shift = gain.chunk(2, 1)
            levels.append(block(levels[-1]) * (1.0 + scale) + shift)
        features = levels.pop()
        for block in self.up:
            features = block(torch.cat([F.interpolate(features, scale_factor=2.0), levels.pop()], 1))
        windows = [torch.hann_window(size, periodic=False, device=render.device) for size in (HEIGHT, WIDTH)]
        rows, columns = (window.mul(2.0).clamp(max=1.0) for window in windows)
        change = F.pixel_shuffle(self.leave(features), 2)
        return change * rows[:, None] * columns * strength[:, None, None, None]


class Discriminator(nn.Module):
    """Tells real mouths from refined ones by patches. It does not see the render, which would give the real away."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_conv(12, 32), _conv(32, 48, 2), _conv(48, 64, 2), _conv(64, 64)])
        self.leave = nn.Conv2d(64, 1, 3, padding=1)

    def forward(self, mouth: Tensor) -> list[Tensor]:
        """The features of each layer; the last ones are the verdicts."""
        features = [F.pixel_unshuffle(mouth, 2)]
        for layer in self.layers:
            features.append(layer(features[-1]))
        return [*features[1:], self.leave(features[-1])]


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.2, inplace=True))


@dataclass(frozen=True)
class Scene:
    """A photo and its motion `(frames, 58)`, with the real frames if there are any."""

    name: str
    portrait: Portrait
    motion: Array
    truth: Picture | None


@dataclass(frozen=True)
class Mouth:
    """The position of the mouth in a frame, and the weights of its lips."""

    place: Array  # affine map from the crop's pixels to the frame's, (2, 3), which moves with the head
    weights: Array  # weights of the lip shapes in the frame and in the photo
    strength: float  # from 0, if the lips are as in the photo, to 1, if they have moved far enough


def find_mouth(portrait: Portrait, row: Array | None = None) -> Mouth:
    """Find the mouth in the frame of a row of coefficients or, without one, in the photo."""
    face, lips, rest = portrait.face, list(LIPS), portrait.face.rest_coefficients()
    rows = np.stack([rest if row is None else row, rest])
    x, y = face.rotation[:2, 0] / np.linalg.norm(face.rotation[:2, 0])
    step = SPAN * face.scale / WIDTH * np.array([[x, -y], [y, x]])
    centre = portrait.landmarks[lips].mean(0)
    corner = centre[:2] - step @ [0.5 * (WIDTH - 1), 0.42 * (HEIGHT - 1)]
    transform = face.head_transforms(rows)[0]
    place = np.column_stack([transform[:2, :2] @ step, transform[:2] @ [*corner, centre[2], 1.0]])
    heads = face.head_vertices(rows)[:, lips]
    moved = min(1.0, float(np.linalg.norm(heads[0] - heads[1], axis=1).mean()) / 0.03)
    weights = face.expressions(rows)[:, list(LIP_INDICES)].ravel()
    return Mouth(place.astype(np.float32), weights, moved * moved * (3.0 - 2.0 * moved))


def cut(frame: Picture, place: Array, zoom: int = 1) -> Picture:
    """The crop `(96 zoom, 128 zoom, 3)` at a position in a frame."""
    place, size = np.column_stack([place[:, :2] / zoom, place[:, 2]]), (zoom * WIDTH, zoom * HEIGHT)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(frame, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


class Scenes:
    """Clips and photos for training or judging; `held_out` lists photos whose people are kept for judging."""

    def __init__(self, data: Path, weights: Path, held_out: Path) -> None:
        self.photos = data / "photos"
        self.face_model = FaceModel.from_pretrained(weights / "face_model")
        self.renderer = FaceRenderer.from_pretrained(weights / "face_renderer")
        with open(self.photos / "photos.csv", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["set"] in ("webmorph", "pif")]
        listed = set(held_out.read_text(encoding="utf-8").split())
        kept = {row["identity"] for row in rows if row["file"] in listed}
        self.people: dict[bool, dict[str, list[str]]] = {True: defaultdict(list), False: defaultdict(list)}
        for row in rows:
            self.people[row["identity"] in kept][row["identity"]].append(row["file"])

    def portrait(self, photo: Path | Picture) -> Portrait:
        return Portrait.from_image(photo, self.face_model, max_size=640)

    def render(self, scene: Scene) -> Picture:
        return self.renderer.render(self.renderer.prepare(scene.portrait), scene.motion)

    def clips(self, paths: list[Path], frames: slice) -> Iterator[Scene]:
        """The first frame of each clip, driven by some of the clip's frames."""
        for path in paths:
            pictures = np.array(list(islice(read_video(path).frames, 75)))
            try:
                portrait, landmarks = self.portrait(pictures[0]), track(pictures, video=True)
            except ValueError as error:
                logging.info("%s left out: %s", path.stem, error)
                continue
            motion = motion_from(self.face_model.fit_video(landmarks), 0, portrait.face)
            yield Scene(path.parent.name, portrait, motion[frames].astype(np.float32), pictures[frames])

    def other_look(self, name: str, portrait: Portrait, real: Portrait) -> Scene:
        """A photo driven to the expression of another photo of the same person."""
        fit = self.face_model.fit_video(np.stack([portrait.landmarks, real.landmarks]))
        return Scene(name, portrait, motion_from(fit, 0, portrait.face)[1:].astype(np.float32), real.image[None])

    def looks(self, held_out: bool, step: int = 1) -> Iterator[Scene]:
        """For every `step`-th person: pairs of photos to each other, single smiles from a render with closed lips."""
        for identity, files in list(self.people[held_out].items())[::step]:
            try:
                portraits = [self.portrait(self.photos / file) for file in files[:2]]
                if len(portraits) == 2:
                    yield self.other_look("neutral to smile", *portraits)
                    yield self.other_look("smile to neutral", *portraits[::-1])
                elif portraits[0].face.rest_coefficients().max() > 0.3:
                    shut = np.zeros((1, 58), np.float32)
                    closed = self.render(Scene("", portraits[0], shut, None))[0]
                    yield self.other_look("shut smile to smile", self.portrait(closed), portraits[0])
            except InputError as error:
                logging.info("%s left out: %s", identity, error)


def make_pairs(options: argparse.Namespace) -> None:
    """Render the training data: crops of renders, truths and photos in `RUN/pairs-*.npz`; existing files are kept."""
    scenes = Scenes(options.data, options.weights, options.held_out)
    paths = sorted((options.data / "video" / "grid_s1").glob("*.mp4"))
    paths = paths[:: max(1, len(paths) // options.clips)][: options.clips]
    options.run.mkdir(parents=True, exist_ok=True)
    sources = {"photos": scenes.looks(held_out=False), "clips": scenes.clips(paths, slice(4, None, 5))}
    for source, found in sources.items():
        file = options.run / f"pairs-{source}.npz"
        if not file.exists():
            columns = collect_pairs(scenes, found)
            np.savez(file, **columns)  # type: ignore[arg-type]  # the stub takes any keyword for allow_pickle
            print(*(f"{name}: {count} pairs" for name, count in Counter(columns["scene"].tolist()).items()), sep="\n")


def collect_pairs(scenes: Scenes, found: Iterable[Scene]) -> dict[str, NDArray]:
    """Crops `(pairs, 96, 128, 3)` of render, truth and photo, with lip weights, strength and the scene's name."""
    pairs = []
    for scene in found:
        assert scene.truth is not None
        photo = cut(scene.portrait.image, find_mouth(scene.portrait).place)
        for row, frame, truth in zip(scene.motion, scenes.render(scene), scene.truth, strict=True):
            mouth = find_mouth(scene.portrait, row)
            crops = (cut(frame, mouth.place), cut(truth, mouth.place), photo)
            pairs.append((*crops, mouth.weights, np.float32(mouth.strength), scene.name))
    names = ("render", "truth", "photo", "weights", "strength", "scene")
    return {name: np.array(values) for name, values in zip(names, zip(*pairs, strict=True), strict=True)}


def draw_batch(pairs: dict[str, Tensor], shares: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """Render, truth, photo, weights and strength of random pairs, randomly mirrored, moved and tinted."""
    chosen = torch.multinomial(shares, size, replacement=True, generator=generator)
    flip = torch.rand(size, 1, 1, 1, generator=generator) < 0.5
    tint = 0.9 + 0.3 * (torch.rand(size, 3, 1, 1, generator=generator) - 0.5)
    tint = tint + 0.5 * (torch.rand(size, 1, 1, 1, generator=generator) - 0.5)
    shift = [int(value) for value in torch.randint(-6, 7, (2,), generator=generator)]
    pictures = []
    for name in ("render", "truth", "photo"):
        picture = torch.where(flip, pairs[name][chosen].flip(-1), pairs[name][chosen]) / 255.0
        picture = F.pad(picture, (6, 6, 6, 6), mode="replicate").roll(shift, (2, 3))[..., 6:-6, 6:-6]
        pictures.append((picture * tint).clamp(0.0, 1.0) * 2.0 - 1.0)
    weights = pairs["weights"][chosen].unflatten(1, (2, -1))
    weights = torch.where(flip[..., 0], weights[..., MIRRORED], weights).flatten(1)
    return [*pictures, weights, pairs["strength"][chosen]]


def mouth_losses(refined: Tensor, truth: Tensor, features: list[Tensor], real: list[Tensor]) -> dict[str, Tensor]:
    """The losses of the refiner, by name."""
    slopes = torch.stack([F.l1_loss(refined.diff(dim=axis), truth.diff(dim=axis)) for axis in (2, 3)])
    matched = torch.stack([F.l1_loss(ours, theirs) for ours, theirs in zip(features[:-1], real[:-1], strict=True)])
    return {
        "l1": F.l1_loss(refined, truth),
        "gradient": GRADIENT * slopes.sum(),
        "features": FEATURES * matched.mean(),
        "adversarial": ADVERSARIAL * (features[-1] - 1.0).square().mean(),
    }


def train(options: argparse.Namespace) -> None:
    """Train on the output of `pairs`; an interrupted run resumes with a new discriminator."""
    accelerator = Accelerator()
    torch.manual_seed(0)
    files = [np.load(options.run / f"pairs-{source}.npz") for source in ("photos", "clips")]
    names = ("render", "truth", "photo", "weights", "strength")
    pairs = {name: torch.from_numpy(np.concatenate([file[name] for file in files])) for name in names}
    pairs |= {name: pairs[name].permute(0, 3, 1, 2) for name in names[:3]}
    from_clips = torch.arange(len(pairs["render"])) >= len(files[0]["scene"])
    shares = torch.where(from_clips, CLIP_SHARE / from_clips.sum(), (1.0 - CLIP_SHARE) / (~from_clips).sum())
    judge = Discriminator()
    judge, optimizer = accelerator.prepare(judge, torch.optim.Adam(judge.parameters(), 5e-4, betas=(0.5, 0.99)))
    schedule = Schedule(options.steps, 1.5e-3, average=0.99)
    model = Refiner().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = TrainingRun("refiner", model, schedule, accelerator, options.run)
    for generator in run:
        batch = draw_batch(pairs, shares, 8, generator)
        render, truth, photo, weights, strength = (tensor.to(accelerator.device) for tensor in batch)
        refined = render + run.model(render, photo, weights, strength)
        accelerator.backward(judge(refined.detach())[-1].square().mean() + (judge(truth)[-1] - 1.0).square().mean())
        optimizer.step()
        judge.requires_grad_(False)
        run.update(mouth_losses(refined, truth, judge(refined), judge(truth)))
        judge.requires_grad_(True)
        optimizer.zero_grad()
    torch.save(run.average.state_dict(), options.run / "average.pt")


def stage_parser(description: str | None, stages: Iterable[str]) -> argparse.ArgumentParser:
    """The arguments that this script and `judge_refiner.py` share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=tuple(stages))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    return parser


def main() -> None:
    stages = {"pairs": make_pairs, "train": train}
    parser = stage_parser(__doc__, stages)
    parser.add_argument("--clips", type=int, default=16, help="of grid_s1")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    stages[options.stage](options)


if __name__ == "__main__":
    main()
