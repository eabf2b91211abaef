"""
Draw photos x expressions and head poses as one PNG.

    python benchmarks/contact_sheet.py PHOTO... --weights weights/dirfa-base --output sheet.png [--zoom head|mouth|...]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dirfa_pipeline.animation.animation import Animation
from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


def both(**weights: float) -> dict[str, float]:
    """Give a weight to its left and right side."""
    return {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}


POSES: dict[str, dict[str, float] | None] = {
    "photo": None,
    "silence": {},
    "p": {"mouthRollLower": 0.3, "mouthRollUpper": 0.3} | both(mouthPress=0.5),
    "aa": {"jawOpen": 0.5} | both(mouthLowerDown=0.2, mouthUpperUp=0.1),
    "iy": {"jawOpen": 0.1} | both(mouthSmile=0.4, mouthStretch=0.3, mouthLowerDown=0.4, mouthUpperUp=0.2),
    "uw": {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.1},
    "f": {"mouthRollLower": 0.6, "jawOpen": 0.05} | both(mouthUpperUp=0.25),
    "l": {"jawOpen": 0.25, "tongueOut": 0.3} | both(mouthLowerDown=0.2, mouthUpperUp=0.1),
    "smile": both(mouthSmile=0.8, cheekSquint=0.4),
    "grin": {"jawOpen": 0.05} | both(mouthSmile=0.9, mouthUpperUp=0.5, mouthLowerDown=0.4, cheekSquint=0.6),
    "frown": both(mouthFrown=0.7, browDown=0.7),
    "surprise": {"browInnerUp": 0.8, "jawOpen": 0.3} | both(browOuterUp=0.8, eyeWide=0.5),
    "shout": {"jawOpen": 0.9} | both(mouthLowerDown=0.4, mouthUpperUp=0.3),
    "blink": both(eyeBlink=1.0),
    "half": both(eyeBlink=0.5),
    "look left": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "look right": {"eyeLookOutRight": 0.8, "eyeLookInLeft": 0.8},
    "look up": both(eyeLookUp=0.6),
    "look down": both(eyeLookDown=0.6),
    "squint": both(eyeSquint=0.8, cheekSquint=0.8, mouthSmile=0.8),
    "wide": both(eyeWide=0.8),
    "yaw+20": {"yaw": np.radians(20)},
    "yaw-20": {"yaw": np.radians(-20)},
    "pitch+15": {"pitch": np.radians(15)},
    "pitch-15": {"pitch": np.radians(-15)},
    "roll+15": {"roll": np.radians(15)},
    "roll-15": {"roll": np.radians(-15)},
    "turn": {"yaw": np.radians(15), "pitch": np.radians(-10), "roll": np.radians(8), "jawOpen": 0.3},
}
FACE = ("photo", "silence", "p", "aa", "iy", "uw", "f", "l", "smile", "frown", "surprise", "blink")
TURNS = ("yaw+20", "yaw-20", "pitch+15", "pitch-15")
ZOOMS: dict[str, tuple[str, ...]] = {
    "head": (*FACE, *TURNS),
    "mouth": ("photo", "silence", "p", "aa", "iy", "uw", "f", "l", "smile", "grin", "frown", "shout"),
    "eyes": ("photo", "half", "blink", "look left", "look right", "look up", "look down", "squint", "wide", "frown"),
    "out": ("photo", *TURNS, "roll+15", "roll-15", "turn"),
}


def box_of(portrait: Portrait, zoom: str | None) -> tuple[float, float, float, float]:
    """Crop around the face, the mouth, the eyes, or head and shoulders; it may reach out of the picture."""
    points, margin, aspect = portrait.landmarks[:468, :2], (2.5 if zoom == "out" else 1.5), 1.0
    if zoom == "mouth":
        points, margin, aspect = portrait.landmarks[list(LIPS), :2], 1.35, 0.85
    elif zoom == "eyes":
        points, margin, aspect = portrait.landmarks[[*RIGHT_EYE.outline, *LEFT_EYE.outline], :2], 1.25, 0.5
    low, high = points.min(0), points.max(0)
    if zoom == "mouth":  # a smile's crop would be wider than a pout's
        high, low = 0.5 * (low + high) + 0.55 * portrait.face.scale, 0.5 * (low + high) - 0.55 * portrait.face.scale
    (x, y), half = 0.5 * (low + high), 0.5 * margin * float((high - low).max())
    return x - half, y - aspect * half, x + half, y + aspect * half


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
    poses = options.poses or (ZOOMS[options.zoom] if options.zoom else FACE)
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows = []
    for photo in options.photos:
        portrait = Portrait.from_image(photo, face_model, max_size=options.max_size)
        curves = [POSES[name] for name in poses]
        coefficients = [
            portrait.face.rest_coefficients() if curve is None else Animation.from_curves(1, **curve).coefficients[0]
            for curve in curves
        ]
        frames = renderer.render(renderer.prepare(portrait), np.stack(coefficients))
        box = box_of(portrait, options.zoom)
        size = (options.cell, round(options.cell * (box[3] - box[1]) / (box[2] - box[0])))
        extent = Image.Transform.EXTENT
        cells = [Image.fromarray(frame).transform(size, extent, box, Image.Resampling.BICUBIC) for frame in frames]
        rows.append(np.concatenate([np.asarray(cell) for cell in cells], axis=1))
    header = Image.new("RGB", (rows[0].shape[1], 14))
    for column, name in enumerate(poses):
        ImageDraw.Draw(header).text((column * options.cell + 4, 1), name, fill="white")
    Image.fromarray(np.concatenate([np.asarray(header), *rows])).save(options.output)


if __name__ == "__main__":
    main()
