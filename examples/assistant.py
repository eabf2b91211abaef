"""
A face that answers: typed text goes to a language model, the model's words to a voice, and the voice to the face.

    python examples/assistant.py [PHOTO] [--model-address http://127.0.0.1:11434/v1 --model NAME] [--voice espeak]

Any server with OpenAI's `/chat/completions` will do; its key is read from OPENAI_API_KEY. Without an address the face
repeats what it is told. Open the address that is printed: each sentence is spoken while the next one is written.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.request import Request, urlopen

import uvicorn

from dirfa_pipeline import AudioClip, DirfaPipeline, open_voice
from dirfa_pipeline.commands.serve import prepare_faces, read_photos
from dirfa_pipeline.errors import VoiceError
from dirfa_pipeline.live.voices.voice import Voice
from dirfa_pipeline.server.app import build_app
from dirfa_pipeline.server.house import House
from dirfa_pipeline.server.people import Ensemble


PHOTO = Path(__file__).parents[1] / "dirfa_pipeline" / "examples" / "astronaut.jpg"
STYLE = "You are talking: answer in one to three short spoken sentences, without lists or signs."
MOST_REMEMBERED = 20  # turns
PATIENCE = 30.0  # seconds
SENTENCE_ENDS = re.compile(r"(?<=[.!?…。！？])\s+")


class Model(Protocol):
    """Something that answers, piece by piece."""

    def answer(self, text: str) -> Iterator[str]: ...


class Echo:
    """Stands where there is no model."""

    def answer(self, text: str) -> Iterator[str]:
        yield f"You said: {text}"


class ChatModel:
    """A language model behind an address that takes what OpenAI's takes."""

    def __init__(self, address: str, name: str, key: str | None = None) -> None:
        self._address, self._name, self._key = f"{address.rstrip('/')}/chat/completions", name, key
        self._turns: list[dict[str, str]] = []

    def answer(self, text: str) -> Iterator[str]:
        """What it says to that; closing the iterator ends its work."""
        self._turns = [*self._turns, {"role": "user", "content": text}][-MOST_REMEMBERED:]
        messages = [{"role": "system", "content": STYLE}, *self._turns]
        body = json.dumps({"model": self._name, "messages": messages, "stream": True}).encode()
        request = Request(self._address, body, {"Content-Type": "application/json"})
        if self._key:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        said = []
        try:
            with urlopen(request, timeout=PATIENCE) as events:
                for piece in pieces(events):
                    said.append(piece)
                    yield piece
        except OSError as error:
            raise VoiceError(
                f"the model must answer, {self._address} did not: {error}; see whether it runs"
            ) from error
        finally:
            self._turns.append({"role": "assistant", "content": "".join(said)})


def pieces(events: Iterator[bytes]) -> Iterator[str]:
    """The words in a stream of server-sent events."""
    for line in events:
        data = line.decode().removeprefix("data:").strip()
        if not data or data == "[DONE]":
            continue
        choices = json.loads(data).get("choices") or [{}]
        if piece := choices[0].get("delta", {}).get("content"):
            yield piece


def sentences(words: Iterator[str]) -> Iterator[str]:
    """Whole sentences, each as soon as it is complete."""
    text = ""
    for piece in words:
        text += piece
        *done, text = SENTENCE_ENDS.split(text)
        yield from done
    yield text


class Assistant:
    """A voice that says the answers to the texts that it is given."""

    def __init__(self, model: Model, voice: Voice) -> None:
        self._model, self._voice = model, voice

    def speak(self, text: str) -> Iterator[AudioClip]:
        for sentence in sentences(self._model.answer(text)):
            if any(letter.isalnum() for letter in sentence):
                yield from self._voice.speak(sentence)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", default=str(PHOTO))
    parser.add_argument("--model-address", help="such as https://api.openai.com/v1; an echo if left out")
    parser.add_argument("--model", default="default", help="its name there")
    parser.add_argument("--voice", default="espeak", help="as for dirfa say")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    model: Model = Echo()
    if options.model_address:
        model = ChatModel(options.model_address, options.model, os.environ.get("OPENAI_API_KEY"))
    pipe = DirfaPipeline.from_pretrained("dirfa-base")
    faces = prepare_faces(pipe, read_photos([options.photo], 512))
    people = Ensemble(faces, Assistant(model, open_voice(options.voice)))
    print(f"http://127.0.0.1:{options.port}/", flush=True)
    uvicorn.run(build_app(House(pipe, people)), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
