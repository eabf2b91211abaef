"""
Draw photos with every expression preset while they say p, aa, ee, oo, f: one PNG per photo, for visual inspection.

    python benchmarks/expression_sheet.py PHOTO... --weights weights/dirfa-base --output FOLDER [--zoom mouth|eyes]
    python benchmarks/expression_sheet.py FROWN... --neutralize --presets neutral happy --output FOLDER

Rows are presets; columns are the photo itself, silence and the phones. The number after a preset's name is how far the
lips part at p, in hundredths of the inter-ocular distance. `--neutralize` first removes the photo's own expression.
"""

import argparse
from pathlib import Path

import numpy as np
from contact_sheet import box_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from poses import POSES

from dirfa_pipeline import Animation, Controls, FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.direction.controls import neutralize
from dirfa_pipeline.direction.expressions import PRESETS
from dirfa_pipeline.face.measures import lip_aperture


PHONES = ("silence", "p", "aa", "ee", "oo", "f")
LABEL = 14  # pixels


def sheet(
    portrait: Portrait, presets: list[str], face_model: FaceModel, renderer: FaceRenderer, options: argparse.Namespace
) -> NDArray[np.uint8]:
    """Draw one row per preset."""
    prepared, box = renderer.prepare(portrait), box_of(portrait, options.zoom)
    size = (options.cell, round(options.cell * (box[3] - box[1]) / (box[2] - box[0])))
    spoken = np.concatenate([Animation.from_curves(1, **POSES[phone]).coefficients for phone in PHONES])
    rows = []
    for name in presets:
        animation = Controls(expression=name, expression_strength=options.strength).apply(
            Animation(spoken), face_model
        )
        if options.neutralize:
            animation = neutralize(animation, portrait.face)
        gaps = 100 * lip_aperture(portrait.face.vertices(animation.coefficients))
        frames = [portrait.image, *renderer.render(prepared, animation.coefficients)]
        extent = Image.Transform.EXTENT
        cells = [Image.fromarray(frame).transform(size, extent, box, Image.Resampling.BICUBIC) for frame in frames]
        label = Image.new("RGB", (size[0] * len(cells), LABEL))
        for column, text in enumerate([f"{name} p {gaps[1]:.1f}", *PHONES]):
            ImageDraw.Draw(label).text((column * size[0] + 4, 1), text, fill="white")
        rows += [np.asarray(label), np.concatenate([np.asarray(cell) for cell in cells], axis=1)]
    return np.concatenate(rows)


def main() -> None:
    """Write one sheet per photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--presets", nargs="+", choices=tuple(PRESETS), default=list(PRESETS))
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--neutralize", action="store_true")
    parser.add_argument("--zoom", choices=("mouth", "eyes"))
    parser.add_argument("--cell", type=int, default=200, help="width of a cell in pixels")
    parser.add_argument("--max-size", type=int, default=768)
    options = parser.parse_args()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    options.output.mkdir(parents=True, exist_ok=True)
    for photo in options.photos:
        portrait = Portrait.from_image(photo, face_model, max_size=options.max_size)
        path = options.output / f"{photo.stem}.png"
        Image.fromarray(sheet(portrait, options.presets, face_model, renderer, options)).save(path)
        print(path)


if __name__ == "__main__":
    main()
