"""
One frame before it is drawn: where coefficients put its landmarks, its mesh and the camera, and the warp this makes.

A photo's frames and those of a film whose lips are redrawn go the same way: a rig is posed, the picture is warped as
the pose says, and mouth and eyes are laid over.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.fit import CAMERA_DISTANCE, FaceFit
from ..face.landmarks import INNER_MIDDLE, LIPS
from ..face.measures import whole_lip_aperture
from .eyes import Eye
from .head_motion import HeadMotion
from .lips import LipShape
from .masks import Window, shape_of
from .mesh import HeadMesh
from .minification import average_squeezed
from .rasterizer import rasterize_map


Array = NDArray[np.float32]

# Of the inter-ocular distance: lips nearer to the photo's own show the photo's mouth. Chosen by eye on lips that part.
REST_DISTANCE: Final = 0.03
WHOLLY_OPEN: Final = 0.1  # the same: lips whose corners are the photo's no longer


class Camera(NamedTuple):
    """Weak perspective: `(3, 3)` rotation, `(3,)` translation in pixels, and pixels an inter-ocular distance."""

    rotation: Array
    translation: Array
    scale: float


@dataclass(frozen=True)
class Rig:
    """
    What of a picture coefficients move.

    Args:
        face ([`FaceFit`]): The fitted face.
        landmarks (`np.ndarray` of shape `(478, 3)`): The picture's, no deeper than it can show them turned.
        forward (`np.ndarray` of shape `(478,)`): How much deeper these are, in pixels, than those that were fitted.
        stiff (`np.ndarray` of shape `(478,)`): How much glasses keep each landmark from moving within the head.
        mesh ([`HeadMesh`]), lips ([`LipShape`]), eyes (`tuple[Eye, ...]`): What is drawn of it.
    """

    face: FaceFit
    landmarks: Array
    forward: Array
    stiff: Array
    mesh: HeadMesh
    lips: LipShape
    eyes: tuple[Eye, ...]

    def pose(self, row: Array, parted: float | None = None) -> "FrameState":
        """
        Pose one frame.

        Args:
            row (`np.ndarray` of shape `(58,)`): Its coefficients.
            parted (`float`, *optional*): How far its lips have left the picture's, in [0, 1]; by default measured.
        """
        face, lips, row = self.face, self.lips, row[None]
        head, transform, weights = (of(row)[0] for of in (face.head_vertices, face.head_transforms, face.expressions))
        rotation, translation, scale = face.cameras(row)
        if parted is None:
            parted = _distance_from_rest(lips.rest, head)
        head = lips.shape(head, weights, parted)
        vertices = scale[0] * head @ rotation[0].T + translation[0]
        vertices = vertices + self.forward[:, None] * transform[:, 2]
        away = CAMERA_DISTANCE * face.scale - float(face.translation[2])
        motion = HeadMotion(transform, self.landmarks.mean(0), away)
        vertices = motion.see(vertices, self.landmarks)
        vertices += self.stiff[:, None] * (motion.move(self.landmarks) - vertices)
        source = lips.roll(self.mesh.source[:, :2], weights, parted)
        return FrameState(
            rig=self,
            weights=weights,
            head=head,
            vertices=vertices,
            camera=self._lip_camera(rotation[0], motion),
            motion=motion,
            parted=parted,
            target=self.mesh.deform(self.mesh.hold_outline(vertices, motion.move), motion.move),
            source=source,
        )

    def _lip_camera(self, rotation: Array, motion: HeadMotion) -> Camera:
        """The camera of what goes with the lips."""
        lips = list(INNER_MIDDLE)
        origin = self.face.translation + np.array([0.0, 0.0, self.forward[lips].mean()], np.float32)
        there = motion.around(self.landmarks[lips].mean(0))
        scale = self.face.scale * float(np.linalg.norm(there[0, :3]))
        return Camera(rotation, there[:, :3] @ origin + there[:, 3], scale)


class Warped(NamedTuple):
    """A window of a warped picture, and where in the picture each of its pixels comes from, two `(height, width)`."""

    picture: NDArray[np.uint8]
    map_x: Array
    map_y: Array


@dataclass(frozen=True)
class FrameState:
    """
    One posed frame.

    Args:
        rig ([`Rig`]): What was posed.
        weights (`np.ndarray` of shape `(52,)`): The expression.
        head, vertices (`np.ndarray` of shape `(478, 3)`): Landmarks in the head's own frame, and in pixels.
        camera ([`Camera`]): What brings the mouth from the one to the other.
        motion ([`HeadMotion`]): The head's since the picture.
        parted (`float`): How far the lips have left the picture's, in [0, 1]; 0 leaves the picture's mouth.
        target (`np.ndarray` of shape `(vertices, 3)`): The mesh now, in pixels.
        source (`np.ndarray` of shape `(vertices, 2)`): What of the picture its vertices show.
    """

    rig: Rig
    weights: Array
    head: Array
    vertices: Array
    camera: Camera
    motion: HeadMotion
    parted: float
    target: Array
    source: Array

    @property
    def gap(self) -> float:
        """Opening of the inner lips in inter-ocular distances."""
        return whole_lip_aperture(self.vertices) / self.camera.scale

    @cached_property
    def pursed(self) -> float:
        """How far lips are pursed, in [0, 1]; see [`LipShape`]."""
        return self.rig.lips.pursed(self.head, self.weights)

    @property
    def cornerless(self) -> float:
        """How far the mouth has lost the dark corners of the picture's, in [0, 1]: pursed, or open and narrower."""
        gathered = ramp(self.gap, 0.0, WHOLLY_OPEN) * self.rig.lips.gathered(self.head)
        return self.parted * max(self.pursed, gathered)

    def warp(self, picture: NDArray[np.uint8], window: Window, above: int = 0) -> Warped:
        """
        What a window shows of a picture that the mesh moves.

        Args:
            picture (`np.ndarray` of shape `(above + height, width, channels)`): The photo, with some rows above it.
        """
        map_x, map_y, depth = (np.empty(shape_of(window), np.float32) for _ in range(3))
        corner, source = (window[1].start, window[0].start), self.source + np.array([0, above], np.float32)
        rasterize_map(self.target, source, self.rig.mesh.triangles, *corner, map_x, map_y, depth)
        # A neck or shoulders cut off by the picture go on as their mirror image.
        warped = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        warped = np.asarray(warped, np.uint8)
        average_squeezed(warped, picture, map_x, map_y)
        return Warped(warped, map_x, map_y)


def _distance_from_rest(rest: Array, head: Array) -> float:
    """0 where the lips are as in the photo, 1 from a distance of `REST_DISTANCE` on; smooth between."""
    lips = list(LIPS)
    return smoothstep(float(np.linalg.norm(head[lips] - rest[lips], axis=1).mean()) / REST_DISTANCE)
