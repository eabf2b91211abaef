"""
The geometric renderer: one photo moved by coefficients, at the photo's own resolution, without a learned network.

The whole picture is warped through one mesh; the mouth's interior and the eyes are layers of their own; a plate fills
what the head uncovers.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import cv2
import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ..animation.coefficients import EXPRESSION_NAMES, check_coefficients
from ..capture.mount import Mount, find_mount
from ..capture.portrait import Portrait
from ..face.landmarks import LEFT_EYE, LIPS, RIGHT_EYE
from ..face.measures import whole_lip_aperture
from ..rendering.background import cut_out, reach_of, separate
from ..rendering.eyes import Eye, build_eye
from ..rendering.eyewear import eyewear_zone, find_glasses, flatten, without_lids
from ..rendering.lips import LipShape, build_lips
from ..rendering.mesh import HeadMesh, build_mesh, hold_at_border, soften_relief
from ..rendering.mouth import MouthInterior, build_mouth
from ..rendering.mouth_layer import draw_mouth
from ..rendering.rasterizer import blend_over_plate, lay_over, rasterize_map
from ..rendering.relaxed_photo import relax
from ..rendering.skin import SkinShading, build_skin
from .batch_warp import BatchWarp
from .strict_model import Float32Model


Array = NDArray[np.float32]

REST_DISTANCE: Final = 0.03  # of the inter-ocular distance: lips nearer to the photo's own show the photo's mouth

SMILES, CHEEKS, LIDS = (
    np.array([EXPRESSION_NAMES.index(name + side) for side in ("Left", "Right")])
    for name in ("mouthSmile", "cheekSquint", "eyeSquint")
)
STRONG_SMILE: Final = 0.4  # from which on eyes smile too
CHEEKS_LIFTED, LIDS_NARROWED = 0.75, 0.35  # by a full one


@dataclass(frozen=True)
class PreparedPortrait:
    """
    What of a photo is worked out once: the mesh, the picture with its alpha, the plate, the mouth.

    Args:
        landmarks (`np.ndarray` of shape `(478, 3)`): The photo's, no deeper than it can show them turned.
        stiff (`np.ndarray` of shape `(478,)`): How much glasses keep each landmark from moving within the head.
        cutout, plate, remainder: The person, what is behind, and what the photo has over them, see [`Layers`].
        relaxed (`np.ndarray` of shape `(height, width, 4)`): The cut-out without its smile: no teeth or creases stick
            to lips that have left their place.
        window (`tuple[slice, slice]`): Rows and columns that can move.
        head (`np.ndarray` of shape `(rings, 72, 3)`): See [`FaceRenderer`].
        mount: What frames a round picture, if any.
    """

    portrait: Portrait
    landmarks: Array
    stiff: Array
    mesh: HeadMesh
    cutout: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    remainder: NDArray[np.int16]
    mouth: MouthInterior
    lips: LipShape
    eyes: tuple[Eye, Eye]
    relaxed: NDArray[np.uint8]
    skin: SkinShading
    window: tuple[slice, slice]
    head: Array
    mount: Mount | None


class FaceRenderer(Float32Model, ModelMixin, ConfigMixin):
    """
    Photo and coefficients in, frames out.

    Args:
        num_triangles (`int`, defaults to 898): Triangles of the face mesh.
        teeth_height, teeth_width (`int`): Size of the stored rows of teeth.
        head_rings (`int`, defaults to 32): Rings of 72 points from the face's oval, which comes first, to the back of
            a mean head, in inter-ocular distances from between the eyes; frames do not show it, 3D heads do.
    """

    @register_to_config
    def __init__(
        self, num_triangles: int = 898, teeth_height: int = 108, teeth_width: int = 384, head_rings: int = 32
    ) -> None:
        super().__init__()
        shape = (teeth_height, teeth_width, 3)
        self.triangles = nn.Parameter(torch.zeros(num_triangles, 3, dtype=torch.int32), requires_grad=False)
        self.upper_teeth = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.lower_teeth = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.head = nn.Parameter(torch.zeros(head_rings + 1, 72, 3), requires_grad=False)

    def prepare(self, portrait: Portrait) -> PreparedPortrait:
        """Work out everything about a photo that its frames share."""
        height, width = portrait.image.shape[:2]
        zone = find_glasses(portrait.image, portrait.landmarks) * eyewear_zone(portrait.face)
        landmarks = soften_relief(flatten(portrait.landmarks, portrait.face, zone))
        mesh = build_mesh(landmarks, self.triangles.detach().cpu().numpy(), width, height)
        mesh = hold_at_border(mesh, cut_out(portrait.mask))
        rows = tuple(t.detach().float().cpu().numpy() for t in (self.upper_teeth, self.lower_teeth))
        mount = find_mount(portrait.image)
        picture = mount.below(portrait.image) if mount else portrait.image
        layers = separate(picture, portrait.mask, portrait.landmarks)
        return PreparedPortrait(
            portrait=portrait,
            landmarks=landmarks,
            stiff=without_lids(zone),
            mesh=mesh,
            cutout=layers.cutout,
            relaxed=relax(layers.cutout, portrait.landmarks, portrait.face),
            skin=build_skin(portrait.image, portrait.landmarks, portrait.face),
            plate=layers.plate,
            remainder=layers.remainder,
            mouth=build_mouth(portrait.image, portrait.landmarks, portrait.face, (rows[0], rows[1])),
            lips=build_lips(portrait.face, whole_lip_aperture(portrait.landmarks) / portrait.face.scale),
            eyes=(
                build_eye(portrait.image, landmarks, RIGHT_EYE, portrait.face.blink),
                build_eye(portrait.image, landmarks, LEFT_EYE, portrait.face.blink),
            ),
            window=_moving_window(mesh, width, height),
            head=self.head.detach().float().cpu().numpy(),
            mount=mount,
        )

    def render(self, prepared: PreparedPortrait, coefficients: ArrayLike) -> NDArray[np.uint8]:
        """
        Render frames.

        Args:
            prepared ([`PreparedPortrait`]): From [`prepare`].
            coefficients (`np.ndarray` of shape `(frames, 58)`): See [`Animation`].

        Returns:
            `np.ndarray` of shape `(frames, height, width, 3)`, uint8.

        Raises:
            AnimationError: Coefficients of another shape, or not finite.
        """
        coefficients = check_coefficients(coefficients)
        frames = np.empty((len(coefficients), *prepared.portrait.image.shape), np.uint8)
        if self.device.type == "cpu":
            # One by one: sums over several rows round differently, and frames must not depend on the chunk.
            for row, frame in zip(coefficients, frames, strict=True):
                pose = _pose(prepared, row)
                _warp(prepared, pose, frame)
                _draw_layers(prepared, pose, frame)
        else:
            render_batched(prepared, coefficients, frames, self.device)
        return frames


def render_batched(
    prepared: PreparedPortrait, coefficients: Array, frames: NDArray[np.uint8], device: torch.device
) -> None:
    """
    Fill `frames` by warping many at once on a device; threads draw mouths and eyes, which are small, meanwhile.

    Args:
        coefficients (`np.ndarray` of shape `(frames, 58)`): Checked ones.
        frames (`np.ndarray` of shape `(frames, height, width, 3)`): Written in place.
    """
    picture = prepared.portrait.image
    margin = reach_of(picture.shape[1])
    pictures = (prepared.cutout, prepared.relaxed, prepared.plate, prepared.remainder)
    warp = BatchWarp(*pictures, prepared.mesh.triangles, prepared.window, prepared.skin.window, margin, device)
    step = warp.frames_at_once
    drawn = []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for start in range(0, len(coefficients), step):
            poses = list(pool.map(partial(_pose, prepared), coefficients[start : start + step]))
            part = frames[start : start + step]
            part[:] = picture
            part[:, *prepared.window] = warp(
                np.stack([pose.target for pose in poses]),
                np.stack([pose.source for pose in poses]),
                np.array([pose.parted for pose in poses], np.float32),
                np.stack([pose.shading for pose in poses]),
            )
            drawn += [pool.submit(_draw_layers, prepared, *pair) for pair in zip(poses, part, strict=True)]
    for layer in drawn:
        layer.result()


@dataclass(frozen=True)
class _Pose:
    """One frame: landmarks in the picture and in the head, expression, camera, the skin's light, the deformed mesh."""

    vertices: Array
    head: Array
    weights: Array
    transform: Array
    camera: tuple[Array, Array, float]
    parted: float
    shading: Array
    target: Array
    source: Array


def _pose(prepared: PreparedPortrait, row: Array) -> _Pose:
    """Geometry of the frame of one row of coefficients, `(58,)`."""
    face, lips = prepared.portrait.face, prepared.lips
    row = _with_smiling_eyes(row, face.expression)[None]
    head, transform, weights = (of(row)[0] for of in (face.head_vertices, face.head_transforms, face.expressions))
    rotation, translation, scale = face.cameras(row)
    parted = _distance_from_rest(lips.rest, head)
    head = lips.shape(head, weights, parted)
    vertices = scale[0] * head @ rotation[0].T + translation[0]
    forward = prepared.landmarks[:, 2] - prepared.portrait.landmarks[:, 2]
    vertices = vertices + forward[:, None] * transform[:, 2]
    rigid = prepared.landmarks @ transform[:, :3].T + transform[:, 3]
    vertices += prepared.stiff[:, None] * (rigid - vertices)
    translation = translation + forward[[13, 14]].mean() * transform[:, 2]
    source = lips.roll(prepared.mesh.source[:, :2], weights, parted)
    for eye in prepared.eyes:
        eye.turn_lashes(source, vertices)
    return _Pose(
        vertices=vertices,
        head=head,
        weights=weights,
        transform=transform,
        camera=(rotation[0], translation[0], float(scale[0])),
        parted=parted,
        shading=prepared.skin.shading(weights, transform[:, :3], parted),
        target=prepared.mesh.deform(vertices, transform),
        source=source,
    )


def _with_smiling_eyes(row: Array, own: Array) -> Array:
    """A row of coefficients `(58,)` in which a strong smile, beyond the photo's own, lifts the cheeks at least."""
    smile = np.minimum(row[SMILES], 1.0) - np.maximum(own[SMILES], STRONG_SMILE)
    beyond = np.maximum(smile, 0.0) / (1.0 - STRONG_SMILE)
    row = row.copy()
    row[CHEEKS] = np.maximum(row[CHEEKS], CHEEKS_LIFTED * beyond)
    row[LIDS] = np.maximum(row[LIDS], LIDS_NARROWED * beyond)
    return row


def _warp(prepared: PreparedPortrait, pose: _Pose, frame: NDArray[np.uint8]) -> None:
    """Move the picture through the mesh and lay the person over the plate."""
    rows, columns = prepared.window
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    map_x, map_y, depth = (np.empty(shape, np.float32) for _ in range(3))
    triangles, corner = prepared.mesh.triangles, (columns.start, rows.start)
    rasterize_map(pose.target, pose.source, triangles, *corner, map_x, map_y, depth)
    if pose.parted == 1.0 or prepared.relaxed is prepared.cutout:
        picture = prepared.relaxed
    else:
        picture = cv2.addWeighted(prepared.relaxed, pose.parted, prepared.cutout, 1.0 - pose.parted, 0.0)
    picture = prepared.skin.shade(picture, pose.shading)
    # Hair or a neck cut off by the picture goes on as its mirror image.
    warped = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    light = cv2.cvtColor(warped, cv2.COLOR_RGBA2GRAY)
    frame[:] = prepared.portrait.image
    plate, remainder = prepared.plate[rows, columns], prepared.remainder[rows, columns]
    margin, out = reach_of(frame.shape[1]), frame[rows, columns]
    blend_over_plate(warped, light, prepared.cutout, plate, remainder, map_x, map_y, *corner, margin, out)


def _draw_layers(prepared: PreparedPortrait, pose: _Pose, frame: NDArray[np.uint8]) -> None:
    """Draw mouth, eyes and mount into a warped frame."""
    face = prepared.portrait.face
    draw_mouth(
        frame, prepared.mouth, prepared.lips, face, pose.vertices, pose.head, pose.weights, pose.camera,
        pose.transform, pose.parted,
    )  # fmt: skip
    for eye in prepared.eyes:
        eye.draw(frame, pose.vertices, pose.transform)
    if prepared.mount:
        lay_over(*(part[prepared.window] for part in (frame, prepared.mount.cover, prepared.mount.own)))


def _moving_window(mesh: HeadMesh, width: int, height: int) -> tuple[slice, slice]:
    """Bounding box of all vertices that can move, with their still neighbours."""
    rings = mesh.source[-len(mesh.follow) :]
    moving = rings[(mesh.follow > 0.0) | (mesh.give > 0.01) | (mesh.sway > 0.0)]
    low, high = moving[:, :2].min(0), moving[:, :2].max(0)
    margin = 0.15 * (high - low)
    x0, y0 = np.clip(low - margin, 0, [width, height]).astype(int)
    x1, y1 = np.clip(high + margin, 0, [width, height]).astype(int)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _distance_from_rest(rest: Array, head: Array) -> float:
    """0 where the lips are as in the photo, 1 from a distance of `REST_DISTANCE` on; smooth between."""
    lips = list(LIPS)
    distance = float(np.linalg.norm(head[lips] - rest[lips], axis=1).mean())
    t = min(1.0, distance / REST_DISTANCE)
    return t * t * (3.0 - 2.0 * t)
