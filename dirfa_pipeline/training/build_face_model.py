"""
Build the FaceModel by resampling ICT-FaceKit's shapes at MediaPipe's landmarks.

    python -m dirfa_pipeline.training.build_face_model --ict ict_facekit.npz \
        --canonical mediapipe_canonical_face_model.obj --output weights/dirfa-base/face_model
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from ..animation.coefficients import EXPRESSION_NAMES, NUM_EXPRESSIONS
from ..animation.easing import ramp, smoothstep
from ..animation.gaze import GAZE_RANGE
from ..face.landmarks import (
    INNER_LIP_PAIRS,
    LEFT_EYE,
    LOWER_LIP_ROWS,
    NUM_LANDMARKS,
    RIGHT_EYE,
    SIXTY_EIGHT,
    UPPER_LIP_ROWS,
    EyeLandmarks,
)
from ..face.rotations import procrustes
from ..models.face_model import FaceModel


Array = NDArray[np.float64]

NUM_FACE_VERTICES = 9409
NUM_IDENTITIES = 40
# ICT vertices of the 68 landmarks (from ICT-FaceKit's vertex_indices.json).
ICT_SIXTY_EIGHT = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518,
    5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip

IRIS_RADIUS = 11.7 / 2 / 63.0  # in inter-ocular distances: irises of 11.7 mm, 63 mm between the eyes
EYEBALL_RADIUS = 12.0 / 63.0
LIP_EDGE, CHIN_TIP = 17, 152  # landmarks
FADING = (0.1, 0.7)  # a ramp along the way from one to the other, on which a lower lip's own movements fade
LOWER_DOWN = [EXPRESSION_NAMES.index(f"mouthLowerDown{side}") for side in ("Left", "Right")]
LIPS_ALONE = [*LOWER_DOWN, EXPRESSION_NAMES.index("mouthFunnel")]
# Shapes that keep the mouth shut, in which the upper and lower inner lips must move together.
CLOSED_SHAPES = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthRoll", "mouthShrugLower", "cheekPuff", "jawForward", "jawLeft", "jawRight", "cheekSquint",
)  # fmt: skip


def read_canonical(path: Path) -> tuple[Array, NDArray[np.int64]]:
    """Vertices `(468, 3)` and triangles `(898, 3)` of the canonical face."""
    lines = [line.split() for line in path.read_text().splitlines() if line]
    vertices = [[float(x) for x in line[1:4]] for line in lines if line[0] == "v"]
    triangles = [[int(x.split("/")[0]) - 1 for x in line[1:4]] for line in lines if line[0] == "f"]
    return np.array(vertices), np.array(triangles)


def register(canonical: Array, ict: Array) -> tuple[Array, float]:
    """Map the canonical landmarks onto the ICT face by similarity and thin-plate spline; also returns the scale."""
    ours = list(SIXTY_EIGHT.values())
    theirs = [ICT_SIXTY_EIGHT[index] for index in SIXTY_EIGHT]
    scale, rotation, translation = procrustes(canonical[ours], ict[theirs])
    rigid = scale * canonical @ rotation.T + translation
    warp = RBFInterpolator(rigid[ours], ict[theirs] - rigid[ours], smoothing=0.02, kernel="thin_plate_spline")
    return rigid + warp(rigid), float(scale)


def sampling_weights(targets: Array, ict: Array, jaw_open: Array) -> Array:
    """
    Weights `(468, 9409)` that interpolate ICT vertices at the landmarks: the four nearest, by inverse distance.

    Landmarks of the lower lip use only vertices that move with the jaw, those of the upper lip only the others.
    """
    moved = np.linalg.norm(jaw_open, axis=1)
    carried = moved > 0.5 * np.percentile(moved[ict[:, 1] < ict[6346, 1]], 90) if len(moved) else moved
    lower = {index for row in LOWER_LIP_ROWS for index in row}
    upper = {index for row in UPPER_LIP_ROWS for index in row}
    trees = {
        name: (cKDTree(ict[chosen]), np.flatnonzero(chosen))
        for name, chosen in (("any", np.ones(len(ict), bool)), ("lower", carried), ("upper", ~carried))
    }
    weights = np.zeros((len(targets), len(ict)))
    for index, target in enumerate(targets):
        tree, vertices = trees["lower" if index in lower else "upper" if index in upper else "any"]
        distance, nearest = tree.query(target, k=4)
        inverse = 1.0 / (distance + 0.02)
        weights[index, vertices[nearest]] = inverse / inverse.sum()
    return weights


def named_shapes(expressions: Array, names: list[str]) -> Array:
    """ICT's 57 shapes as ARKit's 52, `(52, vertices, 3)`: `_L`/`_R` become Left/Right, or are summed for one shape."""
    shapes = np.zeros((NUM_EXPRESSIONS, *expressions.shape[1:]))
    for index, name in enumerate(EXPRESSION_NAMES):
        sided = name.replace("Left", "_L").replace("Right", "_R") if name not in ("jawLeft", "jawRight") else name
        sided = name if name in ("mouthLeft", "mouthRight") else sided
        for source in {sided, f"{name}_L", f"{name}_R"} & set(names):
            shapes[index] += expressions[names.index(source)]
    return shapes


def neighbours(triangles: NDArray[np.int64]) -> Array:
    """Row-normalised adjacency `(468, 468)` of the mesh, without edges between the upper and the lower lip."""
    adjacency = np.zeros((468, 468))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        adjacency[triangles[:, a], triangles[:, b]] = adjacency[triangles[:, b], triangles[:, a]] = 1.0
    upper = [index for row in UPPER_LIP_ROWS for index in row]
    lower = [index for row in LOWER_LIP_ROWS for index in row]
    adjacency[np.ix_(upper, lower)] = adjacency[np.ix_(lower, upper)] = 0.0
    return adjacency / adjacency.sum(1, keepdims=True)


def lip_share(face: Array) -> Array:
    """How much of a lip's way each landmark of `face`, `(468, 3)`, goes: all above its edge, nothing at the chin."""
    edge, chin = (face[index, 1] for index in (LIP_EDGE, CHIN_TIP))
    below = (face[:, 1] - edge) / (chin - edge)
    return 1.0 - smoothstep(ramp(below, *FADING))


def refine_shapes(shapes: Array, mean: Array, triangles: NDArray[np.int64]) -> Array:
    """Smooth the resampled shapes of the face `mean` and correct them at the lips (see the comments)."""
    average = neighbours(triangles)
    for _ in range(2):
        shapes = 0.6 * shapes + 0.4 * np.einsum("ij,kjd->kid", average, shapes)
    upper = [index for row in UPPER_LIP_ROWS for index in row]
    jaw_open = EXPRESSION_NAMES.index("jawOpen")
    shapes[jaw_open, upper] *= 0.3  # jawOpen pulls the upper lip down too far
    shapes[EXPRESSION_NAMES.index("mouthPucker")] *= 1.5  # too weak for a real "oo"
    # ICT's take the chin along, by 3.6 mm, as if the jaw opened; they are muscles of the lower lip.
    shapes[LIPS_ALONE] *= lip_share(mean)[:, None]
    shapes[LOWER_DOWN] *= 1.5  # too weak for one filmed frame in ten
    for index, name in enumerate(EXPRESSION_NAMES):
        if name.startswith(CLOSED_SHAPES):
            for above, below in INNER_LIP_PAIRS:
                shapes[index, [above, below]] = shapes[index, [above, below]].mean(0)
    # mouthClose undoes jawOpen at the lips, so that they touch if both have the same weight.
    close = EXPRESSION_NAMES.index("mouthClose")
    for row_above, row_below in zip(UPPER_LIP_ROWS, LOWER_LIP_ROWS, strict=True):
        for above, below in zip(row_above, row_below, strict=True):
            gap = shapes[jaw_open, below] - shapes[jaw_open, above]
            shapes[close, below], shapes[close, above] = -0.75 * gap, 0.25 * gap
    return shapes


def add_irises(vertices: Array) -> Array:
    """Append the ten iris points, for each eye the centre and then the ring, in front of the middle of the eye."""
    rings = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        centre = vertices[[eye.outer, eye.inner]].mean(0) + [0.0, 0.0, -0.03]
        side = 1.0
        offsets = [(0, 0), (side, 0), (0, -1), (-side, 0), (0, 1)]
        rings += [centre + [IRIS_RADIUS * x, IRIS_RADIUS * y, 0.0] for x, y in offsets]
    return np.concatenate([vertices, rings])


def turn_irises(basis: Array, eye: EyeLandmarks, side: str) -> None:
    """Let the gaze shapes move the iris: at weight 1, the eyeball turns by 25 degrees."""
    reach, depth = EYEBALL_RADIUS * np.sin(GAZE_RANGE), EYEBALL_RADIUS * (1 - np.cos(GAZE_RANGE))
    outward = 1.0 if side == "Left" else -1.0  # outward for the subject's left eye is to the right of the image
    moves = {
        "Out": (outward * reach, 0.0),
        "In": (-outward * reach, 0.0),
        "Up": (0.0, -0.8 * reach),
        "Down": (0, reach),
    }
    for direction, (x, y) in moves.items():
        basis[EXPRESSION_NAMES.index(f"eyeLook{direction}{side}"), list(eye.iris)] = (x, y, depth)


def build(ict_path: Path, canonical_path: Path) -> FaceModel:
    """Resample, refine and normalise to axes x right, y down, z away, and lengths in inter-ocular distances."""
    canonical, triangles = read_canonical(canonical_path)
    with np.load(ict_path) as file:
        ict = file["neutral"][:NUM_FACE_VERTICES].astype(np.float64)
        expressions = file["expressions"][:, :NUM_FACE_VERTICES].astype(np.float64)
        names = [str(name) for name in file["expression_names"]]
        identities = file["identities"][:, :NUM_FACE_VERTICES].astype(np.float64)
    targets, scale = register(canonical, ict)
    weights = sampling_weights(targets, ict, expressions[names.index("jawOpen")])
    shapes = np.einsum("ij,kjd->kid", weights, named_shapes(expressions, names)) / scale
    people = np.einsum("ij,kjd->kid", weights, identities) / scale

    eyes = canonical[[RIGHT_EYE.outer, RIGHT_EYE.inner, LEFT_EYE.outer, LEFT_EYE.inner]]
    unit = np.linalg.norm(eyes[2:].mean(0) - eyes[:2].mean(0))
    flip = np.array([1.0, -1.0, -1.0]) / unit
    pivot = eyes.mean(0) * flip + [0.0, 0.6, 1.3]
    mean = canonical * flip - pivot
    for above, below in INNER_LIP_PAIRS:
        mean[[above, below]] = mean[[above, below]].mean(0)
    mean = add_irises(mean)

    basis = np.zeros((NUM_EXPRESSIONS, NUM_LANDMARKS, 3))
    basis[:, :468] = refine_shapes(shapes * flip, mean[:468], triangles)
    turn_irises(basis, RIGHT_EYE, "Right")
    turn_irises(basis, LEFT_EYE, "Left")
    identity = np.zeros((NUM_IDENTITIES, NUM_LANDMARKS, 3))
    flat = (people * flip).reshape(len(people), -1)
    _, values, directions = np.linalg.svd(flat, full_matrices=False)
    spread = values[:NUM_IDENTITIES] / np.sqrt(len(people))
    identity[:, :468] = (directions[:NUM_IDENTITIES] * spread[:, None]).reshape(NUM_IDENTITIES, 468, 3)
    for eye in (RIGHT_EYE, LEFT_EYE):
        identity[:, list(eye.iris)] = identity[:, [eye.outer, eye.inner]].mean(1, keepdims=True)

    model = FaceModel(num_identities=NUM_IDENTITIES)
    model.set_shapes(mean, identity, basis, triangles)
    return model


def main(arguments: list[str] | None = None) -> None:
    """Build and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ict", type=Path, required=True)
    parser.add_argument("--canonical", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    build(options.ict, options.canonical).save_pretrained(options.output)


if __name__ == "__main__":
    main()
