"""The demo, served for real and driven by `gradio_client`."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest


pytest.importorskip("gradio", reason="the demo is an extra: pip install '.[app]'")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from tiny import tiny_pipeline

from dirfa_pipeline.demo import build_demo


EXAMPLES = Path(__file__).parents[1] / "dirfa_pipeline" / "examples"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    page = build_demo(tiny_pipeline()).queue()
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_name="127.0.0.1")
    yield Client(url, verbose=False)
    page.close()


def generate(client: Client, **changes: object) -> tuple:
    arguments = {
        "photo": handle_file(str(EXAMPLES / "astronaut.jpg")), "speech": handle_file(str(EXAMPLES / "speech.flac")),
        "seed": 7, "locked": True, "takes": 1, "diversity": 1.0, "fps": 10, "size": 512,
    }  # fmt: skip
    return client.predict(**(arguments | changes), api_name="/generate")


def _path(video: dict) -> str:
    """A video that also changes its label comes as an update of the component."""
    value = video["value"]
    return value["video"] if isinstance(value, dict) else value


@pytest.mark.slow
def test_takes_come_with_their_seeds(client: Client) -> None:
    *videos, seed, note = generate(client, takes=2)
    paths = [_path(video) for video in videos[:2]]
    assert seed == 7
    assert note.startswith("2 made in")
    for path in paths:
        with av.open(path) as container:
            assert container.streams.video[0].frames == 93
            assert container.streams.audio
    assert Path(paths[0]).read_bytes() != Path(paths[1]).read_bytes()


@pytest.mark.slow
def test_errors_reach_the_page(client: Client) -> None:
    with pytest.raises(AppError, match="a photo and a speech clip are needed"):
        generate(client, speech=None)
