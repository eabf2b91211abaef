"""
Draw photos x expressions and head poses as one PNG.

    python benchmarks/contact_sheet.py PHOTO... --weights weights/dirfa-base --output sheet.png [--zoom mouth|eyes|out]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from dirfa_pipeline.animation import Animation
from dirfa_pipeline.models.face_landmarks import LIPS
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer
from dirfa_pipeline.portrait import Portrait


def both(**weights: float) -> dict[str, float]:
    """Give a weight to its left and right side."""
    return {f"{name}{side}": value for name, value in weights.items() for side in ("Left", "Right")}


POSES: dict[str, dict[str, float] | None] = {
    "rest": None,
    "shut": {},
    "aa": {"jawOpen": 0.5} | both(mouthLowerDown=0.2, mouthUpperUp=0.1),
    "iy": {"jawOpen": 0.1} | both(mouthSmile=0.4, mouthStretch=0.3, mouthLowerDown=0.4, mouthUpperUp=0.2),
    "uw": {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.1},
    "f": {"mouthRollLower": 0.6, "jawOpen": 0.05} | both(mouthUpperUp=0.25),
    "p": {"mouthRollLower": 0.3, "mouthRollUpper": 0.3} | both(mouthPress=0.5),
    "smile": both(mouthSmile=0.8, cheekSquint=0.4),
    "frown": both(mouthFrown=0.7, browDown=0.7),
    "surprise": {"browInnerUp": 0.8, "jawOpen": 0.3} | both(browOuterUp=0.8, eyeWide=0.5),
    "blink": both(eyeBlink=1.0),
    "half": both(eyeBlink=0.5),
    "gaze": {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6},
    "yaw+20": {"yaw": np.radians(20)},
    "yaw-20": {"yaw": np.radians(-20)},
    "pitch+15": {"pitch": np.radians(15)},
    "pitch-15": {"pitch": np.radians(-15)},
    "roll+15": {"roll": np.radians(15)},
    "roll-15": {"roll": np.radians(-15)},
    "turn": {"yaw": np.radians(15), "pitch": np.radians(-10), "roll": np.radians(8), "jawOpen": 0.3},
}


def box_of(portrait: Portrait, zoom: str | None) -> tuple[int, int, int, int]:
    """Crop around the face, the mouth, the eyes, or head and shoulders."""
    points = portrait.landmarks[:468, :2]
    margin = 0.45
    if zoom == "mouth":
        points, margin = portrait.landmarks[list(LIPS), :2], 0.35
    elif zoom == "eyes":
        points, margin = portrait.landmarks[[33, 133, 362, 263, 159, 145], :2], 0.25
    elif zoom == "out":
        margin = 0.75
    low, high = points.min(0), points.max(0)
    centre, half = 0.5 * (low + high), (0.5 + margin) * (high - low).max()
    x0, y0 = np.maximum(centre - half, 0).astype(int)
    x1, y1 = np.minimum(centre + half, portrait.image.shape[1::-1]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--zoom", choices=("mouth", "eyes", "out"))
    parser.add_argument("--poses", nargs="*", default=list(POSES))
    parser.add_argument("--cell", type=int, default=150)
    options = parser.parse_args()
    face_model = FaceModel.from_pretrained(options.weights / "face_model")
    renderer = FaceRenderer.from_pretrained(options.weights / "face_renderer")
    rows = []
    for photo in options.photos:
        portrait = Portrait.from_image(photo, face_model, max_size=768)
        coefficients = [
            portrait.face.rest_coefficients()
            if POSES[name] is None
            else Animation.from_curves(1, **POSES[name]).coefficients[0]
            for name in options.poses
        ]
        frames = renderer.render(renderer.prepare(portrait), np.stack(coefficients))
        box = box_of(portrait, options.zoom)
        cells = [Image.fromarray(frame).crop(box).resize((options.cell, options.cell)) for frame in frames]
        rows.append(np.concatenate([np.asarray(cell) for cell in cells], axis=1))
    Image.fromarray(np.concatenate(rows)).save(options.output)


if __name__ == "__main__":
    main()
