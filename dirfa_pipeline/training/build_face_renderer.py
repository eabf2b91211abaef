"""
Build the FaceRenderer's tensors: the canonical mesh's triangles and drawn rows of teeth.

    python -m dirfa_pipeline.training.build_face_renderer --canonical mediapipe_canonical_face_model.obj \
        --output weights/dirfa-base/face_renderer
"""

import argparse
from pathlib import Path

import torch

from ..models.face_renderer import FaceRenderer
from ..models.mouth_interior import LOWER_SIZE, LOWER_TEETH, UPPER_SIZE, UPPER_TEETH, draw_teeth
from .build_face_model import read_canonical


def build(canonical: Path) -> FaceRenderer:
    """Fill a renderer."""
    renderer = FaceRenderer()
    _, triangles = read_canonical(canonical)
    rows = {
        "triangles": triangles,
        "upper_teeth": draw_teeth(UPPER_TEETH, UPPER_SIZE[0], upper=True, seed=3),
        "lower_teeth": draw_teeth(LOWER_TEETH, LOWER_SIZE[0], upper=False, seed=4),
    }
    for name, values in rows.items():
        parameter = getattr(renderer, name)
        parameter.data.copy_(torch.as_tensor(values, dtype=parameter.dtype))
    return renderer


def main(arguments: list[str] | None = None) -> None:
    """Build and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canonical", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    build(options.canonical).save_pretrained(options.output)


if __name__ == "__main__":
    main()
