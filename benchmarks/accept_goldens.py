"""
Accept the current look: rewrite the goldens that no longer match, and print which poses changed where and by how much.

    python benchmarks/accept_goldens.py

Faces that are within tolerance in every region keep their golden, so that small changes cannot add up unnoticed. Put
the output into the commit message, with the reason for the change.
"""

from pathlib import Path

from look import FACES, GOLDENS, Look, compare, draw_look, golden_of, read_golden, write_golden

from dirfa_pipeline.bundled import bundled_weights
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


def accept(look: Look, golden: Path) -> list[str]:
    """Rewrite a golden that no longer matches; returns what changed, one line per region of a pose."""
    changes = ["new"]
    if golden.exists():
        changes = [str(difference) for difference in compare(look, read_golden(golden)) if not difference.tolerated]
    if changes:
        write_golden(golden, look.frames)
    return changes


def main() -> None:
    """Rewrite the goldens that changed, and remove those of faces that no longer exist."""
    weights = bundled_weights()
    face_model = FaceModel.from_pretrained(weights / "face_model")
    renderer = FaceRenderer.from_pretrained(weights / "face_renderer")
    GOLDENS.mkdir(exist_ok=True)
    for photo in FACES:
        for change in accept(draw_look(photo, face_model, renderer), golden_of(photo)):
            print(f"{photo.stem}: {change}")
    for golden in set(GOLDENS.glob("*.webp")) - {golden_of(photo) for photo in FACES}:
        golden.unlink()
        print(f"{golden.stem}: removed")


if __name__ == "__main__":
    main()
