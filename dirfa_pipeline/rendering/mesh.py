"""The mesh that moves a whole picture: the face's triangles, and rings around it that carry hair, ears and neck."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import ramp, smoothstep
from ..face.landmarks import OVAL


Array = NDArray[np.float32]

NUM_FACE_VERTICES: Final = 468  # the irises are drawn apart
_OVAL = np.array(OVAL)

# Chosen by eye on sheets of turned heads (benchmarks/contact_sheet.py). Unit, where none is named: the way from the
# oval's middle to the oval.

# The rings.
RING_SCALES: Final = (1.08, 1.2, 1.38, 1.62, 1.95, 2.4, 3.0)  # from the middle; all else from the oval
OUTERMOST, CORNERS_BEYOND = 4.0, 1.5  # the last ring: at least, and over the way to the picture's farthest corner
# Of the face's height, for each distance: beside the face, above it, below; and at most, where a skull's outline is.
# Outlines of renders were compared with filmed ones of people who turn and nod (benchmarks/compare_outlines.py).
DEPTH_BESIDE, DEPTH_ABOVE, DEPTH_BELOW, MOST_DEPTH = 0.4, 0.8, 0.2, 0.38

# What follows the head.
NECK, HAIR = (0.12, 0.95), (0.63, 2.25)  # all that is nearer and nothing farther, below the chin, above the forehead
SKIN_REACH, SKIN_FADES = 0.26, 2.0  # how far the skin's motion reaches, and how it ends: edges of jaws go along whole
BODY: Final = 0.15  # how much of the way that the head goes the shoulders go too
BODY_END: Final = 2.0  # from where on nothing does

ROOM: Final = 0.12  # of the face's height, between face and border: with less of it cut-off hair is held only partly
BORDER_AROUND: Final = 0.1  # of the same: how far along the border it is looked for the person
STEEPEST: Final = 2.6  # depth a pixel: steeper slopes fold over within 21 degrees of a turn
# Of the face's height: how far inside the oval a landmark is still at the outline, a ramp, and how far along it goes.
AT_OUTLINE: Final = (0.03, -0.03)
ALONG: Final = 0.06
FROM_OVAL: Final = 2  # triangles from the oval: eyes, nose and lips are farther, and keep their motion


@dataclass(frozen=True)
class HeadMesh:
    """
    The triangles that cover the head in the photo, and how the rings around the face follow it when it moves.

    Args:
        source (`np.ndarray` of shape `(vertices, 3)`): Vertices in the photo: 468 landmarks, then rings.
        triangles (`np.ndarray` of shape `(triangles, 3)`): Of all vertices.
        follow (`np.ndarray` of shape `(ring vertices,)`): How much a ring vertex follows the head: 1 rigidly, 0 stays.
        give (`np.ndarray` of shape `(ring vertices,)`): How much it follows the skin at its place on the oval.
        sway (`np.ndarray` of shape `(ring vertices,)`): How much of the head's way it goes, without turning.
        hold (`np.ndarray` of shape `(2, ring vertices, 2)`): How much it is kept from going right and down, and from
            going left and up.
        outline (`np.ndarray` of shape `(n,)`): Landmarks next to the oval that lie at the outline of the face, or
            beyond it, as those of far cheeks do.
        along (`np.ndarray` of shape `(n, 36)`): How much of their skin goes with that of each point of the oval; what
            is left to 1 goes its own way.
    """

    source: Array
    triangles: NDArray[np.int32]
    follow: Array
    give: Array
    sway: Array
    hold: Array
    outline: NDArray[np.int64]
    along: Array

    def deform(self, vertices: Array, move: Callable[[Array], Array]) -> Array:
        """
        Vertices of one frame, `(vertices, 3)`.

        Args:
            vertices (`np.ndarray` of shape `(478, 3)`): The frame's landmarks.
            move: Says where places `(n, 3)` of the photo would be if they were the head's, see [`HeadMotion`].
        """
        rings, oval = self.source[NUM_FACE_VERTICES:], self.source[_OVAL]
        carried = move(oval)
        residual = vertices[_OVAL] - carried
        moved = rings + self.follow[:, None] * (move(rings) - rings)
        moved += self.sway[:, None] * (carried - oval).mean(0)
        moved += self.give[:, None] * np.tile(residual, (len(rings) // len(_OVAL), 1))
        way = moved[:, :2] - rings[:, :2]
        moved[:, :2] -= self.hold[0] * np.maximum(way, 0.0) + self.hold[1] * np.minimum(way, 0.0)
        return np.concatenate([vertices[:NUM_FACE_VERTICES], moved]).astype(np.float32)

    def hold_outline(self, vertices: Array, move: Callable[[Array], Array]) -> Array:
        """The landmarks of one frame, see [`deform`], of which those at the outline go with the oval."""
        own, skin = (vertices[places] - move(self.source[places]) for places in (self.outline, _OVAL))
        held = vertices.copy()
        held[self.outline] += self.along @ skin - self.along.sum(1, keepdims=True) * own
        return held


def build_mesh(landmarks: Array, face_triangles: NDArray[np.int32], width: int, height: int) -> HeadMesh:
    """Put rings around the face of a photo; the last one lies beyond the picture's corners and never moves."""
    oval = landmarks[_OVAL]
    centre = 0.5 * (oval.min(0) + oval.max(0))
    face_height = float(np.ptp(oval[:, 1]))
    rays = oval - centre
    up = -rays[:, 1] / np.linalg.norm(rays[:, :2], axis=1)
    reach = CORNERS_BEYOND * max(np.hypot(x - centre[0], y - centre[1]) for x in (0, width) for y in (0, height))
    outermost = max(OUTERMOST, reach / float(np.linalg.norm(rays[:, :2], axis=1).min()))

    vertices, follow, give, sway = [], [], [], []
    for scale in (*RING_SCALES, outermost):
        beyond = scale - 1.0
        ring = centre + rays * scale
        # A head's outline lies far behind the face, where the head is widest: in the plane of the forehead it would be
        # squashed by nods, and sheared by turns, did ears and crown not lie about equally deep. A neck as near as the
        # chin would lean to where the chin turns.
        slope = DEPTH_BESIDE + np.where(up > 0.0, DEPTH_ABOVE - DEPTH_BESIDE, DEPTH_BESIDE - DEPTH_BELOW) * up
        ring[:, 2] = oval[:, 2] + face_height * np.minimum(slope * beyond, MOST_DEPTH)
        above = 0.5 * (up + 1.0)
        full, none = (low + (high - low) * above for low, high in zip(NECK, HAIR, strict=True))
        vertices.append(ring)
        follow.append(np.where(scale == outermost, 0.0, 1.0 - smoothstep((beyond - full) / (none - full))))
        give.append(np.full(len(_OVAL), np.exp(-((beyond / SKIN_REACH) ** SKIN_FADES))))
        sway.append(BODY * (1.0 - follow[-1]) * np.clip(BODY_END - beyond, 0.0, 1.0))
    outline, along = _at_outline(landmarks[:NUM_FACE_VERTICES, :2], face_triangles, face_height)
    return HeadMesh(
        source=np.concatenate([landmarks[:NUM_FACE_VERTICES], *vertices]).astype(np.float32),
        triangles=np.concatenate([face_triangles, _ring_triangles(len(RING_SCALES) + 1)]).astype(np.int32),
        follow=np.concatenate(follow).astype(np.float32),
        give=np.concatenate(give).astype(np.float32),
        sway=np.concatenate(sway).astype(np.float32),
        hold=np.zeros((2, len(vertices) * len(_OVAL), 2), np.float32),
        outline=outline,
        along=along,
    )


def _at_outline(
    points: Array, triangles: NDArray[np.int32], face_height: float
) -> tuple[NDArray[np.int64], Array]:  # fmt: skip
    """
    `outline` and `along` of [`HeadMesh`], from the face's landmarks `(468, 2)`.

    Where a head is turned, landmarks of the far cheek lie on the outline that the photo shows, or beyond the oval. If
    they moved against it, folds would open there and show the picture's edge twice.
    """
    oval, near = points[_OVAL], np.zeros(len(points), np.bool_)
    near[_OVAL] = True
    for _ in range(FROM_OVAL):
        near[triangles[near[triangles].any(1)]] = True
    near[_OVAL] = False
    places = np.flatnonzero(near)
    inside = [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in points[places]]
    share = smoothstep(ramp(np.array(inside) / face_height, *AT_OUTLINE))
    places, share = places[share > 0.0], share[share > 0.0]
    apart = np.linalg.norm(points[places, None] - oval, axis=-1) / face_height
    weights = np.exp(-np.square((apart - apart.min(1, keepdims=True)) / ALONG))
    return places, (share[:, None] * weights / weights.sum(1, keepdims=True)).astype(np.float32)


def hold_at_border(mesh: HeadMesh, person: NDArray[np.uint8]) -> HeadMesh:
    """
    Hair and necks that the picture cuts off at its sides and below stay at its border, and stretch, where motion would
    bring in what it does not show. Heads cut off above have a crown instead, see [`add_crown`].

    Args:
        person (`np.ndarray` of shape `(height, width)`): The person's alpha, in [0, 255].
    """
    height, width = person.shape
    oval, rings = mesh.source[_OVAL, :2], mesh.source[NUM_FACE_VERTICES:, :2].reshape(-1, len(_OVAL), 2)
    face_height = float(np.ptp(oval[:, 1]))
    along = 2 * round(BORDER_AROUND * face_height) + 1
    hold = np.zeros((2, *rings.shape), np.float32)
    last = np.array([width - 1.0, height - 1.0], np.float32)
    for toward, border in enumerate((np.zeros(2, np.float32), last)):
        for axis in range(2):
            room = np.maximum((border[axis] - oval[:, axis]) * (2 * toward - 1), 0.0)
            beyond = (rings[..., axis] - oval[:, axis]) * (2 * toward - 1)
            share = np.clip(beyond / np.maximum(room, 1.0), 0.0, 1.0)
            # Only where the person reaches the border, told from where along it a vertex lies.
            line = (person[:, int(border[0])] if axis == 0 else person[int(border[1])]).astype(np.float32) / 255.0
            line = cv2.blur(line[None], (along, 1), borderType=cv2.BORDER_REPLICATE)[0]
            cut = line[np.clip(np.rint(rings[..., 1 - axis]), 0, len(line) - 1).astype(int)]
            if (toward, axis) == (0, 1):  # above
                continue
            hold[toward, ..., axis] = share * cut * np.minimum(1.0, room / (ROOM * face_height))
    return replace(mesh, hold=hold.reshape(2, -1, 2))


def soften_relief(landmarks: Array) -> Array:
    """
    Bring steep depths forward: landmarks `(478, 3)` whose surface is nowhere steeper than `STEEPEST`.

    The photo shows next to nothing of the sides of the head, and the landmarks there are guesses; as steep as they
    are, a turn would smear the near side and fold the far one over. This is the deepest surface that is not as steep
    and lies nowhere behind the landmarks (the lower Lipschitz envelope: McShane, 1934).
    """
    distance = np.linalg.norm(landmarks[:, None, :2] - landmarks[None, :, :2], axis=-1)
    softened = landmarks.copy()
    softened[:, 2] = (landmarks[:, 2] + STEEPEST * distance).min(1)
    return softened


def _ring_triangles(num_rings: int) -> NDArray[np.int32]:
    """Strips between neighbouring rings, the first one around the oval, wound like the face's own triangles."""
    count = len(_OVAL)
    rings = [_OVAL] + [NUM_FACE_VERTICES + count * ring + np.arange(count) for ring in range(num_rings)]
    strips = []
    for inner, outer in zip(rings, rings[1:], strict=False):
        next_inner, next_outer = np.roll(inner, -1), np.roll(outer, -1)
        strips += [np.stack([inner, next_inner, outer], 1), np.stack([outer, next_inner, next_outer], 1)]
    return np.concatenate(strips)
