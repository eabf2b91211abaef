"""Open the demo: `python app.py`."""

import argparse
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    parser = argparse.ArgumentParser(description="Open the demo in a browser.")
    parser.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    parser.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument(
        "--voice", action="append", metavar="NAME=VOICE",
        help="offer a voice for typed text, as `dirfa say --voice` takes it, by a name that visitors see; may be "
        "repeated; espeak-ng's languages if left out",
    )  # fmt: skip
    parser.add_argument("--mcp", action="store_true", help="also serve a tool for MCP clients")
    parser.add_argument(
        "--files", type=Path, help="folder whose files MCP clients of this machine may name, and their videos go to"
    )
    options = parser.parse_args()
    if options.files is not None and not options.files.is_dir():
        parser.error(f"--files must be a folder, got {options.files}")
    if options.files is not None and options.host not in ("127.0.0.1", "localhost", "::1"):
        parser.error(f"--files is for clients of this machine, got --host {options.host}; leave one of them out")
    if wrong := [voice for voice in options.voice or () if "=" not in voice]:
        parser.error(f"--voice must be NAME=VOICE, such as Anna=espeak:de, got {wrong[0]}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the folder goes then, too
    with upload_folder():
        serve(options)


def serve(options: argparse.Namespace) -> None:
    from dirfa_pipeline.threads import let_threads_sleep

    let_threads_sleep()
    from dirfa_pipeline import DirfaPipeline
    from dirfa_pipeline.bundled import bundled_weights
    from dirfa_pipeline.demo import build_demo, launch_options
    from dirfa_pipeline.demo.limits import MAX_WAITING

    pipe = DirfaPipeline.from_pretrained(options.weights or bundled_weights()).to(options.device)
    pipe.set_progress_bar_config(disable=True)  # visitors see the page's own
    voices = dict(voice.split("=", 1) for voice in options.voice) if options.voice else None
    page = build_demo(pipe, voices=voices, files=options.files).queue(max_size=MAX_WAITING)
    page.launch(server_name=options.host, server_port=options.port, mcp_server=options.mcp, **launch_options())


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
    while folder.exists():
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and time.time() - path.stat().st_mtime > seconds:
                    path.unlink()
        time.sleep(seconds / 2)


if __name__ == "__main__":
    main()
