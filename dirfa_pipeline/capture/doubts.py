"""What a photo must show: a face is measured, and each rule it breaks is a doubt or a refusal with a remedy."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..face.fit import FaceFit
from ..face.landmarks import LIPS, OVAL
from ..face.measures import face_size
from .detector import FaceDetector


MIN_FACE: Final = 64  # pixels across
MAX_YAW: Final = 35.0  # degrees
# Where a mouth is covered its lips are guessed, and the guesses of several looks differ by so much, in inter-ocular
# distances. Measured: of 720 photos of people 3 are above the first, by up to .002 (a hand at the lips, a scream, a
# head turned too far), none above the second; of 69 with a mask laid over the mouth 69 and 65, with a patch of one
# colour 56 and 35, with drawn fingers 48 and 12, with a microphone 27 and 3.
HIDDEN_MOUTH: Final = 0.02
COVERED_MOUTH: Final = 0.03
# What is no human face is guessed everywhere. Measured: paintings, statues, drawings and people within the other
# rules up to .027, four dogs and a monkey from .036; these are few, and the limit was set by them. Seven more animals
# (cats, llamas, a dog) are found to have no face at all.
UNLIKE_A_FACE: Final = 0.034
TOP, CHIN = 10, 152  # landmarks: the forehead's upper end and the chin's lower one
# Of the face's outline, as a share.
CUT, CUT_TOO_FAR = 0.05, 0.4

UPSIDE_DOWN: Final = "the picture is upside down; turn it by 180 degrees"


@dataclass(frozen=True)
class SeenFace:
    """
    What is measured of a face before it is animated.

    Args:
        size (`float`): Pixels across.
        yaw, pitch, roll (`float`): Degrees: turned to the right of the picture, raised, tilted clockwise.
        cut (`float`): Share of its outline that lies outside of the picture.
        above (`float`): Room between the forehead's upper end and the picture's border, in lengths of the face.
        mouth_inside (`bool`): Whether all of its mouth lies inside.
        lips_differ, rest_differs (`float`): How far looks at the lips, and at all else, differ, see
            [`FaceDetector.disagreement`].
        upside_down (`bool`): Whether it is seen better with the picture turned upside down.
    """

    size: float
    yaw: float
    pitch: float
    roll: float
    cut: float
    above: float
    mouth_inside: bool
    lips_differ: float
    rest_differs: float
    upside_down: bool


@dataclass(frozen=True)
class Doubt:
    """A rule that a face breaks: which, in words with the value and the remedy, and whether it is refused for it."""

    about: Literal["size", "crop", "turn", "likeness", "mouth"]
    text: str
    refused: bool


def measure_face(
    picture: NDArray[np.uint8], landmarks: NDArray[np.float32], fit: FaceFit, detector: FaceDetector
) -> SeenFace:
    """Measure a face of a picture `(height, width, 3)` by its landmarks `(478, 3)` and their fit."""
    limits = np.array(picture.shape[1::-1])
    lips, oval = (landmarks[list(part), :2] for part in (LIPS, OVAL))
    differ = detector.disagreement(picture, landmarks)
    yaw, pitch, roll = (math.degrees(float(angle)) for angle in fit.head_angles())
    doubtful = differ.lips > HIDDEN_MOUTH
    return SeenFace(
        size=face_size(landmarks),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        cut=float(np.mean(((oval < 0) | (oval > limits)).any(1))),
        above=float(landmarks[TOP, 1] / max(np.linalg.norm(landmarks[CHIN, :2] - landmarks[TOP, :2]), 1e-6)),
        mouth_inside=bool(((lips >= 0) & (lips <= limits)).all()),
        lips_differ=differ.lips,
        rest_differs=differ.rest,
        upside_down=doubtful and is_upside_down(picture, detector),
    )


def is_upside_down(picture: NDArray[np.uint8], detector: FaceDetector) -> bool:
    """Whether a picture that shows no face, or a doubtful one, shows a clear one when it is turned."""
    turned = np.ascontiguousarray(picture[::-1, ::-1])
    differ = (detector.disagreement(turned, landmarks) for landmarks in detector.find_faces(turned))
    return any(one.lips <= HIDDEN_MOUTH and one.rest <= UNLIKE_A_FACE for one in differ)


def doubts(face: SeenFace) -> Iterator[Doubt]:
    """The rules that a face breaks, refusals before doubts."""
    if face.size < MIN_FACE:
        yield Doubt(
            "size",
            f"the face must be at least {MIN_FACE} pixels across, got {int(face.size)}; "
            "pass a larger or closer picture",
            refused=True,
        )
    if face.upside_down:
        yield Doubt("turn", UPSIDE_DOWN, refused=True)
    elif face.rest_differs > UNLIKE_A_FACE:
        yield Doubt(
            "likeness",
            "the face must be a human one that is not covered, and this does not look like one (measured twice, it "
            f"differs by {face.rest_differs:.1%} of the distance between the eyes, human faces by up to "
            f"{UNLIKE_A_FACE:.1%}); pass a photo of a person",
            refused=True,
        )
    elif face.lips_differ > COVERED_MOUTH:
        yield Doubt("mouth", _hidden("the mouth is hidden"), refused=True)
    if not face.mouth_inside:
        yield Doubt(
            "crop", "the mouth reaches out of the picture; pass a photo that shows the whole face", refused=True
        )
    elif face.cut > CUT_TOO_FAR:
        yield Doubt(
            "crop",
            f"{face.cut:.0%} of the face's outline is cut off, up to {CUT_TOO_FAR:.0%} may be; "
            "pass a photo that shows the whole face",
            refused=True,
        )
    if abs(face.yaw) > MAX_YAW:
        yield Doubt(
            "turn",
            f"the head may be turned by up to {MAX_YAW:.0f} degrees, got {face.yaw:.0f}; pass a photo from the front",
            refused=True,
        )
    if HIDDEN_MOUTH < face.lips_differ <= COVERED_MOUTH:
        yield Doubt("mouth", _hidden("part of the mouth may be hidden"), refused=False)
    if CUT < face.cut <= CUT_TOO_FAR:
        yield Doubt("crop", f"{face.cut:.0%} of the face's outline is cut off by the border", refused=False)


def _hidden(what: str) -> str:
    return f"{what} by a hand, a mask, hair or something else; pass a photo that shows the whole mouth"
