"""
Draw forty hard photos, chosen by a rule and not by eye, in six poses: what breaks there breaks for somebody.

    python benchmarks/hard_photos.py FOLDER... --weights weights/dirfa-base --output SHEETS

The rule: all JPEG files of the folders, sorted by folder as given and by name, and of these forty at even distances,
the first one included. Folders that show talking faces' usual examples hold paintings, statues, animals, half faces
and groups beside portraits. Photos that the pipeline refuses count among the forty and are listed with the reason.
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
    """The forty photos of the rule, or all where there are fewer."""
    photos = [photo for folder in folders for photo in sorted(folder.glob("*.jpg"))]
    return [photos[index * len(photos) // COUNT] for index in range(COUNT)] if len(photos) > COUNT else photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for the sheets, of five photos each")
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
