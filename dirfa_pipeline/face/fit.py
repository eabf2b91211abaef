"""A fitted face: shape, expressions and camera, and the landmarks that coefficients give it."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..animation.coefficients import (
    EXPRESSION_NAMES,
    LIP_INDICES,
    NUM_COEFFICIENTS,
    NUM_EXPRESSIONS,
    check_coefficients,
)
from ..animation.easing import ramp
from .landmarks import (
    INNER_LIP_PAIRS,
    LEFT_EYE,
    LOWER_LIP_ROWS,
    RIGHT_EYE,
    UPPER_LIP_ROWS,
    EyeLandmarks,
)
from .rotations import rotation_angles, rotation_matrix


Array = NDArray[np.float32]

CAMERA_DISTANCE: Final = 10.0  # inter-ocular distances, about 63 cm
INNER_UPPER, INNER_LOWER = np.array(INNER_LIP_PAIRS).T
LIP_COLUMNS = np.array(LIP_INDICES)
SMILES = np.array([EXPRESSION_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")])
_PUCKER, _FUNNEL = (EXPRESSION_NAMES.index(name) for name in ("mouthPucker", "mouthFunnel"))
_ROLLS = [EXPRESSION_NAMES.index(name) for name in ("mouthRollUpper", "mouthRollLower")]
ROUNDING = np.array([_PUCKER, _FUNNEL])
FUNNELLED: Final = 0.7  # of mouthFunnel, that rounds lips as mouthPucker does; by eye on sheets of mouths
ROLLED_IN: Final = 0.5  # of both mouthRolls, that takes from it: lips turn outwards or inwards
ROUND: Final = (0.2, 0.45)  # weight from which on lips are round, a ramp: filmed people's 95th percentile is .48
_LIP_ROW_GIVE = (0.2, 0.5, 0.8, 1.0)  # from the outer row of lip landmarks to the inner one
BLINKS = {eye: EXPRESSION_NAMES.index(f"eyeBlink{side}") for eye, side in ((RIGHT_EYE, "Right"), (LEFT_EYE, "Left"))}
_BLINKS = np.array(list(BLINKS.values()))
SQUINTS = np.array([EXPRESSION_NAMES.index(f"eyeSquint{side}") for side in ("Right", "Left")])  # ordered as BLINKS
# What a frame says for itself; all other weights are added to the photo's own.
LOOKS = np.array([index for index, name in enumerate(EXPRESSION_NAMES) if name.startswith("eyeLook")])
_REPLACED = np.concatenate([LIP_COLUMNS, list(BLINKS.values()), LOOKS])
_ADDED = np.setdiff1d(np.arange(NUM_EXPRESSIONS), _REPLACED)
# What brows can do, the photo's own raise or frown among it: those that are up already rise by less. Seen: farther up,
# hair is squeezed against the hairline.
BROW_MOST: Final = 1.25
_BROWS = np.array([index for index, name in enumerate(EXPRESSION_NAMES) if name.startswith("brow")])


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
        rest (`np.ndarray` of shape `(52,)`): What of it lips come back to when nothing is said: its smile.
        rotation (`np.ndarray` of shape `(3, 3)`), translation (`np.ndarray` of shape `(3,)`), scale (`float`): The
            camera, in pixels.
    """

    shape: Array
    gaps: Array
    basis: Array
    expression: Array
    rest: Array
    rotation: Array
    translation: Array
    scale: float

    @property
    def blink(self) -> float:
        """How much of a blink the photo was caught in with both eyes."""
        return min(self.blinks.values())

    @property
    def blinks(self) -> dict[EyeLandmarks, float]:
        """How much of a blink the photo was caught in with either eye."""
        return {eye: float(self.expression[column]) for eye, column in BLINKS.items()}

    def rest_coefficients(self) -> Array:
        """The coefficients, of shape `(58,)`, that show the photo as it is."""
        shown = np.zeros(NUM_COEFFICIENTS, np.float32)
        shown[_REPLACED] = (self.expression - self.rest)[_REPLACED]
        return shown

    def expressions(self, coefficients: ArrayLike) -> Array:
        """
        Expression weights `(frames, 52)`: lips and jaw are added to their rest, the others but blinks to the photo's.
        They lie in [0, 1], those of brows that the photo shows raised up to 1.25.
        """
        weights = check_coefficients(coefficients)[:, :NUM_EXPRESSIONS] + self.rest
        own = self.expression[_BROWS]
        weights[:, _BROWS] *= np.where(weights[:, _BROWS] > 0.0, np.minimum(BROW_MOST - own, 1.0), 1.0)
        weights[:, _ADDED] += self.expression[_ADDED]
        weights[:, SQUINTS] *= 1.0 - np.clip(weights[:, _BLINKS], 0.0, 1.0)  # both close the same gap
        most = np.ones(NUM_EXPRESSIONS, np.float32)
        most[_BROWS] += np.minimum(own, BROW_MOST - 1.0)
        return np.clip(weights, 0.0, most).astype(np.float32)

    def head_vertices(self, coefficients: ArrayLike) -> Array:
        """Landmarks in the head's own frame, in inter-ocular distances: `(frames, 478, 3)`."""
        weights = self.expressions(coefficients)
        # For a single frame BLAS wakes threads that then spin beside it.
        vertices = self.shape + np.einsum("tk,kvd->tvd", weights, self.basis, optimize=len(weights) > 1)
        own = modelled_aperture(self.basis, self.expression[None])[0]
        share = np.clip((modelled_aperture(self.basis, weights) + 1e-4) / (own + 1e-4), 0.0, 1.0)[:, None, None]
        vertices[:, INNER_LOWER] += 0.5 * share * self.gaps
        vertices[:, INNER_UPPER] -= 0.5 * share * self.gaps
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


class FaceFitter(Protocol):
    """
    What fits faces to landmarks and knows what its weights do.

    A pipeline's [`FaceModel`] is one. Rooms that use it and lie below `models` know it by this.
    """

    @property
    def mirrored_landmarks(self) -> list[int]:
        """For each of the 468 face landmarks the one on the other side of the face."""

    @property
    def lip_openings(self) -> Array:
        """How far each weight parts each facing pair of inner-lip landmarks, `(52, 9)`, in inter-ocular distances."""

    def fit_image(self, landmarks: ArrayLike) -> FaceFit:
        """Fit a face to one photo's landmarks, `(478, 3)` in pixels."""

    def fit_video(self, landmarks: ArrayLike) -> VideoFit:
        """Fit a clip of one person, `(frames, 478, 3)`."""

    def fit_frames(self, landmarks: ArrayLike, face: FaceFit) -> FrameFits:
        """Fit more frames, `(frames, 478, 3)`, of a person whom [`fit_video`] knows."""


def roundness(weights: NDArray) -> NDArray:
    """How round lips are meant to be, `(...)` in [0, 1], by weights `(..., 52)`."""
    pushed = weights[..., _PUCKER] + FUNNELLED * weights[..., _FUNNEL] - ROLLED_IN * weights[..., _ROLLS].sum(-1)
    return ramp(np.asarray(pushed), *ROUND)


def _part_lips(vertices: NDArray, least: NDArray) -> NDArray:
    """
    Keep lips from passing through each other: facing points that would cross meet half-way, outer rows give in.

    `least`, of shape `(frames, 9)`, is the opening that is allowed: 0, or the photo's own where its landmarks cross.
    """
    overlap = np.minimum(vertices[:, INNER_LOWER, 1] - vertices[:, INNER_UPPER, 1] - least, 0.0)
    for give, upper, lower in zip(_LIP_ROW_GIVE, UPPER_LIP_ROWS, LOWER_LIP_ROWS, strict=True):
        vertices[:, list(upper), 1] += 0.5 * give * overlap
        vertices[:, list(lower), 1] -= 0.5 * give * overlap
    return vertices


def modelled_aperture(basis: Array, weights: Array) -> Array:
    """Mean vertical opening of the inner lips for weights `(frames, 52)`: `(frames,)` in inter-ocular distances."""
    opening = (basis[:, INNER_LOWER, 1] - basis[:, INNER_UPPER, 1]).mean(1)
    return np.maximum(weights @ opening, 0.0)
