"""
Accept the look of now: rewrite the goldens that it leaves, and say which poses changed where, and by how much.

    python benchmarks/accept_goldens.py

Faces whose every region is still within tolerance keep their golden, so that small changes cannot add up unseen. What
is printed belongs into the commit's message, with its reason.
"""

from pathlib import Path

from look import FACES, GOLDENS, Look, compare, draw_look, golden_of, read_golden, write_golden

from dirfa_pipeline.bundled import bundled_weights
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


def accept(look: Look, golden: Path) -> list[str]:
    """Write a golden if the look has left it; returns what changed, one line a region of a pose."""
    changes = ["new"]
    if golden.exists():
        changes = [str(difference) for difference in compare(look, read_golden(golden)) if not difference.tolerated]
    if changes:
        write_golden(golden, look.frames)
    return changes


def main() -> None:
    """Rewrite what changed and remove the goldens of faces that are gone."""
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
