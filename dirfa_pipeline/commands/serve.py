"""`dirfa serve`: faces to talk with, in a browser and for programs."""

import argparse
import logging
import signal
import socket
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..errors import InputError, how_to_install
from ..server.settings import Settings
from ..threads import let_threads_share_memory
from . import progress
from .loading import load_pipeline
from .port import check_port


if TYPE_CHECKING:
    from ..capture.pictures import Photo
    from ..models.face_renderer import PreparedPortrait
    from ..pipeline_dirfa import DirfaPipeline

EXAMPLES: Final = """examples:
  dirfa serve photo.jpg                         http://127.0.0.1:8000 shows the face; type or speak
  dirfa serve anna.jpg bert.jpg --max-sessions 4 --max-size 256
  dirfa serve photo.jpg --host 0.0.0.0 --token "$(openssl rand -hex 16)"
  dirfa serve photo.jpg --voice "http://127.0.0.1:8880/v1#model=kokoro&voice=af_bella"

Frames, sound and events go over a WebSocket or WebRTC, see docs/conversation.md; POST /generate makes videos.
Show people only with their consent, and say that the video is synthetic."""

SWITCH: Final = 0.0005  # seconds after which threads that draw let the one that sends go on, a tenth of Python's own
GRACE: Final = 5  # seconds that open connections have when the server stops
LIMITS: Final = {
    "max_sessions": "conversations at once (default %(default)s)",
    "max_waiting": "visitors who wait for a place; more are sent away (default %(default)s)",
    "max_seconds": "length of a conversation in seconds (default %(default)g)",
    "max_size": "longest side of the frames in pixels (default %(default)s)",
    "max_generate_seconds": "length of the speech of a generated video in seconds (default %(default)g)",
}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa serve`."""
    serve = commands.add_parser(
        "serve", help="talk with faces in a browser", epilog=EXAMPLES,
        description="Let visitors talk with the people in PHOTOs, on a page and through interfaces for programs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    serve.set_defaults(run=run)
    serve.add_argument("photos", nargs="+", metavar="PHOTO", help="picture that shows one face from the front")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, default=8000, help="port; 0 takes a free one (default %(default)s)")
    serve.add_argument("--token", help="secret that requests must bring: Authorization: Bearer TOKEN, or ?token=TOKEN")
    serve.add_argument("--voice", default="espeak", help="voice for texts, as in dirfa say (default %(default)s)")
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, text in LIMITS.items():
        default = defaults[name]
        serve.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=text)
    serve.add_argument("--device", default="cpu", help="where the networks run (default %(default)s)")
    serve.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa serve` until it is stopped; raises [`InputError`] where the extra is missing or the port is taken."""
    try:
        import uvicorn

        from ..server.app import build_app
    except ImportError as error:
        raise InputError(f"serving needs {error.name}: {how_to_install('serve')}") from error
    from ..live.voices.choose import open_voice
    from ..server.house import House
    from ..server.people import Ensemble

    let_threads_share_memory()
    settings = Settings(options.host, options.token, **{name: getattr(options, name) for name in LIMITS})
    if not settings.is_local and settings.token is None:
        progress("warning: everybody who reaches this machine can use the server; --token asks for one")
    with _listen(options.host, options.port) as listener:
        photos, voice = read_photos(options.photos, settings.max_size), open_voice(options.voice)
        pipe = load_pipeline(options.weights, options.device, doing=None)
        faces = prepare_faces(pipe, photos)
        house = House(pipe, Ensemble(faces, voice), settings)
        logging.basicConfig(format="dirfa: %(message)s", level=logging.WARNING)
        config = uvicorn.Config(
            build_app(house), log_level="warning", ws_max_size=settings.max_message, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        host, port = listener.getsockname()[:2]
        where = f"[{host}]" if ":" in host else host
        print(f"http://{where}:{port}/" + (f"?token={quote(settings.token)}" if settings.token else ""), flush=True)
        progress("serving until Ctrl+C")
        sys.setswitchinterval(SWITCH)
        # uvicorn stops gracefully, then raises the signal anew; by itself that would end Python before it cleans up.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        if server.started:  # it ends when told to, and raises the signal anew: seen once, that did not arrive here
            raise KeyboardInterrupt


def read_photos(paths: list[str], max_size: int) -> "dict[str, Photo]":
    """The photos by the names of their files; raises [`InputError`] for two of one name, or one that is no picture."""
    from ..capture.pictures import read_photo

    photos: dict[str, Photo] = {}
    for path in paths:
        name = Path(path).stem
        if name in photos:
            raise InputError(f"faces are named after their files, and two are named {name!r}; rename one")
        photos[name] = read_photo(path, max_size)
    return photos


def prepare_faces(pipe: "DirfaPipeline", photos: "dict[str, Photo]") -> "dict[str, PreparedPortrait]":
    """The faces by name; raises [`InputError`] for a photo without a face."""
    faces: dict[str, PreparedPortrait] = {}
    for name, photo in photos.items():
        progress(f"fitting {name}")
        faces[name] = pipe.face_renderer.prepare(pipe.prepare_portrait(photo))
    return faces


def _listen(host: str, port: int) -> socket.socket:
    check_port(port)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(f"{host}:{port} cannot be listened at ({error}); choose another --host or --port") from error
