"""
The geometric renderer: one photo moved by coefficients, at the photo's own resolution, without a learned network.

The whole picture is warped through one mesh; the mouth's interior and the eyes are layers of their own; a plate fills
what the head uncovers.
"""

from collections.abc import Iterator
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

from ..animation.animation import Animation
from ..animation.coefficients import EXPRESSION_NAMES, NUM_EXPRESSIONS, check_coefficients
from ..capture.films import FilmedFace
from ..capture.mount import Mount, find_mount
from ..capture.portrait import Portrait
from ..face.measures import whole_lip_aperture
from ..rendering.background import cut_out, reach_of, separate
from ..rendering.compositing import OPAQUE, blend_over_plate, lay_over
from ..rendering.crown import add_crown
from ..rendering.eyes import build_eyes
from ..rendering.eyewear import DOUBTFUL, FLAT, eyewear_zone, find_glasses, flatten, stiff_skin
from ..rendering.folds import SmileLight
from ..rendering.frame_state import FrameState, Rig
from ..rendering.lips import build_lips
from ..rendering.masks import Window
from ..rendering.mesh import NUM_FACE_VERTICES, HeadMesh, build_mesh, hold_at_border, soften_relief
from ..rendering.mouth import MouthInterior, build_mouth
from ..rendering.mouth_corners import MouthCorner, find_corners
from ..rendering.mouth_layer import draw_mouth
from ..rendering.redraw import redraw_lips
from ..rendering.relaxed_photo import relax
from ..rendering.rims import Rims, find_rims
from ..rendering.skin import SkinShading, build_skin
from ..rendering.threads import in_threads
from ..rendering.tooth_rows import Dentition
from .strict_model import Float32Model


Array = NDArray[np.float32]

# Smiles that reach the eyes: weights, chosen by eye on sheets of smiles (benchmarks/contact_sheet.py).
SMILES, CHEEKS, LIDS = (
    np.array([EXPRESSION_NAMES.index(name + side) for side in ("Left", "Right")])
    for name in ("mouthSmile", "cheekSquint", "eyeSquint")
)
STRONG_SMILE: Final = 0.4  # from which on eyes smile too
CHEEKS_LIFTED, LIDS_NARROWED = 0.75, 0.35  # by a full one

# Radians: how far from the camera a head turns, with the photo's own turn; how far from the photo it always may; and
# the share of that room within which turns are as asked for. Seen: beyond, the far side of the nose folds over.
YAW: Final = NUM_EXPRESSIONS  # place among the coefficients
FARTHEST_YAW, LEAST_ROOM, FREE_TURN = 0.36, 0.1, 0.7

# What of the picture can move, chosen so that no seam shows (tests/models/test_face_renderer.py).
LEAST_GIVE: Final = 0.01  # share of the skin's motion: what follows it less stays
WINDOW_MARGIN: Final = 0.15  # of the size of what moves: so far it takes its still surroundings along


@dataclass(frozen=True)
class PreparedPortrait(Rig):
    """
    What of a photo is worked out once: what moves of it, see [`Rig`], and what is drawn.

    Args:
        cutout (`np.ndarray` of shape `(above + height, width, 4)`): The person, with a crown, see [`add_crown`], and
            without the rims of their glasses.
        plate, remainder: What is behind, and what the photo has over them, see [`Layers`].
        above (`int`): Rows of the crown.
        relaxed (`np.ndarray` of shape `(above + height, width, 4)`): The cut-out without its smile: no teeth or
            creases stick to lips that have left their place.
        corners: The dark ones of the mouth, which a narrow one loses.
        window (`tuple[slice, slice]`): Rows and columns that can move.
        head (`np.ndarray` of shape `(rings, 72, 3)`): See [`FaceRenderer`].
        rims: Those of glasses, if any are found.
        mount: What frames a round picture, if any.
    """

    portrait: Portrait
    cutout: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    remainder: NDArray[np.int16]
    above: int
    mouth: MouthInterior
    relaxed: NDArray[np.uint8]
    corners: tuple[MouthCorner, ...]
    skin: SkinShading
    window: Window
    head: Array
    rims: Rims | None
    mount: Mount | None


class FaceRenderer(Float32Model, ModelMixin, ConfigMixin):
    """
    Photo and coefficients in, frames out.

    Frames are drawn on the CPU, wherever the tensors lie, in as many threads as PyTorch has (`torch.set_num_threads`),
    and are the same for any number of them. Two draw 1.2 to 1.6 times as many frames as one (measured:
    benchmarks/bench_renderer.py): about half of the work at 512 pixels stays in one thread.

    Args:
        num_triangles (`int`, defaults to 898): Triangles of the face mesh.
        teeth_height, teeth_width (`int`): Size of the stored row of upper teeth.
        teeth_modes (`int`, defaults to 8): Ways in which people's upper teeth differ from their average, see
            [`Dentition`].
        smile_size (`int`, defaults to 128): Rows and columns of the light of smiles, see [`SmileLight`].
        head_rings (`int`, defaults to 32): Rings of 72 points from the face's oval, which comes first, to the back of
            a mean head, in inter-ocular distances from between the eyes; frames do not show it, 3D heads do.
    """

    @register_to_config
    def __init__(
        self,
        num_triangles: int = 898,
        teeth_height: int = 108,
        teeth_width: int = 384,
        head_rings: int = 32,
        teeth_modes: int = 8,
        smile_size: int = 128,
    ) -> None:
        super().__init__()
        shape = (teeth_height, teeth_width, 3)
        self.triangles = nn.Parameter(torch.zeros(num_triangles, 3, dtype=torch.int32), requires_grad=False)
        self.upper_teeth = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.teeth_shapes = nn.Parameter(torch.zeros(1 + teeth_modes, 2, teeth_width), requires_grad=False)
        half = (teeth_modes, teeth_height // 2, teeth_width // 2)
        self.teeth_textures = nn.Parameter(torch.zeros(half), requires_grad=False)
        self.smile_light = nn.Parameter(torch.zeros(smile_size, smile_size), requires_grad=False)
        self.smile_places = nn.Parameter(torch.zeros(NUM_FACE_VERTICES, 2), requires_grad=False)
        self.head = nn.Parameter(torch.zeros(head_rings + 1, 72, 3), requires_grad=False)

    def prepare(self, portrait: Portrait) -> PreparedPortrait:
        """Work out everything about a photo that its frames share."""
        image, face = portrait.image, portrait.face
        height, width = image.shape[:2]
        glasses = find_glasses(image, portrait.landmarks)
        rims = find_rims(image, portrait.landmarks, face) if glasses > DOUBTFUL else None
        zone = glasses * eyewear_zone(face)
        landmarks = soften_relief(flatten(portrait.landmarks, face, FLAT * zone))
        mesh = hold_at_border(build_mesh(landmarks, _array(self.triangles), width, height), cut_out(portrait.mask))
        mount = find_mount(image)
        if mount:
            mount = mount.around(image, portrait.mask)
        layers = separate(mount.below(image) if mount else image, portrait.mask, portrait.landmarks)
        person = add_crown(layers.cutout, portrait.landmarks)
        above = len(person) - height
        if rims:
            person = rims.taken_off(person, above)
        raised = portrait.landmarks + np.array([0, above, 0], np.float32)
        relaxed = relax(person, raised, face)
        return PreparedPortrait(
            face=face,
            landmarks=landmarks,
            forward=landmarks[:, 2] - portrait.landmarks[:, 2],
            stiff=stiff_skin(zone, face, rims.sure if rims else 0.0),
            mesh=mesh,
            lips=build_lips(face, whole_lip_aperture(portrait.landmarks) / face.scale),
            eyes=build_eyes(image, landmarks, face.blinks, glasses),
            portrait=portrait,
            cutout=person,
            plate=layers.plate,
            remainder=layers.remainder,
            above=above,
            mouth=build_mouth(image, portrait.landmarks, face, self._teeth()),
            relaxed=relaxed,
            corners=find_corners(relaxed, raised, face.scale),
            skin=build_skin(image, portrait.landmarks, face, self._smile()),
            window=_moving_window(mesh, width, height),
            head=_array(self.head),
            rims=rims,
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
        for index, frame in enumerate(self.frames(prepared, coefficients)):
            frames[index] = frame
        return frames

    def frames(
        self, prepared: PreparedPortrait, coefficients: ArrayLike, alpha: bool = False
    ) -> Iterator[NDArray[np.uint8]]:
        """
        The frames of [`render`], each `(height, width, 3)`, one by one; threads draw the next ones meanwhile.

        Args:
            alpha (`bool`): Whether a fourth channel holds the person's mask; what shines through is left out.
        """
        coefficients = check_coefficients(coefficients)
        return _draw(prepared, coefficients, min(len(coefficients), torch.get_num_threads()) - 1, alpha)

    def redraw(self, film: FilmedFace, animation: Animation) -> Iterator[NDArray[np.uint8]]:
        """
        Yield a video's frames, uint8 of shape `(height, width, 3)` with even sides, with the lips of an animation.

        Args:
            film ([`FilmedFace`]): From [`film_face`].
            animation ([`Animation`]): Its jaw, mouth, cheeks and tongue are used; at another rate or length it is
                resampled, and held at its end.
        """
        return redraw_lips(film, animation, _array(self.triangles), self._teeth())

    def _smile(self) -> SmileLight:
        return SmileLight(*(_array(tensor) for tensor in (self.smile_light, self.smile_places, self.triangles)))

    def _teeth(self) -> Dentition:
        tensors = (self.upper_teeth, self.teeth_shapes, self.teeth_textures)
        return Dentition(*(_array(tensor) for tensor in tensors))


def _array(tensor: torch.Tensor) -> NDArray:
    return np.asarray(tensor.detach().cpu().numpy())


def _draw(
    prepared: PreparedPortrait, coefficients: Array, others: int, alpha: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """
    Yield the frames of checked coefficients with the help of other threads.

    These warp, in compiled loops that let everybody run. To pose a frame and to draw its layers takes a thousand short
    calls, which stay in the thread that takes frames: threads that shared them would wait for the interpreter at each
    one, and together take longer than one alone.
    """
    # Each row by itself: sums over several round differently, and frames must not depend on the chunk.
    posed = (_pose(prepared, row) for row in coefficients)
    for state, frame, cut in in_threads(partial(_warp, prepared, alpha), posed, others):
        draw_mouth(frame, prepared.mouth, state)
        for eye in prepared.eyes:
            eye.draw(frame, state.vertices, state.motion.around(eye.place))
        if prepared.mount:
            window, mount = prepared.window, prepared.mount
            lay_over(frame[window], mount.cover[window], mount.own[window])
        yield frame if cut is None else _cut_out(prepared, frame, cut)


def _pose(prepared: PreparedPortrait, row: Array) -> tuple[FrameState, Array]:
    """The pose of a row of coefficients, `(58,)`, and the change of light that it makes."""
    face = prepared.face
    row = _in_sight(_with_smiling_eyes(row, face.rest, face.expression), float(face.head_angles()[0]))
    state = prepared.pose(row)
    return state, prepared.skin.shading(state.weights, state.motion.rigid[:, :3], state.parted)


def _in_sight(row: Array, own_yaw: float) -> Array:
    """
    A row of coefficients `(58,)` whose head does not turn farther away than one photo can show: a head that is turned
    in the photo already has less room. Small turns stay as they are.
    """
    yaw = float(row[YAW])
    room = max(FARTHEST_YAW - own_yaw * np.sign(yaw), LEAST_ROOM)
    free = FREE_TURN * room
    if abs(yaw) <= free:
        return row
    row = row.copy()
    row[YAW] = np.sign(yaw) * (free + (room - free) * np.tanh((abs(yaw) - free) / (room - free)))
    return row


def _with_smiling_eyes(row: Array, rest: Array, own: Array) -> Array:
    """
    A row of coefficients `(58,)` in which a strong smile, with the one at rest, lifts the cheeks at least, as far as
    it is beyond the photo's own.
    """
    smile = np.minimum(row[SMILES] + rest[SMILES], 1.0) - np.maximum(own[SMILES], STRONG_SMILE)
    beyond = np.maximum(smile, 0.0) / (1.0 - STRONG_SMILE)
    row = row.copy()
    row[CHEEKS] = np.maximum(row[CHEEKS], CHEEKS_LIFTED * beyond)
    row[LIDS] = np.maximum(row[LIDS], LIDS_NARROWED * beyond)
    return row


def _warp(
    prepared: PreparedPortrait, cut: bool, posed: tuple[FrameState, Array]
) -> tuple[FrameState, NDArray[np.uint8], NDArray[np.uint8] | None]:
    """
    Move the picture, in its new light, through the mesh and lay the person over the plate; the pose comes along, and
    if asked for the person alone in the moving window, with alpha.
    """
    (state, shading), window = posed, prepared.window
    if state.parted == 1.0 or prepared.relaxed is prepared.cutout:
        picture = prepared.relaxed
    else:
        picture = cv2.addWeighted(prepared.relaxed, state.parted, prepared.cutout, 1.0 - state.parted, 0.0)
    if prepared.corners and (cornerless := state.cornerless):
        picture = picture.copy() if picture is prepared.relaxed else picture
        for corner in prepared.corners:
            corner.lighten(picture, cornerless)
    above = prepared.above
    warped, map_x, map_y = state.warp(prepared.skin.shade(picture, shading, above), window, above)
    person = warped if cut else None
    alpha, light = cv2.extractChannel(warped, 3), cv2.cvtColor(warped, cv2.COLOR_RGBA2GRAY)
    warped = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    frame = prepared.portrait.image.copy()
    first, margin = (window[1].start, window[0].start), reach_of(frame.shape[1])
    blend_over_plate(
        warped, alpha, light, prepared.cutout, prepared.plate, prepared.remainder, map_x, map_y,
        *first, above, margin, frame,
    )  # fmt: skip
    if prepared.rims:
        prepared.rims.put_on(frame, state)
    return state, frame, person


def _cut_out(prepared: PreparedPortrait, frame: NDArray[np.uint8], moved: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    A frame with the person's alpha, `(height, width, 4)`; at their outline it shows their own colours alone.

    Args:
        moved (`np.ndarray`): The person in the moving window, with alpha.
    """
    person = prepared.cutout[prepared.above :].copy()
    person[prepared.window] = moved
    solid = person[..., 3] == OPAQUE
    person[solid, :3] = frame[solid]
    return person


def _moving_window(mesh: HeadMesh, width: int, height: int) -> Window:
    """Bounding box of all vertices that can move, with their still neighbours."""
    rings = mesh.source[-len(mesh.follow) :]
    moving = rings[(mesh.follow > 0.0) | (mesh.give > LEAST_GIVE) | (mesh.sway > 0.0)]
    low, high = moving[:, :2].min(0), moving[:, :2].max(0)
    margin = WINDOW_MARGIN * (high - low)
    x0, y0 = np.clip(low - margin, 0, [width, height]).astype(int)
    x1, y1 = np.clip(high + margin, 0, [width, height]).astype(int)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))
