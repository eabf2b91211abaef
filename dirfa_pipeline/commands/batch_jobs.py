"""The lines of a batch: which photo says what, and how."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from ..errors import InputError
from ..workers.addresses import Address
from .direction import controls_of


VIDEOS: Final = "videos"  # folder of the output
LINES_A_FOLDER: Final = 1000  # of videos: file systems and people are slow with more
LONGEST_NAME: Final = 60  # characters of a video's name after its number
LIMITS: Final = {"number": (1, 10**9), "seed": (0, 2**63 - 1), "diversity": (0.0, 2.0), "expressiveness": (0.0, 2.0)}


@dataclass(frozen=True)
class Job:
    """
    One video to make.

    Args:
        number (`int`): The line it is from, the first is 1.
        photo (`str`): File or address of the picture.
        sound (`str`): File or address of the speech; or else
        text (`str`): What is to be said, and
        voice (`str`): who says it, as `dirfa say` takes it.
        seed (`int`, *optional*): By default the line's number: a second run draws the same take.
        diversity, expressiveness (`float`), face (`int` or `list[float]`, *optional*): As for `dirfa generate`.
        controls (`dict`): As in the file of `--direction`.
        name (`str`): What the video is called after its number; by default after photo and sound.
    """

    number: int
    photo: str
    sound: str = ""
    text: str = ""
    voice: str = "espeak"
    seed: int | None = None
    diversity: float = 1.0
    expressiveness: float = 1.0
    face: int | list[float] | None = None
    controls: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def video(self) -> str:
        """The video's path in the output folder."""
        name = self.name or "-".join(PurePosixPath(part).stem for part in (self.photo, self.sound) if part)
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:LONGEST_NAME] or "video"
        return f"{VIDEOS}/{self.folder}/{self.number:06d}-{plain}.mp4"

    @property
    def folder(self) -> str:
        """The part of the batch that it is in."""
        return f"{(self.number - 1) // LINES_A_FOLDER:04d}"

    def told(self) -> dict[str, Any]:
        """What its line has to say, and its number: a line that makes this job again."""
        plain = Job(0, "")
        return {key: value for key, value in asdict(self).items() if value != getattr(plain, key)}

    def digest(self, settings: str) -> str:
        """A short name of all that the video depends on, the sizes of its files included."""
        sizes = [_size(path) for path in (self.photo, self.sound) if path]
        return hashlib.sha256(json.dumps([asdict(self), sizes, settings]).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class BadLine:
    """A line that is no job: its number, what it says, why not."""

    number: int
    line: str
    reason: str


NUMBER: Final = (int, float)
KINDS: Final[dict[str, Any]] = {
    "number": int, "reason": str, "photo": str, "sound": str, "text": str, "voice": str, "name": str, "seed": int,
    "diversity": NUMBER, "expressiveness": NUMBER, "controls": dict, "face": (int, list),
}  # fmt: skip


def read_jobs(address: Address) -> Iterator[Job | BadLine]:
    """
    The jobs of a file with a JSON object a line, and the lines that are none; empty lines are skipped.

    Files that are named without an address lie beside the jobs' file, unless their path begins at the root.

    Raises:
        InputError: There is no such file, or it is no text.
    """
    content = address.read()
    if content is None:
        raise InputError(f"jobs not found: {address}")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{address} must be text in UTF-8, a JSON object a line ({error})") from error
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                job = _job(number, line, address)
                if job.number in seen:
                    raise InputError(f"a line before has the number {job.number}, too; give each its own or none")
                seen.add(job.number)
                yield job
            except InputError as error:
                yield BadLine(number, line, str(error))


def _job(number: int, line: str, address: Address) -> Job:
    """Check one line as far as it can be without its files."""
    try:
        content = json.loads(line)
    except ValueError as error:
        raise InputError(f"a line must be a JSON object: {error}") from error
    if not isinstance(content, dict):
        raise InputError('a line must be a JSON object such as {"photo": "a.jpg", "sound": "a.wav"}')
    for name, value in content.items():
        if name not in KINDS:
            nearest = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.0)[0]
            raise InputError(f"unknown name {name!r}; did you mean {nearest!r}?")
        if not isinstance(value, KINDS[name]) or isinstance(value, bool):
            raise InputError(f"{name} cannot be {value!r}; see docs/cli.md")
    if not content.get("photo"):
        raise InputError("photo is missing")
    if bool(content.get("sound")) == bool(content.get("text")):
        raise InputError("either sound or text is needed, and not both")
    for name, (low, high) in LIMITS.items():
        if name in content and not low <= content[name] <= high:
            raise InputError(f"{name} must be in [{low}, {high}], got {content[name]}")
    controls_of(content.get("controls", {}), "controls")
    beside = {name: _beside(content[name], address) for name in ("photo", "sound") if content.get(name)}
    told: dict[str, Any] = {"number": number} | content | beside
    told.pop("reason", None)  # of a line that has failed before
    return Job(**told)


def _beside(path: str, jobs: Address) -> str:
    """A path as seen from the folder of the jobs' file."""
    if "://" in path or path.startswith("/"):
        return path
    return str(jobs.parent / path)


def _size(path: str) -> int | None:
    try:
        return Address(path).size()
    except InputError:  # the job itself will say so
        return None
