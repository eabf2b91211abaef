"""
Regression test of the look: renders the faces of `tests/faces` in fixed poses and compares them with their goldens.

A golden is a lossless image of one face in all poses at half size. Halving the size removes differences in rounding
between machines, and keeps twelve faces under 2 MB. See docs/changing-the-look.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from poses import GUARDED, pose_rows

from dirfa_pipeline.capture.portrait import Portrait
from dirfa_pipeline.face.landmarks import BROWS, INNER_LIPS, LEFT_EYE, LIPS, OVAL, RIGHT_EYE
from dirfa_pipeline.models.face_model import FaceModel
from dirfa_pipeline.models.face_renderer import FaceRenderer


TESTS: Final = Path(__file__).parents[1] / "tests"
FACES: Final = tuple(sorted((TESTS / "faces").glob("*.jpg")))
GOLDENS: Final = TESTS / "goldens"

COLUMNS: Final = 6  # poses side by side in a golden

# Inter-ocular distances by which a region extends beyond its landmarks.
REACH: Final = {"mouth": 0.12, "eyes": 0.1, "brows": 0.05, "outline": 0.2}
REGIONS: Final = ("between the lips", "mouth", "eyes", "brows", "cheeks", "outline", "background")
FEWEST: Final = 100  # pixels between the lips; if there are fewer, they are part of the mouth

# Grey levels (0 to 255) by which a region of a pose may differ, on average and at the 95th percentile of its pixels.
# Other processors round differently: one of them drew cheeks that differed by 0.6 on average.
MEAN_TOLERANCE: Final = 0.8
HIGH_TOLERANCE: Final = 2.0

# Images of the differences.
LOUDER: Final = 8  # factor by which differences are amplified
WIDTH: Final = 1000  # width in pixels
MARGIN: Final = 6  # pixels around the regions
LINE: Final = 14  # height of a line of text in pixels

Frames = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Look:
    """
    A face rendered in the fixed poses.

    Args:
        frames (`np.ndarray` of shape `(poses, height, width, 3)`): uint8, half the photo's size.
        regions (`list[dict[str, np.ndarray]]`): For each pose, the regions of the frame, bool `(height, width)`, by
            name; every pixel is in one of them.
    """

    frames: Frames
    regions: list[dict[str, Mask]]


@dataclass(frozen=True)
class Difference:
    """Difference of a region of a pose from its golden: mean and 95th percentile over its pixels, in grey levels."""

    pose: str
    region: str
    mean: float
    high: float

    @property
    def tolerated(self) -> bool:
        return self.mean <= MEAN_TOLERANCE and self.high <= HIGH_TOLERANCE

    def __str__(self) -> str:
        return f"{self.pose}, {self.region}: mean {self.mean:.1f}, 95th percentile {self.high:.0f}"


def golden_of(photo: Path) -> Path:
    """The path of a photo's golden."""
    return GOLDENS / f"{photo.stem}.webp"


def draw_look(photo: Path, face_model: FaceModel, renderer: FaceRenderer) -> Look:
    """Render a photo in the fixed poses and find the regions of each frame."""
    portrait = Portrait.from_image(photo, face_model)
    rows = pose_rows(GUARDED, portrait.face)
    frames = renderer.render(renderer.prepare(portrait), rows)
    regions = [find_regions(portrait, vertices[:, :2]) for vertices in portrait.face.vertices(rows)]
    return Look(
        np.stack([cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in frames]),
        [{name: region[::2, ::2] for name, region in of_pose.items()} for of_pose in regions],
    )


def find_regions(portrait: Portrait, points: NDArray[np.float32]) -> dict[str, Mask]:
    """Divide a frame with landmarks `points`, `(478, 2)` in pixels, into regions."""
    shape = portrait.mask.shape
    reach = {name: share * portrait.face.scale for name, share in REACH.items()}

    def around(name: str, *groups: tuple[int, ...]) -> Mask:
        return np.any([_grown(_hull(points[list(group)], shape), reach[name]) for group in groups], axis=0)

    half = len(BROWS) // 2
    inside = _hull(points[list(INNER_LIPS)], shape)
    found = {
        "between the lips": inside & (inside.sum() >= FEWEST),
        "mouth": around("mouth", LIPS),
        "eyes": around("eyes", RIGHT_EYE.outline, LEFT_EYE.outline),
        "brows": around("brows", BROWS[:half], BROWS[half:]),
        "cheeks": _hull(points[list(OVAL)], shape),
        "outline": _grown(portrait.mask > 0.5, reach["outline"]),
        "background": np.ones(shape, bool),
    }
    free = np.ones(shape, bool)
    for name in REGIONS:
        found[name] &= free
        free &= ~found[name]
    return found


def _hull(points: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    """Pixels inside the convex hull of points `(n, 2)`."""
    filled = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points).round().astype(np.int32), 1)
    return filled > 0


def _grown(mask: Mask, pixels: float) -> Mask:
    """A mask dilated by `pixels`."""
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels


def write_golden(path: Path, frames: Frames) -> None:
    """Write frames `(poses, height, width, 3)` side by side to a lossless WebP file."""
    rows = [np.concatenate(list(row), axis=1) for row in frames.reshape(-1, COLUMNS, *frames.shape[1:])]
    Image.fromarray(np.concatenate(rows)).save(path, lossless=True, quality=100, method=6)


def read_golden(path: Path) -> Frames:
    """Read the frames `(poses, height, width, 3)` of a golden."""
    with Image.open(path) as file:
        picture = np.asarray(file.convert("RGB"))
    rows = len(GUARDED) // COLUMNS
    grid = picture.reshape(rows, picture.shape[0] // rows, COLUMNS, picture.shape[1] // COLUMNS, 3)
    return grid.swapaxes(1, 2).reshape(len(GUARDED), *grid.shape[1::2], 3)


def compare(look: Look, golden: Frames) -> list[Difference]:
    """Compute the difference of every region in every pose; `golden` is the result of [`read_golden`]."""
    apart = np.abs(look.frames.astype(np.int16) - golden).mean(-1)
    return [
        Difference(pose, name, float(pixels.mean()), float(np.percentile(pixels, 95)))
        for pose, picture, regions in zip(GUARDED, apart, look.regions, strict=True)
        for name, region in regions.items()
        if len(pixels := picture[region])
    ]


def draw_difference(look: Look, golden: Frames, differences: list[Difference]) -> Image.Image:
    """Draw a row per pose, cropped to the regions that differ: golden, now, and the amplified difference on grey."""
    window = _window(look, differences)
    rows = []
    for pose in dict.fromkeys(difference.pose for difference in differences):
        index = GUARDED.index(pose)
        then, now = golden[index][window], look.frames[index][window]
        loud = np.clip(128 + LOUDER * (now.astype(np.int16) - then), 0, 255).astype(np.uint8)
        cells = np.concatenate([then, now, loud], axis=1)
        larger = max(1, WIDTH // cells.shape[1])
        texts = [f"golden | now | difference x {LOUDER}", *(str(d) for d in differences if d.pose == pose)]
        label = Image.new("RGB", (larger * cells.shape[1], LINE * len(texts)))
        ImageDraw.Draw(label).text((4, 1), "\n".join(texts), fill="white", spacing=2)
        rows += [np.asarray(label), cells.repeat(larger, axis=0).repeat(larger, axis=1)]
    return Image.fromarray(np.concatenate(rows))


def _window(look: Look, differences: list[Difference]) -> tuple[slice, slice]:
    """The rows and columns around all regions that differ."""
    regions = [look.regions[GUARDED.index(difference.pose)][difference.region] for difference in differences]
    rows, columns = np.nonzero(np.any(regions, axis=0))
    top, left = max(0, rows.min() - MARGIN), max(0, columns.min() - MARGIN)
    return slice(top, rows.max() + MARGIN), slice(left, columns.max() + MARGIN)
