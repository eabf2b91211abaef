"""
A video instead of a photo: it keeps its own motion and pixels, and only the lips are drawn anew.

Each frame is its own texture: its lower face is warped from the lips that it shows to those of the new speech and laid
over it through a soft mask. Nothing outside the mask is touched.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from .animation import LIP_INDICES, NUM_COEFFICIENTS, NUM_EXPRESSIONS, Animation
from .audio import AudioClip
from .errors import FaceNotFoundError, InputError
from .metrics import eye_openness
from .models.face_landmarks import LIPS, OVAL
from .models.face_model import FaceFit, FaceModel
from .models.face_renderer import FaceRenderer
from .models.head_mesh import build_mesh
from .models.lip_shape import LipShape, build_lips
from .models.mouth_interior import MouthInterior, build_mouth
from .models.mouth_layer import PARTED, draw_mouth, inner_lip_gap
from .models.rasterizer import rasterize_map
from .models.relaxed_photo import relax
from .portrait import MAX_YAW, MIN_FACE, FaceDetector, face_size
from .video import read_video


Array = NDArray[np.float32]

LEAST_FRAMES: Final = 10  # with a face, as for tracking
SHORTEST_GAP: Final = 0.2  # seconds: the tracker loses faces for less, and the old lips must not flash up
SETTLE: Final = 0.3  # seconds over which what the model leaves unexplained of the lower face is averaged
SPEECH_REACH: Final = 0.12  # inter-ocular distances: what speech moves that far is speech's alone
FEATHER: Final = 0.18  # of the inter-ocular distance, over which the mask fades in from its outline
BELOW_JAW: Final = 1.2  # the mask's outline below the jaw, from the nose, over the jaw's own
_JAW: Final = OVAL[OVAL.index(361) : OVAL.index(132) + 1]
_CHEEKS: Final = (50, 4, 280)  # the mask's outline from the right cheek over the nose to the left one


@dataclass(frozen=True, eq=False)
class FilmedFace:
    """
    The face of a video, frame by frame.

    Args:
        path (`str`): The video.
        fps (`float`): Its frames per second.
        shown (`np.ndarray` of shape `(frames,)`): Whether a frame shows a face that can be dubbed.
        landmarks (`np.ndarray` of shape `(frames, 478, 3)`): In pixels.
        faces (`list[FaceFit]`): The fit of each frame: without expression, of lips that are shut.
        rest (`np.ndarray` of shape `(478, 3)`): The person's calm face with shut lips, in the head's own frame.
        gaps (`np.ndarray` of shape `(frames,)`): Opening of the inner lips in inter-ocular distances.
    """

    path: str
    fps: float
    shown: NDArray[np.bool_]
    landmarks: Array
    faces: list[FaceFit]
    rest: Array
    gaps: Array

    def __len__(self) -> int:
        return len(self.shown)

    def fill_with_silence(self, sound: AudioClip) -> AudioClip:
        """
        The sound made as long as the video, so that lips come to rest after the speech.

        Raises:
            InputError: It is longer than the video by a frame or more.
        """
        duration = len(self) / self.fps
        if sound.duration >= duration + 1.0 / self.fps:
            raise InputError(
                f"the speech may not be longer than the video, got {sound.duration:.2f} s for {duration:.2f} s; "
                "cut the speech or pass a longer video"
            )
        missing = max(0, round(duration * sound.sampling_rate) - sound.num_samples)
        return AudioClip(np.pad(sound.samples, ((0, 0), (0, missing))), sound.sampling_rate)


def film_face(path: str | os.PathLike[str], face_model: FaceModel) -> FilmedFace:
    """
    Find and fit the face in every frame of a video.

    Raises:
        InputError: Not a video, or one without pictures.
        FaceNotFoundError: Fewer than ten frames show a face of 64 pixels or more, within 35 degrees of the camera.
    """
    video = read_video(path)
    landmarks = _find_landmarks(video.frames)
    if len(landmarks) == 0:
        raise InputError(f"{video.path} holds no frames; pass a video file that plays")
    found = np.isfinite(landmarks).all((1, 2))
    if found.sum() < LEAST_FRAMES:
        raise FaceNotFoundError(
            f"{video.path} cannot be dubbed: a face was found in {found.sum()} of {len(found)} frames, at least "
            f"{LEAST_FRAMES} are needed; pass a video of a face"
        )
    points, near = _bridge(landmarks, found, round(SHORTEST_GAP * video.fps))
    points = _steady(points)
    faces, rest, gaps = _fit(points, near, face_model, video.fps)
    shown = near & _usable(points, faces)
    if shown.sum() < LEAST_FRAMES:
        raise FaceNotFoundError(
            f"{video.path} cannot be dubbed: the face is under {MIN_FACE} pixels across, or turned by more than "
            f"{MAX_YAW:.0f} degrees, in all but {shown.sum()} frames; pass a closer video from the front"
        )
    return FilmedFace(video.path, video.fps, shown, points.astype(np.float32), faces, rest, gaps)


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
    mouth = _mouth_of(film, renderer)
    for index, picture in zip(range(len(film)), read_video(film.path).frames, strict=False):
        frame = _even(picture)
        if film.shown[index]:
            _redraw(frame, film.landmarks[index], film.faces[index], film.rest, mouth, rows[index], triangles)
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


def _find_landmarks(frames: Iterator[NDArray[np.uint8]]) -> Array:
    """Landmarks `(frames, 478, 3)`, NaN where there is no face."""
    landmarks = []
    with closing(FaceDetector(video=True)) as detector:
        for frame in frames:
            faces = detector.landmarks(_even(frame))
            landmarks.append(faces[0] if faces else np.full((478, 3), np.nan, np.float32))
    return np.array(landmarks, np.float32).reshape(-1, 478, 3)


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (side - side % 2 for side in frame.shape[:2])
    return np.ascontiguousarray(frame[:height, :width])


def _bridge(landmarks: Array, found: NDArray[np.bool_], longest: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fill in frames without a face; those in gaps of up to `longest` frames count as shown."""
    at, frames = np.flatnonzero(found), np.arange(len(found))
    flat = landmarks[found].reshape(len(at), -1).astype(np.float64)
    after = np.searchsorted(at, frames).clip(0, len(at) - 1)
    before = np.where(found, after, (after - 1).clip(0))
    span = np.maximum(at[after] - at[before], 1)
    share = np.clip((frames - at[before]) / span, 0.0, 1.0)[:, None]
    points = (1.0 - share) * flat[before] + share * flat[after]
    between = (frames > at[0]) & (frames < at[-1]) & (span - 1 <= longest)
    return points.reshape(len(found), -1, 3), found | between


def _steady(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Take the trembling out of landmarks `(frames, 478, 3)`, which the chin's pixels would answer (Savitzky and Golay,
    1964: 9 frames, cubic). Lips are as fast as speech and stay.
    """
    steady = savgol_filter(points, min(9, len(points) - 1 + len(points) % 2), 3, axis=0, mode="nearest")
    steady[:, list(LIPS)] = points[:, list(LIPS)]
    return np.asarray(steady)


def _fit(
    points: NDArray[np.float64], near: NDArray[np.bool_], face_model: FaceModel, fps: float
) -> tuple[list[FaceFit], Array, Array]:
    """
    The fit of each frame, the calm face, and the opening of the lips.

    One person, one set of shapes: what the model leaves unexplained of a frame is kept where speech does not reach,
    so that the frame stays as it is there, and averaged over time where it does: the old speech must not show through.
    """
    fit = face_model.fit_video(points[near])
    rotation, translation, scale = fit.face.cameras(fit.coefficients)
    weights = fit.coefficients[:, :NUM_EXPRESSIONS]
    local = np.einsum("tij,tvi->tvj", rotation, points[near] - translation[:, None]) / scale[:, None, None]
    unexplained = local - fit.face.shape - np.einsum("tk,kvd->tvd", weights, fit.face.basis, optimize=True)
    speech = np.linalg.norm(fit.face.basis[list(LIP_INDICES)], axis=-1).max(0) / SPEECH_REACH
    share = np.clip(speech, 0.0, 1.0)[:, None]
    settled = gaussian_filter1d(unexplained, SETTLE * fps, axis=0, mode="nearest")
    shapes = fit.face.shape + share * settled + (1.0 - share) * unexplained
    own = weights.copy()
    own[:, list(LIP_INDICES)] = 0.0
    known = [
        FaceFit(
            shape.astype(np.float32), fit.face.gaps, fit.face.basis, expression, turn, place.astype(np.float32),
            float(size),
        )
        for shape, expression, turn, place, size in zip(shapes, own, rotation, translation, scale, strict=True)
    ]  # fmt: skip
    places = np.cumsum(near).clip(1) - 1
    gaps = np.array([inner_lip_gap(frame) for frame in points]) / scale[places]
    return [known[place] for place in places], fit.face.shape, gaps.astype(np.float32)


def _usable(points: NDArray[np.float64], faces: list[FaceFit]) -> NDArray[np.bool_]:
    """Faces that are large enough and look at the camera."""
    yaw = np.degrees([float(face.head_angles()[0]) for face in faces])
    size = np.array([face_size(frame.astype(np.float32)) for frame in points])
    return np.asarray((np.abs(yaw) <= MAX_YAW) & (size >= MIN_FACE))


def _mouth_of(film: FilmedFace, renderer: FaceRenderer) -> MouthInterior:
    """
    The mouth's colours, from the frame with open eyes whose lips are most shut.

    Skin and the white of the eyes tell them; teeth in the shade of moving lips would make all of them dark.
    """
    openness = eye_openness(film.landmarks)
    fit = film.shown & (openness >= np.median(openness[film.shown]))
    best = int(np.where(fit, film.gaps, np.inf).argmin())
    picture = next(frame for index, frame in enumerate(read_video(film.path).frames) if index == best)
    upper, lower = (teeth.detach().float().cpu().numpy() for teeth in (renderer.upper_teeth, renderer.lower_teeth))
    mouth = build_mouth(_even(picture), film.landmarks[best], film.faces[best], (upper, lower))
    return replace(mouth, own_teeth=None, own_drop=0.0)


def _redraw(
    frame: NDArray[np.uint8], landmarks: Array, face: FaceFit, rest: Array, mouth: MouthInterior, row: Array,
    triangles: NDArray[np.int32],
) -> None:  # fmt: skip
    """Draw the lips of one row of coefficients, `(58,)`, into a frame, in place."""
    height, width = frame.shape[:2]
    window, mask = lower_face(landmarks, face.scale, (height, width))
    weights = face.expressions(row[None])[0]
    gap = inner_lip_gap(landmarks) / face.scale
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


__all__ = ["FilmedFace", "dub_frames", "film_face", "lower_face"]
