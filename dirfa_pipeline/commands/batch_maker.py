"""What a worker of a batch does: one video after another; a photo is prepared once, however often it is used."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..workers.addresses import Address, AddressError
from ..workers.attempts import Attempts
from .batch_jobs import Job
from .direction import controls_of
from .process import messages_as_lines


if TYPE_CHECKING:
    from ..media.audio import AudioClip, AudioFile
    from ..models.face_renderer import PreparedPortrait
    from ..provenance.marking import Marks

PHOTOS_KEPT: Final = 8  # prepared photos that a worker keeps: lines of one photo follow each other
RESULTS: Final = "results"  # folder with a file for each video that is done
ATTEMPTS: Final = "attempts"


@dataclass(frozen=True)
class BatchSettings:
    """
    What all videos of a batch have in common.

    Args:
        output ([`Address`]): The folder.
        weights (`str`, *optional*), fps (`float`), max_size (`int`, *optional*), crf (`int`), preset (`str`): As for
            `dirfa generate`.
        marks ([`Marks`], *optional*): What each video says of itself.
    """

    output: Address
    weights: str | None
    fps: float
    max_size: int | None
    crf: int
    preset: str
    marks: "Marks | None"


@dataclass(frozen=True)
class Order:
    """A job on its way to a worker: with the digest that names its result."""

    job: Job
    digest: str

    @property
    def result(self) -> str:
        """The path of its result in the output folder."""
        return f"{RESULTS}/{self.job.folder}/{self.job.number:06d}-{self.digest}.json"


@dataclass(frozen=True)
class Outcome:
    """
    What became of a job.

    Args:
        number (`int`): Its line.
        video (`str`): Its path in the output folder.
        reason (`str`): Why there is none; empty where there is one.
        seconds (`float`): Of video.
        prepared (`bool`): Whether its photo was prepared for it, and had not been for another one.
    """

    number: int
    video: str
    reason: str = ""
    seconds: float = 0.0
    prepared: bool = False


class VideoMaker:
    """
    Makes the videos of one worker; the pipeline is loaded once.

    Args:
        settings ([`BatchSettings`]): Of the batch.
    """

    def __init__(self, settings: BatchSettings) -> None:
        import torch

        from .loading import load_pipeline

        torch.set_num_threads(1)  # as many workers as cores
        self.settings = settings
        self.pipeline = load_pipeline(settings.weights, doing=None)
        self._prepared = lru_cache(PHOTOS_KEPT)(self._prepare)

    def __call__(self, order: Order) -> Outcome:
        """Make one video, whole or not at all; what is wrong with it is told and never raised."""
        job, output = order.job, self.settings.output
        attempts: Attempts | None = None
        try:
            attempts = Attempts(output / ATTEMPTS / f"{job.number:06d}.json")
            if not attempts.begin(order.digest):
                return Outcome(job.number, job.video, "its workers died of it")
            with messages_as_lines(about=f"line {job.number}: "):
                outcome = self._make(job)
            (output / order.result).write(json.dumps(asdict(outcome)).encode())
        except Exception as error:  # whatever it is, the other lines go on
            outcome = Outcome(job.number, job.video, reason_of(error))
        try:
            if attempts is not None:
                attempts.done()
        except (AddressError, OSError) as error:
            return Outcome(job.number, job.video, outcome.reason or reason_of(error))
        return outcome

    def _make(self, job: Job) -> Outcome:
        import torch

        from ..provenance.marking import write_video

        settings, before = self.settings, self._prepared.cache_info().misses
        face = tuple(job.face) if isinstance(job.face, list) else job.face
        controls = controls_of(job.controls, "controls")
        with self._sound(job) as sound:
            controls.check_speech(sound)
            portrait = self._prepared(job.photo, face)
            seed = job.number if job.seed is None else job.seed
            (drawn,) = self.pipeline.sample_animations(
                sound, [torch.Generator().manual_seed(seed)], job.diversity, settings.fps,
                expressiveness=job.expressiveness, follow_arousal=controls.follows_arousal,
            )  # fmt: skip
            animation = controls.apply(drawn, self.pipeline.face_model, sound)
            with (settings.output / job.video).handed() as path:
                frames = self.pipeline.render(portrait, animation, facing=controls.facing)
                write_video(path, frames, animation.fps, sound, settings.crf, settings.preset, settings.marks)
        prepared = self._prepared.cache_info().misses > before
        return Outcome(job.number, job.video, "", round(len(animation) / animation.fps, 2), prepared)

    def _prepare(self, photo: str, face: "int | tuple[float, float] | None") -> "PreparedPortrait":
        from ..capture.pictures import read_photo

        with Address(photo).local() as path:
            picture = read_photo(path, self.settings.max_size)
        return self.pipeline.face_renderer.prepare(self.pipeline.prepare_portrait(picture, face=face))

    @contextmanager
    def _sound(self, job: Job) -> "Iterator[AudioFile | AudioClip]":
        """The speech: a file as long as the block lasts, or a text that is spoken."""
        if job.sound:
            from ..media.audio import open_audio

            with Address(job.sound).local() as path:
                yield open_audio(path)
            return
        from ..live.voices.choose import open_voice
        from ..live.voices.voice import SpokenText

        yield SpokenText(job.text, open_voice(job.voice)).speak()


def reason_of(error: BaseException) -> str:
    """What went wrong, in a line; what is no mistake of the user's is named by its kind."""
    from ..errors import InputError

    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space is left for it"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"not found: {Path(str(error.filename))}"
    text = (str(error).splitlines() or [""])[0]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
