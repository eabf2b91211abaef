"""
Build the FaceRenderer's tensors: triangles of the canonical mesh, upper teeth, a smile's light, and the head.

    python -m dirfa_pipeline.training.build_face_renderer --ict ict_facekit.npz \
        --canonical mediapipe_canonical_face_model.obj --smiles public_domain_teeth --pairs webmorph \
        --face-model weights/dirfa-base/face_model --output weights/dirfa-base/face_renderer
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, median_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..face.landmarks import LEFT_EYE, OVAL, RIGHT_EYE
from ..models.face_model import FaceModel
from ..models.face_renderer import FaceRenderer
from ..rendering.rasterizer import rasterize_map
from ..rendering.tooth_rows import TEETH_EXTENT
from .average_smiles import Pair, average_smile, find_pairs
from .average_teeth import average_teeth, read_rows
from .build_face_model import NUM_FACE_VERTICES, read_canonical, register


Array = NDArray[np.float64]

OVERSAMPLING: Final = 4
INCISAL: Final = -3.53  # ICT-FaceKit's y of the upper front teeth's edges, in centimetres
LIGHT: Final = np.array([0.0, 0.42, 0.91])
FRONT: Final = 10.7  # z of the front teeth, in centimetres
FADE: Final = 4.0  # centimetres behind the front teeth over which light falls by a factor of e, shaded by cheeks, lips
NUM_HEAD_VERTICES: Final = 11248  # ICT-FaceKit's vertices of face, head and neck, without the inside of the mouth
MIDDLE, BACK = np.array([0.0, 1.0, 0.5]), np.array([0.0, -0.3, -1.0])  # centre of the head; direction to the nape
FINER: Final = 3  # factor by which more rings are sampled than kept
JAW, NECK, CUT = -2.5, -6.5, -13.0  # y of the corner of the jaw, the upper end of the neck, and where it is cut off


def render_teeth(ict: Path, height: int, width: int) -> NDArray[np.float32]:
    """
    Draw the front view of ICT-FaceKit's upper teeth and gums, `(height, width, 3)`: brightness, gum share, alpha.

    Args:
        ict: ICT-FaceKit's head, see [`build_face_model`].
    """
    with np.load(ict) as file:
        vertices, quads = file["neutral"].astype(np.float64), file["faces"]
        materials = file["materials"][file["face_material"]]
    teeth = _triangles(quads[materials == "M_Teeth"])
    part = _parts(teeth, len(vertices))
    middle = np.array([vertices[np.unique(teeth[part == index]), 1].max() for index in range(part.max() + 1)])
    teeth = teeth[middle[part] > -2.0]
    gums = _triangles(quads[materials == "M_GumsTongue"])
    above = vertices[gums, 1].mean(1) > -3.4
    gums = gums[above & (vertices[gums, 2].mean(1) > 4.5)]

    normals = _normals(vertices, np.concatenate([teeth, gums]))
    diffuse = np.clip(normals @ LIGHT, 0.0, 1.0)
    gloss = np.clip(normals @ (np.array([0.0, 0.25, 0.97]) / np.hypot(0.25, 0.97)), 0.0, 1.0) ** 60
    depth = np.exp((np.minimum(vertices[:, 2], FRONT) - FRONT) / FADE)
    brightness = depth * (0.42 + 0.58 * diffuse + 0.10 * gloss)

    rows, columns = OVERSAMPLING * height, OVERSAMPLING * width
    per_centimetre = columns / (0.1 * TEETH_EXTENT[0])
    screen = np.stack(
        [
            columns / 2 + per_centimetre * vertices[:, 0],
            rows - per_centimetre * (vertices[:, 1] - INCISAL),
            -vertices[:, 2],
        ],
        axis=1,
    )
    picture = np.zeros((rows, columns, 3), np.float32)
    depths = np.full((rows, columns), np.inf, np.float32)
    for triangles, share in ((teeth, 0.0), (gums, 1.0)):
        attributes = np.stack([brightness, np.ones(len(vertices))], axis=1)
        value, cover, depth_map = _rasterize(screen, attributes, triangles, rows, columns)
        nearer = (cover > 0) & (depth_map < depths)
        depths[nearer] = depth_map[nearer]
        picture[nearer] = np.stack([value, np.full_like(value, share), np.ones_like(value)], axis=-1)[nearer]
    picture = _fill_gaps(picture)
    picture = 0.5 * (picture + picture[:, ::-1])  # make it exactly symmetric
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def sample_head(ict: Path, canonical: Path, num_rings: int) -> Array:
    """
    Resample ICT-FaceKit's head outside the oval of the face: `(num_rings + 1, 72, 3)` in inter-ocular distances.

    Rings of 72 points lead from the oval, over ears and neck, to a point at the back. Every second point of the first
    ring is a landmark of the oval. The neck ends in a plane. The axes are those of the image, and the origin is
    between the eyes.
    """
    landmarks, _ = read_canonical(canonical)
    with np.load(ict) as file:
        vertices, quads = file["neutral"].astype(np.float64), file["faces"]
    landmarks, _ = register(landmarks, vertices[:NUM_FACE_VERTICES])
    oval = landmarks[list(OVAL)]
    loop = np.stack([oval, 0.5 * (oval + np.roll(oval, -1, axis=0))], axis=1).reshape(-1, 3)
    start = (loop - MIDDLE) / np.linalg.norm(loop - MIDDLE, axis=1, keepdims=True)
    back = BACK / np.linalg.norm(BACK)
    angle = np.arccos(start @ back)[:, None]
    share = np.linspace(0.0, 1.0, FINER * num_rings + 1)[1:, None, None]
    rays = (np.sin((1.0 - share) * angle) * start + np.sin(share * angle) * back) / np.sin(angle)
    triangles = _triangles(quads[(quads < NUM_HEAD_VERTICES).all(1)])
    reach = np.array([_reach(ray, vertices[triangles]) for ray in rays.reshape(-1, 3)]).reshape(rays.shape[:2])
    # Ears have more detail than the rings can hold, so they are smoothed to a soft bump.
    around = np.pad(reach, ((0, 0), (8, 8)), mode="wrap")
    smooth = median_filter(around, (7 * FINER, 7), mode="nearest")
    smooth = gaussian_filter(smooth, (0.8 * FINER, 0.8), mode="nearest")[:, 8:-8]
    reach = np.where(np.abs(rays[..., 0]) > 0.75, smooth, reach)
    surface = _space_evenly(np.concatenate([loop[None], MIDDLE + reach[..., None] * rays]), num_rings)
    eyes = [landmarks[[eye.outer, eye.inner]].mean(0) for eye in (RIGHT_EYE, LEFT_EYE)]
    return (surface - np.mean(eyes, axis=0)) * [1.0, -1.0, -1.0] / np.linalg.norm(eyes[1] - eyes[0])


def _space_evenly(surface: Array, num_rings: int) -> Array:
    """The same surface, with evenly spaced points along each line to the back."""
    way = np.zeros(surface.shape[:2])
    way[1:] = np.linalg.norm(np.diff(surface, axis=0), axis=-1).cumsum(0)
    spaced = np.empty((num_rings + 1, *surface.shape[1:]))
    for column, length in enumerate(way.T):
        places = np.linspace(0.0, length[-1], num_rings + 1)
        for axis in range(3):
            spaced[:, column, axis] = np.interp(places, length, surface[:, column, axis])
    return spaced


def _reach(ray: Array, corners: Array) -> float:
    """
    Distance from the centre at which a ray leaves the head: at the last surface or, towards the neck, at the first
    one, before the shoulders. Uses the intersection of Moeller and Trumbore (1997).
    """
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across, offset = np.cross(ray, c), MIDDLE - a
    turned = np.cross(offset, b)
    size = (b * across).sum(1)
    size[np.abs(size) < 1e-12] = np.inf
    u, v, distance = (offset * across).sum(1) / size, turned @ ray / size, (turned * c).sum(1) / size
    hits = distance[(u >= -1e-9) & (v >= -1e-9) & (u + v <= 1.0 + 1e-9) & (distance > 0.0)]
    plane = (CUT - MIDDLE[1]) / ray[1] if ray[1] < 0.0 else np.inf
    heights = MIDDLE[1] + hits * ray[1]
    if len(hits) == 0:
        return float(plane)
    below = heights.min() < NECK
    return float(min(hits[heights < JAW].min() if below else hits.max(), plane))


def _triangles(quads: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.concatenate([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]]).astype(np.int64)


def _parts(triangles: NDArray[np.int64], num_vertices: int) -> NDArray[np.int64]:
    """The connected component that each triangle belongs to."""
    edges = (np.ones(2 * len(triangles)), (triangles[:, [0, 1]].ravel(), triangles[:, [1, 2]].ravel()))
    _, labels = connected_components(coo_matrix(edges, (num_vertices, num_vertices)), directed=False)
    return np.unique(labels[triangles[:, 0]], return_inverse=True)[1]


def _normals(vertices: Array, triangles: NDArray[np.int64]) -> Array:
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _rasterize(
    screen: Array, attributes: Array, triangles: NDArray[np.int64], rows: int, columns: int
) -> tuple[NDArray[np.float32], ...]:
    """Rasterize two attributes and the depth, each `(rows, columns)`; the second is 0 where nothing is drawn."""
    corners = screen[triangles, :2]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    turned = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0
    wound = np.where(turned[:, None], triangles[:, ::-1], triangles).astype(np.int32)
    value, cover, depth = (np.empty((rows, columns), np.float32) for _ in range(3))
    rasterize_map(screen.astype(np.float32), attributes.astype(np.float32), wound, 0, 0, value, cover, depth)
    value[~np.isfinite(depth)] = cover[~np.isfinite(depth)] = 0.0
    return value, cover, depth


def _fill_gaps(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the gaps between teeth with shade instead of holes."""
    alpha = picture[..., 2]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3 * OVERSAMPLING + 1, 5 * OVERSAMPLING + 1))
    closed = cv2.morphologyEx(np.pad(alpha, 40), cv2.MORPH_CLOSE, kernel)[40:-40, 40:-40]
    around = cv2.GaussianBlur(picture[..., :2], (0, 0), 2.0 * OVERSAMPLING)
    weight = cv2.GaussianBlur(alpha, (0, 0), 2.0 * OVERSAMPLING)[..., None]
    shade = around / np.maximum(weight, 1e-3) * [0.78, 1.0]
    filled = np.where(alpha[..., None] > 0, picture[..., :2], shade)
    return np.dstack([filled, closed]).astype(np.float32)


def build(
    canonical: Path, ict: Path, smiles: Sequence[Path], pairs: Sequence[Pair], face_model: FaceModel
) -> FaceRenderer:
    """Build a renderer with all tensors; `smiles` show upper teeth, `pairs` people without and with a smile."""
    renderer = FaceRenderer()
    config = renderer.config
    size = (config.teeth_height, config.teeth_width)
    upper = average_teeth(read_rows(smiles, face_model), render_teeth(ict, *size), config.teeth_modes)
    smile = average_smile(pairs, face_model, config.smile_size)
    values = {
        "triangles": read_canonical(canonical)[1],
        "upper_teeth": upper.upper,
        "teeth_shapes": upper.shapes,
        "teeth_textures": upper.textures,
        "smile_light": smile.light,
        "smile_places": smile.places,
        "head": sample_head(ict, canonical, config.head_rings),
    }
    for name, value in values.items():
        parameter = getattr(renderer, name)
        parameter.data.copy_(torch.as_tensor(value, dtype=parameter.dtype))
    return renderer


def main(arguments: list[str] | None = None) -> None:
    """Build and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ict", type=Path, required=True)
    parser.add_argument("--canonical", type=Path, required=True)
    parser.add_argument("--smiles", type=Path, required=True, help="folder of .jpg photos of smiles")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of the London Set: people calm and smiling")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    face_model = FaceModel.from_pretrained(options.face_model)
    smiles = sorted(options.smiles.glob("*.jpg"))
    pairs, _ = find_pairs(options.pairs)
    build(options.canonical, options.ict, smiles, pairs, face_model).save_pretrained(options.output)


if __name__ == "__main__":
    main()
