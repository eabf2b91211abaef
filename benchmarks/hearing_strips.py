"""
Draw strips for judges, who decide which face belongs to a sound: frames above the loudness of the sound.

    python benchmarks/hearing_strips.py SOUND SOUND ... --photo PHOTO --weights weights/dirfa-base --output STRIPS

For each sound in the first half of the list, it writes `NUMBER.png`: the loudness over 3 s, and above it two rows of
frames, A and B, with the same photo and seed. One row was sampled for this sound and the other for a sound in the
second half, so that no row is shown twice and the answers are independent. The order is random (`--seed`), and key.txt
has the answers. The mouth is covered unless `--lips` is given, because the lips would give the answer away; the
question is whether head, brows and eyes follow the sound.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from contact_sheet import box_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dirfa_pipeline import Animation, AudioClip, DirfaPipeline, load_audio
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation.beats import loudness_of
from dirfa_pipeline.face.landmarks import LIPS
from dirfa_pipeline.media.audio import ENCODER_RATE
from dirfa_pipeline.models.face_renderer import PreparedPortrait


SECONDS = 3.0
STEP = 5  # frames of 40 ms between two images of a row
GRAPH = 120  # height of the graph in pixels
COVER = 0.55  # radius of the patch over the mouth, in inter-ocular distances; the same whatever the mouth does

Picture = NDArray[np.uint8]


def draw(pipe: DirfaPipeline, prepared: PreparedPortrait, sound: AudioClip, start: float, lips: bool) -> list[Picture]:
    """Frames of a take from `start` on, with the mouth covered unless `lips`."""
    take = pipe.sample_animation(sound, torch.Generator().manual_seed(1))
    first = round(start * ANIMATION_FPS)
    shown = take.coefficients[first : first + round(SECONDS * ANIMATION_FPS) : STEP]
    frames = list(pipe.render(prepared, Animation(shown)))
    if lips:
        return frames
    landmarks = prepared.portrait.face.vertices(shown)[:, list(LIPS), :2]
    radius = COVER * prepared.portrait.face.scale
    return [_cover(frame, points.mean(0), radius) for frame, points in zip(frames, landmarks, strict=True)]


def _cover(frame: Picture, centre: NDArray[np.floating], radius: float) -> Picture:
    patch = (*(centre - radius).tolist(), *(centre + radius).tolist())
    picture = Image.fromarray(frame)
    ImageDraw.Draw(picture).ellipse(patch, fill=(128, 128, 128))
    return np.asarray(picture)


def graph(sound: AudioClip, start: float, width: int) -> Image.Image:
    """Draw the loudness over the 3 s."""
    wave = sound.mono(ENCODER_RATE)
    count = int(len(wave) / ENCODER_RATE * ANIMATION_FPS)
    first = round(start * ANIMATION_FPS)
    level = loudness_of(wave, ENCODER_RATE, count, ANIMATION_FPS).level[first : first + round(SECONDS * ANIMATION_FPS)]
    picture = Image.new("RGB", (width, GRAPH), "white")
    heights = (level - level.min()) / max(float(np.ptp(level)), 1e-6) * (GRAPH - 10)
    points = [(x, GRAPH - 5 - y) for x, y in zip(np.linspace(0, width, len(level)), heights, strict=True)]
    ImageDraw.Draw(picture).line(points, fill=(200, 60, 20), width=3)
    return picture


def strip(
    rows: list[list[Picture]], box: tuple[float, float, float, float], cell: int, below: Image.Image
) -> Image.Image:
    """Draw lettered rows of cropped frames above a graph."""
    sheet = Image.new("RGB", (cell * len(rows[0]), cell * len(rows) + GRAPH), "white")
    for index, row in enumerate(rows):
        for column, frame in enumerate(row):
            sheet.paste(Image.fromarray(frame).crop(box).resize((cell, cell)), (cell * column, cell * index))
        ImageDraw.Draw(sheet).text((6, cell * index + 6), "AB"[index], fill=(255, 255, 0), font_size=24)
    sheet.paste(below.resize((sheet.width, GRAPH)), (0, cell * len(rows)))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path, nargs="+", help="an even number: those to judge, then those to compare")
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--start", type=float, default=3.0, help="second at which the 3 s begin (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the order of the rows (default 0)")
    parser.add_argument("--cell", type=int, default=170)
    parser.add_argument("--lips", action="store_true", help="leave the mouth uncovered")
    options = parser.parse_args()
    if len(options.sounds) % 2:
        parser.error(f"an even number of sounds is needed, got {len(options.sounds)}; leave one out")
    torch.set_num_threads(1)
    pipe = DirfaPipeline.from_pretrained(options.weights)
    portrait = pipe.prepare_portrait(options.photo, max_size=512)
    prepared, box = pipe.face_renderer.prepare(portrait), box_of(portrait, None)
    sounds = []
    for path in options.sounds:
        wave = load_audio(path).mono(ENCODER_RATE)[: round((options.start + SECONDS + 1.0) * ENCODER_RATE)]
        sounds.append(AudioClip(wave[None].astype(np.float32), ENCODER_RATE))
    faces = [draw(pipe, prepared, sound, options.start, options.lips) for sound in sounds]
    asked = len(sounds) // 2
    coins = np.random.default_rng(options.seed).integers(2, size=asked)
    options.output.mkdir(parents=True, exist_ok=True)
    key = []
    for index, coin in enumerate(coins):
        rows = [faces[index], faces[asked + index]]
        below = graph(sounds[index], options.start, options.cell * len(rows[0]))
        strip(rows[:: -1 if coin else 1], box, options.cell, below).save(options.output / f"{index + 1}.png")
        key.append(f"{index + 1} {'AB'[coin]}")
    (options.output / "key.txt").write_text("\n".join(key) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
