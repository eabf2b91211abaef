"""The Talk tab: a face that lives, says what is typed or spoken, and can be interrupted."""

import json
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gradio as gr
from starlette.types import ASGIApp

from ..errors import InputError, VoiceError
from ..live.voices.voice import MAX_CHARACTERS
from ..media.audio import AudioClip
from ..pipeline_dirfa import DirfaPipeline
from ..server.embedded import build_embedded
from ..server.house import House
from ..server.people import Person
from ..server.settings import Settings
from .create import Inputs
from .direction import controls_from
from .limits import KEEP_SECONDS
from .preview import prepare_preview
from .synthesis import Voices


SIDE: Final = 384  # pixels
MAX_SESSIONS: Final = 2  # at once: each keeps a core busy
MAX_GUESTS: Final = 16  # whose faces are kept
MAX_SECONDS: Final = 900.0  # of a conversation
SCRIPT: Final = Path(__file__).with_name("talk.js")
HTML: Final = f"""
<div class="talk empty">
  <div class="stage">
    <canvas data-is="face" width="384" height="384" role="img" aria-label="A synthetic talking face"></canvas>
    <p>Choose a photo under Create.<br>Its face appears here.</p>
    <span>AI-generated</span>
  </div>
  <p data-is="delay"></p>
  <p data-is="status" role="status">Type and press Enter, or press Start.</p>
  <form>
    <input aria-label="What the face says" placeholder="Type and press Enter" maxlength="{MAX_CHARACTERS}"
      autocomplete="off">
    <button>Say</button>
  </form>
  <button type="button" data-is="start">Start</button>
  <button type="button" data-is="speak" aria-pressed="false">Speak</button>
  <button type="button" data-is="stop" disabled>Stop</button>
</div>"""
# Gradio passes what its functions return on to scripts; here the tab's own one takes it.
PASS_ON: Final = """(said) => {
  const face = document.querySelector("#talk [data-is=face]");
  face?.dispatchEvent(new CustomEvent("told", {detail: JSON.parse(said), bubbles: true}));
}"""
# The still that Create shows, an `<img>` or words, to the same script.
PASS_STILL: Final = """(still) => {
  const face = document.querySelector("#talk [data-is=face]");
  const picture = new DOMParser().parseFromString(still ?? "", "text/html").querySelector("img")?.src ?? null;
  face?.dispatchEvent(new CustomEvent("still", {detail: picture, bubbles: true}));
}"""


class Guests:
    """People of visitors' photos, by tickets that only those visitors know. When there are too many the oldest go."""

    def __init__(self) -> None:
        self._people: OrderedDict[str, Person] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """None that others may know."""
        return []

    def choose(self, name: str | None) -> Person:
        """The person of a ticket; raises [`InputError`] if it holds for nobody."""
        person = self._people.get(name or "")
        if person is None:
            raise InputError("this ticket does not hold any more; press Start again")
        return person

    def admit(self, person: Person) -> str:
        """A ticket for a person."""
        ticket = secrets.token_urlsafe(16)
        self._people[ticket] = person
        while len(self._people) > MAX_GUESTS:
            self._people.popitem(last=False)
        return ticket

    def forget(self, ticket: str | None) -> None:
        """The ticket holds no more."""
        self._people.pop(ticket or "", None)


class Mute:
    """Stands where no voice is offered: faces still say what is spoken."""

    def speak(self, text: str) -> Iterator[AudioClip]:
        """Raise [`VoiceError`]."""
        raise VoiceError("texts need a voice, and none is offered here: install espeak-ng, or press Speak")


def build_talk(pipe: DirfaPipeline, inputs: Inputs, still: gr.HTML, voices: Voices) -> ASGIApp:
    """
    Lay out the tab; photo, direction and voice are those of the Create tab, whose still is shown until a face lives.

    Returns:
        The application that the tab talks to, to be mounted at `/talk`.
    """
    guests = Guests()
    gr.Markdown(
        "The face and its voice are those chosen under Create, and so are expression, head motion and gaze. Type a "
        "text, or press Speak: then the face says what you say, in your own voice. Stop interrupts it.",
        elem_classes="small",
    )
    talk = gr.HTML(None, html_template=HTML, js_on_load=SCRIPT.read_text(encoding="utf-8"), elem_id="talk")
    told = gr.Textbox(visible=False, label="told")
    ticket = gr.State(None, time_to_live=KEEP_SECONDS, delete_callback=guests.forget)

    def admit(old: str | None, photo: str | None, face: int | None, voice: str, *direction: Any) -> tuple[str, str]:
        guests.forget(old)
        try:
            if photo is None:
                raise InputError("a photo is needed; choose one under Create")
            speaker = voices.open(voice) if voices.names else Mute()
            new = guests.admit(Person(prepare_preview(pipe, photo, SIDE, face), speaker))
        except InputError as error:
            return "", json.dumps({"problem": str(error)})
        return new, json.dumps({"ticket": new, "direction": _direction(*direction)})

    def direct(*direction: Any) -> str:
        return json.dumps({"direction": _direction(*direction)})

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    talk.submit(
        admit, [ticket, inputs.photo, inputs.face, inputs.voice, *inputs.direction], [ticket, told], **private
    ).then(None, told, None, js=PASS_ON, **private)
    gr.on(
        [part.change for part in inputs.direction], direct, [*inputs.direction], told, trigger_mode="always_last",
        queue=False, **private,
    ).then(None, told, None, js=PASS_ON, **private)  # fmt: skip
    still.change(None, still, None, js=PASS_STILL, **private)
    settings = Settings(host="", max_sessions=MAX_SESSIONS, max_seconds=MAX_SECONDS)
    return build_embedded(House(pipe, guests, settings))


def _direction(*values: Any) -> dict[str, Any]:
    """What the WebSocket takes as `direct`, of the values of the Create tab."""
    controls = controls_from(*values)
    return {
        "expression": controls.expression, "expression_strength": controls.expression_strength,
        "head_motion": controls.head_motion, "gaze": controls.gaze, "blink_rate": float(controls.blink_rate > 0),
    }  # fmt: skip
