"""The lower face of a filmed frame, drawn anew with other lips."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.coefficients import LIP_INDICES, NUM_COEFFICIENTS
from ..capture.films import PERSON_FRAMES, FilmedFace, _even
from ..face.fit import FaceFit
from ..face.landmarks import OVAL
from ..face.measures import eye_openness, whole_lip_aperture
from ..media.video import read_video
from ..models.face_renderer import FaceRenderer
from .lips import LipShape, build_lips
from .mesh import build_mesh
from .mouth import MouthInterior, build_mouth
from .mouth_layer import PARTED, draw_mouth
from .rasterizer import rasterize_map
from .relaxed_photo import relax


Array = NDArray[np.float32]

FEATHER: Final = 0.18  # of the inter-ocular distance, over which the mask fades in from its outline
BELOW_JAW: Final = 1.2  # the mask's outline below the jaw, from the nose, over the jaw's own
_JAW: Final = OVAL[OVAL.index(361) : OVAL.index(132) + 1]
_CHEEKS: Final = (50, 4, 280)  # the mask's outline from the right cheek over the nose to the left one


def dub_frames(film: FilmedFace, animation: Animation, renderer: FaceRenderer) -> Iterator[NDArray[np.uint8]]:
    """
    Yield the video's frames, uint8 of shape `(height, width, 3)` with even sides, with the lips of an animation.

    Args:
        film ([`FilmedFace`]): From [`film_face`].
        animation ([`Animation`]): Its jaw, mouth, cheeks and tongue are used; at another rate or length it is
            resampled, and held at its end.
        renderer ([`FaceRenderer`]): Gives triangles and teeth.
    """
    rows = np.zeros((len(film), NUM_COEFFICIENTS), np.float32)
    lips = list(LIP_INDICES)
    rows[:, lips] = animation.resample(film.fps, len(film)).coefficients[:, lips]
    triangles = renderer.triangles.detach().cpu().numpy()
    mouths = _mouths_of(film, renderer)
    for index, picture in zip(range(len(film)), read_video(film.path).frames, strict=False):
        frame = _even(picture)
        if film.shown[index]:
            face, mouth = film.face(index), mouths[film.shot_of(index)]
            _redraw(frame, film.landmarks[index], face, film.rest(index), mouth, rows[index], triangles)
        yield frame


def lower_face(landmarks: Array, scale: float, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Array]:
    """
    Where a frame is drawn anew: a window, and in it a mask in [0, 1], 1 around lips and chin and 0 at its outline.

    Args:
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        scale (`float`): The inter-ocular distance in pixels.
        shape: Height and width of the frame. Pixels outside the window are never touched.
    """
    nose = landmarks[4, :2]
    jaw = nose + BELOW_JAW * (landmarks[list(_JAW), :2] - nose)
    outline = np.concatenate([landmarks[list(_CHEEKS), :2], jaw])
    x0, y0 = np.clip(np.floor(outline.min(0)), 0, [shape[1] - 1, shape[0] - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(outline.max(0)) + 1, [x0 + 1, y0 + 1], [shape[1], shape[0]]).astype(int)
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(inside, [(outline - [x0, y0]).round().astype(np.int32)], 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    t = np.clip((distance - 1.0) / (FEATHER * scale), 0.0, 1.0)
    return (slice(int(y0), int(y1)), slice(int(x0), int(x1))), np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def _mouths_of(film: FilmedFace, renderer: FaceRenderer) -> dict[int, MouthInterior]:
    """
    The mouth's colours in each shot, from its frame with open eyes whose lips are most shut; short shots, in which
    there may be no good one, take the whole film's.

    Skin and the white of the eyes tell them; teeth in the shade of moving lips would make all of them dark.
    """
    long = [film.shown[shot].sum() >= PERSON_FRAMES[0] for shot in film.shots]
    best = {
        number: _calmest(film, shot if own else slice(0, len(film)))
        for number, (shot, own) in enumerate(zip(film.shots, long, strict=True))
    }
    upper, lower = (teeth.detach().float().cpu().numpy() for teeth in (renderer.upper_teeth, renderer.lower_teeth))
    drawn = {}
    for index, picture in zip(range(max(best.values()) + 1), read_video(film.path).frames, strict=False):
        if index in best.values():
            mouth = build_mouth(_even(picture), film.landmarks[index], film.face(index), (upper, lower))
            drawn[index] = replace(mouth, own_teeth=None, own_drop=0.0)
    return {number: drawn[index] for number, index in best.items()}


def _calmest(film: FilmedFace, frames: slice) -> int:
    """The shown frame, among some, with open eyes whose lips are most shut."""
    openness, shown = eye_openness(film.landmarks[frames]), film.shown[frames]
    fit = shown & (openness >= np.median(openness[shown]))
    return frames.start + int(np.where(fit, film.gaps[frames], np.inf).argmin())


def _redraw(
    frame: NDArray[np.uint8], landmarks: Array, face: FaceFit, rest: Array, mouth: MouthInterior, row: Array,
    triangles: NDArray[np.int32],
) -> None:  # fmt: skip
    """Draw the lips of one row of coefficients, `(58,)`, into a frame, in place."""
    height, width = frame.shape[:2]
    window, mask = lower_face(landmarks, face.scale, (height, width))
    weights = face.expressions(row[None])[0]
    gap = whole_lip_aperture(landmarks) / face.scale
    lips: LipShape = replace(build_lips(face, gap), rest=rest)
    head = lips.shape(face.head_vertices(row[None])[0], weights, 1.0)
    vertices = (face.scale * head @ face.rotation.T + face.translation).astype(np.float32)

    mesh = build_mesh(landmarks, triangles, width, height)
    source = lips.roll(mesh.source[:, :2], weights, 1.0)
    still = np.eye(3, 4, dtype=np.float32)
    map_x, map_y, depth = (np.empty(mask.shape, np.float32) for _ in range(3))
    corner = (window[1].start, window[0].start)
    rasterize_map(mesh.deform(vertices, still), source, mesh.triangles, *corner, map_x, map_y, depth)
    drawn = frame.copy()
    silent = _without_speech(frame, landmarks, face, gap)
    drawn[window] = cv2.remap(silent, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mouth = replace(mouth, centre=0.5 * (face.shape[13] + face.shape[14]))
    camera = (face.rotation, face.translation, face.scale)
    draw_mouth(drawn, mouth, lips, face, vertices, head, weights, camera, still, 1.0)
    share, patch = mask[..., None], frame[window].astype(np.float32)
    patch += share * (drawn[window] - patch)
    frame[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)


def _without_speech(frame: NDArray[np.uint8], landmarks: Array, face: FaceFit, gap: float) -> NDArray[np.uint8]:
    """The frame with its open mouth painted over, gradually as it opens: nothing may switch between frames."""
    share = float(np.clip((gap / PARTED - 1.0) / 1.5, 0.0, 1.0))
    if share == 0.0:
        return frame
    relaxed = relax(frame, landmarks, face)
    return relaxed if share == 1.0 else cv2.addWeighted(relaxed, share, frame, 1.0 - share, 0.0)
