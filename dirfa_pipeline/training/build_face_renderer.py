"""
Build the FaceRenderer's tensors: the canonical mesh's triangles, and rows of teeth seen from the front.

    python -m dirfa_pipeline.training.build_face_renderer --ict ict_facekit.npz \
        --canonical mediapipe_canonical_face_model.obj --output weights/dirfa-base/face_renderer
"""

import argparse
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..models.face_renderer import FaceRenderer
from ..models.mouth_interior import TEETH_EXTENT
from ..models.rasterizer import rasterize_map
from .build_face_model import read_canonical


Array = NDArray[np.float64]

OVERSAMPLING: Final = 4
INCISAL: Final = {"upper": -3.53, "lower": -3.36}  # ICT-FaceKit's y of the front teeth's edges, in centimetres
LIGHT: Final = np.array([0.0, 0.42, 0.91])
FRONT: Final = 10.7  # z of the front teeth, in centimetres
FADE: Final = 4.0  # centimetres farther back within which cheeks and lips take most of the light


def render_teeth(ict: Path, row: str, height: int, width: int) -> NDArray[np.float32]:
    """
    Draw a row of ICT-FaceKit's teeth in its gums from the front: `(height, width, 3)`, brightness, gum share, alpha.

    Args:
        ict: The head, see [`build_face_model`].
        row: `upper` or `lower`.
    """
    with np.load(ict) as file:
        vertices, quads = file["neutral"].astype(np.float64), file["faces"]
        materials = file["materials"][file["face_material"]]
    teeth = _triangles(quads[materials == "M_Teeth"])
    part = _parts(teeth, len(vertices))
    middle = np.array([vertices[np.unique(teeth[part == index]), 1].max() for index in range(part.max() + 1)])
    teeth = teeth[(middle[part] > -2.0) == (row == "upper")]
    gums = _triangles(quads[materials == "M_GumsTongue"])
    above = vertices[gums, 1].mean(1) > -3.4
    gums = gums[(above == (row == "upper")) & (vertices[gums, 2].mean(1) > 4.5)]

    normals = _normals(vertices, np.concatenate([teeth, gums]))
    diffuse = np.clip(normals @ LIGHT, 0.0, 1.0)
    gloss = np.clip(normals @ (np.array([0.0, 0.25, 0.97]) / np.hypot(0.25, 0.97)), 0.0, 1.0) ** 60
    depth = np.exp((np.minimum(vertices[:, 2], FRONT) - FRONT) / FADE)
    brightness = depth * (0.42 + 0.58 * diffuse + 0.10 * gloss)

    rows, columns = OVERSAMPLING * height, OVERSAMPLING * width
    per_centimetre = columns / (0.1 * TEETH_EXTENT[0])
    edge = rows if row == "upper" else 0.0
    screen = np.stack(
        [
            columns / 2 + per_centimetre * vertices[:, 0],
            edge - per_centimetre * (vertices[:, 1] - INCISAL[row]),
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
    picture = 0.5 * (picture + picture[:, ::-1])  # exactly as mirrored as faces should be
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _triangles(quads: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.concatenate([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]]).astype(np.int64)


def _parts(triangles: NDArray[np.int64], num_vertices: int) -> NDArray[np.int64]:
    """The connected part that each triangle belongs to."""
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
    """Two attributes and the depth, each `(rows, columns)`; the second attribute is 0 where nothing is drawn."""
    corners = screen[triangles, :2]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    turned = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0
    wound = np.where(turned[:, None], triangles[:, ::-1], triangles).astype(np.int32)
    value, cover, depth = (np.empty((rows, columns), np.float32) for _ in range(3))
    rasterize_map(screen.astype(np.float32), attributes.astype(np.float32), wound, 0, 0, value, cover, depth)
    value[~np.isfinite(depth)] = cover[~np.isfinite(depth)] = 0.0
    return value, cover, depth


def _fill_gaps(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Between teeth there is shade, not a hole."""
    alpha = picture[..., 2]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3 * OVERSAMPLING + 1, 5 * OVERSAMPLING + 1))
    closed = cv2.morphologyEx(np.pad(alpha, 40), cv2.MORPH_CLOSE, kernel)[40:-40, 40:-40]
    around = cv2.GaussianBlur(picture[..., :2], (0, 0), 2.0 * OVERSAMPLING)
    weight = cv2.GaussianBlur(alpha, (0, 0), 2.0 * OVERSAMPLING)[..., None]
    shade = around / np.maximum(weight, 1e-3) * [0.78, 1.0]
    filled = np.where(alpha[..., None] > 0, picture[..., :2], shade)
    return np.dstack([filled, closed]).astype(np.float32)


def build(canonical: Path, ict: Path) -> FaceRenderer:
    """Fill a renderer."""
    renderer = FaceRenderer()
    size = (renderer.config.teeth_height, renderer.config.teeth_width)
    values = {
        "triangles": read_canonical(canonical)[1],
        "upper_teeth": render_teeth(ict, "upper", *size),
        "lower_teeth": render_teeth(ict, "lower", *size),
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
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    build(options.canonical, options.ict).save_pretrained(options.output)


if __name__ == "__main__":
    main()
