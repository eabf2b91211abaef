"""
A person's fitted head as glTF for Blender, Unreal and browsers: the photo as texture, 52 morph targets, teeth, eyes,
and an animation.

Only what the photo shows is there: a face, and a shell of hair and ears that ends behind them. glTF's axes are x
right, y up, z towards the viewer, its unit is the metre; an inter-ocular distance is taken as 63 mm.
"""

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .animation import EXPRESSION_NAMES, GAZE_RANGE, NUM_EXPRESSIONS, Animation
from .errors import AnimationError
from .glb import GlbWriter
from .models.eye_layer import Eye
from .models.face_landmarks import INNER_LIPS, LEFT_EYE, OVAL, RIGHT_EYE
from .models.face_model import rotation_matrix
from .models.face_renderer import PreparedPortrait
from .models.head_mesh import NUM_FACE_VERTICES
from .models.mouth_interior import CHIN, LOWER_EDGE, MILLIMETRE, TEETH_EXTENT
from .version import __version__


Array = NDArray[np.float32]

METRES: Final = 0.063  # an inter-ocular distance
AXES: Final = np.array([1.0, -1.0, -1.0], np.float32)  # from the picture's axes to glTF's
SHELL: Final = (0.08, 0.20, 0.34, 0.46)  # rings beyond the oval, in parts of its distance from the middle
SHELL_DEPTH: Final = 1.5  # how much faster than outwards they go backwards
EYEBALL: Final = 28.0 * MILLIMETRE  # radius: flatter than a real one of 12, it fills the opening to its corners
EYE_TURN: Final = 12.0 / 28.0  # of the gaze, so that the iris goes as far as on a real one
ARCH: Final = 24.0 * MILLIMETRE  # radius of the rows of teeth
TEETH_DEPTH, LOWER_TEETH_DEPTH = 4.0 * MILLIMETRE, 8.0 * MILLIMETRE  # behind the lips
LOWER_CROWNS: Final = 0.5  # of the lower row's picture: what is below would come out over the chin
THROAT_DEPTH: Final = 34.0 * MILLIMETRE
GRID: Final = 17


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
    temporary = f"{name}.part"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, name)


def build_glb(prepared: PreparedPortrait, animation: Animation | None = None) -> bytes:
    """The file's content; see [`export_head`]."""
    glb = GlbWriter(f"dirfa-pipeline {__version__}")
    face = prepared.portrait.face
    jaw = face.basis[:, list(CHIN)].mean(1)  # teeth and tongue go with the chin
    moving = [_add_skin(glb, prepared), _add_lower_teeth(glb, prepared, jaw)]
    eyes = [_add_eye(glb, prepared, eye) for eye in prepared.eyes]
    still = [_add_upper_teeth(glb, prepared), _add_throat(glb, prepared)]
    rest = rotation_matrix(face.head_angles())
    turn = _quaternions(rest[None])[0].tolist()
    head = glb.add("nodes", {"name": "Head", "children": [*moving, *eyes, *still], "rotation": turn})
    if animation is not None:
        glb.add_animation("Speech", *_tracks(prepared, animation, head, moving, eyes))
    return glb.to_bytes(head)


def _tracks(
    prepared: PreparedPortrait, animation: Animation, head: int, moving: list[int], eyes: list[int]
) -> tuple[Array, list[tuple[int, str, NDArray]]]:
    values = animation.coefficients
    times = ((np.arange(len(values)) + 0.5) / animation.fps).astype(np.float32)
    rotations, _, _ = prepared.portrait.face.cameras(values)
    weights = np.clip(values[:, :NUM_EXPRESSIONS], 0.0, 1.0)
    tracks: list[tuple[int, str, NDArray]] = [
        (head, "rotation", _quaternions(rotations)),
        (head, "translation", METRES * AXES * values[:, -3:]),
        *((node, "weights", weights) for node in moving),
    ]
    for node, side, (right, left) in zip(eyes, ("Right", "Left"), (("In", "Out"), ("Out", "In")), strict=True):
        yaw = EYE_TURN * GAZE_RANGE * (animation[f"eyeLook{right}{side}"] - animation[f"eyeLook{left}{side}"])
        pitch = EYE_TURN * GAZE_RANGE * (animation[f"eyeLookUp{side}"] - animation[f"eyeLookDown{side}"])
        angles = np.stack([yaw, pitch, np.zeros_like(yaw)], axis=1)
        tracks.append((node, "rotation", _quaternions(rotation_matrix(angles))))
    return times, tracks


def _add_skin(glb: GlbWriter, prepared: PreparedPortrait) -> int:
    """The face and the shell around it, with holes for eyes and mouth."""
    face = prepared.portrait.face
    picture = np.dstack([prepared.relaxed[..., :3], np.uint8(255) * (prepared.portrait.mask > 0.5)])
    resting = face.head_vertices(np.zeros((1, NUM_EXPRESSIONS + 6), np.float32))[0]
    shown = _to_head(prepared, prepared.portrait.landmarks)
    oval = list(OVAL)
    middle = 0.5 * (resting[oval].min(0) + resting[oval].max(0))
    rings: list[NDArray] = []
    source: list[NDArray] = []
    for beyond in SHELL:
        for vertices, kept in ((resting, rings), (shown, source)):
            ring = vertices[oval] + beyond * (vertices[oval] - middle) * [1.0, 1.0, 0.0]
            ring[:, 2] += SHELL_DEPTH * beyond
            kept.append(ring)
    beyond_face = [_to_picture(prepared, ring) for ring in source]
    places = np.concatenate([prepared.portrait.landmarks[:NUM_FACE_VERTICES, :2], *beyond_face])
    vertices = np.concatenate([resting[:NUM_FACE_VERTICES], *rings])
    fades = np.exp(-np.array(SHELL) / 0.15)[:, None, None, None]
    shell = (fades * face.basis[:, oval]).transpose(1, 0, 2, 3).reshape(NUM_EXPRESSIONS, -1, 3)
    morphs = np.concatenate([face.basis[:, :NUM_FACE_VERTICES], shell], axis=1)
    height, width = picture.shape[:2]
    mesh = glb.add_mesh(
        "Skin", _metres(vertices), (places / [width, height]).astype(np.float32),
        _skin_triangles(prepared), glb.add_material("Skin", picture, "MASK"), _metres(morphs), EXPRESSION_NAMES,
    )  # fmt: skip
    return glb.add("nodes", {"name": "Skin", "mesh": mesh})


def _skin_triangles(prepared: PreparedPortrait) -> NDArray[np.int32]:
    """The face's triangles but those across an opening, then strips between the shell's rings."""
    triangles = prepared.mesh.triangles
    face = triangles[(triangles < NUM_FACE_VERTICES).all(1)]
    for opening in (INNER_LIPS, RIGHT_EYE.outline, LEFT_EYE.outline):
        face = face[~np.isin(face, opening).all(1)]
    count = len(OVAL)
    loops = [np.array(OVAL)] + [NUM_FACE_VERTICES + count * ring + np.arange(count) for ring in range(len(SHELL))]
    strips = []
    for inner, outer in zip(loops, loops[1:], strict=False):
        next_inner, next_outer = np.roll(inner, -1), np.roll(outer, -1)
        strips += [np.stack([inner, next_inner, outer], 1), np.stack([outer, next_inner, next_outer], 1)]
    return np.concatenate([face, *strips]).astype(np.int32)


def _add_upper_teeth(glb: GlbWriter, prepared: PreparedPortrait) -> int:
    mouth = prepared.mouth
    bottom = mouth.centre + [0.0, mouth.incisal_edge, TEETH_DEPTH]
    vertices, places, triangles = _arch(bottom - [0.0, TEETH_EXTENT[1] * MILLIMETRE, 0.0])
    material = glb.add_material("UpperTeeth", _picture(mouth.upper), "MASK")
    return glb.add(
        "nodes", {"name": "UpperTeeth", "mesh": glb.add_mesh("UpperTeeth", vertices, places, triangles, material)}
    )


def _add_lower_teeth(glb: GlbWriter, prepared: PreparedPortrait, jaw: Array) -> int:
    mouth = prepared.mouth
    vertices, places, triangles = _arch(mouth.centre + [0.0, LOWER_EDGE * MILLIMETRE, LOWER_TEETH_DEPTH], LOWER_CROWNS)
    material = glb.add_material("LowerTeeth", _picture(mouth.lower), "MASK")
    morphs = _metres(np.repeat(jaw[:, None], len(vertices), axis=1))
    mesh = glb.add_mesh("LowerTeeth", vertices, places, triangles, material, morphs, EXPRESSION_NAMES)
    return glb.add("nodes", {"name": "LowerTeeth", "mesh": mesh})


def _add_throat(glb: GlbWriter, prepared: PreparedPortrait) -> int:
    """A dark wall behind the teeth."""
    mouth = prepared.mouth
    across, down = np.meshgrid([-0.42, 0.42], [-0.2, 0.40])
    vertices = np.stack([across.ravel(), down.ravel(), np.zeros(4)], axis=1)
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)
    triangles = np.array([[0, 2, 1], [1, 2, 3]], np.int32)
    material = glb.add_material("Throat", _picture(mouth.throat)[..., :3])
    vertices = _metres(vertices + mouth.centre + [0.0, 0.0, THROAT_DEPTH])
    return glb.add("nodes", {"name": "Throat", "mesh": glb.add_mesh("Throat", vertices, places, triangles, material)})


def _add_eye(glb: GlbWriter, prepared: PreparedPortrait, eye: Eye) -> int:
    """The front half of an eyeball that turns about its centre, painted with the photo's eye without lids."""
    shown = _to_head(prepared, prepared.portrait.landmarks)
    marks = eye.landmarks
    iris = shown[marks.iris[0]].copy()
    # The cornea lies behind the lids' plane.
    iris[2] = shown[[marks.outer, marks.inner, *marks.upper, *marks.lower], 2].mean() + MILLIMETRE
    centre = iris + [0.0, 0.0, EYEBALL]
    across, down = np.meshgrid(np.linspace(-0.8, 0.8, GRID), np.linspace(-0.6, 0.6, GRID))
    ball = np.stack([np.sin(across) * np.cos(down), np.sin(down), -np.cos(across) * np.cos(down)], axis=-1)
    vertices = EYEBALL * ball.reshape(-1, 3)
    size = np.array(eye.filled.shape[1::-1])
    places = (_to_picture(prepared, vertices + centre) - eye.corner) / size
    name = "RightEye" if marks is RIGHT_EYE else "LeftEye"
    mesh = glb.add_mesh(
        name, _metres(vertices), np.clip(places, 0.0, 1.0).astype(np.float32), _grid_triangles(GRID, GRID),
        glb.add_material(name, eye.filled),
    )  # fmt: skip
    return glb.add("nodes", {"name": name, "mesh": mesh, "translation": _metres(centre).tolist()})


def _arch(top: NDArray, share: float = 1.0) -> tuple[Array, Array, NDArray[np.int32]]:
    """The upper `share` of a row of teeth around a circle: vertices in metres, places in its picture, triangles."""
    width, height = (extent * MILLIMETRE for extent in TEETH_EXTENT)
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, GRID), [0.0, share])
    angle = across * width / ARCH
    bent = np.stack([ARCH * np.sin(angle), down * height, ARCH * (1.0 - np.cos(angle))], axis=-1).reshape(-1, 3)
    places = np.stack([across + 0.5, down], axis=-1).reshape(-1, 2)
    return _metres(bent + top), places.astype(np.float32), _grid_triangles(2, GRID)


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def _to_head(prepared: PreparedPortrait, points: Array) -> NDArray:
    """From the photo's pixels to the head's own frame."""
    face = prepared.portrait.face
    return (points - face.translation) @ face.rotation / face.scale


def _to_picture(prepared: PreparedPortrait, points: NDArray) -> NDArray:
    """Where the photo shows points of the head's own frame: `(points, 2)` in pixels."""
    face = prepared.portrait.face
    return (face.scale * points @ face.rotation.T + face.translation)[:, :2]


def _metres(points: NDArray) -> Array:
    return (METRES * AXES * points).astype(np.float32)


def _picture(texture: Array) -> NDArray[np.uint8]:
    return np.clip(texture + 0.5, 0, 255).astype(np.uint8)


def _quaternions(rotations: NDArray) -> Array:
    """Unit quaternions `(frames, 4)`, x, y, z, w in glTF's axes, for rotations `(frames, 3, 3)` in the picture's."""
    m = AXES[:, None] * np.asarray(rotations, np.float64) * AXES
    w = 0.5 * np.sqrt(np.maximum(1.0 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2], 1e-12))  # heads turn by far less than 180
    axis = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1)
    quaternion = np.concatenate([axis / (4.0 * w[:, None]), w[:, None]], axis=1)
    return (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).astype(np.float32)
