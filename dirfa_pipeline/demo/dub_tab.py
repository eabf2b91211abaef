"""The Dub tab: a film and other speech in, the film with that speech on its lips out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import gradio as gr

from ..errors import InputError
from .create import build_speech
from .dubs import DubOrder
from .limits import CONSENT, MAX_FILM_SECONDS, check_film, draw_seed, only_uploads
from .status import TO_STATUS, show_note, show_problem, show_step
from .synthesis import Voices
from .takes import Step


# What `fit_lengths` takes, in words; the first is chosen first, as it refuses nothing.
FITS: Final = {"hold its last picture": "hold", "repeat the film": "loop", "cut the speech": "cut"}
WELCOME: Final = show_note(
    "Add a film of one face, and what it should say. The film keeps its motion; only lips and jaw are redrawn."
)

EMPTY: Final = '["", null, {"__type__": "update", "visible": false}]'  # status, film and button without a result

MakeDub = Callable[[DubOrder, Path], Iterator[Step | str]]


def build_dub(make_dub: MakeDub, voices: Voices) -> None:
    """Lay out the tab."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            film = gr.Video(
                label=f"Film of one face, up to {MAX_FILM_SECONDS} s", sources=["upload", "webcam"], height=260,
                elem_id="film",
            )  # fmt: skip
            film = only_uploads(film)
            seen = gr.HTML("", elem_id="film-check", elem_classes="note")
            speech, text, voice = build_speech(voices, "dub-text")
            with gr.Row():
                start = gr.Button("Dub", variant="primary", elem_id="dub", scale=2)
                stop = gr.Button("Cancel", elem_id="cancel-dub", visible=False)
            fit = gr.Dropdown(list(FITS), label="Where the speech is longer than the film")
            label = gr.Checkbox(True, label="Mark the video as AI-generated", info="A small label in the corner.")
            gr.Markdown(f"**{CONSENT}**", elem_classes="small")
        with gr.Column(scale=1, min_width=320):
            status = gr.HTML(WELCOME, elem_id="dub-status")
            result = gr.Video(label="Dubbed film", interactive=False, elem_id="dubbed", autoplay=True, buttons=[])
            download = gr.DownloadButton("Download", size="sm", visible=False, elem_id="download-dub")

    private: dict[str, Any] = {"api_visibility": "private"}
    film.change(look_at_film, film, seen, show_progress="hidden", queue=False, **private)
    # In the browser alone: an answer of the server could come when a run has begun since, and would wipe its progress.
    film.change(None, None, [status, result, download], js=f"() => {EMPTY}", **private)
    gr.on([speech.change, text.input], None, None, status, js="() => ''", **private)
    begins = [start.click, text.submit]
    gr.on(begins, lambda: gr.Button(visible=True), None, stop, queue=False, **private)
    gr.on(begins, None, None, None, js=TO_STATUS.format(name="dub-status"), **private)
    running = gr.on(
        begins, _dubber(make_dub), [film, speech, text, voice, fit, label], [status, result, download],
        concurrency_limit=1, concurrency_id="render", show_progress="minimal", show_progress_on=status,
        api_visibility="private", api_name="press_dub",
    )  # fmt: skip
    running.then(lambda: gr.Button(visible=False), None, stop, queue=False, **private)
    # Said afterwards, so that progress on its way to the browser does not stand over it.
    stop.click(None, cancels=[running], **private).then(
        lambda: (show_note("Cancelled."), gr.Button(visible=False)), None, [status, stop],
        show_progress="hidden", queue=False, **private,
    )  # fmt: skip


def look_at_film(path: str | None) -> str:
    """What is wrong with a film, as soon as it is chosen; nothing if it can be used."""
    try:
        if path is not None:
            check_film(path)
    except InputError as error:
        return show_problem(error)
    return ""


def _dubber(make_dub: MakeDub) -> Callable[..., Iterator[tuple[Any, Any, Any]]]:
    """What the button does: status, video and download button, again and again."""

    def dub(
        film: str | None, speech: str | None, text: str | None, voice: str | None, fit: str, label: bool
    ) -> Iterator[tuple[Any, Any, Any]]:
        order = DubOrder(film, speech, (text or "").strip(), voice or "", FITS[fit], draw_seed(), label)
        try:
            order.check()
            yield gr.skip(), None, gr.DownloadButton(visible=False)
            with TemporaryDirectory(prefix="dirfa-") as folder:  # Gradio copies what is yielded
                for event in make_dub(order, Path(folder)):
                    if isinstance(event, Step):
                        yield show_step(event), gr.skip(), gr.skip()
                    else:
                        yield show_note("Done."), event, gr.DownloadButton(value=event, visible=True)
        except InputError as error:
            yield show_problem(error), gr.skip(), gr.skip()

    return dub
