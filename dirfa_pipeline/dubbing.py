"""
A video instead of a photo: it keeps its own motion and pixels, and only the lips are drawn anew.

Each frame is its own texture: its lower face is warped from the lips that it shows to those of the new speech and laid
over it through a soft mask. Nothing outside the mask is touched.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import savgol_filter

from .animation import LIP_INDICES, NUM_COEFFICIENTS, NUM_EXPRESSIONS, Animation
from .audio import AudioClip
from .errors import FaceNotFoundError, InputError
from .metrics import eye_openness
from .models.face_landmarks import LIPS, OVAL
from .models.face_model import FaceFit, FaceModel, FrameFits, rotation_angles
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
LEAST_SHOT: Final = 5  # frames with a face, for a shot to be dubbed
CUT: Final = 12.0  # of 255: the mean change of a thumbnail at a cut, if it is four times that of the frames before
JUMP: Final = 0.25  # inter-ocular distances from frame to frame: further, and six times as far as usual, is a cut, too
# Frames from which a person's calm face is learned; shots with fewer of them are taken to show who the others show.
PERSON_FRAMES: Final = (50, 1000)
PIECE: Final = 500  # frames fitted at a time
SHORTEST_GAP: Final = 0.2  # seconds: the tracker loses faces for less, and the old lips must not flash up
SETTLE: Final = 0.3  # seconds over which what the model leaves unexplained of the lower face is averaged
SPEECH_REACH: Final = 0.12  # inter-ocular distances: what speech moves that far is speech's alone
FEATHER: Final = 0.18  # of the inter-ocular distance, over which the mask fades in from its outline
BELOW_JAW: Final = 1.2  # the mask's outline below the jaw, from the nose, over the jaw's own
_JAW: Final = OVAL[OVAL.index(361) : OVAL.index(132) + 1]
# What of a frame is kept in memory.
FRAME: Final = np.dtype(
    [
        ("shown", np.bool_), ("shot", np.int32), ("gap", np.float32), ("scale", np.float32),
        ("expression", np.float32, NUM_EXPRESSIONS), ("rotation", np.float32, (3, 3)), ("translation", np.float32, 3),
    ]
)  # fmt: skip
_CHEEKS: Final = (50, 4, 280)  # the mask's outline from the right cheek over the nose to the left one


@dataclass(frozen=True, eq=False)
class FilmedFace:
    """
    The face of a video, frame by frame; what is large lies in temporary files, so that memory is bounded.

    Args:
        path (`str`): The video.
        fps (`float`): Its frames per second.
        num_frames (`int`): All of them.
        shots (`list[slice]`): The frames between two cuts; nothing is smoothed across one.
    """

    path: str
    fps: float
    num_frames: int
    shots: list[slice]
    landmarks: Array = field(init=False, repr=False)  # (frames, 478, 3) in pixels, steadied, of frames that are shown
    _shapes: Array = field(init=False, repr=False)
    _frames: NDArray[np.void] = field(init=False, repr=False)
    _people: dict[int, FaceFit] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "landmarks", _temporary_array(len(self)))
        object.__setattr__(self, "_shapes", _temporary_array(len(self)))
        object.__setattr__(self, "_frames", np.zeros(len(self), FRAME))

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether a frame shows a face that can be dubbed: `(frames,)`."""
        return self._frames["shown"]

    @property
    def gaps(self) -> Array:
        """Opening of the inner lips in inter-ocular distances: `(frames,)`."""
        return self._frames["gap"]

    def face(self, index: int) -> FaceFit:
        """The fit of a frame that is shown: without expression, of lips that are shut."""
        frame = self._frames[index]
        return replace(
            self._people[self.shot_of(index)], shape=self._shapes[index], expression=frame["expression"],
            rotation=frame["rotation"], translation=frame["translation"], scale=float(frame["scale"]),
        )  # fmt: skip

    def rest(self, index: int) -> Array:
        """The calm face, with shut lips, of the person of a shown frame, in the head's own axes: `(478, 3)`."""
        return self._people[self.shot_of(index)].shape

    def shot_of(self, index: int) -> int:
        """The number of the shot that a shown frame belongs to."""
        return int(self._frames["shot"][index])

    def __len__(self) -> int:
        return self.num_frames

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
    landmarks, cuts = _find_landmarks(video.frames)
    if len(landmarks) == 0:
        raise InputError(f"{video.path} holds no frames; pass a video file that plays")
    found = np.isfinite(landmarks[:, 0, 0])
    if found.sum() < LEAST_FRAMES:
        raise FaceNotFoundError(
            f"{video.path} cannot be dubbed: a face was found in {found.sum()} of {len(found)} frames, at least "
            f"{LEAST_FRAMES} are needed; pass a video of a face"
        )
    starts = sorted({0, *cuts, *_jumps(landmarks)})
    shots = [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(found)], strict=True)]
    film = FilmedFace(video.path, video.fps, len(found), shots)
    for number, shot in enumerate(shots):
        if found[shot].sum() >= LEAST_SHOT:
            _fit_shot(film, number, landmarks, found, face_model)
    if film.shown.sum() < LEAST_FRAMES:
        raise FaceNotFoundError(
            f"{video.path} cannot be dubbed: the face is under {MIN_FACE} pixels across, or turned by more than "
            f"{MAX_YAW:.0f} degrees, in all but {film.shown.sum()} frames; pass a closer video from the front"
        )
    return film


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


def _find_landmarks(frames: Iterable[NDArray[np.uint8]]) -> tuple[Array, list[int]]:
    """Landmarks `(frames, 478, 3)`, NaN where there is no face, and the frames before which the picture is cut."""
    file, cuts = TemporaryFile(), []  # noqa: SIM115
    before, usual, count = None, CUT, 0
    with closing(FaceDetector(video=True)) as detector:
        for count, frame in enumerate(frames, start=1):
            thumbnail = cv2.resize(frame, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32)
            change = 0.0 if before is None else float(np.abs(thumbnail - before).mean())
            if change > max(CUT, 4.0 * usual):
                cuts.append(count - 1)
                detector.reset()
            else:
                usual = 0.8 * usual + 0.2 * change
            before = thumbnail
            faces = detector.landmarks(_even(frame))
            file.write((faces[0] if faces else np.full((478, 3), np.nan, np.float32)).tobytes())
    if count == 0:
        return np.zeros((0, 478, 3), np.float32), cuts
    file.flush()
    return np.memmap(file, np.float32, "r+", shape=(count, 478, 3)), cuts


def _temporary_array(frames: int) -> Array:
    """Landmarks `(frames, 478, 3)` on the disk; the file goes with the array."""
    return np.memmap(TemporaryFile(), np.float32, "w+", shape=(max(1, frames), 478, 3))


def _jumps(landmarks: Array) -> list[int]:
    """Frames before which the face, not the picture, jumps: the same room after a cut."""
    eyes = np.asarray(landmarks[:, [33, 263], :2], np.float64)
    size = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    steps = np.linalg.norm(np.diff(eyes.mean(1), axis=0), axis=1) / size[1:] + np.abs(np.diff(np.log(size)))
    usual = median_filter(np.nan_to_num(steps), 13, mode="nearest")
    return [int(index) + 1 for index in np.flatnonzero(steps > np.maximum(JUMP, 6.0 * usual))]


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (side - side % 2 for side in frame.shape[:2])
    return np.ascontiguousarray(frame[:height, :width])


def _bridge(landmarks: Array, found: NDArray[np.bool_], shot: slice, longest: int) -> list[slice]:
    """Fill in, in place, up to `longest` frames without a face; returns the runs of frames of a shot that have one."""
    at = shot.start + np.flatnonzero(found[shot])
    edges = [int(at[0])]
    for before, after in zip(at, at[1:], strict=False):
        missing = int(after - before) - 1
        if missing > longest:
            edges += [int(before) + 1, int(after)]
        elif missing:
            share = (np.arange(1, missing + 1, dtype=np.float32) / (missing + 1))[:, None, None]
            landmarks[before + 1 : after] = (1.0 - share) * landmarks[before] + share * landmarks[after]
    edges.append(int(at[-1]) + 1)
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _steady(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Take the trembling out of landmarks `(frames, 478, 3)`, which the chin's pixels would answer (Savitzky and Golay,
    1964: 9 frames, cubic). Lips are as fast as speech and stay.
    """
    window = min(9, len(points) - 1 + len(points) % 2)
    if window < 5:
        return points
    steady = savgol_filter(points, window, 3, axis=0, mode="nearest")
    steady[:, list(LIPS)] = points[:, list(LIPS)]
    return np.asarray(steady)


def _fit_shot(film: FilmedFace, number: int, raw: Array, found: NDArray[np.bool_], face_model: FaceModel) -> None:
    """Fit the frames of a shot into the film's arrays, in pieces that overlap by as much as smoothing sees."""
    runs = _bridge(raw, found, film.shots[number], round(SHORTEST_GAP * film.fps))
    known = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    least, most = PERSON_FRAMES
    known = (known if len(known) >= least else np.flatnonzero(found))[:most]
    film._people[number] = person = face_model.fit_video(raw[known]).face
    usual = _unexplained(raw[known].astype(np.float64), face_model, person)[1].mean(0)
    overlap = round(4.0 * SETTLE * film.fps) + 4
    for run in runs:
        for start in range(run.start, run.stop, PIECE):
            seen = slice(max(run.start, start - overlap), min(run.stop, start + PIECE + overlap))
            kept = slice(start, min(start + PIECE, run.stop))
            _fit_piece(film, number, raw[seen], kept, kept.start - seen.start, usual, face_model)


def _unexplained(points: NDArray[np.float64], face_model: FaceModel, person: FaceFit) -> tuple[FrameFits, NDArray]:
    """Fits of frames `(frames, 478, 3)`, and what they leave unexplained, in the head's own axes."""
    fits = face_model.fit_frames(points, person)
    local = np.einsum("tij,tvi->tvj", fits.rotation, points - fits.translation[:, None]) / fits.scale[:, None, None]
    return fits, local - person.shape - np.einsum("tk,kvd->tvd", fits.weights, person.basis, optimize=True)


def _fit_piece(
    film: FilmedFace, number: int, raw: Array, frames: slice, offset: int, usual: NDArray, face_model: FaceModel
) -> None:
    """
    Fit frames of one person into the film's arrays; the first of them is number `offset` of `raw`.

    One person, one set of shapes: what the model leaves unexplained of a frame is kept where speech does not reach,
    so that the frame stays as it is there, and averaged over time where it does: the old speech must not show through.
    """
    person, kept = film._people[number], slice(offset, offset + frames.stop - frames.start)
    steady = _steady(raw.astype(np.float64))
    fits, unexplained = _unexplained(steady, face_model, person)
    speech = np.linalg.norm(person.basis[list(LIP_INDICES)], axis=-1).max(0) / SPEECH_REACH
    share = np.clip(speech, 0.0, 1.0)[:, None]
    # In short runs and at their ends there is less to average: there what is usual for the person counts more.
    settled = gaussian_filter1d(unexplained - usual, SETTLE * film.fps, axis=0, mode="constant")
    settled = usual + min(1.0, len(raw) / PERSON_FRAMES[0]) * settled
    film._shapes[frames] = (person.shape + share * settled + (1.0 - share) * unexplained)[kept]
    film.landmarks[frames] = steady[kept]
    table = film._frames[frames]
    table["shot"], table["expression"] = number, fits.weights[kept]
    table["expression"][:, list(LIP_INDICES)] = 0.0
    table["rotation"], table["translation"] = fits.rotation[kept], fits.translation[kept]
    table["scale"] = fits.scale[kept]
    table["gap"] = [inner_lip_gap(points) for points in steady[kept]] / fits.scale[kept]
    yaw = np.degrees(rotation_angles(fits.rotation[kept])[:, 0])
    size = np.array([face_size(points) for points in steady[kept].astype(np.float32)])
    table["shown"] = (np.abs(yaw) <= MAX_YAW) & (size >= MIN_FACE)


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
