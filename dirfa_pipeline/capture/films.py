"""
A video instead of a photo: it keeps its own motion and pixels, and only lips and jaw are redrawn.

Each frame is its own texture: its lower face is warped from the lips that it shows to those of the new speech and laid
over it through a soft mask. Nothing outside the mask is touched.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from ..animation.coefficients import LIP_INDICES, NUM_EXPRESSIONS
from ..errors import FaceNotFoundError, InputError
from ..face.fit import FaceFit, FaceFitter, FrameFits
from ..face.landmarks import LIPS
from ..face.measures import eye_openness, face_size, whole_lip_aperture
from ..face.rotations import rotation_angles
from ..media.audio import AudioClip
from ..media.video import read_video
from .detector import FaceDetector
from .doubts import MAX_YAW, MIN_FACE
from .landmarker import EYE_ENDS


Array = NDArray[np.float32]

# What can be dubbed.
LEAST_FRAMES: Final = 10  # with a face, as for tracking
LEAST_SHOT: Final = 5  # frames with a face, for a shot to be dubbed

# Cuts, chosen by trial; a change counts against what is usual at that place of the film.
CUT, CUT_OVER = 12.0, 4.0  # levels of 255 by which a thumbnail changes on average, and times as much as before
THUMBNAIL: Final = (32, 18)  # pixels
USUAL: Final = 0.8  # of what was usual that stays with each frame
JUMP, JUMP_OVER = 0.25, 6.0  # inter-ocular distances from frame to frame, and times as far as around: a cut as well
JUMP_AROUND: Final = 13  # frames

# The person, of whom one calm face is learned for each shot.
PERSON_FRAMES: Final = (50, 1000)  # from so many frames; shots with fewer are taken to show who the others show
PIECE: Final = 500  # frames fitted at a time
SHORTEST_GAP: Final = 0.2  # seconds: the tracker loses faces for less, and the old lips must not flash up

# Trembling and speech, told apart (measured: the flicker of benchmarks/evaluate_dubbing.py).
STEADY_FRAMES, STEADY_DEGREE, LEAST_STEADY = 9, 3, 5  # frames and degree of the smoothing, and fewest frames it takes
SETTLE: Final = 0.3  # seconds over which what the model leaves unexplained of the lower face is averaged
SETTLE_SEEN: Final = 4.0  # times as far it looks
SPEECH_REACH: Final = 0.12  # inter-ocular distances: what speech moves that far is speech's alone

# What of a frame is kept in memory.
FRAME: Final = np.dtype(
    [
        ("shown", np.bool_), ("shot", np.int32), ("gap", np.float32), ("openness", np.float32), ("scale", np.float32),
        ("expression", np.float32, NUM_EXPRESSIONS), ("rotation", np.float32, (3, 3)), ("translation", np.float32, 3),
    ]
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FilmedFace:
    """
    The face of a video, frame by frame; what is large lies in temporary files, so that memory is bounded.

    Args:
        path (`str`): The video.
        fps (`float`): Its frames per second.
        num_frames (`int`): All of them.
        shots (`list[slice]`): The frames between two cuts; nothing is smoothed across one.
        source (`np.ndarray` of shape `(num_frames,)`, *optional*): The video's frame that is shown at each, so that
            the film can pause or repeat. All of them, one after another, if left out.
    """

    path: str
    fps: float
    num_frames: int
    shots: list[slice]
    source: NDArray[np.int64] | None = None
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

    @property
    def openness(self) -> Array:
        """Opening of the eyes over their width: `(frames,)`, 0 where no face is shown."""
        return self._frames["openness"]

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Read its frames, uint8 of shape `(height, width, 3)`, cut to even sides as coders want them."""
        frames = map(_with_even_sides, read_video(self.path).frames)
        return frames if self.source is None else _in_order(frames, self.path, self.source)

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

    def with_frames(self, source: NDArray[np.int64]) -> "FilmedFace":
        """
        A film of the same video with other frames.

        Args:
            source (`np.ndarray` of shape `(frames,)`): The frame of this film that is shown at each: the one before
                it, the next one, or the first one again, which is a cut.
        """
        again = [0, *(np.flatnonzero(np.diff(source) < 0) + 1).tolist(), len(source)]
        shots: list[slice] = []
        people: dict[int, FaceFit] = {}
        numbers = np.zeros(len(source), np.int32)
        for first, last in pairwise(again):
            for number, shot in enumerate(self.shots):
                start, stop = first + np.searchsorted(source[first:last], [shot.start, shot.stop])
                if start == stop:
                    continue
                if number in self._people:
                    people[len(shots)] = self._people[number]
                numbers[start:stop] = len(shots)
                shots.append(slice(int(start), int(stop)))
        film = FilmedFace(
            self.path, self.fps, len(source), shots, source if self.source is None else self.source[source]
        )
        film._people.update(people)
        film._frames[:] = self._frames[source]
        film._frames["shot"] = numbers
        for start in range(0, len(source), PIECE):
            piece = slice(start, start + PIECE)
            film.landmarks[piece], film._shapes[piece] = self.landmarks[source[piece]], self._shapes[source[piece]]
        return film

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
                "cut the speech, pass a longer video, or fit them: --fit cut, hold or loop, in Python fit_lengths"
            )
        missing = max(0, round(duration * sound.sampling_rate) - sound.num_samples)
        return replace(sound, samples=np.pad(sound.samples, ((0, 0), (0, missing))))


def film_face(path: str | os.PathLike[str], face_model: FaceFitter, detector_folder: Path | None = None) -> FilmedFace:
    """
    Find and fit the face in every frame of a video.

    Args:
        path (`str` or `os.PathLike`): The video.
        face_model ([`FaceFitter`]): Fits the face.
        detector_folder (`Path`, *optional*): See [`FaceDetector`].

    Raises:
        InputError: Not a video, or one without pictures.
        FaceNotFoundError: Fewer than ten frames show a face of 64 pixels or more, within 35 degrees of the camera.
    """
    video = read_video(path)
    landmarks, cuts = _find_landmarks(video.frames, detector_folder)
    if len(landmarks) == 0:
        raise InputError(f"{video.path} holds no frames; pass a video file that plays")
    found = np.isfinite(landmarks[:, 0, 0])
    if found.sum() < LEAST_FRAMES:
        raise FaceNotFoundError(
            f"{video.path} cannot be dubbed: a face was found in {found.sum()} of {len(found)} frames, at least "
            f"{LEAST_FRAMES} are needed; pass a video of a face"
        )
    starts = sorted({0, *cuts, *find_jumps(landmarks)})
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


def _find_landmarks(frames: Iterable[NDArray[np.uint8]], detector_folder: Path | None) -> tuple[Array, list[int]]:
    """Landmarks `(frames, 478, 3)`, NaN where there is no face, and the frames before which the picture is cut."""
    file, cuts = TemporaryFile(), []  # noqa: SIM115
    before, usual, count = None, CUT, 0
    with closing(FaceDetector(video=True, folder=detector_folder)) as detector:
        for count, frame in enumerate(frames, start=1):
            thumbnail = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
            change = 0.0 if before is None else float(np.abs(thumbnail - before).mean())
            if change > max(CUT, CUT_OVER * usual):
                cuts.append(count - 1)
                detector.reset()
            else:
                usual = USUAL * usual + (1.0 - USUAL) * change
            before = thumbnail
            faces = detector.landmarks(_with_even_sides(frame))
            file.write((faces[0] if faces else np.full((478, 3), np.nan, np.float32)).tobytes())
    if count == 0:
        return np.zeros((0, 478, 3), np.float32), cuts
    file.flush()
    return np.memmap(file, np.float32, "r+", shape=(count, 478, 3)), cuts


def _temporary_array(frames: int) -> Array:
    """Landmarks `(frames, 478, 3)` on the disk; the file goes with the array."""
    return np.memmap(TemporaryFile(), np.float32, "w+", shape=(max(1, frames), 478, 3))


def find_jumps(landmarks: Array) -> list[int]:
    """Frames before which the face, not the picture, jumps: the same room after a cut."""
    eyes = np.asarray(landmarks[:, EYE_ENDS, :2], np.float64)
    size = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    steps = np.linalg.norm(np.diff(eyes.mean(1), axis=0), axis=1) / size[1:] + np.abs(np.diff(np.log(size)))
    usual = median_filter(np.nan_to_num(steps), JUMP_AROUND, mode="nearest")
    return [int(index) + 1 for index in np.flatnonzero(steps > np.maximum(JUMP, JUMP_OVER * usual))]


def _in_order(
    frames: Iterator[NDArray[np.uint8]], path: str, source: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    """The named frames of a video, in that order; the video may pause or start again."""
    at, picture = -1, None
    for wanted in source:
        if wanted < at:
            frames, at = map(_with_even_sides, read_video(path).frames), -1
        while at < wanted:
            picture, at = next(frames, picture), at + 1
        if picture is not None:
            yield picture


def _with_even_sides(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
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
    1964). Lips are as fast as speech and stay.
    """
    window = min(STEADY_FRAMES, len(points) - 1 + len(points) % 2)
    if window < LEAST_STEADY:
        return points
    from scipy.signal import savgol_filter  # slow to import, and only films need it

    steady = savgol_filter(points, window, STEADY_DEGREE, axis=0, mode="nearest")
    steady[:, list(LIPS)] = points[:, list(LIPS)]
    return np.asarray(steady)


def _fit_shot(film: FilmedFace, number: int, raw: Array, found: NDArray[np.bool_], face_model: FaceFitter) -> None:
    """Fit the frames of a shot into the film's arrays, in pieces that overlap by as much as smoothing sees."""
    runs = _bridge(raw, found, film.shots[number], round(SHORTEST_GAP * film.fps))
    known = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    least, most = PERSON_FRAMES
    known = (known if len(known) >= least else np.flatnonzero(found))[:most]
    film._people[number] = person = face_model.fit_video(raw[known]).face
    usual = _unexplained(raw[known].astype(np.float64), face_model, person)[1].mean(0)
    overlap = round(SETTLE_SEEN * SETTLE * film.fps) + STEADY_FRAMES // 2
    for run in runs:
        for start in range(run.start, run.stop, PIECE):
            seen = slice(max(run.start, start - overlap), min(run.stop, start + PIECE + overlap))
            kept = slice(start, min(start + PIECE, run.stop))
            _fit_piece(film, number, raw[seen], kept, kept.start - seen.start, usual, face_model)


def _unexplained(points: NDArray[np.float64], face_model: FaceFitter, person: FaceFit) -> tuple[FrameFits, NDArray]:
    """Fits of frames `(frames, 478, 3)`, and what they leave unexplained, in the head's own axes."""
    fits = face_model.fit_frames(points, person)
    local = np.einsum("tij,tvi->tvj", fits.rotation, points - fits.translation[:, None]) / fits.scale[:, None, None]
    return fits, local - person.shape - np.einsum("tk,kvd->tvd", fits.weights, person.basis, optimize=True)


def _fit_piece(
    film: FilmedFace, number: int, raw: Array, frames: slice, offset: int, usual: NDArray, face_model: FaceFitter
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
    settled = gaussian_filter1d(unexplained - usual, SETTLE * film.fps, axis=0, mode="constant", truncate=SETTLE_SEEN)
    settled = usual + min(1.0, len(raw) / PERSON_FRAMES[0]) * settled
    film._shapes[frames] = (person.shape + share * settled + (1.0 - share) * unexplained)[kept]
    film.landmarks[frames] = steady[kept]
    table = film._frames[frames]
    table["shot"], table["expression"] = number, fits.weights[kept]
    table["expression"][:, list(LIP_INDICES)] = 0.0
    table["rotation"], table["translation"] = fits.rotation[kept], fits.translation[kept]
    table["scale"] = fits.scale[kept]
    table["openness"] = eye_openness(film.landmarks[frames])
    table["gap"] = [whole_lip_aperture(points) for points in steady[kept]] / fits.scale[kept]
    yaw = np.degrees(rotation_angles(fits.rotation[kept])[:, 0])
    size = np.array([face_size(points) for points in steady[kept].astype(np.float32)])
    table["shown"] = (np.abs(yaw) <= MAX_YAW) & (size >= MIN_FACE)
