"""
A person's fitted head as glTF for Blender, Unreal and browsers: the photo as texture, morph targets of 52 expressions
and 15 visemes, neck and head as joints, teeth, eyes, and an animation.

The face is the photo's; the head around it is guessed, see `head_shell`. glTF's axes are x right, y up, z towards the
viewer, its unit is the metre; an inter-ocular distance is taken as 63 mm.
"""

import os
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.coefficients import EXPRESSION_NAMES, NUM_EXPRESSIONS
from ..animation.gaze import Side, eye_angles
from ..errors import AnimationError
from ..face.landmarks import INNER_LIPS, INNER_MIDDLE, LEFT_EYE, OVAL, RIGHT_EYE
from ..face.rotations import rotation_matrix
from ..media.files import whole_file
from ..models.face_renderer import PreparedPortrait
from ..rendering.eyes import Eye
from ..rendering.mesh import NUM_FACE_VERTICES
from ..rendering.mouth import CHIN
from ..rendering.tooth_rows import ARCH, LUMINANCE, MILLIMETRE, PER_MM, SIZE, TEETH_EXTENT
from ..version import __version__
from .glb import GlbWriter, vertex_normals
from .lids import lid_morphs, lid_places, lid_vertices, with_lids
from .shell import COLUMNS, HeadShell, build_shell, oval_loop, to_picture
from .skeleton import NECK_SHARE, Skeleton
from .visemes import MORPH_NAMES, with_visemes


Array = NDArray[np.float32]

METRES: Final = 0.063  # an inter-ocular distance
AXES: Final = np.array([1.0, -1.0, -1.0], np.float32)  # from the picture's axes to glTF's
NECK_GIVE: Final = 0.12  # of the way to the back, over which the head follows the face's expressions
GUTTER: Final = 32  # pixels by which both parts of the picture go on, so that smaller copies of it do not mix them
EYEBALL: Final = (12.0 * MILLIMETRE, 28.0 * MILLIMETRE)  # radius of a real one, and of one that fills a flat opening
EYE_REACH: Final = 19.0 * MILLIMETRE  # from the iris to the edges of what is there of the ball
TEETH_DEPTH, LOWER_TEETH_DEPTH = 4.0 * MILLIMETRE, 6.0 * MILLIMETRE  # behind the lips
# Rows are in the cheeks' shade towards their ends, as photos show them: when a head turns, these come to the front.
# How smooth that fall of light is in millimetres, the power of it that they get back, and the greatest gain. These and
# the two below were chosen by eye on pictures of exported heads.
ROW_SMOOTH, EVENED, MOST_EVENED = 3.0, 0.7, 3.0
LOWER_SHOWN: Final = 7.0 * MILLIMETRE  # of the lower teeth over their lip with jawOpen at 1
LOWER_CROWNS: Final = 0.5  # of the lower row's picture: what is below would come out over the chin
# The mouth's inside, ring by ring behind the lips: depth and greatest half height in millimetres, width in that of the
# lips, how far it follows the lips, and its lower half the jaw, and its light. The first ring is the inner side of the
# lips and reaches into the opening: teeth would show as a pale line between lips that hardly part.
CAVITY: Final = (
    (1.5, -1.0, 0.97, 1.0, 0.0, 0.0), (5.0, 4.0, 0.95, 1.0, 0.0, 0.85), (14.0, 13.0, 0.95, 0.0, 0.9, 0.65),
    (27.0, 12.0, 0.8, 0.0, 0.6, 0.3), (36.0, 8.0, 0.5, 0.0, 0.2, 0.1), (40.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)  # fmt: skip
TONGUE: Final = (16.0, 40.0)  # millimetres: half its width, its length
TONGUE_TIP, TONGUE_TOP = 11.0, 1.0  # millimetres behind the lips, and over the edge of the lower teeth
TONGUE_BEND: Final = 8.0  # millimetres that its edges lie lower than its middle
TONGUE_OUT: Final = (4.0, 20.0)  # millimetres that tongueOut lifts the tip and brings it forward
GRID: Final = 17
# Roughness: of skin as renderers take it, of what saliva covers, of eyes, whose glints the photo has, of the throat.
SKIN, WET, EYES, DULL = 0.6, 0.25, 0.5, 0.9


def export_head(prepared: PreparedPortrait, animation: Animation | None, path: str | os.PathLike[str]) -> None:
    """
    Write the head of a photo, and an animation of it, as one .glb file, whole or not at all.

    Args:
        prepared ([`PreparedPortrait`]): From [`FaceRenderer.prepare`].
        animation ([`Animation`], *optional*): Becomes one track of weights, head and eyes.
        path: Ends in .glb.

    Raises:
        AnimationError: The path has another ending.
    """
    name = os.fspath(path)
    if not name.lower().endswith(".glb"):
        raise AnimationError(f"a 3D head goes to a file that ends in .glb, got {name!r}")
    content = build_glb(prepared, animation)
    with whole_file(name) as temporary:
        temporary.write_bytes(content)


def build_glb(prepared: PreparedPortrait, animation: Animation | None = None) -> bytes:
    """The file's content; see [`export_head`]."""
    glb = GlbWriter(f"dirfa-pipeline {__version__}")
    resting, face = _resting(prepared), prepared.portrait.face
    shell = build_shell(prepared, resting, _to_head(prepared, prepared.portrait.landmarks))
    skeleton = Skeleton.of(shell.vertices, resting[list(CHIN)].mean(0))
    jaw = face.basis[:, list(CHIN)].mean(1)  # what is inside goes with the chin
    raised = _raised(jaw, face.basis[:, INNER_MIDDLE[1]], prepared.mouth.lower_edge)
    with_jaw = [_add_lower_teeth(glb, prepared, raised), _add_tongue(glb, prepared, jaw)]
    with_jaw.append(_add_cavity(glb, prepared, jaw))
    eyes = [_add_eye(glb, prepared, eye) for eye in prepared.eyes]
    inside = [*with_jaw, *eyes, _add_upper_teeth(glb, prepared)]
    head_frame = glb.add("nodes", {"name": "HeadFrame", "children": inside, "translation": _place(-skeleton.head)})
    neck, head = _add_joints(glb, prepared, skeleton, head_frame)
    skin = _add_skin(glb, prepared, shell, skeleton, [neck, head])
    if animation is not None:
        tracks = _tracks(prepared, animation, skeleton, (neck, head), [skin, *with_jaw], eyes)
        glb.add_animation("Speech", *tracks)
    return glb.to_bytes([neck, skin])


def _add_joints(glb: GlbWriter, prepared: PreparedPortrait, skeleton: Skeleton, head_frame: int) -> tuple[int, int]:
    """Nodes of neck and head, turned as the photo has them."""
    turns, moves = rotation_matrix(prepared.portrait.face.head_angles())[None], np.zeros((1, 3))
    neck_turns = rotation_matrix(NECK_SHARE * prepared.portrait.face.head_angles())[None]
    in_neck, place = skeleton.head_in_neck(turns, moves, neck_turns)
    head = glb.add("nodes", {
        "name": "Head", "children": [head_frame], "rotation": _quaternions(in_neck)[0].tolist(),
        "translation": _place(place[0]),
    })  # fmt: skip
    neck = glb.add("nodes", {
        "name": "Neck", "children": [head], "rotation": _quaternions(neck_turns)[0].tolist(),
        "translation": _place(skeleton.neck),
    })  # fmt: skip
    return neck, head


def _tracks(
    prepared: PreparedPortrait, animation: Animation, skeleton: Skeleton, joints: tuple[int, int], moving: list[int],
    eyes: list[int],
) -> tuple[Array, list[tuple[int, str, NDArray]]]:  # fmt: skip
    """Instants, from 0 on whole frames, and what moves at them: joints, weights, eyes."""
    values, face = animation.coefficients, prepared.portrait.face
    times = (np.arange(len(values)) / animation.fps).astype(np.float32)
    rotations, _, _ = face.cameras(values)
    neck_turns = rotation_matrix(NECK_SHARE * (face.head_angles() + values[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 3]))
    turns, places = skeleton.head_in_neck(rotations, values[:, -3:], neck_turns)
    weights = np.clip(values[:, :NUM_EXPRESSIONS], 0.0, 1.0)
    weights = np.pad(weights, ((0, 0), (0, len(MORPH_NAMES) - NUM_EXPRESSIONS)))
    neck, head = joints
    tracks: list[tuple[int, str, NDArray]] = [
        (neck, "rotation", _quaternions(neck_turns)),
        (head, "rotation", _quaternions(turns)),
        (head, "translation", _metres(places)),
        *((node, "weights", weights) for node in moving),
    ]
    sides: tuple[Side, ...] = ("Right", "Left")
    for node, eye, side in zip(eyes, prepared.eyes, sides, strict=True):
        _, radius = _eyeball(prepared, eye)
        turn = EYEBALL[0] / radius  # so that the iris goes as far as on a real one
        yaw, pitch = eye_angles(values, side)
        angles = turn * np.stack([yaw, pitch, np.zeros_like(yaw)], axis=1)
        tracks.append((node, "rotation", _quaternions(rotation_matrix(angles))))
    return times, tracks


def _add_skin(
    glb: GlbWriter, prepared: PreparedPortrait, shell: HeadShell, skeleton: Skeleton, joints: list[int]
) -> int:
    """The face with holes for eyes and mouth, its lids' inner sides and the head around it, in one picture."""
    face, resting = prepared.portrait.face, _resting(prepared)
    rings = len(shell.vertices)
    around = np.concatenate([shell.vertices, shell.vertices[:, :1]], axis=1)  # the picture's edges meet
    seam = oval_loop(resting)
    around[0] = np.concatenate([seam, seam[:1]])  # to the last bit: a rounding error would be a crack
    vertices = np.concatenate(
        [resting[:NUM_FACE_VERTICES], around.reshape(-1, 3), lid_vertices(resting), seam[1::2]]
    )  # fmt: skip
    give = np.exp(-shell.share / NECK_GIVE)
    give[give < 0.02] = 0.0
    loop = oval_loop(face.basis)
    closed = np.concatenate([loop, loop[:, :1]], axis=1)
    follow = (give[:, None, None] * closed[:, None]).reshape(NUM_EXPRESSIONS, -1, 3)
    morphs = np.concatenate(
        [face.basis[:, :NUM_FACE_VERTICES], follow, lid_morphs(face.basis), loop[:, 1::2]], axis=1
    )  # fmt: skip

    picture, corner = _join_pictures(prepared, shell)
    size, band = np.array(picture.shape[1::-1]), np.array(shell.picture.shape[1::-1])
    down, right = np.mgrid[0:rings, 0 : COLUMNS + 1]
    beyond = np.stack([right / COLUMNS, down / (rings - 1)], axis=-1).reshape(-1, 2)
    beyond = 0.5 + beyond * (band - 1.0) + [0, size[1] - band[1]]
    marks = prepared.portrait.landmarks[:, :2] - corner
    places = np.concatenate([marks[:NUM_FACE_VERTICES], beyond, lid_places(marks), oval_loop(marks)[1::2]])
    grid = NUM_FACE_VERTICES + _grid_triangles(rings, COLUMNS + 1)[:, ::-1]
    face_triangles = with_lids(_face_triangles(prepared), NUM_FACE_VERTICES + around.shape[0] * around.shape[1])
    face_triangles = _halved_along_oval(face_triangles, len(vertices) - len(OVAL))
    triangles = np.concatenate([face_triangles, grid]).astype(np.int32)
    material = glb.add_material("Skin", picture, SKIN)
    shares, normals = skeleton.shares(vertices), vertex_normals(_metres(vertices), triangles)
    for values in (shares, normals):
        _hold_seam(values)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    mesh = glb.add_mesh(
        "Skin", _metres(vertices), (places / size).astype(np.float32), triangles, material,
        with_visemes(_metres(morphs)), MORPH_NAMES, shares, normals,
    )  # fmt: skip
    inverse = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))
    inverse[:, :3, 3] = -_metres(np.stack([skeleton.neck, skeleton.head]))
    return glb.add("nodes", {"name": "Skin", "mesh": mesh, "skin": glb.add_skin("Skeleton", joints, inverse)})


def _hold_seam(values: Array) -> None:
    """
    Give both sides of the seam between face and head, in place, the values `(vertices, channels)` of the face's oval
    and means between them: anything else would be a crack or a crease.
    """
    ring = oval_loop(values)
    values[NUM_FACE_VERTICES : NUM_FACE_VERTICES + COLUMNS + 1] = np.concatenate([ring, ring[:1]])
    values[-len(OVAL) :] = ring[1::2]


def _halved_along_oval(triangles: NDArray[np.int32], start: int) -> NDArray[np.int32]:
    """
    The face's triangles, of which those along its oval meet the head's in every vertex of its first ring.

    Between two of the oval's landmarks the ring has one vertex more, the face's own copy of which is one from `start`
    on: without it there would be pinholes along the seam.
    """
    for middle, (here, after) in enumerate(zip(OVAL, np.roll(OVAL, -1), strict=True), start):
        at_edge = np.isin(triangles, (here, after)).sum(1) == 2
        halves = [np.where(triangles[at_edge] == end, middle, triangles[at_edge]) for end in (here, after)]
        triangles = np.concatenate([triangles[~at_edge], *halves])
    return triangles


def _join_pictures(prepared: PreparedPortrait, shell: HeadShell) -> tuple[NDArray[np.uint8], NDArray]:
    """The face cut out of the photo over the head's picture, and where in the photo the cut begins."""
    places = prepared.portrait.landmarks[:NUM_FACE_VERTICES, :2]
    limits = np.array(shell.photo.shape[1::-1])
    low = np.clip(np.floor(places.min(0)) - 4, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(places.max(0)) + 4, low + 1, limits).astype(int)
    cut = shell.photo[low[1] : high[1], low[0] : high[0]]
    width = max(cut.shape[1], shell.picture.shape[1])
    parts = [
        np.pad(part, (rows, (0, width - part.shape[1]), (0, 0)), mode="edge")
        for part, rows in ((cut, (0, GUTTER)), (shell.picture, (GUTTER, 0)))
    ]
    return np.concatenate(parts), low


def _face_triangles(prepared: PreparedPortrait) -> NDArray[np.int32]:
    """The face's triangles but those across an opening."""
    triangles = prepared.mesh.triangles
    face = triangles[(triangles < NUM_FACE_VERTICES).all(1)]
    for opening in (INNER_LIPS, RIGHT_EYE.outline, LEFT_EYE.outline):
        face = face[~np.isin(face, opening).all(1)]
    return face


def _resting(prepared: PreparedPortrait) -> Array:
    return prepared.portrait.face.head_vertices(np.zeros((1, NUM_EXPRESSIONS + 6), np.float32))[0]


def _add_upper_teeth(glb: GlbWriter, prepared: PreparedPortrait) -> int:
    mouth = prepared.mouth
    bottom = mouth.centre + [0.0, mouth.incisal_edge, TEETH_DEPTH]
    vertices, places, triangles = _arch(bottom - [0.0, TEETH_EXTENT[1] * MILLIMETRE, 0.0])
    material = glb.add_material("UpperTeeth", _row(mouth.upper), WET, "MASK")
    return glb.add(
        "nodes", {"name": "UpperTeeth", "mesh": glb.add_mesh("UpperTeeth", vertices, places, triangles, material)}
    )


def _raised(jaw: Array, lip: Array, edge: float) -> Array:
    """The jaw's moves `(52, 3)`; by jawOpen, teeth with that edge stay in sight over the lip, which moves by `lip`."""
    raised, opens = jaw.copy(), EXPRESSION_NAMES.index("jawOpen")
    raised[opens, 1] = min(jaw[opens, 1], lip[opens, 1] - LOWER_SHOWN - edge)
    return raised


def _add_lower_teeth(glb: GlbWriter, prepared: PreparedPortrait, jaw: Array) -> int:
    mouth = prepared.mouth
    vertices, places, triangles = _arch(mouth.centre + [0.0, mouth.lower_edge, LOWER_TEETH_DEPTH], LOWER_CROWNS)
    material = glb.add_material("LowerTeeth", _row(mouth.lower), WET, "MASK")
    morphs = with_visemes(_metres(np.repeat(jaw[:, None], len(vertices), axis=1)))
    mesh = glb.add_mesh("LowerTeeth", vertices, places, triangles, material, morphs, MORPH_NAMES)
    return glb.add("nodes", {"name": "LowerTeeth", "mesh": mesh})


def _add_tongue(glb: GlbWriter, prepared: PreparedPortrait, jaw: Array) -> int:
    """A hump behind the lower teeth; tongueOut brings its tip over them."""
    across, back = np.meshgrid(np.linspace(-1.0, 1.0, GRID), np.linspace(0.0, 1.0, GRID))
    round_tip = np.sqrt(1.0 - (1.0 - np.minimum(2.0 * back, 1.0)) ** 2)
    x = across * round_tip * TONGUE[0]
    hump = (1.0 - across**2) * round_tip
    y = prepared.mouth.lower_edge / MILLIMETRE - TONGUE_TOP + TONGUE_BEND * (1.0 - hump) - 3.0 * np.sin(np.pi * back)
    vertices = np.stack([x, y, TONGUE_TIP + back * TONGUE[1]], axis=-1).reshape(-1, 3) * MILLIMETRE
    morphs = np.repeat(jaw[:, None], len(vertices), axis=1)
    front = (1.0 - back.reshape(-1, 1)) ** 1.5
    morphs[EXPRESSION_NAMES.index("tongueOut")] += front * [0.0, -TONGUE_OUT[0], -TONGUE_OUT[1]] * MILLIMETRE
    places = np.stack([0.5 + 0.4 * across, 0.95 - 0.7 * back], axis=-1).reshape(-1, 2).astype(np.float32)
    material = glb.add_material("Tongue", _picture(prepared.mouth.tongue)[..., :3], WET)
    mesh = glb.add_mesh(
        "Tongue", _metres(vertices + prepared.mouth.centre), places, _grid_triangles(GRID, GRID)[:, ::-1], material,
        with_visemes(_metres(morphs)), MORPH_NAMES,
    )  # fmt: skip
    return glb.add("nodes", {"name": "Tongue", "mesh": mesh})


def _add_cavity(glb: GlbWriter, prepared: PreparedPortrait, jaw: Array) -> int:
    """The mouth's walls: from the inner lips outwards behind them, then back to a point."""
    lips, basis = _resting(prepared)[list(INNER_LIPS)], prepared.portrait.face.basis[:, list(INNER_LIPS)]
    middle = lips.mean(0)
    upwards = np.sin(2.0 * np.pi * np.arange(len(lips)) / len(lips))[:, None]  # from corner over upper lip to corner
    follow: list[NDArray[np.floating]] = [basis]
    rings, bright = [lips], [1.0]
    for depth, height, width, with_lips, with_jaw, light in CAVITY:
        ring = middle + width * (lips - middle)
        ring[:, 1:2] -= height * MILLIMETRE * upwards
        ring[:, 2] += depth * MILLIMETRE
        rings.append(ring)
        follow.append(with_lips * basis + with_jaw * np.maximum(-upwards, 0.0) * jaw[:, None])
        bright.append(light)
    # The picture is light at its border and dark in its middle.
    turn = 2.0 * np.pi * np.arange(len(lips)) / len(lips)
    circle = np.stack([-np.cos(turn), -np.sin(turn)], axis=-1)
    places = np.concatenate([0.5 + 0.48 * share * circle for share in bright]).astype(np.float32)
    index = np.arange(len(rings) * len(lips)).reshape(len(rings), -1)
    closed = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = closed[:-1, :-1].ravel(), closed[:-1, 1:].ravel(), closed[1:, :-1].ravel(), closed[1:, 1:].ravel()
    mesh = glb.add_mesh(
        "MouthCavity", _metres(np.concatenate(rings)), places,
        np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32),
        glb.add_material("MouthCavity", _picture(prepared.mouth.throat)[..., :3], DULL),
        with_visemes(_metres(np.concatenate(follow, axis=1))), MORPH_NAMES,
    )  # fmt: skip
    return glb.add("nodes", {"name": "MouthCavity", "mesh": mesh})


def _add_eye(glb: GlbWriter, prepared: PreparedPortrait, eye: Eye) -> int:
    """The front of an eyeball that turns about its centre, painted with the photo's eye without lids."""
    centre, radius = _eyeball(prepared, eye)
    reach = np.arcsin(min(0.95, EYE_REACH / radius))
    across, down = np.meshgrid(np.linspace(-reach, reach, GRID), np.linspace(-0.75 * reach, 0.75 * reach, GRID))
    ball = np.stack([np.sin(across) * np.cos(down), np.sin(down), -np.cos(across) * np.cos(down)], axis=-1)
    vertices = radius * ball.reshape(-1, 3)
    size = np.array(eye.filled.shape[1::-1])
    places = (to_picture(prepared, vertices + centre) - eye.corner) / size
    name = "RightEye" if eye.landmarks is RIGHT_EYE else "LeftEye"
    mesh = glb.add_mesh(
        name, _metres(vertices), np.clip(places, 0.0, 1.0).astype(np.float32), _grid_triangles(GRID, GRID),
        glb.add_material(name, eye.filled, EYES),
    )  # fmt: skip
    return glb.add("nodes", {"name": name, "mesh": mesh, "translation": _place(centre)})


def _eyeball(prepared: PreparedPortrait, eye: Eye) -> tuple[NDArray, float]:
    """Centre and radius of a ball that touches the lids' plane at the iris and lies behind both corners."""
    shown, marks = _to_head(prepared, prepared.portrait.landmarks), eye.landmarks
    iris = shown[marks.iris[0]].copy()
    # The cornea lies behind the lids' plane.
    iris[2] = shown[[marks.outer, marks.inner, *marks.upper, *marks.lower], 2].mean() + MILLIMETRE
    radii = []
    for corner in shown[[marks.outer, marks.inner]]:
        aside, behind = float(abs(corner[0] - iris[0])), float(corner[2] - iris[2]) + MILLIMETRE
        radii.append((aside**2 + behind**2) / (2.0 * behind) if behind > 0.0 else EYEBALL[1])
    radius = float(np.clip(min(radii), *EYEBALL))
    return iris + [0.0, 0.0, radius], radius


def _arch(top: NDArray, share: float = 1.0) -> tuple[Array, Array, NDArray[np.int32]]:
    """The upper `share` of a row, from the front as in its picture: vertices in metres, places, triangles."""
    width, height = TEETH_EXTENT
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, GRID), [0.0, share])
    aside = across * width
    bent = MILLIMETRE * np.stack([aside, down * height, ARCH * aside**2], axis=-1).reshape(-1, 3)
    places = np.stack([across + 0.5, down], axis=-1).reshape(-1, 2)
    return _metres(bent + top), places.astype(np.float32), _grid_triangles(2, GRID)


def _row(texture: Array) -> NDArray[np.uint8]:
    """A row of teeth `(height, width, 4)` lit to its ends, and enlarged, since it is cut out at half its alpha."""
    # There is nothing beyond its edges: their half covered pixels would count as wholly covered.
    row = np.pad(texture, ((1, 1), (0, 0), (0, 0)), mode="edge")
    row[[0, -1], :, 3] = 0.0
    larger = SIZE[1] / texture.shape[1]
    border = round(larger)
    row = cv2.resize(row, (SIZE[1], round(texture.shape[0] * larger) + 2 * border), interpolation=cv2.INTER_CUBIC)
    row = np.clip(row[border:-border], 0.0, 255.0)
    light = (row[..., :3] @ LUMINANCE).max(0)
    light = cv2.GaussianBlur(0.5 * (light + light[::-1])[None], (0, 0), ROW_SMOOTH * PER_MM)[0]
    gain = np.minimum((light.max() / np.maximum(light, 1.0)) ** EVENED, MOST_EVENED)
    row[..., :3] *= gain[:, None]
    return _picture(row)


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def _to_head(prepared: PreparedPortrait, points: Array) -> NDArray:
    """From the photo's pixels to the head's own frame."""
    face = prepared.portrait.face
    return (points - face.translation) @ face.rotation / face.scale


def _metres(points: NDArray) -> Array:
    return (METRES * AXES * points).astype(np.float32)


def _place(point: NDArray) -> list[float]:
    """A point `(3,)` as a node's translation."""
    return [float(value) for value in _metres(point)]


def _picture(texture: Array) -> NDArray[np.uint8]:
    return np.clip(texture + 0.5, 0, 255).astype(np.uint8)


def _quaternions(rotations: NDArray) -> Array:
    """Unit quaternions `(frames, 4)`, x, y, z, w in glTF's axes, for rotations `(frames, 3, 3)` in the picture's."""
    m = AXES[:, None] * np.asarray(rotations, np.float64) * AXES
    w = 0.5 * np.sqrt(np.maximum(1.0 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2], 1e-12))  # heads turn by far less than 180
    axis = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1)
    quaternion = np.concatenate([axis / (4.0 * w[:, None]), w[:, None]], axis=1)
    return (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).astype(np.float32)
