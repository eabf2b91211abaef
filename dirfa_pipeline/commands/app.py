"""`dirfa app`: the demo page, in a browser."""

import argparse
import os
import signal
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..errors import InputError, how_to_install
from ..threads import let_threads_share_memory
from . import progress
from .loading import load_pipeline
from .port import check_port


THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")

EXAMPLES = """examples:
  dirfa app
  dirfa app --voice Anna=espeak:de --no-browser
  dirfa app --mcp --files ~/pictures"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dirfa app`."""
    app = commands.add_parser(
        "app", help="open the demo page in a browser", epilog=EXAMPLES,
        description="Serve the demo page on this machine, and open it in a browser.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    app.set_defaults(run=run)
    app.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    app.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    app.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen on (default %(default)s, this machine alone; 0.0.0.0 lets others in)",
    )  # fmt: skip
    app.add_argument("--port", type=int, default=7860, help="port to listen on (default %(default)s)")
    app.add_argument(
        "--voice", action="append", metavar="NAME=VOICE",
        help="offer a voice for typed text, by a name that visitors see, as `dirfa say --voice` names it; may be "
        "repeated; espeak-ng's languages if left out",
    )  # fmt: skip
    app.add_argument("--mcp", action="store_true", help="also serve a tool for MCP clients")
    app.add_argument(
        "--files",
        type=Path,
        help="folder whose files MCP clients here may name; videos are written there, too",
    )
    app.add_argument("--no-browser", action="store_true", help="only print the page's address")


def run(options: argparse.Namespace) -> None:
    """Run `dirfa app` until it is interrupted."""
    if options.files is not None and not options.files.is_dir():
        raise InputError(f"--files must be a folder, got {options.files}")
    if options.files is not None and options.host not in THIS_MACHINE:
        raise InputError(f"--files is for clients of this machine, got --host {options.host}; leave one of them out")
    if wrong := [voice for voice in options.voice or () if "=" not in voice]:
        raise InputError(f"--voice must be NAME=VOICE, such as Anna=espeak:de, got {wrong[0]}")
    check_port(options.port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the folder of uploads goes then, too
    with upload_folder():
        serve(options)


def serve(options: argparse.Namespace) -> None:
    """Load the pipeline, serve the page and tell where it is."""
    try:
        from ..demo import build_demo, launch_options
        from ..demo.limits import MAX_WAITING
    except ModuleNotFoundError as error:
        raise InputError(f"the page needs {error.name}: {how_to_install('app')}") from error
    let_threads_share_memory()
    pipeline = load_pipeline(options.weights, options.device)
    pipeline.set_progress_bar_config(disable=True)  # visitors see the page's own
    voices = dict(voice.split("=", 1) for voice in options.voice) if options.voice else None
    page = build_demo(pipeline, voices=voices, files=options.files).queue(max_size=MAX_WAITING)
    try:
        _, address, _ = page.launch(
            server_name=options.host, server_port=options.port, mcp_server=options.mcp, quiet=True,
            prevent_thread_lock=True, **launch_options(),
        )  # fmt: skip
    except OSError as error:
        raise InputError(
            f"port {options.port} of {options.host} cannot be used ({error}); choose another --port"
        ) from error
    progress(f"the page is at {address}; Ctrl+C ends it")
    if not options.no_browser:
        webbrowser.open(address)
    try:
        threading.Event().wait()
    finally:
        page.close(verbose=False)


@contextmanager
def upload_folder(seconds: float = 3600.0) -> Iterator[Path]:
    """
    Give this server a folder of its own for visitors' files: another server that shared it would clear it at its end.

    Gradio, which reads its place when it is imported, clears what it knows of; what came over MCP is cleared here when
    it is older than `seconds`.
    """
    if given := os.environ.get("GRADIO_TEMP_DIR"):
        yield Path(given)
        return
    with TemporaryDirectory(prefix="dirfa-page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        threading.Thread(target=clear_regularly, args=(Path(folder), seconds), daemon=True).start()
        try:
            yield Path(folder)
        finally:
            del os.environ["GRADIO_TEMP_DIR"]


def clear_regularly(folder: Path, seconds: float) -> None:
    """Remove files that are older than `seconds` for as long as the folder exists."""
    while folder.exists():
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and time.time() - path.stat().st_mtime > seconds:
                    path.unlink()
        time.sleep(seconds / 2)
