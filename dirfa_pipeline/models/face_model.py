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
from torch import nn

from ..animation.coefficients import (
    EXPRESSION_NAMES,
    NUM_EXPRESSIONS,
)
from ..errors import ImageError
from ..face.brows import FALLS, INNER_UP, LOWERING, rigid_brows
from ..face.fit import (
    BLINKS,
    CAMERA_DISTANCE,
    INNER_LOWER,
    INNER_UPPER,
    LIP_COLUMNS,
    LOOKS,
    ROUNDING,
    SMILES,
    SQUINTS,
    FaceFit,
    FrameFits,
    VideoFit,
)
from ..face.gaze import photo_gaze
from ..face.landmarks import (
    INNER_LIP_PAIRS,
    LIPS,
    NUM_LANDMARKS,
    RIGID,
)
from ..face.lids import close_lids, half_shut, open_lids, squint_lids, unroll_lids, widen_lids
from ..face.measures import lip_aperture, whole_lip_aperture
from ..face.rotations import procrustes, rotation_angles, rotation_matrix
from ..face.solve import (
    JAW_OPEN,
    blend,
    calm_frames,
    explain_frames,
    explain_gap,
    fit_expression,
    fit_identity,
    keep_shown,
    make_fit,
    own_lips,
    shut,
    smooth_motion,
)
from .strict_model import Float32Model


Array = NDArray[np.float32]
# One photo does not tell large eyes from wide ones, high brows from raised ones, nor where its eyes look at rest: the
# fit gives most calm faces much of these.
_PHOTOS_OWN = [i for i, name in enumerate(EXPRESSION_NAMES) if name.startswith(("eyeLook", "eyeWide", "browOuterUp"))]
SMILING: Final = (0.85, 1.0)  # smiles from which on narrow eyes belong to it


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
    def lip_openings(self) -> Array:
        """
        How far each weight parts each of the nine facing pairs of inner-lip landmarks, `(52, 9)`, in inter-ocular
        distances; nothing but lips and jaw does.
        """
        basis = self.expression_basis.detach().float().cpu().numpy()
        openings = np.zeros((NUM_EXPRESSIONS, len(INNER_LIP_PAIRS)), np.float32)
        openings[LIP_COLUMNS] = (basis[:, INNER_LOWER, 1] - basis[:, INNER_UPPER, 1])[LIP_COLUMNS]
        return openings

    @property
    def mirrored_landmarks(self) -> list[int]:
        """For each of the 468 face landmarks the one on the other side of the face."""
        # With an open jaw: the closed lips of the mean lie on each other.
        face = (self.mean + self.expression_basis[JAW_OPEN]).detach().cpu().numpy()[:468]
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
                (shape + blend(basis, expression))[list(RIGID)], points[list(RIGID)]
            )
            local = (points - translation) @ rotation / scale
            shape = mean + fit_identity(identity, local - blend(basis, expression) - mean)
            expression = fit_expression(basis, (local - shape)[None], ridge=0.05, sparsity=0.05)[0]
        expression, rest = own_lips(expression, float(whole_lip_aperture(points) / scale))
        # These count as the face's own, whatever they are: from there eyes and brows may go all the way.
        expression[[*_PHOTOS_OWN, *BLINKS.values()]] = 0.0
        expression[LOOKS] = photo_gaze(points, float(rotation_angles(rotation)[0]), float(scale))
        # The lids to close are those of the photo's own look, at the camera, with lips at rest and no blink.
        apart = np.zeros(NUM_EXPRESSIONS)
        apart[LIP_COLUMNS], apart[LOOKS] = expression[LIP_COLUMNS], expression[LOOKS]
        opened = local - blend(basis, apart)
        # A smile narrows eyes too, and is meant.
        calm = float(np.interp(expression[SMILES].mean(), SMILING, (1.0, 0.0)))
        for eye, blink in half_shut(opened).items():
            expression[BLINKS[eye]] = calm * blink
            opened = open_lids(opened, eye, calm * blink)
        fitted = unroll_lids(close_lids(basis, opened), opened, rotation)
        fitted = squint_lids(widen_lids(fitted, opened), opened)
        fitted = rigid_brows(fitted, opened, float(expression[INNER_UP]))
        expression = keep_shown(expression, basis, fitted, [*SQUINTS, *LOWERING])
        expression = explain_gap(fitted, expression, local)
        return make_fit(local, fitted, expression, rest, rotation, translation, float(scale))

    def fit_video(self, landmarks: ArrayLike) -> VideoFit:
        """
        Fit a clip of one person, all frames at once.

        Args:
            landmarks (`np.ndarray` of shape `(frames, 478, 3)`): As for [`fit_image`]; frames without a face must be
                filled in or left out before.
        """
        points = _check_landmarks(landmarks, ndim=3)
        mean, identity, basis = self._arrays()
        smooth = smooth_motion(points)
        shape = mean
        for _ in range(3):
            scale, rotation, translation = procrustes(shape[list(RIGID)], smooth[:, list(RIGID)])
            local = np.einsum("tij,tvi->tvj", rotation, smooth - translation[:, None]) / scale[:, None, None]
            calm = calm_frames(local)
            rest = np.median(local[calm], axis=0)
            person = mean + fit_identity(identity, rest - mean)
            fitted = fit_expression(basis, (rest - person)[None], ridge=0.05)[0]
            expression, _ = own_lips(fitted, float(lip_aperture(rest[None])[0]))
            expression[ROUNDING] = fitted[ROUNDING]  # lips may be calm in a round shape for all of a short clip
            shape = rest - blend(basis, expression)
            shape = shut(shape)
        fitted = squint_lids(close_lids(basis, shape), shape)
        fitted[LOWERING] *= FALLS
        weights = explain_frames(fitted, shape, local)
        head = self._relative_pose(scale, rotation, translation)
        reference = FaceFit(
            shape.astype(np.float32), np.zeros((len(INNER_LIP_PAIRS), 3), np.float32), fitted.astype(np.float32),
            np.zeros(NUM_EXPRESSIONS, np.float32), np.zeros(NUM_EXPRESSIONS, np.float32),
            head.rotation, head.translation, head.scale,
        )  # fmt: skip
        error = (local - shape - blend(fitted, weights))[:, list(LIPS), :2]
        coefficients = np.concatenate([weights, head.relative], axis=1).astype(np.float32)
        return VideoFit(coefficients, reference, np.sqrt(np.square(error).mean((1, 2))).astype(np.float32))

    def fit_frames(self, landmarks: ArrayLike, face: FaceFit) -> FrameFits:
        """
        Fit more frames of a face that [`fit_video`] knows; each depends on the two around it and on no other.

        Args:
            landmarks (`np.ndarray` of shape `(frames, 478, 3)`): As for [`fit_video`].
            face ([`FaceFit`]): The person, from [`fit_video`].
        """
        smooth = smooth_motion(_check_landmarks(landmarks, ndim=3))
        shape, basis = face.shape.astype(np.float64), face.basis.astype(np.float64)
        scale, rotation, translation = procrustes(shape[list(RIGID)], smooth[:, list(RIGID)])
        local = np.einsum("tij,tvi->tvj", rotation, smooth - translation[:, None]) / scale[:, None, None]
        return FrameFits(explain_frames(basis, shape, local), rotation, translation, scale)

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
