"""
Draw a grid of photos in several expressions and head poses as one PNG; by default, in the poses of the goldens.

    python benchmarks/contact_sheet.py PHOTO... --weights weights/dirfa-base --output sheet.png [--zoom head|mouth|...]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from poses import GUARDED, POSES, pose_rows

from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


LABEL = 14  # pixels
TURNS = ("yaw+20", "yaw-20", "pitch+15", "pitch-15")
ZOOMS: dict[str, tuple[str, ...]] = {
    "head": (*GUARDED, *TURNS),
    "mouth": ("rest", "silence", "p", "aa", "oo", "ee", "f", "l", "smile", "grin", "frown", "shout"),
    "eyes": (
        "rest", "half", "blink", "look left", "look right", "look up", "look down", "squint", "wide eyes", "frown",
    ),
    "out": ("rest", *TURNS, "roll+15", "roll-15", "turn"),
}  # fmt: skip


def box_of(portrait: Portrait, zoom: str | None) -> tuple[float, float, float, float]:
    """A crop around the face, the mouth, the eyes, or head and shoulders; it may extend beyond the image."""
    points, margin, aspect = portrait.landmarks[:468, :2], (2.5 if zoom == "out" else 1.5), 1.0
    if zoom == "mouth":
        points, margin, aspect = portrait.landmarks[list(LIPS), :2], 1.35, 0.85
    elif zoom == "eyes":
        points, margin, aspect = portrait.landmarks[[*RIGHT_EYE.outline, *LEFT_EYE.outline], :2], 1.25, 0.5
    low, high = points.min(0), points.max(0)
    if zoom == "mouth":  # fixed, because a smile's crop would be wider than a pout's
        high, low = 0.5 * (low + high) + 0.55 * portrait.face.scale, 0.5 * (low + high) - 0.55 * portrait.face.scale
    (x, y), half = 0.5 * (low + high), 0.5 * margin * float((high - low).max())
    return x - half, y - aspect * half, x + half, y + aspect * half


def draw_row(
    photo: Path, face_model: FaceModel, renderer: FaceRenderer, poses: tuple[str, ...], zoom: str | None, cell: int,
    max_size: int,
) -> list[NDArray[np.uint8]]:  # fmt: skip
    """The labels and the poses, side by side: two images `(height, poses * cell, 3)`."""
    portrait = Portrait.from_image(photo, face_model, max_size=max_size)
    frames = renderer.render(renderer.prepare(portrait), pose_rows(poses, portrait.face))
    box = box_of(portrait, zoom)
    size = (cell, round(cell * (box[3] - box[1]) / (box[2] - box[0])))
    extent = Image.Transform.EXTENT
    cells = [Image.fromarray(frame).transform(size, extent, box, Image.Resampling.BICUBIC) for frame in frames]
    header = Image.new("RGB", (cell * len(poses), LABEL))
    for column, name in enumerate((f"{photo.stem}: {poses[0]}", *poses[1:])):
        ImageDraw.Draw(header).text((column * cell + 4, 1), name, fill="white")
    return [np.asarray(header), np.concatenate([np.asarray(cell) for cell in cells], axis=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--zoom", choices=tuple(ZOOMS))
    parser.add_argument("--poses", nargs="*", choices=tuple(POSES), metavar="POSE", help=", ".join(POSES))
    parser.add_argument("--cell", type=int, default=150, help="width of a cell in pixels")
    parser.add_argument("--max-size", type=int, default=768)
    options = parser.parse_args()
    poses = tuple(options.poses or ()) or (ZOOMS[options.zoom] if options.zoom else GUARDED)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows = []
    for photo in options.photos:
        rows += draw_row(photo, face_model, renderer, poses, options.zoom, options.cell, options.max_size)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(options.output)
    print(options.output)


if __name__ == "__main__":
    main()
