"""
The light of a smile, see [`SmileLight`][dirfa_pipeline.rendering.folds.SmileLight]: what of it photos of people with
and without one have in common.

Both photos of a person are brought to the mean face's shape, landmark by landmark, and the logarithm of the light of
one over that of the other is explained by how strong the smile is, over all people (least squares). The folds beside
the nose are half as dark again in blue as in red, as skin is, which renders follow (`TINTED` in `rendering/skin.py`).
No photo is kept.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp
from ..capture.portrait import Portrait
from ..face.fit import SMILES
from ..face.landmarks import INNER_LIPS, LEFT_EYE, OVAL, RIGHT_EYE
from ..models.face_model import FaceModel
from ..rendering.masks import polygon
from ..rendering.mesh import NUM_FACE_VERTICES
from ..rendering.rasterizer import rasterize_map
from ..rendering.relaxed_photo import LIP_OUTLINE


Array = NDArray[np.float32]

LARGEST: Final = 512  # pixels of a photo's longer side
HELD_OUT: Final = 4  # one person in so many, which benchmarks/compare_neutral.py and compare_smiles.py measure
MARGIN: Final = 2  # pixels around the face
BLUR: Final = 0.7  # pixels: photos' grain
DARK: Final = 4.0  # levels that are added to dark ones, whose logarithms are noise
NOSTRILS: Final = (98, 97, 2, 326, 327, 294, 4, 64)
GROWN: Final = 5  # pixels around eyes, lips and nostrils, which move and are no skin
INSET, FADE = 13, 2.5  # pixels from the face's outline, where hair is, and over which all ends


class Pair(NamedTuple):
    """The same person without and with a smile."""

    calm: Path
    smiling: Path


class AverageSmile(NamedTuple):
    """Light and places of a [`SmileLight`][dirfa_pipeline.rendering.folds.SmileLight]."""

    light: Array
    places: Array


def find_pairs(folder: Path) -> tuple[list[Pair], list[Pair]]:
    """Pairs of the Face Research Lab London Set, named `*_neutral_front_NNN_*` and so on: to learn from; held out."""
    smiling = {path.stem.split("_")[3]: path for path in sorted(folder.glob("*_smiling_front_*.jpg"))}
    calm = {path.stem.split("_")[3]: path for path in sorted(folder.glob("*_neutral_front_*.jpg"))}
    pairs = [Pair(calm[person], smiling[person]) for person in sorted(calm.keys() & smiling.keys())]
    return [pair for index, pair in enumerate(pairs) if index % HELD_OUT], pairs[::HELD_OUT]


def average_smile(pairs: Sequence[Pair], face_model: FaceModel, size: int) -> AverageSmile:
    """
    Learn the light of a smile from photos.

    Args:
        pairs (`Sequence[Pair]`): At least one.
        face_model ([`FaceModel`]): Fits them.
        size (`int`): Rows and columns of the light.
    """
    mean, triangles = (part.detach().numpy() for part in (face_model.mean, face_model.triangles))
    if not pairs:
        raise ValueError(
            "the light of a smile is learned from pairs of photos, got none; see find_pairs for their names"
        )
    mean = mean[:NUM_FACE_VERTICES]
    low, high = mean[:, :2].min(0), mean[:, :2].max(0)
    scale = (size - 1 - 2 * MARGIN) / float((high - low).max())
    places = ((mean[:, :2] - 0.5 * (low + high)) * scale + 0.5 * (size - 1)).astype(np.float32)
    flat = np.column_stack([places, mean[:, 2] * scale]).astype(np.float32)
    total, squares = np.zeros((size, size)), 0.0
    for pair in pairs:
        calm, smiling = (Portrait.from_image(str(path), face_model, max_size=LARGEST) for path in pair)
        lights = [_light(portrait, flat, triangles, size) for portrait in (calm, smiling)]
        change = np.log(lights[1] / lights[0])
        strength = float((smiling.face.expression - calm.face.expression)[SMILES].mean())
        total += strength * (change - np.median(change))
        squares += strength**2
    light = total / squares * _skin(places, size)
    return AverageSmile(np.asarray(0.5 * (light + light[:, ::-1]), np.float32), places)  # the mean face is symmetric


def _light(portrait: Portrait, flat: Array, triangles: NDArray[np.int32], size: int) -> Array:
    """Green light of a portrait's face in the shape of the mean one, `(size, size)`."""
    columns, rows, depth = (np.empty((size, size), np.float32) for _ in range(3))
    rasterize_map(flat, portrait.landmarks[: len(flat), :2].copy(), triangles, 0, 0, columns, rows, depth)
    step = max(1.0, float(np.ptp(portrait.landmarks[: len(flat), 1]) / np.ptp(flat[:, 1])))
    smooth = cv2.GaussianBlur(portrait.image[..., 1].astype(np.float32), (0, 0), BLUR * step)
    face = cv2.remap(smooth, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(face + DARK, np.float32)


def _skin(places: Array, size: int) -> Array:
    """1 on skin from the lids down, 0 on eyes, lips and nostrils, fading: `(size, size)`."""
    shape = (size, size)
    skin = cv2.erode(polygon(places[list(OVAL)], shape), np.ones((2 * INSET + 1,) * 2, np.uint8))
    for hole in (LIP_OUTLINE, INNER_LIPS, NOSTRILS, LEFT_EYE.outline, RIGHT_EYE.outline):
        skin &= 1 - cv2.dilate(polygon(places[list(hole)], shape), np.ones((GROWN, GROWN), np.uint8))
    lids = float(places[LEFT_EYE.middle_pairs[1][1], 1])
    below = ramp(np.arange(size, dtype=np.float32), lids, GROWN)[:, None]
    return np.asarray(cv2.GaussianBlur(skin.astype(np.float32), (0, 0), FADE) * below, np.float32)
