"""
Draw forty hard photos in six poses, to see what breaks. They are chosen by a rule and not by eye.

    python benchmarks/hard_photos.py FOLDER... --weights weights/dirfa-base --output SHEETS

The rule: sort all JPEG files by folder, in the given order, and by name, and take forty at even intervals, beginning
with the first. Example folders of talking-face projects contain paintings, statues, animals, partial faces and groups
as well as portraits. Photos that the pipeline refuses count among the forty and are listed with the reason.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from contact_sheet import draw_row
from PIL import Image

from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


COUNT = 40
SHOWN = ("rest", "aa", "oo", "smile", "blink", "yaw+15")
ON_A_SHEET = 5


def choose(folders: list[Path]) -> list[Path]:
    """The forty photos chosen by the rule, or all if there are fewer."""
    photos = [photo for folder in folders for photo in sorted(folder.glob("*.jpg"))]
    return [photos[index * len(photos) // COUNT] for index in range(COUNT)] if len(photos) > COUNT else photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for the sheets, with five photos each")
    parser.add_argument("--cell", type=int, default=250, help="width of a cell in pixels")
    parser.add_argument("--max-size", type=int, default=512)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    options.output.mkdir(parents=True, exist_ok=True)
    photos = choose(options.folders)
    for first in range(0, len(photos), ON_A_SHEET):
        rows = []
        for photo in photos[first : first + ON_A_SHEET]:
            try:
                rows += draw_row(photo, face_model, renderer, SHOWN, "head", options.cell, options.max_size)
            except ValueError as refusal:
                print(f"refused: {photo.name}: {refusal}", flush=True)
        if rows:
            Image.fromarray(np.concatenate(rows)).save(options.output / f"{first:02}.png")


if __name__ == "__main__":
    main()
