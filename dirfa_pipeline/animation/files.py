"""
Animation files, chosen by the name's ending: Live Link Face CSV, JSON, NPZ.

Live Link Face, Epic Games' phone app, writes `Timecode,BlendShapeCount`, ARKit's names with a capital, jaw and mouth
with their right before their left, then the angles of head and eyes in radians. Its angles have no documented signs:
ours are those of [`Animation`]. It knows no translation, which we append as three columns. Numbers are written so that
reading them gives the same float32.

Files come from anywhere: their size, length and rate are bounded before anything is made of them.
"""

import csv
import difflib
import json
import os
import re
from io import StringIO
from reprlib import repr as short
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import AnimationError
from ..media.files import whole_file
from .animation import Animation
from .coefficients import COEFFICIENT_NAMES, EXPRESSION_NAMES, check_names
from .frame_rate import MAX_FPS, MAX_FRAMES
from .gaze import eye_angles


Path = str | os.PathLike[str]

FORMATS: Final = (".npz", ".csv", ".json")
JSON_FORMAT: Final = "dirfa-animation"
SWAPPED: Final = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
SHAPE_COLUMNS: Final = tuple(
    (name[0].upper() + name[1:], name) for name in (SWAPPED.get(name, name) for name in EXPRESSION_NAMES)
)
HEAD_COLUMNS: Final = (("HeadYaw", "yaw"), ("HeadPitch", "pitch"), ("HeadRoll", "roll"))
EYE_COLUMNS: Final = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")
TRANSLATION_COLUMNS: Final = (("HeadX", "x"), ("HeadY", "y"), ("HeadZ", "z"))
NAMED_COLUMNS: Final = (*SHAPE_COLUMNS, *HEAD_COLUMNS, *TRANSLATION_COLUMNS)
LIVE_LINK_HEADER: Final = (
    "Timecode", "BlendShapeCount", *(column for column, _ in (*SHAPE_COLUMNS, *HEAD_COLUMNS)), *EYE_COLUMNS,
)  # fmt: skip
USUAL_RATES: Final = (24, 25, 30, 48, 50, 60, 120)
MAX_BYTES: Final = 1 << 30  # of a text file: an animation of the greatest length takes less
LARGEST: Final = float(np.finfo(np.float32).max)
_TIMECODE = re.compile(r"([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,3})(\.[0-9]+)?")


def load_animation(path: Path, fps: float | None = None) -> Animation:
    """
    Read an animation file.

    Args:
        path: Ends in .npz, .csv or .json.
        fps (`float`, *optional*): Frame rate of a CSV, whose timecodes only count whole frames a second.

    Raises:
        AnimationError: Another ending, a fault in the file, or one that is too large or too long; the message names
            row and column.
    """
    kind = check_animation_path(path)
    if fps is not None and not 0 < fps <= MAX_FPS:
        raise AnimationError(f"fps must be in (0, {MAX_FPS:g}], got {fps}")
    if kind == ".npz":
        return Animation.load_npz(path)
    text = _read_text(path)
    return _parse_csv(text, os.fspath(path), fps) if kind == ".csv" else _parse_json(text, os.fspath(path))


def _read_text(path: Path) -> str:
    try:
        size = os.path.getsize(path)
        if size > MAX_BYTES:
            raise AnimationError(
                f"{os.fspath(path)} may have at most {MAX_BYTES >> 20} MiB, got {size >> 20}; cut it into parts"
            )
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise AnimationError(f"{os.fspath(path)} cannot be read as text: {error}") from error


def save_animation(animation: Animation, path: Path, translation: bool = True) -> None:
    """
    Write an animation file, whole or not at all.

    Args:
        animation ([`Animation`]): What to write.
        path: Ends in .npz, .csv or .json.
        translation (`bool`, defaults to `True`): Whether a CSV has the three columns that Live Link Face lacks.
    """
    kind = check_animation_path(path)
    if kind == ".npz":
        animation.save_npz(path)
        return
    text = _format_csv(animation, translation) if kind == ".csv" else _format_json(animation)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def check_animation_path(path: Path) -> str:
    """The file's ending; raises [`AnimationError`] if it is none of ours."""
    kind = os.path.splitext(os.fspath(path))[1].lower()
    if kind not in FORMATS:
        raise AnimationError(f"animation files end in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    return kind


def _format_csv(animation: Animation, translation: bool) -> str:
    extra = TRANSLATION_COLUMNS if translation else ()
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*LIVE_LINK_HEADER, *(column for column, _ in extra)])
    nominal = max(1, round(animation.fps))
    columns = [animation[name] for _, name in (*SHAPE_COLUMNS, *HEAD_COLUMNS)]
    columns += [*_eye_angles(animation), *(animation[name] for _, name in extra)]
    for frame, values in enumerate(np.stack(columns, axis=1)):
        seconds, part = divmod(frame, nominal)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{part:02d}.000"
        writer.writerow([clock, 61, *(f"{value:.9g}" for value in values)])
    return text.getvalue()


def _eye_angles(animation: Animation) -> list[NDArray[np.float32]]:
    """What the eyeLook weights turn the eyes by, in radians, in the order of `EYE_COLUMNS`; eyes do not roll."""
    roll = np.zeros(len(animation), np.float32)
    return [*eye_angles(animation.coefficients, "Left"), roll, *eye_angles(animation.coefficients, "Right"), roll]


def _parse_csv(text: str, path: str, fps: float | None) -> Animation:
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise AnimationError(f"{path} is not a table of comma-separated values: {error}") from error
    if len(rows) < 2:
        raise AnimationError(f"{path} needs a line of column names and one frame or more, got {len(rows)} lines")
    _check_length(len(rows) - 1, path)
    header = [name.strip() for name in rows[0]]
    _check_header(header, path)
    places = {name: header.index(column) for column, name in NAMED_COLUMNS if column in header}
    ticks: list[tuple[int, int]] = []
    frames: list[list[float]] = []
    for number, row in enumerate(rows[1:], start=2):
        ticks.append(_timecode(row[0], path, number))
        if len(row) > 1 and row[1].strip() == "0" and frames:  # the phone lost the face: it holds still
            frames.append(frames[-1])
            continue
        if len(row) != len(header):
            raise AnimationError(f"{path}, row {number}: {len(header)} columns are named, got {len(row)} values")
        frames.append([_number(row[place], path, number, header[place]) for place in places.values()])
    rate = fps or _nominal_rate(ticks)
    return Animation.from_columns(_regular(np.array(frames), ticks, rate, path), list(places), rate)


def _check_header(header: list[str], path: str) -> None:
    known = [*LIVE_LINK_HEADER, *(column for column, _ in TRANSLATION_COLUMNS)]
    for place, name in enumerate(header, start=1):
        if name not in known:
            nearest = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.0)[0]
            raise AnimationError(f"{path}, column {place}: unknown name {short(name)}; did you mean {nearest!r}?")
        if header.index(name) != place - 1:
            raise AnimationError(f"{path}, column {place}: {name!r} comes twice, first in {header.index(name) + 1}")
    needed = ("Timecode", "BlendShapeCount", *(column for column, _ in SHAPE_COLUMNS))
    missing = [name for name in needed if name not in header]
    if missing:
        raise AnimationError(f"{path} lacks {len(missing)} of Live Link Face's columns, the first is {missing[0]!r}")
    if header[:2] != list(needed[:2]):
        raise AnimationError(f"{path} must begin with the columns Timecode and BlendShapeCount, got {header[:2]}")


def _timecode(text: str, path: str, number: int) -> tuple[int, int]:
    """Whole seconds and the frame within the second."""
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        raise AnimationError(f"{path}, row {number}, column Timecode: expected HH:MM:SS:FF, got {short(text)}")
    hours, minutes, seconds, frame = (int(match[group]) for group in range(1, 5))
    return hours * 3600 + minutes * 60 + seconds, frame


def _check_length(frames: int, path: str) -> None:
    if frames > MAX_FRAMES:
        raise AnimationError(f"{path} may have at most {MAX_FRAMES} frames, got {frames}; cut it into parts")


def _number(text: str, path: str, number: int, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= LARGEST:
        raise AnimationError(f"{path}, row {number}, column {column}: expected a finite number, got {short(text)}")
    return value


def _nominal_rate(ticks: list[tuple[int, int]]) -> float:
    """The rate whose frames the timecodes count: the usual one just above the highest; 60, as the app has it, if the
    recording is too short to tell."""
    highest = max(frame for _, frame in ticks)
    if ticks[-1][0] - ticks[0][0] < 1:
        return 60.0
    return float(next((rate for rate in USUAL_RATES if rate > highest), highest + 1))


def _regular(values: NDArray[np.float64], ticks: list[tuple[int, int]], rate: float, path: str) -> NDArray[np.float64]:
    """Fill in frames that the recording dropped; wrong clocks are refused."""
    places = np.array([seconds * round(rate) + frame for seconds, frame in ticks])
    places -= places[0]
    steps = np.diff(places)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0]) + 3
        raise AnimationError(f"{path}, row {row}, column Timecode: time does not go on from the row above")
    if places[-1] == len(places) - 1:
        return values
    if places[-1] >= MAX_FRAMES:
        row = int(np.flatnonzero(places >= MAX_FRAMES)[0]) + 2
        raise AnimationError(
            f"{path}, row {row}, column Timecode: at most {MAX_FRAMES} frames after the first row, "
            f"got {places[row - 2]}; correct the clock or cut the file"
        )
    frames = np.arange(places[-1] + 1)
    return np.stack([np.interp(frames, places, column) for column in values.T], axis=1)


def _format_json(animation: Animation) -> str:
    rows = [[float(f"{value:.9g}") for value in frame] for frame in animation.coefficients]
    return json.dumps(
        {"format": JSON_FORMAT, "version": 1, "fps": animation.fps, "names": COEFFICIENT_NAMES, "coefficients": rows}
    )


def _parse_json(text: str, path: str) -> Animation:
    try:
        content = json.loads(text)
        names, rows, fps = list(content["names"]), list(content["coefficients"]), float(content["fps"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise AnimationError(
            f"{path} is not an animation in JSON: {error!r}; fps, names, coefficients make one"
        ) from error
    check_names(names)
    _check_length(len(rows), path)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise AnimationError(f"{path}, frame {number}: expected {len(names)} numbers, one for each name")
        for name, value in zip(names, row, strict=True):
            if not isinstance(value, int | float) or not abs(value) <= LARGEST:
                raise AnimationError(f"{path}, frame {number}, {name}: expected a finite number, got {short(value)}")
    return Animation.from_columns(rows, names, fps)
