"""
The head around a photo's face: its surface from the face's oval over hair, ears and neck to the back, and its picture.

The surface is a mean head's, fitted to the oval and swollen to the hair's outline. Of its picture the photo shows the
front; from there colours run on over what it does not show.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.easing import smoothstep
from ..face.landmarks import OVAL
from ..models.face_renderer import PreparedPortrait


Array = NDArray[np.float32]

COLUMNS: Final = 2 * len(OVAL)
PICTURE: Final = (512, 1024)  # height and width of the head's picture: from the oval to the back, and around
LOCAL: Final = 0.08  # of the way to the back, over which a face's own oval turns into the mean head's
BRIDGED: Final = 5  # rings behind the oval that may have no dent: half an inter-ocular distance
MOST_HAIR: Final = 1.45  # of the bare head's width
LOW_HAIR: Final = (0.0, 0.7)  # sines of the direction below the horizontal between which hair ceases to count
FULL_HAIR: Final = 0.3  # of the way to the back, from which on hair has its full width
FACING: Final = (0.10, 0.45)  # cosines between which the photo fades out, and in
SEAM: Final = 0.06  # of the way to the back, over which the photo counts wherever it faces
EDGE: Final = 0.06  # inter-ocular distances that the outline of a person may be wrong by
HAIRLINE: Final = (0.08, 0.22)  # of the way to the back, between which the photo shows hair best
STRAND: Final = 6.0  # pixels of the head's picture: what is finer belongs to strands
CHEEK: Final = (0.7, 0.95)  # sines of the turn to the side between which the photo's pixels are stretched too far
ABOVE_EARS: Final = 0.8  # quarters of the oval's height over its middle, where hair begins that is drawn again
MIRRORED: Final = 0.3  # of the way to the back, from which on one side may wholly be the other's mirror image
STRANDS_LEFT: Final = 0.35  # of them, at the back: repeated often, they are rings
NECK_CUT: Final = 0.25  # inter-ocular distances above the lowest point, at which the neck ends flat
SCALES: Final = 7  # each twice as wide and counting a sixteenth as much as the one before
PERSON: Final = 0.5  # of the mask


@dataclass(frozen=True)
class HeadShell:
    """
    Args:
        vertices (`np.ndarray` of shape `(rings, 72, 3)`): In the head's own frame, the face at rest; the first ring is
            the oval, every second of its points a landmark.
        picture (`np.ndarray` of shape `(height, width, 3)`): uint8; rows are rings, columns go around.
        photo (`np.ndarray` of shape `(height, width, 3)`): The photo, its background replaced by the person's colours.
    """

    vertices: Array
    picture: NDArray[np.uint8]
    photo: NDArray[np.uint8]

    @property
    def share(self) -> Array:
        """How far each ring is on the way from the oval to the back, `(rings,)`."""
        return np.linspace(0.0, 1.0, len(self.vertices), dtype=np.float32)


def build_shell(prepared: PreparedPortrait, resting: Array, shown: Array) -> HeadShell:
    """
    Fit the mean head to a photo.

    Args:
        resting, shown (`np.ndarray` of shape `(478, 3)`): The face at rest and as the photo has it, in its own frame.
    """
    seen = fit_head(prepared.head, shown)
    hair = _hair(prepared, seen)
    photo = _without_background(prepared)
    picture = _paint(prepared, photo, _swell(seen, hair))
    return HeadShell(_cut_neck(_swell(fit_head(prepared.head, resting), hair)), picture, photo)


def fit_head(head: Array, face: Array) -> Array:
    """The mean head `(rings, 72, 3)` moved and scaled to a face's oval, and bent to meet it."""
    loop = oval_loop(face)
    scale = np.ptp(loop, axis=0) / np.ptp(head[0], axis=0)
    scale[2] = np.sqrt(scale[0] * scale[1])  # a photo says little about depth
    moved = (head - head[0].mean(0)) * scale + loop.mean(0)
    share = np.linspace(0.0, 1.0, len(head))[:, None, None]
    return _bridged((moved + np.exp(-share / LOCAL) * (loop - moved[0])).astype(np.float32))


def _bridged(head: Array) -> Array:
    """The head without the dent that a wide face's oval leaves behind itself: no ring there lies under the chord."""
    head = head.copy()
    outward = head[0] - head[0].mean(0)
    outward[:, 2] = 0.0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    for ring in range(1, BRIDGED):
        chord = head[0] + ring / BRIDGED * (head[BRIDGED] - head[0])
        dent = np.minimum(((head[ring] - chord) * outward).sum(1, keepdims=True), 0.0)
        head[ring] -= dent * outward
    return head


def _hair(prepared: PreparedPortrait, head: Array) -> Array:
    """How much wider than the bare head the person's outline is, `(rings, 72)`: hair; 1 towards the neck."""
    portrait, places = prepared.portrait, to_picture(prepared, head)
    centre = places[0].mean(0)
    rays = (places - centre).reshape(-1, 2)
    radius = np.linalg.norm(rays, axis=1)
    sector = np.floor((np.arctan2(rays[:, 1], rays[:, 0]) / np.pi + 1.0) * 0.5 * COLUMNS).astype(int) % COLUMNS
    bare = np.zeros(COLUMNS)
    np.maximum.at(bare, sector, radius)
    angle = ((np.arange(COLUMNS) + 0.5) / COLUMNS * 2.0 - 1.0) * np.pi
    steps = np.linspace(0.0, MOST_HAIR, 200)[:, None] * bare
    x, y = centre[0] + steps * np.cos(angle), centre[1] + steps * np.sin(angle)
    mask = cv2.remap(portrait.mask.astype(np.float32), x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    inside = np.minimum.accumulate((mask > PERSON) | (steps < 0.8 * bare), axis=0)
    wider = np.maximum(MOST_HAIR * inside.mean(0), 1.0)
    low = np.clip((np.sin(angle) - LOW_HAIR[0]) / (LOW_HAIR[1] - LOW_HAIR[0]), 0.0, 1.0)
    wider = 1.0 + (wider - 1.0) * (1.0 - low)
    kernel = cv2.getGaussianKernel(9, 2.0)[:, 0]
    wider = np.convolve(np.pad(wider, 4, mode="wrap"), kernel, mode="valid")
    directions = (np.arctan2(rays[:, 1], rays[:, 0]) / np.pi + 1.0) * 0.5 * COLUMNS - 0.5
    here = np.interp(directions, np.arange(COLUMNS), wider, period=COLUMNS).reshape(head.shape[:2])
    # At the very back all directions meet.
    share = np.linspace(0.0, 1.0, len(head))[:, None]
    up = np.clip(share * 2.0 - 1.0, 0.0, 1.0)
    here = here + up * (here[len(head) // 2 :].mean() - here)
    return (1.0 + smoothstep(share / FULL_HAIR) * (here - 1.0)).astype(np.float32)


def _swell(head: Array, hair: Array) -> Array:
    """Move each point away from the middle of the head."""
    middle = 0.5 * (head.min((0, 1)) + head.max((0, 1)))
    middle[1] = head[0, :, 1].mean()
    return (middle + hair[..., None] * (head - middle)).astype(np.float32)


def _cut_neck(head: Array) -> Array:
    """The head with an even lower end."""
    head = head.copy()
    head[..., 1] = np.minimum(head[..., 1], head[..., 1].max() - NECK_CUT)
    return head


def _without_background(prepared: PreparedPortrait) -> NDArray[np.uint8]:
    """
    The relaxed photo, in which the person's colours go on beyond their outline.

    Cheeks lose their detail towards the ears: stretched over the side of the head it would be streaks.
    """
    relaxed = prepared.relaxed[prepared.above :, :, :3]
    if prepared.rims:
        relaxed = prepared.rims.put_back(relaxed)
    picture = _spread(relaxed.astype(np.float32), _person(prepared))
    rows, columns = prepared.skin.window
    window = picture[rows, columns]
    normals = cv2.resize(prepared.skin.normals, window.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    share = smoothstep((np.abs(normals[..., 0]) - CHEEK[0]) / (CHEEK[1] - CHEEK[0]))[..., None]
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.12 * prepared.portrait.face.scale)[rows, columns]
    picture[rows, columns] = (window + share * (smooth - window.astype(np.float32)) + 0.5).astype(np.uint8)
    return picture


def _person(prepared: PreparedPortrait) -> Array:
    """Where the photo surely shows the person, `(height, width)` in [0, 1]."""
    mask = prepared.portrait.mask
    reach = max(1, round(EDGE * prepared.portrait.face.scale))
    inside = cv2.distanceTransform(np.uint8(mask > PERSON), cv2.DIST_L2, 5)
    return smoothstep(inside / reach - 0.5)


def _paint(prepared: PreparedPortrait, photo: NDArray[np.uint8], head: Array) -> NDArray[np.uint8]:
    """The picture of the head, `(height, width, 3)`."""
    height, width = PICTURE
    rows = np.linspace(0.0, len(head) - 1.0, height, dtype=np.float32)[:, None].repeat(width, 1)
    columns = (np.arange(width, dtype=np.float32) * COLUMNS / (width - 1))[None].repeat(height, 0)
    closed = np.concatenate([head, head[:, :1]], axis=1)
    surface = cv2.remap(closed, columns, rows, cv2.INTER_LINEAR)
    places = to_picture(prepared, surface)
    sampled = cv2.remap(photo, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = np.linspace(0.0, 1.0, height)[:, None]
    facing = cv2.remap(_facing(prepared, closed), columns, rows, cv2.INTER_LINEAR)
    seen = _person(prepared)
    oval = np.zeros(seen.shape, np.uint8)
    cv2.fillPoly(oval, [prepared.portrait.landmarks[list(OVAL), :2].round().astype(np.int32)], 1)
    free = cv2.remap(seen * (1.0 - oval), places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    trust = free * smoothstep((facing - FACING[0]) / (FACING[1] - FACING[0]))
    sampled, trust = _mirrored(sampled, trust, smoothstep((share - SEAM) / (MIRRORED - SEAM)))
    trust = np.maximum(trust, smoothstep(1.0 - share / SEAM))
    colours = _spread(sampled.astype(np.float32), trust.astype(np.float32), around=True)
    fine = cv2.GaussianBlur(sampled, (0, 0), STRAND).astype(np.float32)
    strands = _strands((sampled - fine) * trust[..., None], share)
    above = smoothstep(-4.0 * head[0, :, 1] / np.ptp(head[0, :, 1]) - ABOVE_EARS)  # hair, not ears or neck
    above = cv2.resize(above[None], (width, 1))[..., None]
    return np.clip(colours + (1.0 - trust[..., None]) * above * strands + 0.5, 0, 255).astype(np.uint8)


def _mirrored(picture: Array, trust: Array, most: NDArray[np.floating]) -> tuple[Array, Array]:
    """
    A head's picture and its trust, in which what one side does not show is the other side's, mirrored.

    `most` `(height, 1)` is how much of it may be: at the face's edge the light of its own side goes on.
    """
    share = most * (1.0 - trust) * trust[:, ::-1]
    mixed = picture + share[..., None] * (picture[:, ::-1].astype(np.float32) - picture)
    return mixed.astype(np.float32), (trust + share).astype(np.float32)


def _strands(detail: Array, share: NDArray[np.floating]) -> Array:
    """The detail `(height, width, 3)` of the hair over the forehead again and again, to and fro, to the back."""
    first, last = HAIRLINE
    rows = len(detail) - 1
    turn = np.abs((share - first) / (last - first) % 2.0 - 1.0)
    source = (rows * (first + (last - first) * (1.0 - turn))).astype(np.float32).repeat(detail.shape[1], 1)
    columns = np.arange(detail.shape[1], dtype=np.float32)[None].repeat(len(detail), 0)
    left = (1.0 + (STRANDS_LEFT - 1.0) * smoothstep((share - last) / (1.0 - last)))[..., None]
    return np.asarray(left * cv2.remap(detail, columns, source, cv2.INTER_LINEAR), np.float32)


def _facing(prepared: PreparedPortrait, closed: Array) -> Array:
    """Cosine between the surface and the way to the camera at each point, `(rings, 73)`."""
    down = np.gradient(closed, axis=0)
    around = np.gradient(np.concatenate([closed[:, -2:-1], closed, closed[:, 1:2]], axis=1), axis=1)[:, 1:-1]
    normals = np.cross(down, around)
    normals *= np.sign((normals * (closed - closed.mean((0, 1)))).sum())
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return np.asarray(-(normals @ prepared.portrait.face.rotation.T)[..., 2], np.float32)


def _spread(picture: Array, trust: Array, around: bool = False) -> NDArray[np.uint8]:
    """
    Keep a picture `(height, width, 3)` where it is trusted, `(height, width)`, and let colours from there run on.

    A mean over all that is trusted whose weight falls with the distance (Shepard, 1968), by blurring at many scales.
    """
    height, width = trust.shape
    small = (max(16, width // 4), max(16, height // 4))
    weight = cv2.resize(trust, small, interpolation=cv2.INTER_AREA)
    weighted = cv2.resize(picture * trust[..., None], small, interpolation=cv2.INTER_AREA)
    field = np.dstack([weighted, weight])
    pad = small[0] if around else 0
    field = np.pad(field, ((0, 0), (pad, pad), (0, 0)), mode="wrap")
    total = np.zeros_like(field)
    for scale in range(SCALES):
        total += cv2.GaussianBlur(field, (0, 0), 1.5 * 2.0**scale, borderType=cv2.BORDER_REPLICATE) / 16.0**scale
    total = total[:, pad : pad + small[0]]
    colour = total[..., :3] / np.maximum(total[..., 3:], 1e-12)
    filled = cv2.resize(colour, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(filled + trust[..., None] * (picture - filled) + 0.5, 0, 255).astype(np.uint8)


def to_picture(prepared: PreparedPortrait, points: NDArray) -> Array:
    """Where the photo shows points `(..., 3)` of the head's own frame: `(..., 2)` in pixels."""
    face = prepared.portrait.face
    return (face.scale * points @ face.rotation.T + face.translation)[..., :2].astype(np.float32)


def oval_loop(values: Array) -> Array:
    """Of a face's values `(..., vertices, channels)` those on its oval and halfway between: `(..., 72, channels)`."""
    oval = values[..., list(OVAL), :]
    loop = np.stack([oval, 0.5 * (oval + np.roll(oval, -1, axis=-2))], axis=-2)
    return loop.reshape(*values.shape[:-2], COLUMNS, -1)
