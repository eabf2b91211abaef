"""
The language between sampler and renderer: a linear face at MediaPipe's landmarks, fitted to photos and videos.

`V(identity, expression) = mean + identity @ identity_basis + expression @ expression_basis`, seen by a
weak-perspective camera `p = scale * R V + t`. Axes are those of the picture: x right, y down, z away from the viewer;
the unit is the inter-ocular distance and the origin the head's pivot on the neck.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d
from torch import nn

from ..animation import (
    EXPRESSION_NAMES,
    LIP_INDICES,
    NUM_COEFFICIENTS,
    NUM_EXPRESSIONS,
    check_coefficients,
)
from ..checkpoint import Float32Model
from ..errors import ImageError
from .face_landmarks import (
    BROWS,
    INNER_LIP_PAIRS,
    LEFT_EYE,
    LIPS,
    LOWER_LIP_ROWS,
    NUM_LANDMARKS,
    RIGHT_EYE,
    RIGID,
    UPPER_LIP_ROWS,
    EyeLandmarks,
)


Array = NDArray[np.float32]

PHOTO_LIPS, VIDEO_LIPS = 6.0, 20.0  # weight of lip landmarks in a fit: a video teaches speech
CAMERA_DISTANCE: Final = 10.0  # inter-ocular distances, about 63 cm
_UPPER, _LOWER = np.array(INNER_LIP_PAIRS).T
_LIP_COLUMNS = np.array(LIP_INDICES)
_LIP_ROW_GIVE = (0.2, 0.5, 0.8, 1.0)  # from the outer row of lip landmarks to the inner one
_JAW_OPEN = EXPRESSION_NAMES.index("jawOpen")
# One photo does not tell large eyes from wide ones, high brows from raised ones, nor where its eyes look at rest: the
# fit gives most calm faces much of these.
_PHOTOS_OWN = [i for i, name in enumerate(EXPRESSION_NAMES) if name.startswith(("eyeLook", "eyeWide", "browOuterUp"))]
_BLINKS = {eye: EXPRESSION_NAMES.index(f"eyeBlink{side}") for eye, side in ((RIGHT_EYE, "Right"), (LEFT_EYE, "Left"))}
_SMILES = [EXPRESSION_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
# What a frame says for itself; all other weights are added to the photo's own.
_REPLACED = np.concatenate([_LIP_COLUMNS, list(_BLINKS.values())])
_ADDED = np.setdiff1d(np.arange(NUM_EXPRESSIONS), _REPLACED)
_NO_LIPS = np.setdiff1d(np.arange(NUM_EXPRESSIONS), _LIP_COLUMNS)

# Lids' widest gap in diameters of the iris: open eyes show .6 to .95, a hundredth of calm frames less than .5.
HALF_SHUT: Final = (0.5, 0.42)  # between these an eye begins to count as half shut
UNSEEN: Final = (0.12, 0.2)  # under these it shows too little of the iris to be opened
SMILING: Final = (0.4, 0.6)  # smiles from which on narrow eyes belong to it
AWAKE: Final = 0.66  # how far one that counts is opened


def rotation_matrix(angles: ArrayLike) -> Array:
    """
    Rotation of yaw, pitch and roll in radians, `(..., 3)` -> `(..., 3, 3)`: `Rz(roll) Rx(pitch) Ry(yaw)`.

    Positive yaw turns the face to the right of the picture, pitch lifts the chin, roll tilts clockwise.
    """
    yaw, pitch, roll = np.moveaxis(np.asarray(angles, dtype=np.float64), -1, 0)
    # The face looks along -z; turning it to +x is a rotation about y by -yaw, lifting it to -y one about x by -pitch.
    return (_axis(2, roll) @ _axis(0, -pitch) @ _axis(1, -yaw)).astype(np.float32)


def rotation_angles(matrix: ArrayLike) -> Array:
    """Inverse of [`rotation_matrix`] for pitches under 90 degrees: `(..., 3, 3)` -> `(..., 3)`."""
    m = np.asarray(matrix, dtype=np.float64)
    pitch = -np.arcsin(np.clip(m[..., 2, 1], -1.0, 1.0))
    yaw = np.arctan2(m[..., 2, 0], m[..., 2, 2])
    roll = np.arctan2(-m[..., 0, 1], m[..., 1, 1])
    return np.stack([yaw, pitch, roll], axis=-1).astype(np.float32)


def _axis(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.zeros((*angle.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1.0
    matrix[..., i, i] = matrix[..., j, j] = cos
    matrix[..., i, j], matrix[..., j, i] = -sin, sin
    return matrix


def procrustes(source: ArrayLike, target: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """
    Similarity that best maps `source` `(points, 3)` to each `target` `(..., points, 3)` (Umeyama, 1991).

    Returns scale `(...)`, rotation `(..., 3, 3)`, translation `(..., 3)` with `target = scale * R source + t`.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    a, b = source - source_mean, target - target_mean[..., None, :]
    u, values, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    sign = np.sign(np.linalg.det(u @ vt))
    values[..., -1] *= sign
    u[..., :, -1] *= sign[..., None]
    rotation = u @ vt
    scale = values.sum(-1) / np.square(a).sum()
    translation = target_mean - scale[..., None] * np.einsum("...ij,j->...i", rotation, source_mean)
    return scale, rotation, translation


@dataclass(frozen=True)
class FaceFit:
    """
    One person's face as fitted to a photo.

    Args:
        shape (`np.ndarray` of shape `(478, 3)`): The face without expression, in inter-ocular distances, in its own
            frame. Whatever the model cannot explain is in it, so that the rest pose reproduces the photo.
        gaps (`np.ndarray` of shape `(9, 3)`): What of the inner-lip opening the model leaves unexplained; it comes
            and goes with the model's own opening, so that closed lips touch.
        basis (`np.ndarray` of shape `(52, 478, 3)`): Expressions, with lids that close on this face.
        expression (`np.ndarray` of shape `(52,)`): The photo's own.
        rotation (`np.ndarray` of shape `(3, 3)`), translation (`np.ndarray` of shape `(3,)`), scale (`float`): The
            camera, in pixels.
    """

    shape: Array
    gaps: Array
    basis: Array
    expression: Array
    rotation: Array
    translation: Array
    scale: float

    @property
    def blink(self) -> float:
        """How much of a blink the photo was caught in."""
        return float(self.expression[list(_BLINKS.values())].min())

    def rest_coefficients(self) -> Array:
        """The coefficients, of shape `(58,)`, that show the photo as it is."""
        rest = np.zeros(NUM_COEFFICIENTS, np.float32)
        rest[_REPLACED] = self.expression[_REPLACED]
        return rest

    def expressions(self, coefficients: ArrayLike) -> Array:
        """Expression weights `(frames, 52)`: lips, jaw and blinks replace the photo's own, the rest is added to it."""
        weights = check_coefficients(coefficients)[:, :NUM_EXPRESSIONS].copy()
        weights[:, _ADDED] += self.expression[_ADDED]
        return np.clip(weights, 0.0, 1.0)

    def head_vertices(self, coefficients: ArrayLike) -> Array:
        """Landmarks in the head's own frame, in inter-ocular distances: `(frames, 478, 3)`."""
        weights = self.expressions(coefficients)
        # For a single frame BLAS wakes threads that then spin beside it.
        vertices = self.shape + np.einsum("tk,kvd->tvd", weights, self.basis, optimize=len(weights) > 1)
        own = lip_gap(self.basis, self.expression[None])[0]
        share = np.clip((lip_gap(self.basis, weights) + 1e-4) / (own + 1e-4), 0.0, 1.0)[:, None, None]
        vertices[:, _LOWER] += 0.5 * share * self.gaps
        vertices[:, _UPPER] -= 0.5 * share * self.gaps
        return _part_lips(vertices, np.minimum(share[..., 0] * self.gaps[:, 1], 0.0)).astype(np.float32)

    def cameras(self, coefficients: ArrayLike) -> tuple[Array, Array, Array]:
        """Rotation `(frames, 3, 3)`, translation `(frames, 3)` in pixels and scale `(frames,)` of each frame."""
        head = check_coefficients(coefficients)[:, NUM_EXPRESSIONS:]
        rotation = rotation_matrix(head[:, :3]) @ self.rotation
        scale = self.scale / (1.0 + head[:, 5] / CAMERA_DISTANCE)
        translation = np.repeat(self.translation[None], len(head), axis=0)
        translation[:, :2] += self.scale * head[:, 3:5]
        return rotation, translation.astype(np.float32), scale.astype(np.float32)

    def vertices(self, coefficients: ArrayLike) -> Array:
        """Landmarks in pixels of the photo, `(frames, 478, 3)`, z growing away from the viewer."""
        rotation, translation, scale = self.cameras(coefficients)
        turned = np.einsum("tij,tvj->tvi", rotation, self.head_vertices(coefficients), optimize=True)
        return (scale[:, None, None] * turned + translation[:, None]).astype(np.float32)

    def head_transforms(self, coefficients: ArrayLike) -> Array:
        """Affine maps `(frames, 3, 4)` in pixels that carry the photo's rest vertices rigidly to each frame's pose."""
        rotation, translation, scale = self.cameras(coefficients)
        linear = (scale / self.scale)[:, None, None] * rotation @ self.rotation.T
        offset = translation - linear @ self.translation
        return np.concatenate([linear, offset[..., None]], axis=-1).astype(np.float32)

    def head_angles(self) -> Array:
        """The photo's own yaw, pitch and roll in radians."""
        return rotation_angles(self.rotation)


@dataclass(frozen=True)
class VideoFit:
    """
    A tracked clip: `coefficients` `(frames, 58)` relative to the clip's median pose, the person's [`FaceFit`] at that
    pose, and `lip_residual` `(frames,)`, the root mean square a coordinate over the lip landmarks in inter-ocular
    distances.
    """

    coefficients: Array
    face: FaceFit
    lip_residual: Array


@dataclass(frozen=True)
class FrameFits:
    """Weights `(frames, 52)` and cameras of frames: rotation `(frames, 3, 3)`, translation `(frames, 3)`, scale."""

    weights: NDArray
    rotation: NDArray
    translation: NDArray
    scale: NDArray


def _part_lips(vertices: NDArray, least: NDArray) -> NDArray:
    """
    Keep lips from passing through each other: facing points that would cross meet half-way, outer rows give in.

    `least`, of shape `(frames, 9)`, is the opening that is allowed: 0, or the photo's own where its landmarks cross.
    """
    overlap = np.minimum(vertices[:, _LOWER, 1] - vertices[:, _UPPER, 1] - least, 0.0)
    for give, upper, lower in zip(_LIP_ROW_GIVE, UPPER_LIP_ROWS, LOWER_LIP_ROWS, strict=True):
        vertices[:, list(upper), 1] += 0.5 * give * overlap
        vertices[:, list(lower), 1] -= 0.5 * give * overlap
    return vertices


def lip_gap(basis: Array, weights: Array) -> Array:
    """Mean vertical opening of the inner lips for weights `(frames, 52)`: `(frames,)` in inter-ocular distances."""
    opening = (basis[:, _LOWER, 1] - basis[:, _UPPER, 1]).mean(1)
    return np.maximum(weights @ opening, 0.0)


def half_shut(points: NDArray) -> float:
    """
    How much of a blink `(478, 3)` landmarks show with both eyes: 0 for eyes that are open, however narrow, or shut.

    One eye alone is a wink, which is meant.
    """
    blinks = []
    for eye in _BLINKS:
        iris = points[list(eye.iris), :2]
        diameter = 2.0 * np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
        gap = np.linalg.norm(points[list(eye.lower), :2] - points[list(eye.upper), :2], axis=1).max()
        gap /= max(diameter, 1e-6)
        counts = np.interp(gap, HALF_SHUT[::-1], (1.0, 0.0)) * np.interp(gap, UNSEEN, (0.0, 1.0))
        blinks.append(float(counts * max(0.0, 1.0 - gap / AWAKE)))
    return min(blinks)


def open_lids(shape: NDArray, eye: EyeLandmarks, blink: float) -> NDArray:
    """The face whose `eyeBlink` of `blink` shows these lids, see [`close_lids`]."""
    opened = shape.copy()
    gap = (shape[list(eye.lower)] - shape[list(eye.upper)]) * blink / (1.0 - blink)
    opened[list(eye.upper)] -= 0.9 * gap
    opened[list(eye.lower)] += 0.1 * gap
    return opened


def close_lids(basis: Array, shape: Array) -> Array:
    """
    Make eyeBlink close this face: the upper lid comes nine tenths of the gap down, the lower lid a tenth up.

    The crease and the skin under the brow follow by .68 and .30 of the upper lid.
    """
    basis = basis.copy()
    # Nothing but lips and jaw may part the lips: a photo's own sneer would keep them open.
    columns = _NO_LIPS[:, None]
    basis[columns, _UPPER] = basis[columns, _LOWER] = 0.5 * (basis[columns, _UPPER] + basis[columns, _LOWER])
    for eye, column in _BLINKS.items():
        upper, lower = shape[list(eye.upper)], shape[list(eye.lower)]
        gap = lower - upper
        basis[column] = 0.0
        basis[column, list(eye.upper)] = 0.9 * gap
        basis[column, list(eye.lower)] = -0.1 * gap
        basis[column, list(eye.crease)] = 0.68 * 0.9 * gap
        basis[column, list(eye.brow_side)] = 0.30 * 0.9 * gap
    return basis


def solve_weights(
    basis: Array, targets: Array, weights: Array, ridge: float, sparsity: float = 0.0, steps: int = 600
) -> Array:
    """
    Bounded least squares for all frames at once: weights in [0, 1] that best explain displacements.

    Accelerated projected gradient (FISTA, Beck and Teboulle, 2009) on the normal equations.

    Args:
        basis (`np.ndarray` of shape `(shapes, coordinates)`), targets (`np.ndarray` of shape `(frames, coordinates)`)
        weights (`np.ndarray` of shape `(coordinates,)`): Importance of each coordinate.
        ridge (`float`): Penalty on the weights' squares.
        sparsity (`float`, defaults to 0.0): Penalty on the weights themselves: fewer shapes explain the same face.
    """
    gram = (basis * weights) @ basis.T + ridge * np.eye(len(basis))
    linear = targets @ (basis * weights).T - sparsity
    rate = 1.0 / np.linalg.eigvalsh(gram)[-1]
    solution = momentum = np.zeros_like(linear)
    t = 1.0
    for _ in range(steps):
        previous = solution
        solution = np.clip(momentum - rate * (momentum @ gram - linear), 0.0, 1.0)
        t_next = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        momentum = solution + (t - 1.0) / t_next * (solution - previous)
        t = t_next
    return solution


class FaceModel(Float32Model, ModelMixin, ConfigMixin):
    """
    Linear 3D face with identity and 52 ARKit expressions at MediaPipe's 478 landmarks.

    Args:
        num_identities (`int`, defaults to 40): Directions of identity.
    """

    @register_to_config
    def __init__(self, num_identities: int = 40) -> None:
        super().__init__()
        self.mean = _constant(torch.zeros(NUM_LANDMARKS, 3))
        self.identity_basis = _constant(torch.zeros(num_identities, NUM_LANDMARKS, 3))
        self.expression_basis = _constant(torch.zeros(NUM_EXPRESSIONS, NUM_LANDMARKS, 3))
        self.triangles = _constant(torch.zeros(898, 3, dtype=torch.int32))

    def set_shapes(self, mean: ArrayLike, identity: ArrayLike, expression: ArrayLike, triangles: ArrayLike) -> None:
        """Fill the model's tensors from arrays of the same shapes."""
        values = {"mean": mean, "identity_basis": identity, "expression_basis": expression, "triangles": triangles}
        for name, value in values.items():
            parameter = getattr(self, name)
            parameter.data.copy_(torch.as_tensor(np.asarray(value), dtype=parameter.dtype))

    @property
    def lip_landmarks(self) -> list[int]:
        """Indices of all lip landmarks."""
        return list(LIPS)

    @property
    def inner_lip_pairs(self) -> torch.Tensor:
        """Facing inner-lip landmarks, upper and lower: `(9, 2)`."""
        return torch.tensor(INNER_LIP_PAIRS)

    @property
    def mirrored_landmarks(self) -> list[int]:
        """For each of the 468 face landmarks the one on the other side of the face."""
        # With an open jaw: the closed lips of the mean lie on each other.
        face = (self.mean + self.expression_basis[_JAW_OPEN]).detach().cpu().numpy()[:468]
        gaps = np.linalg.norm(face[:, None] * [-1.0, 1.0, 1.0] - face[None], axis=-1)
        return [int(index) for index in gaps.argmin(1)]

    def fit_image(self, landmarks: ArrayLike) -> FaceFit:
        """
        Fit a face to one photo.

        Args:
            landmarks (`np.ndarray` of shape `(478, 3)`): Pixels; z scaled like x, growing away from the viewer.

        Raises:
            ImageError: Wrong shape, or values that are not finite.
        """
        points = _check_landmarks(landmarks, ndim=2)
        mean, identity, basis = self._arrays()
        shape, expression = mean, np.zeros(NUM_EXPRESSIONS)
        for _ in range(4):
            scale, rotation, translation = procrustes(
                (shape + _blend(basis, expression))[list(RIGID)], points[list(RIGID)]
            )
            local = (points - translation) @ rotation / scale
            shape = mean + _fit_identity(identity, local - _blend(basis, expression) - mean)
            expression = _fit_expression(basis, (local - shape)[None], ridge=0.01)[0]
        # These count as the face's own, whatever they are: from there eyes and brows may go all the way.
        expression[[*_PHOTOS_OWN, *_BLINKS.values()]] = 0.0
        # A smile narrows eyes too, and is meant.
        blink = half_shut(points) * float(np.interp(expression[_SMILES].mean(), SMILING, (1.0, 0.0)))
        # The lids to close are those of the photo's own look with lips at rest and no blink.
        lips = np.zeros(NUM_EXPRESSIONS)
        lips[_LIP_COLUMNS] = expression[_LIP_COLUMNS]
        opened = local - _blend(basis, lips)
        for eye, column in _BLINKS.items():
            opened = open_lids(opened, eye, blink)
            expression[column] = blink
        fitted = close_lids(basis, opened)
        expression = _explain_gap(fitted, expression, local)
        return _make_fit(local, fitted, expression, rotation, translation, float(scale))

    def fit_video(self, landmarks: ArrayLike) -> VideoFit:
        """
        Fit a clip of one person, all frames at once.

        Args:
            landmarks (`np.ndarray` of shape `(frames, 478, 3)`): As for [`fit_image`]; frames without a face must be
                filled in or left out before.
        """
        points = _check_landmarks(landmarks, ndim=3)
        mean, identity, basis = self._arrays()
        smooth = _smooth_motion(points)
        shape = mean
        for _ in range(3):
            scale, rotation, translation = procrustes(shape[list(RIGID)], smooth[:, list(RIGID)])
            local = np.einsum("tij,tvi->tvj", rotation, smooth - translation[:, None]) / scale[:, None, None]
            calm = _calm_frames(local)
            rest = np.median(local[calm], axis=0)
            person = mean + _fit_identity(identity, rest - mean)
            expression = _fit_expression(basis, (rest - person)[None], ridge=0.05)[0]
            shape = rest - _blend(basis, expression)
            shape = _shut(shape)
        fitted = close_lids(basis, shape)
        weights = _explain_frames(fitted, shape, local)
        head = self._relative_pose(scale, rotation, translation)
        reference = FaceFit(
            shape.astype(np.float32), np.zeros((len(INNER_LIP_PAIRS), 3), np.float32), fitted.astype(np.float32),
            np.zeros(NUM_EXPRESSIONS, np.float32), head.rotation, head.translation, head.scale,
        )  # fmt: skip
        error = (local - shape - _blend(fitted, weights))[:, list(LIPS), :2]
        coefficients = np.concatenate([weights, head.relative], axis=1).astype(np.float32)
        return VideoFit(coefficients, reference, np.sqrt(np.square(error).mean((1, 2))).astype(np.float32))

    def fit_frames(self, landmarks: ArrayLike, face: FaceFit) -> FrameFits:
        """
        Fit more frames of a face that [`fit_video`] knows; each depends on the two around it and on no other.

        Args:
            landmarks (`np.ndarray` of shape `(frames, 478, 3)`): As for [`fit_video`].
            face ([`FaceFit`]): The person, from [`fit_video`].
        """
        smooth = _smooth_motion(_check_landmarks(landmarks, ndim=3))
        shape, basis = face.shape.astype(np.float64), face.basis.astype(np.float64)
        scale, rotation, translation = procrustes(shape[list(RIGID)], smooth[:, list(RIGID)])
        local = np.einsum("tij,tvi->tvj", rotation, smooth - translation[:, None]) / scale[:, None, None]
        return FrameFits(_explain_frames(basis, shape, local), rotation, translation, scale)

    def _arrays(self) -> tuple[NDArray, NDArray, NDArray]:
        tensors = (self.mean, self.identity_basis, self.expression_basis)
        mean, identity, basis = (tensor.detach().cpu().double().numpy() for tensor in tensors)
        return mean, identity, basis

    @staticmethod
    def _relative_pose(scale: NDArray, rotation: NDArray, translation: NDArray) -> "_ClipPose":
        middle = rotation_matrix(np.median(rotation_angles(rotation), axis=0))
        base, origin = float(np.median(scale)), np.median(translation, axis=0)
        angles = rotation_angles(rotation @ middle.T)
        shift = (translation - origin) / base
        depth = CAMERA_DISTANCE * (base / scale - 1.0)
        relative = np.concatenate([angles, shift[:, :2], depth[:, None]], axis=1)
        return _ClipPose(relative, middle, origin.astype(np.float32), base)


@dataclass(frozen=True)
class _ClipPose:
    relative: NDArray
    rotation: Array
    translation: Array
    scale: float


def _constant(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _check_landmarks(landmarks: ArrayLike, ndim: int) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != ndim or points.shape[-2:] != (NUM_LANDMARKS, 3) or len(points) == 0:
        expected = f"({NUM_LANDMARKS}, 3)" if ndim == 2 else f"(frames, {NUM_LANDMARKS}, 3)"
        raise ImageError(f"landmarks must have shape {expected}, got {points.shape}; refine_landmarks gives all 478")
    if not np.isfinite(points).all():
        raise ImageError("landmarks must be finite; leave out frames in which no face was found")
    return points


def _blend(basis: NDArray, weights: NDArray) -> NDArray:
    return np.einsum("...k,kvd->...vd", weights, basis, optimize=True)


def _importance(lips: float) -> NDArray[np.float64]:
    """Weight of each coordinate in a fit: lips, lids and brows matter most, MediaPipe's depth least."""
    weight = np.ones((NUM_LANDMARKS, 3))
    weight[list(BROWS)] = 6.0
    weight[list(LIPS)] = lips
    for eye in (RIGHT_EYE, LEFT_EYE):
        weight[[*eye.upper, *eye.lower]] = 6.0
        weight[list(eye.iris)] = 10.0
    weight[:, 2] *= 0.05
    return weight


def _fit_identity(identity: NDArray, offset: NDArray, ridge: float = 0.02) -> NDArray:
    flat, weight = identity.reshape(len(identity), -1), _importance(PHOTO_LIPS).ravel() / NUM_LANDMARKS
    gram = (flat * weight) @ flat.T + ridge * 1e-2 * np.eye(len(flat))
    solution = np.linalg.solve(gram, (flat * weight) @ offset.ravel())
    return (solution @ flat).reshape(NUM_LANDMARKS, 3)


def _fit_expression(
    basis: NDArray, offsets: NDArray, ridge: float, sparsity: float = 0.0, lips: float = PHOTO_LIPS
) -> NDArray:
    """Bounded weights for offsets `(frames, 478, 3)`; the inner-lip openings count as coordinates of their own."""

    def coordinates(vertices: NDArray) -> NDArray:
        opening = 6.0 * (vertices[:, _LOWER, :2] - vertices[:, _UPPER, :2])
        return np.concatenate([vertices.reshape(len(vertices), -1), opening.reshape(len(vertices), -1)], axis=1)

    weight = np.concatenate([_importance(lips).ravel(), np.full(2 * len(_UPPER), 6.0)])
    return solve_weights(coordinates(basis), coordinates(offsets), weight, ridge, sparsity)


def _explain_frames(basis: NDArray, shape: NDArray, local: NDArray) -> NDArray:
    """Weights `(frames, 52)` of a known person's frames `(frames, 478, 3)` in the head's own axes."""
    weights = _fit_expression(basis, local - shape, ridge=0.001, sparsity=0.003, lips=VIDEO_LIPS)
    return _explain_lids(basis, weights, shape, local)


def _smooth_motion(points: NDArray) -> NDArray:
    """Smooth all landmarks over 5 frames (cubic, Savitzky and Golay, 1964) but the lips: it would open closures."""
    if len(points) < 7:
        return points
    smooth = convolve1d(points, np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35.0, axis=0, mode="nearest")
    smooth[:, list(LIPS)] = points[:, list(LIPS)]
    return smooth


def _calm_frames(local: NDArray) -> NDArray[np.intp]:
    """Frames with nearly closed, but not pressed, lips and open eyes: what counts as this person's rest."""
    gap = (local[:, _LOWER, 1] - local[:, _UPPER, 1]).mean(1)
    low, high = np.percentile(gap, [10, 35])
    eyes = sum((local[:, list(eye.lower), 1] - local[:, list(eye.upper), 1]).mean(1) for eye in _BLINKS)
    chosen = np.flatnonzero((gap >= low) & (gap <= high) & (eyes >= np.percentile(eyes, 30)))
    return chosen if len(chosen) else np.argsort(gap)[:5]


def _shut(shape: NDArray) -> NDArray:
    shape = shape.copy()
    middle = 0.5 * (shape[_UPPER] + shape[_LOWER])
    shape[_UPPER] = shape[_LOWER] = middle
    return shape


def _explain_gap(basis: NDArray, expression: NDArray, local: NDArray) -> NDArray:
    """Correct jawOpen so that the model's mean inner-lip opening is the photo's."""
    observed = max(0.0, float((local[_LOWER, 1] - local[_UPPER, 1]).mean()))
    expression = expression.copy()
    slope = float((basis[_JAW_OPEN, _LOWER, 1] - basis[_JAW_OPEN, _UPPER, 1]).mean())
    opening = (basis[:, _LOWER, 1] - basis[:, _UPPER, 1]).mean(1)
    expression[_JAW_OPEN] = np.clip(expression[_JAW_OPEN] + (observed - expression @ opening) / slope, 0.0, 1.0)
    return expression


def _explain_lids(basis: NDArray, weights: NDArray, shape: NDArray, local: NDArray) -> NDArray:
    """
    Correct eyeBlink, frame by frame, so that the model's lids close as far as the observed ones, `(frames, 478, 3)`.

    The fit spreads a blink over several shapes and none of them shuts the eye. Differences under a tenth of the
    opening are the landmarks' noise and count ever less.
    """
    weights = weights.copy()
    for eye, column in _BLINKS.items():

        def opening(vertices: NDArray, eye: EyeLandmarks = eye) -> NDArray:
            return (vertices[..., list(eye.lower), 1] - vertices[..., list(eye.upper), 1]).mean(-1)

        modelled = opening(shape) + weights @ opening(basis)
        lacking = np.clip((modelled - opening(local)) / -opening(basis[column]), 0.0, 1.0)
        lacking *= np.minimum(1.0, lacking / 0.1)
        weights[:, column] = np.minimum(weights[:, column] + lacking, 1.0)
    return weights


def _make_fit(
    local: NDArray, basis: NDArray, expression: NDArray, rotation: NDArray, translation: NDArray, scale: float
) -> FaceFit:
    shape = local - _blend(basis, expression)
    gaps = shape[_LOWER] - shape[_UPPER]
    shape[_LOWER] -= 0.5 * gaps
    shape[_UPPER] += 0.5 * gaps

    def single(array: NDArray) -> Array:
        return np.ascontiguousarray(array, dtype=np.float32)

    return FaceFit(
        single(shape), single(gaps), single(basis), single(expression), single(rotation), single(translation), scale
    )


__all__ = ["FaceFit", "FaceModel", "VideoFit", "procrustes", "rotation_angles", "rotation_matrix"]
