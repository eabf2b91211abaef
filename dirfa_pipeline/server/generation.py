"""`POST /generate`: makes a video from a form with speech or text."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from ..capture.portrait import Portrait
from ..errors import InputError
from ..live.voices.voice import SpokenText
from ..media.audio import AudioClip, load_audio
from ..models.face_renderer import PreparedPortrait
from ..provenance.marking import write_video
from .house import House
from .reception import FullError, Reception


FIELDS: Final = ("face", "photo", "audio", "text", "seed")
ASKS_EVERY: Final = 1.0  # seconds between checks whether the visitor is still connected
RETRY_AFTER: Final = 30  # seconds after which a refused visitor is told to try again


class GoneError(Exception):
    """The visitor has left."""


class Generation:
    """Makes videos for a server, one at a time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._reception = Reception(1 + house.settings.max_generating, 0)  # one is being made, the others wait
        self._making = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        """Answer a request with the video, with 400 for bad input, or with 503 if too many requests are waiting."""
        folder = TemporaryDirectory(prefix="dirfa-")
        try:
            async with self._reception.place(), request.form(max_files=2, max_fields=len(FIELDS)) as form:
                path = await self._make(request, form, Path(folder.name))
        except InputError as error:
            folder.cleanup()
            return JSONResponse({"error": str(error)}, 400)
        except FullError:
            folder.cleanup()
            self._house.metrics.add("refused_total")
            text = f"{self._house.settings.max_generating} videos are waiting to be made; try again later"
            return JSONResponse({"error": text}, 503, {"retry-after": str(RETRY_AFTER)})
        except (GoneError, ClientDisconnect):
            folder.cleanup()
            return Response(status_code=499)
        except BaseException:
            folder.cleanup()
            raise
        self._house.metrics.add("generated_total")
        return FileResponse(
            path, media_type="video/mp4", filename="talk.mp4", background=BackgroundTask(folder.cleanup)
        )

    async def _make(self, request: Request, form: FormData, folder: Path) -> Path:
        unknown = set(form) - set(FIELDS)
        if unknown:
            raise InputError(f"the form's fields may be {', '.join(FIELDS)}, got {', '.join(sorted(unknown))}")
        photo, audio = form.get("photo"), form.get("audio")
        files = {name: await _saved(item, folder / name) for name, item in (("photo", photo), ("audio", audio))}
        gone = threading.Event()
        make = partial(self._video, files, form.get("face"), form.get("text"), form.get("seed"), folder, gone)
        async with _turn(self._making, request):
            work = asyncio.ensure_future(asyncio.to_thread(make))
            try:
                await _while_there(work, request)
            finally:
                gone.set()
                await asyncio.wait({work})
                work.exception()
        return work.result()

    def _video(
        self, files: dict[str, Path | None], face: Any, text: Any, seed: Any, folder: Path, gone: threading.Event
    ) -> Path:
        pipe, settings = self._house.pipe, self._house.settings
        clip = self._speech(files["audio"], text, face)
        if clip.duration > settings.max_generate_seconds:
            raise InputError(
                f"speech may last at most {settings.max_generate_seconds:g} s, got {clip.duration:.1f} s; send it in "
                "parts"
            )
        portrait: Portrait | PreparedPortrait
        if files["photo"] is None:
            portrait = self._house.people.choose(face).face
        elif face is not None:
            raise InputError("the form may have a photo or a face, not both; leave one out")
        else:
            portrait = pipe.prepare_portrait(str(files["photo"]), settings.max_size)
        generator = None if seed is None else torch.Generator().manual_seed(_seed(seed))
        animation = pipe.sample_animation(clip, generator)
        path = folder / "talk.mp4"
        write_video(path, _until(gone, pipe.render(portrait, animation)), animation.fps, clip)
        return path

    def _speech(self, audio: Path | None, text: Any, face: Any) -> AudioClip:
        if (audio is None) == (text is None):
            raise InputError("the form must have either audio (a file with speech) or text")
        if audio is not None:
            return load_audio(audio)
        return SpokenText(text, self._house.people.choose(face).voice).speak()


async def _while_there(work: "asyncio.Future[Any]", request: Request) -> None:
    """Wait for `work` while the visitor stays connected; raises [`GoneError`] if they leave first."""
    while not (await asyncio.wait({work}, timeout=ASKS_EVERY))[0]:
        if await request.is_disconnected():
            raise GoneError


@asynccontextmanager
async def _turn(making: asyncio.Lock, request: Request) -> AsyncIterator[None]:
    """Hold the lock once it is free; raises [`GoneError`] if the visitor leaves first."""
    entering = asyncio.ensure_future(making.acquire())
    try:
        await _while_there(entering, request)
        yield
    finally:
        entering.cancel()  # has no effect if the lock was acquired
        await asyncio.wait({entering})
        if not entering.cancelled():
            making.release()


async def _saved(item: Any, path: Path) -> Path | None:
    if item is None:
        return None
    if not isinstance(item, UploadFile):
        raise InputError(f"{path.name} must be a file, got text")
    with open(path, "wb") as file:
        while block := await item.read(2**16):
            file.write(block)
    return path


def _until(gone: threading.Event, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    for frame in frames:
        if gone.is_set():
            raise GoneError
        yield frame


def _seed(text: Any) -> int:
    try:
        seed = int(str(text))
    except ValueError:
        raise InputError(f"seed must be a whole number, got {str(text)[:50]!r}") from None
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be a whole number from 0 to 2**63 - 1, got {str(text)[:50]}")
    return seed
