"""The example of a face that answers, with a model that a test plays."""

import json
import runpy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from media_files import speech


pytest.importorskip("aiortc", reason="the server is an extra: pip install '.[serve]'")

from dirfa_pipeline import AudioClip, VoiceError


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[1] / "examples" / "assistant.py"))


class Voice:
    """Notes what it is to say."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def speak(self, text: str) -> Iterator[AudioClip]:
        self.texts.append(text)
        yield speech(0.2)


@pytest.fixture
def model() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that streams words as OpenAI's does; its address, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            asked[-1]["path"], asked[-1]["key"] = self.path, self.headers["Authorization"]
            self.send_response(200)
            self.end_headers()
            for piece in ("Good mor", "ning. How", " are", " you? ", "F", "ine", None, "!"):
                delta = {} if piece is None else {"content": piece}
                self.wfile.write(f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_are_spoken_by_sentences(example: dict[str, Any], model: tuple[str, list[dict[str, Any]]]) -> None:
    address, asked = model
    voice = Voice()
    assistant = example["Assistant"](example["ChatModel"](address, "small", "secret"), voice)
    for text in ("Hello!", "And now?"):
        assert sum(clip.duration for clip in assistant.speak(text)) == pytest.approx(0.6)
    assert voice.texts == ["Good morning.", "How are you?", "Fine!"] * 2
    assert asked[0]["path"] == "/v1/chat/completions" and asked[0]["key"] == "Bearer secret"
    assert asked[0]["model"] == "small" and asked[0]["stream"]
    assert [turn["role"] for turn in asked[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert asked[1]["messages"][2]["content"] == "Good morning. How are you? Fine!"


def test_the_first_sentence_does_not_wait_for_the_rest(example: dict[str, Any]) -> None:
    def slow() -> Iterator[str]:
        yield "One. Tw"
        raise AssertionError("asked for more")

    assert next(example["sentences"](slow())) == "One."


def test_an_echo_stands_where_there_is_no_model(example: dict[str, Any]) -> None:
    voice = Voice()
    assert list(example["Assistant"](example["Echo"](), voice).speak("Good morning.")) and voice.texts == [
        "You said: Good morning."
    ]


def test_a_model_that_is_not_there_is_told(example: dict[str, Any]) -> None:
    with pytest.raises(VoiceError, match="the model must answer"):
        list(example["ChatModel"]("http://127.0.0.1:9/v1", "small").answer("Hello"))
