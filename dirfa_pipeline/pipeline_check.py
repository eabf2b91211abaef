"""How well a photo will work, before anything is made of it: a verdict and advice for each property that matters."""

import time
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .animation.animation import Animation
from .animation.frame_rate import ANIMATION_FPS
from .animation.gaze import gaze_angles
from .capture.detector import FaceDetector
from .capture.doubts import Doubt, SeenFace, doubts, measure_face
from .capture.faces import FaceChoice, FoundFace, check_choice, choose_face, find_faces, list_faces
from .capture.pictures import ImageInput, Photo, check_max_size, read_photo
from .capture.portrait import why_no_face
from .errors import FaceNotFoundError, ImageError
from .face.fit import FaceFit
from .face.landmarks import INNER_LIPS
from .face.measures import eye_gaps, lip_aperture
from .media.video import VideoWriter
from .rendering.teeth import DARKEST, MIN_TEETH_SHARE, MOST_SATURATED


if TYPE_CHECKING:
    from .pipeline_dirfa import DirfaPipeline

Verdict = Literal["good", "works", "poor", "refused"]
VERDICTS: Final[tuple[Verdict, ...]] = ("good", "works", "poor", "refused")  # from the best to the worst

# Cannot be measured, so it is asked wherever a photo is checked.
CONSENT: Final = (
    "Is this a photo of you, of somebody who agreed to it, or of nobody real? Animate nobody else, and say that the "
    "video is synthetic."
)

# Up to the first of each pair a photo is good, up to the second it works. Judged on renders of hard photos.
YAW: Final = (15.0, 25.0)  # degrees
PITCH: Final = (15.0, 22.0)
ROLL: Final = (20.0, 60.0)
HEADROOM: Final = 0.2  # lengths of the face above the forehead that the hair of most people takes at least
FACE: Final = (120.0, 80.0)  # pixels across, at least
OPENING: Final = (0.1, 0.3)  # of the lips, inter-ocular distances: of 725 portraits half are under .08, 97 % under .3
# Lids' gap in diameters of the iris: of people who do not smile one in fifty shows less than the first, shut lids in
# eight videos show less than the second.
NARROW, SHUT = 0.57, 0.16
ASIDE: Final = 10.0  # degrees that eyes look off the camera
GREY: Final = 2  # levels between the channels of a grey picture, at most
CHEEKS: Final = (50, 280, 205, 425, 101, 330)  # landmarks where the skin's light is taken
TIMED_FRAMES: Final = 12
TIMED_SECONDS: Final = 3.0  # after which no further frame is timed: a large photo takes seconds for each
SMALLER, WORTH_IT = 512, 0.8  # pixels of the video that is advised, and share of the time up to which it is
LIVE: Final = (2 / 3, 1.0)  # seconds that one second of video takes, at most


@dataclass(frozen=True)
class Finding:
    """
    One thing about a photo.

    Args:
        name (`str`): `"picture"`, `"colour"`, `"faces"`, `"size"`, `"turn"`, `"crop"`, `"likeness"`, `"mouth"`,
            `"opening"`, `"teeth"`, `"eyes"`, `"gaze"` or `"speed"`.
        verdict (`"good"`, `"works"`, `"poor"` or `"refused"`): How well it suits the video.
        found (`str`): What was found, in words with the numbers.
        advice (`str`): What to do about it, in one line; empty if there is nothing to do.
        values (`dict`): The numbers by their names.
    """

    name: str
    verdict: Verdict
    found: str
    advice: str = ""
    values: Mapping[str, float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class PhotoCheck:
    """
    The result of [`DirfaPipeline.check`].

    Args:
        findings (`tuple[Finding, ...]`): What was checked, up to a finding that makes further checks pointless.
        faces (`tuple[FoundFace, ...]`): All faces, from left to right.
        face (`int`, *optional*): The one that was checked.
    """

    findings: tuple[Finding, ...]
    faces: tuple[FoundFace, ...] = ()
    face: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of all that concerns the photo: a slow machine makes no photo worse."""
        of_photo = [finding for finding in self.findings if finding.name != "speed"]
        return VERDICTS[max(VERDICTS.index(finding.verdict) for finding in of_photo)]

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name; raises `KeyError` if the check did not get that far."""
        return {finding.name: finding for finding in self.findings}[name]

    def as_dict(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        return {
            "verdict": self.verdict,
            "face": self.face,
            "faces": [{"index": face.index, "box": face.box} for face in self.faces],
            "findings": [asdict(finding) for finding in self.findings],
            "asks": CONSENT,
        }


def check_photo(
    pipe: "DirfaPipeline", image: ImageInput, max_size: int | None, face: FaceChoice | None, timed: bool
) -> PhotoCheck:
    """See [`DirfaPipeline.check`]."""
    check_max_size(max_size)
    check_choice(face)
    try:
        photo = read_photo(image, max_size)
    except ImageError as error:
        return PhotoCheck((_refusal("picture", str(error)),))
    findings = [_picture(photo), _colour(photo)]
    with closing(FaceDetector(folder=pipe.detector_folder)) as detector:
        faces = find_faces(photo, detector)
        if not faces:
            return PhotoCheck((*findings, _refusal("faces", why_no_face(photo, detector))))
        try:
            chosen = choose_face(faces, face)
        except FaceNotFoundError as error:
            return PhotoCheck((*findings, _refusal("faces", str(error))), tuple(faces))
        fit = pipe.face_model.fit_image(chosen.landmarks)
        seen = measure_face(photo.pixels, chosen.landmarks, fit, detector)
    findings += [_faces(faces, chosen, face), *_face(seen)]
    if "refused" not in {finding.verdict for finding in findings}:
        findings += _expression(photo.pixels, chosen.landmarks, fit)
        if timed:
            findings.append(_speed(pipe, photo, chosen))
    return PhotoCheck(tuple(findings), tuple(faces), chosen.index)


def _refusal(name: str, error: str) -> Finding:
    found, _, remedy = error.partition("; ")
    return Finding(name, "refused", found, remedy)


def _picture(photo: Photo) -> Finding:
    (width, height), (rows, columns) = photo.size, photo.pixels.shape[:2]
    words = [f"{width} x {height} pixels"]
    if photo.scale < 1.0:
        words.append(f"animated at {columns} x {rows}")
    if photo.turned:
        words.append("turned upright as the camera noted")
    if photo.frames > 1:
        words.append(f"the first of {photo.frames} pictures in the file")
    values = {"width": width, "height": height, "turned": photo.turned, "frames": photo.frames}
    return Finding("picture", "works" if photo.frames > 1 else "good", ", ".join(words), values=values)


def _colour(photo: Photo) -> Finding:
    grey = int(np.ptp(photo.pixels[::4, ::4].astype(np.int16), axis=2).max()) <= GREY
    values: dict[str, float | str | bool] = {"mode": photo.mode, "profile": photo.profile, "grey": grey}
    if photo.profile:
        found, advice = f"converted from {photo.profile}", "the video is in sRGB; see whether you like its colours"
        return Finding("colour", "works", found, advice, values)
    if photo.mode == "CMYK":
        advice = "inks are converted by a rule of thumb; save the photo as sRGB for truer colours"
        return Finding("colour", "works", "CMYK", advice, values)
    return Finding("colour", "good", "grey, and so is the video" if grey else "colour", values=values)


def _faces(faces: list[FoundFace], chosen: FoundFace, choice: FaceChoice | None) -> Finding:
    values = {"count": len(faces), "face": chosen.index}
    if len(faces) == 1:
        return Finding("faces", "good", "one face", values=values)
    found = f"{len(faces)} faces, from left to right: {list_faces(faces)}"
    if choice is not None:
        return Finding("faces", "good", f"{found}; {chosen.index} is animated", values=values)
    advice = "choose another by its number, or by a point in it"
    return Finding("faces", "works", f"{found}; the largest, {chosen.index}, is animated", advice, values)


def _face(seen: SeenFace) -> list[Finding]:
    """Size, turn, crop, likeness and mouth, by the rules that the pipeline has and by finer ones."""
    broken: dict[str, Doubt] = {}
    for doubt in doubts(seen):
        broken.setdefault(doubt.about, doubt)
    sides = ("to the right", "to the left"), ("up", "down"), ("clockwise", "anticlockwise")
    angles = seen.yaw, seen.pitch, seen.roll
    turned = ", ".join(f"{abs(a):.0f}° {way[a < 0]}" for a, way in zip(angles, sides, strict=True) if abs(a) >= 0.5)
    limits = YAW, PITCH, ROLL
    turn = max((_grade(abs(angle), limit) for angle, limit in zip(angles, limits, strict=True)), key=VERDICTS.index)
    findings = [
        Finding(
            "size", _grade(-seen.size, (-FACE[0], -FACE[1])), f"the face is {seen.size:.0f} pixels across",
            "a larger or closer picture shows more of lips and teeth", {"pixels": round(seen.size, 1)},
        ),
        Finding(
            "turn", turn, f"the head is turned {turned}" if turned else "the head looks straight ahead",
            "a photo from the front turns further without tearing",
            {"yaw": round(seen.yaw, 1), "pitch": round(seen.pitch, 1), "roll": round(seen.roll, 1)},
        ),
        Finding(
            "crop", "works" if seen.above < HEADROOM else "good",
            "there is little room above the forehead" if seen.above < HEADROOM else "there is room above the head",
            "leave room around the head: hair that is cut off is guessed when the head nods",
            {"cut": round(seen.cut, 3), "above": round(seen.above, 3)},
        ),
        Finding("likeness", "good", "a human face", "", {"differs": round(seen.rest_differs, 4)}),
        Finding("mouth", "good", "the mouth is visible", "", {"differs": round(seen.lips_differ, 4)}),
    ]  # fmt: skip
    return [_with_doubt(finding, broken.get(finding.name)) for finding in findings]


def _with_doubt(finding: Finding, doubt: Doubt | None) -> Finding:
    """A finding as the pipeline will have it, without advice where nothing is wrong."""
    if doubt is None:
        advice = "" if finding.verdict == "good" else finding.advice
        return Finding(finding.name, finding.verdict, finding.found, advice, finding.values)
    found, _, remedy = doubt.text.partition("; ")
    verdict: Verdict = "refused" if doubt.refused else "poor"
    return Finding(finding.name, verdict, found, remedy or finding.advice, finding.values)


def _expression(picture: NDArray[np.uint8], landmarks: NDArray[np.float32], fit: FaceFit) -> list[Finding]:
    """Opening, teeth, eyes and gaze."""
    opening = float(lip_aperture(landmarks[None])[0])
    grade = _grade(opening, OPENING)
    words = {
        "good": "the lips are shut or nearly so",
        "works": "the lips are parted",
        "poor": "the mouth is wide open",
    }
    advice = {"works": "a closed mouth works best", "poor": "the mouth is open too far; a closed one works better"}
    shown = _teeth_share(picture, landmarks)
    teeth = shown >= MIN_TEETH_SHARE and opening > 0.5 * OPENING[0]
    gaps = eye_gaps(landmarks)
    away = np.degrees([float(angle[0]) for angle in gaze_angles(fit.expression[None])])
    aside = float(np.hypot(*away))
    return [
        Finding(
            "opening", grade, f"{words[grade]}, {opening:.2f} of the distance between the eyes", advice.get(grade, ""),
            {"lips": round(opening, 3)},
        ),
        Finding(
            "teeth", "good", "teeth show, and set the colour of those that are drawn" if teeth else
            "no teeth show; they are drawn in the photo's light", "", {"shown": teeth, "share": round(shown, 3)},
        ),
        _eyes(gaps),
        Finding(
            "gaze", "works" if aside > ASIDE else "good",
            f"the eyes look {aside:.0f}° aside" if aside > ASIDE else "the eyes look into the camera",
            "in the video they look into the camera, or where gaze is led" if aside > ASIDE else "",
            {"yaw": round(float(away[0]), 1), "pitch": round(float(away[1]), 1)},
        ),
    ]  # fmt: skip


def _eyes(gaps: tuple[float, float]) -> Finding:
    values = {"right": round(gaps[0], 3), "left": round(gaps[1], 3)}
    shut, half = sum(gap < SHUT for gap in gaps), sum(gap < NARROW for gap in gaps)
    if shut:
        found = "the eyes are closed" if shut == 2 else "one eye is closed"
        return Finding("eyes", "poor", found, "pass a photo with open eyes: closed ones stay so", values)
    if half:
        found = "the eyes are narrow or half closed" if half == 2 else "one eye is narrower"
        return Finding("eyes", "works", found, "open eyes work better: what lids hide is guessed", values)
    return Finding("eyes", "good", "the eyes are open", values=values)


def _teeth_share(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """Share of the opening between the lips that is as light and as pale as teeth are."""
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [landmarks[list(INNER_LIPS), :2].round().astype(np.int32)], 1)
    mouth = picture[inside > 0].astype(np.float32)
    limits = np.array(picture.shape[1::-1]) - 1
    across, down = np.clip(landmarks[list(CHEEKS), :2].round(), 0, limits).astype(int).T
    light = float(np.median(picture[down, across].max(1)))
    brightest, darkest = mouth.max(1), mouth.min(1)
    pale = (brightest - darkest) / np.maximum(brightest, 1.0) < MOST_SATURATED
    return float(np.mean((brightest > DARKEST[0] * light) & pale)) if len(mouth) else 0.0


def _speed(pipe: "DirfaPipeline", photo: Photo, chosen: FoundFace) -> Finding:
    """Draw and encode a few frames in which everything moves; the first, which compiles loops, does not count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the findings tell
        portrait = pipe.prepare_portrait(photo, face=chosen.index)
    prepared = pipe.face_renderer.prepare(portrait)
    swing = np.sin(np.arange(TIMED_FRAMES + 1))
    motion = Animation.from_curves(TIMED_FRAMES + 1, jawOpen=0.15 + 0.15 * swing, yaw=0.1 * swing)
    pipe.face_renderer.render(prepared, motion.coefficients[:1])
    drawn = 0
    with TemporaryDirectory(prefix="dirfa-") as folder:
        began = time.perf_counter()
        with VideoWriter(Path(folder) / "timed.mp4", ANIMATION_FPS) as writer:
            for frame in pipe.face_renderer.frames(prepared, motion.coefficients[1:]):
                writer.write(frame)
                drawn += 1
                if time.perf_counter() - began > TIMED_SECONDS:
                    break
        fps = drawn / (time.perf_counter() - began)
    takes = ANIMATION_FPS / fps
    share = (SMALLER / max(portrait.image.shape[:2])) ** 2  # of the pixels
    smaller = f"max_size={SMALLER} (--max-size {SMALLER}) takes about {share:.0%} of that"
    return Finding(
        "speed", _grade(takes, LIVE),
        f"1 s of video takes {takes:.2f} s here to draw and encode, without the work on the sound",
        "" if takes <= LIVE[0] or share > WORTH_IT else smaller,
        {"fps": round(fps, 2), "times": round(fps / ANIMATION_FPS, 2)},
    )  # fmt: skip


def _grade(value: float, limits: tuple[float, float]) -> Verdict:
    """Good up to the first limit, works up to the second."""
    return "good" if value <= limits[0] else "works" if value <= limits[1] else "poor"
