"""The lower face of a filmed frame, redrawn with other lips."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..animation.animation import Animation
from ..animation.coefficients import LIP_INDICES, NUM_COEFFICIENTS
from ..animation.easing import ramp, smoothstep
from ..capture.films import PERSON_FRAMES, FilmedFace
from ..face.fit import FaceFit
from ..face.landmarks import INNER_MIDDLE, NUM_LANDMARKS, OVAL
from ..face.measures import whole_lip_aperture
from .frame_state import Rig
from .lips import build_lips
from .masks import Window, corner_of, polygon, shape_of
from .mesh import build_mesh
from .mouth import MouthInterior, build_mouth
from .mouth_layer import PARTED, draw_mouth
from .relaxed_photo import relax
from .tooth_rows import Dentition


Array = NDArray[np.float32]
Triangles = NDArray[np.int32]

# Chosen by eye on dubbed clips (seen: the sheet of benchmarks/evaluate_dubbing.py).
FEATHER: Final = 0.18  # of the inter-ocular distance, over which the mask fades in from its outline
BELOW_JAW: Final = 1.2  # the mask's outline below the jaw, from the nose, over the jaw's own
OLD_MOUTH: Final = (PARTED, 1.5 * PARTED)  # gap of the filmed lips over which what is between them is painted over
JAW: Final = OVAL[OVAL.index(361) : OVAL.index(132) + 1]
NOSE: Final = 4
CHEEKS: Final = (50, NOSE, 280)  # the mask's outline from the right cheek over the nose to the left one


@dataclass(frozen=True)
class FilmedFrame:
    """
    A frame of a film that shows a face.

    Args:
        picture (`np.ndarray` of shape `(height, width, 3)`): uint8; the lips are drawn into it.
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        face ([`FaceFit`]): The fit, of lips that are shut.
        rest (`np.ndarray` of shape `(478, 3)`): The person's calm face in the head's own axes.
        mouth ([`MouthInterior`]): What is behind the lips.
    """

    picture: NDArray[np.uint8]
    landmarks: Array
    face: FaceFit
    rest: Array
    mouth: MouthInterior

    @property
    def gap(self) -> float:
        """Opening of the filmed lips in inter-ocular distances."""
        return whole_lip_aperture(self.landmarks) / self.face.scale

    def rig(self, triangles: Triangles) -> Rig:
        """What of it moves: the lips."""
        height, width = self.picture.shape[:2]
        nowhere = np.zeros(NUM_LANDMARKS, np.float32)
        return Rig(
            face=self.face,
            landmarks=self.landmarks,
            forward=nowhere,
            stiff=nowhere,
            mesh=build_mesh(self.landmarks, triangles, width, height),
            lips=replace(build_lips(self.face, self.gap), rest=self.rest),
            eyes=(),
        )


def redraw_lips(
    film: FilmedFace, animation: Animation, triangles: Triangles, teeth: Dentition
) -> Iterator[NDArray[np.uint8]]:
    """
    Yield the video's frames, uint8 of shape `(height, width, 3)` with even sides, with the lips of an animation.

    Args:
        film ([`FilmedFace`]), animation ([`Animation`]): See [`FaceRenderer.redraw`].
        triangles (`np.ndarray` of shape `(triangles, 3)`): Of the face's mesh.
        teeth ([`Dentition`]): Most people's.
    """
    rows = np.zeros((len(film), NUM_COEFFICIENTS), np.float32)
    lips = list(LIP_INDICES)
    rows[:, lips] = animation.resample(film.fps, len(film)).coefficients[:, lips]
    mouths = _mouths_of(film, teeth)
    for index, picture in zip(range(len(film)), film.pictures(), strict=False):
        if film.shown[index]:
            mouth = mouths[film.shot_of(index)]
            frame = FilmedFrame(picture, film.landmarks[index], film.face(index), film.rest(index), mouth)
            yield _redraw(frame, rows[index], triangles)
        else:
            yield picture


def lower_face(landmarks: Array, scale: float, shape: tuple[int, ...]) -> tuple[Window, Array]:
    """
    Where a frame is redrawn: a window, and in it a mask in [0, 1], 1 around lips and chin and 0 at its outline.

    Args:
        landmarks (`np.ndarray` of shape `(478, 3)`): In pixels.
        scale (`float`): The inter-ocular distance in pixels.
        shape: Height and width of the frame. Pixels outside the window are never touched.
    """
    nose = landmarks[NOSE, :2]
    jaw = nose + BELOW_JAW * (landmarks[list(JAW), :2] - nose)
    outline = np.concatenate([landmarks[list(CHEEKS), :2], jaw])
    x0, y0 = np.clip(np.floor(outline.min(0)), 0, [shape[1] - 1, shape[0] - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(outline.max(0)) + 1, [x0 + 1, y0 + 1], [shape[1], shape[0]]).astype(int)
    window = slice(int(y0), int(y1)), slice(int(x0), int(x1))
    inside = polygon(outline - corner_of(window), shape_of(window))
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return window, np.asarray(smoothstep((distance - 1.0) / (FEATHER * scale)), np.float32)


def _mouths_of(film: FilmedFace, teeth: Dentition) -> dict[int, MouthInterior]:
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
    drawn = {}
    for index, picture in zip(range(max(best.values()) + 1), film.pictures(), strict=False):
        if index in best.values():
            drawn[index] = build_mouth(picture, film.landmarks[index], film.face(index), teeth, own=False)
    return {number: drawn[index] for number, index in best.items()}


def _calmest(film: FilmedFace, frames: slice) -> int:
    """The shown frame, among some, with open eyes whose lips are most shut."""
    openness, shown = film.openness[frames], film.shown[frames]
    fit = shown & (openness >= np.median(openness[shown]))
    return frames.start + int(np.where(fit, film.gaps[frames], np.inf).argmin())


def _redraw(frame: FilmedFrame, row: Array, triangles: Triangles) -> NDArray[np.uint8]:
    """The picture of a frame with the lips of one row of coefficients, `(58,)`."""
    picture, face = frame.picture, frame.face
    window, mask = lower_face(frame.landmarks, face.scale, picture.shape)
    # None of the old speech's lips may show, however near the new ones are to the calm face.
    state = frame.rig(triangles).pose(row, parted=1.0)
    drawn = picture.copy()
    drawn[window] = state.warp(_without_speech(frame), window).picture
    draw_mouth(drawn, replace(frame.mouth, centre=face.shape[list(INNER_MIDDLE)].mean(0)), state)
    patch = picture[window].astype(np.float32)
    patch += mask[..., None] * (drawn[window] - patch)
    drawn = picture.copy()
    drawn[window] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)
    return drawn


def _without_speech(frame: FilmedFrame) -> NDArray[np.uint8]:
    """The picture with its open mouth painted over, gradually as it opens: nothing may switch between frames."""
    share = ramp(frame.gap, *OLD_MOUTH)
    if share == 0.0:
        return frame.picture
    relaxed = relax(frame.picture, frame.landmarks, frame.face)
    return relaxed if share == 1.0 else cv2.addWeighted(relaxed, share, frame.picture, 1.0 - share, 0.0)
