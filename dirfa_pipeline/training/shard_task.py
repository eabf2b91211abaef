"""The work of one worker of `prepare`: track the clips of a shard one after the other, and write their table rows."""

import errno
import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import InputError
from ..workers.addresses import Address, AddressError
from ..workers.attempts import Attempts
from .motion_data import TrackedClip
from .sources import Source, Video
from .track_shards import write_shard
from .tracked_clip import Costs, Tools, track


logger = logging.getLogger(__name__)

PARTS: Final = "parts"  # folder next to the shards with a file of rows for each shard that is done
ATTEMPTS: Final = "attempts"  # folder that records which clips are being processed
DIED, MEMORY, MISSING, EMPTY, UNREADABLE, FACELESS = (
    "its workers died of it", "more memory than there is", "a missing file", "an empty file", "not a readable video",
    "hardly a face in it",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """
    A clip's row in the table of all clips.

    Args:
        clip (`str`): `source/name`.
        kept (`bool`): Whether it is in a shard.
        reason (`str`): Why it was left out, as one of a few reasons that are counted; `detail` is the error's message.
        remark (`str`): What a clip lacks that was kept.
        speaker (`str`), shard (`str`), frames, valid_frames (`int`), teaches (`tuple[str, ...]`), quality: Only for
            clips that were kept, see [`TrackedClip`].
    """

    clip: str
    kept: bool
    reason: str = ""
    detail: str = ""
    remark: str = ""
    speaker: str = ""
    shard: str = ""
    frames: int = 0
    valid_frames: int = 0
    teaches: tuple[str, ...] = ()
    quality: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """
    The settings of all workers.

    Args:
        output ([`Address`]): Folder for the shards.
        weights (`Path`): A pipeline's folder, which every machine must have.
        mark (`str`): A short hash of the weights that are used.
        landmarks ([`Address`], *optional*): Folder where landmarks are kept and reused.
        speech_features (`bool`): Whether shards contain features of the audio encoder.
    """

    output: Address
    weights: Path
    mark: str = ""
    landmarks: Address | None = None
    speech_features: bool = False


@dataclass(frozen=True)
class ShardTask:
    """The clips of one shard, including those that will be left out."""

    shard: str
    source: str
    folder: Address
    teaches: tuple[str, ...]
    videos: tuple[Video, ...]
    part: str

    @classmethod
    def of(cls, source: Source, index: int, videos: tuple[Video, ...], settings: Settings) -> "ShardTask":
        """The task of one shard. The name of its part is a hash of everything that the content depends on."""
        name = f"{source.name}-{index:06d}"
        facts = (source.teaches, settings.mark, settings.speech_features, [asdict(video) for video in videos])
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
        return cls(f"{name}.tar", source.name, source.folder, source.teaches, videos, f"{name}.{digest}.jsonl")


@dataclass(frozen=True)
class Done:
    """
    The outcome of a task. The rows of the clips are in the shard's part, unless there was a failure.

    Args:
        task ([`ShardTask`]): The task.
        costs (`dict[str, float]`): Core seconds by stage, of the clips that were processed in this run.
        failure (`str`, *optional*): Why the shard could not be written.
    """

    task: ShardTask
    costs: dict[str, float]
    failure: str = ""


class ShardMaker:
    """
    Makes one shard after another; loads detector, face model and encoder only once.

    Args:
        settings ([`Settings`]): The settings of the job.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tools = Tools.load(settings.weights, settings.speech_features)

    def __call__(self, task: ShardTask) -> Done:
        """
        Write the shard and then its part. A clip that cannot be tracked is left out with a reason. If the disk is full
        or an address does not answer, the shard is left for a later run.
        """
        output, costs = self.settings.output, Costs()
        attempts: Attempts | None = None
        rows: list[Row] = []
        try:
            attempts = Attempts(output / ATTEMPTS / f"{task.shard}.json")
            with costs.of("writing"):
                write_shard(output / task.shard, self._clips(task, attempts, rows, costs))
            (output / PARTS / task.part).write(b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in rows))
            attempts.done()
        except (AddressError, OSError) as error:
            if attempts is not None:
                with suppress(AddressError, OSError):
                    attempts.done()  # the worker survived, so no clip is to blame
            return Done(task, costs.seconds, _failure(error, output))
        return Done(task, costs.seconds)

    def _clips(self, task: ShardTask, attempts: Attempts, rows: list[Row], costs: Costs) -> Iterator[TrackedClip]:
        """Yield the clips that can be kept, and add a row for every clip."""
        for video in task.videos:
            name = f"{task.source}/{video.name}"
            if not attempts.begin(name):
                rows.append(Row(name, False, DIED, speaker=video.speaker))
                continue
            try:
                clip = self._track(name, video, task, costs)
            except (ValueError, OSError, MemoryError) as error:
                if isinstance(error, AddressError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
                    raise
                rows.append(Row(name, False, _reason(error, video), _words(error), speaker=video.speaker))
                continue
            mute = "lips" in task.teaches and clip.audio is None
            rows.append(
                Row(
                    name, True, remark="without sound, teaches no lips" if mute else "", speaker=video.speaker,
                    shard=task.shard, frames=len(clip.valid), valid_frames=int(clip.valid.sum()),
                    teaches=clip.teaches, quality=clip.quality,
                )
            )  # fmt: skip
            yield clip

    def _track(self, name: str, video: Video, task: ShardTask, costs: Costs) -> TrackedClip:
        if video.size == 0:
            raise InputError("the file is empty")
        landmarks = self.settings.landmarks
        kept = None if landmarks is None else landmarks / task.source / f"{video.name}.npz"
        with ExitStack() as files:
            with costs.of("fetching"):
                picture = files.enter_context((task.folder / video.path).local())
                apart = video.sound != video.path
                sound = files.enter_context((task.folder / video.sound).local()) if apart else picture
                if not picture.exists():
                    raise FileNotFoundError(errno.ENOENT, "it was listed and has gone", video.path)
            return track(name, picture, sound, task.teaches, video.speaker, self.tools, costs, kept)


def _failure(error: AddressError | OSError, output: Address) -> str:
    """Why a shard could not be written."""
    if isinstance(error, AddressError):
        return str(error)
    return f"{output}: {'no space is left' if error.errno == errno.ENOSPC else error}"


def _reason(error: Exception, video: Video) -> str:
    """The reason under which a failed clip is counted."""
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, FileNotFoundError):
        return MISSING
    if video.size == 0:
        return EMPTY
    return UNREADABLE if isinstance(error, InputError | OSError) else FACELESS


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_rows(content: bytes) -> Iterator[dict[str, Any]]:
    """Parse the rows of a part or of the table."""
    return map(json.loads, content.splitlines())
