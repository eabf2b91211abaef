"""The Create tab: photo and speech in, takes side by side out."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zipfile import ZipFile

import gradio as gr

from ..errors import InputError
from ..models.face_renderer import PreparedPortrait
from ..pipeline_dirfa import DirfaPipeline
from .direction import build_direction, controls_from
from .limits import (
    CONSENT,
    KEEP_SECONDS,
    LIMITS,
    MAX_FPS,
    MAX_SECONDS,
    MAX_SEED,
    MAX_SIZE,
    MAX_TAKES,
    MIN_SIZE,
    draw_seed,
    only_uploads,
    read_speech,
)
from .photo_check import build_photo_check, connect_photo_check
from .preview import EMPTY, draw_preview, prepare_preview
from .status import TO_STATUS, show_note, show_problem, show_step
from .synthesis import MAX_CHARACTERS, Voices
from .takes import Order, Step, Take


EXAMPLES: Final = Path(__file__).parents[1] / "examples"

# A label: the photo, the language whose first voice says it, the words.
SPOKEN_EXAMPLES: Final = {
    "A woman, in German": ("long_hair.jpg", "German", "Guten Tag! Schön, dass Sie da sind."),
    "An old man, in English": ("white_hair.jpg", "English (America)", "Well, I have seen a great deal in my time."),
    "A man with glasses, in Spanish": ("round_glasses.jpg", "Spanish", "¡Hola! ¿Qué tal? Me alegro mucho de verte."),
}
WELCOME: Final = show_note("Add a photo and speech, or press an example. The video appears here.")

MakeTakes = Callable[[Order, Path], Iterator[Step | Take]]


@dataclass(frozen=True)
class Inputs:
    """The components whose values make an [`Order`], in its order, after the choice of a face."""

    face: gr.Radio
    photo: gr.Image
    speech: gr.Audio
    text: gr.Textbox
    voice: gr.Dropdown
    seed: gr.Number
    takes: gr.Slider
    diversity: gr.Slider
    expressiveness: gr.Slider
    fps: gr.Slider
    size: gr.Slider
    label: gr.Checkbox
    neutral: gr.Checkbox
    direction: tuple[gr.components.Component, ...]

    def __iter__(self) -> Iterator[gr.components.Component]:
        _, *others, direction = vars(self).values()
        return iter((*others, *direction))


def order_from(
    photo: str | None, speech: str | None, text: str | None, voice: str | None, seed: float | None,
    takes: float | None, diversity: float, expressiveness: float, fps: float, size: float, label: bool, neutral: bool,
    *direction: Any,
) -> Order:  # fmt: skip
    """The values of [`Inputs`] as an order: Gradio's numbers are floats, and `None` where a field is empty."""
    controls = controls_from(*direction)
    return Order(
        photo, speech, (text or "").strip(), voice or "", int(seed or 0), int(takes or 0), diversity, expressiveness,
        fps, int(size or 0), label, neutral, controls,
    )  # fmt: skip


def build_create(pipe: DirfaPipeline, make_takes: MakeTakes, voices: Voices) -> tuple[Inputs, gr.State, gr.HTML]:
    """Lay out the tab: who says what, the results, how; returns the inputs, the finished takes and the still."""
    made = gr.State([], time_to_live=KEEP_SECONDS)
    examples = gr.Column(elem_id="examples")  # above the fields that they fill, where a first visitor looks
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            photo, face, checked, speech, text, voice = _build_sources(voices)
            with gr.Row():
                start = gr.Button("Generate", variant="primary", elem_id="generate", scale=2)
                stop = gr.Button("Cancel", elem_id="cancel", visible=False)
            gr.Markdown(f"**{CONSENT}** {LIMITS}", elem_classes="small")
        with gr.Column(scale=4, min_width=320):
            status = gr.HTML(WELCOME, elem_id="status")
            with gr.Row():
                results = [_build_result(index) for index in range(MAX_TAKES)]
            with gr.Row(elem_classes="reserved"):
                bundle = gr.DownloadButton(
                    "Download all, with animations (.zip)", size="sm", visible=False, elem_id="bundle"
                )
            with gr.Row(equal_height=True):
                seed = gr.Number(1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=110)
                takes = gr.Slider(1, MAX_TAKES, 1, step=1, label="Takes", min_width=160)
            locked = gr.Checkbox(
                False, label="Lock the seed",
                info="A seed stands for one way to say it. Unlocked, each video gets a new one.",
            )  # fmt: skip
            dice = gr.Button("New seed", size="sm")
        with gr.Column(scale=3, min_width=300):
            still = gr.HTML(EMPTY, label="Still preview", elem_id="still")
            neutral = gr.Checkbox(
                False, label="Start from a neutral face",
                info="Takes the photo's own expression off brows, eyes and cheeks first.",
            )  # fmt: skip
            direction = build_direction()
            diversity = gr.Slider(
                0, 2, 1, step=0.1, label="Variety",
                info="How much takes differ. 0: not at all, the motion is typical; 1: as people do",
            )  # fmt: skip
            expressiveness = gr.Slider(
                0, 2, 1, step=0.1, label="Expressiveness",
                info="How much head, eyes and brows move. 0: hardly; 1: as when people talk; 2: as on a stage",
            )  # fmt: skip
            with gr.Accordion("Video", open=False):
                fps = gr.Slider(10, MAX_FPS, 25, step=1, label="Frames per second")
                size = gr.Slider(MIN_SIZE, MAX_SIZE, 512, step=64, label="Longest side in pixels")
                label = gr.Checkbox(True, label="Mark the video as AI-generated", info="A small label in the corner.")
    with examples:
        _build_examples(photo, speech, text, voice, voices)
    inputs = Inputs(
        face, photo, speech, text, voice, seed, takes, diversity, expressiveness, fps, size, label, neutral,
        tuple(direction),
    )  # fmt: skip

    connect_photo_check(pipe, photo, face, checked)
    _connect_preview(pipe, inputs, still)
    dice.click(draw_seed, None, seed, api_visibility="private", show_progress="hidden")
    seed.input(None, None, locked, js="() => true")  # who types a seed wants that one
    parts = [status, made, bundle, *(part for result in results for part in result)]
    _forget_when_changed(photo, speech, text, parts)
    begins = [start.click, text.submit]
    gr.on(begins, lambda: gr.Button(visible=True), None, stop, api_visibility="private", queue=False)
    gr.on(begins, None, None, None, js=TO_STATUS.format(name="status"), api_visibility="private")
    running = gr.on(
        begins, _generator(make_takes), [locked, face, *inputs], [seed, *parts],
        concurrency_limit=1, concurrency_id="render", api_visibility="private", api_name="press",
        show_progress="minimal", show_progress_on=status,
    )  # fmt: skip
    running.then(lambda: gr.Button(visible=False), None, stop, api_visibility="private", queue=False)
    # Said afterwards, so that progress on its way to the browser does not stand over it.
    stop.click(None, cancels=[running], api_visibility="private").then(
        lambda: (show_note("Cancelled."), gr.Button(visible=False)), None, [status, stop],
        api_visibility="private", show_progress="hidden", queue=False,
    )  # fmt: skip
    for index, (_, _, keep, _) in enumerate(results):
        keep.click(
            lambda done, index=index: _keep(done[index]), made, [seed, locked, takes, status],
            api_visibility="private", show_progress="hidden",
        )  # fmt: skip
    return inputs, made, still


def _forget_when_changed(photo: gr.Image, speech: gr.Audio, text: gr.Textbox, parts: list[Any]) -> None:
    """
    A new photo removes the old one's videos, and any change removes messages.

    What is shown changes in the browser alone: an answer of the server could come when a run has begun since, and
    would wipe its progress.
    """
    status, made, *shown = parts
    gone = gr.update(visible=False)
    places = [
        part for index in range(MAX_TAKES)
        for part in (gr.update(visible=index == 0), gr.update(value=None, label=f"Take {index + 1}"), gone, gone)
    ]  # fmt: skip
    empty = json.dumps(["", gone, *places])
    photo.change(None, None, [status, *shown], js=f"() => {empty}", api_visibility="private")
    photo.change(lambda: [], None, made, api_visibility="private", show_progress="hidden", queue=False)
    gr.on([speech.change, text.input], None, None, status, js="() => ''", api_visibility="private")


def look_at_speech(path: str | None) -> str:
    """What is wrong with a clip, as soon as it is chosen; nothing if it can be used."""
    try:
        if path is not None:
            read_speech(path)
    except InputError as error:
        return show_problem(error)
    return ""


def _build_sources(voices: Voices) -> tuple[gr.Image, gr.Radio, gr.HTML, gr.Audio, gr.Textbox, gr.Dropdown]:
    photo = gr.Image(
        label="Photo: one face from the front",
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        height=230,
        elem_id="photo",
    )
    face, checked = build_photo_check()
    photo = only_uploads(photo)
    speech, text, voice = build_speech(voices, "text")
    return photo, face, checked, speech, text, voice


def build_speech(voices: Voices, name: str) -> tuple[gr.Audio, gr.Textbox, gr.Dropdown]:
    """
    What is said: a clip, or a typed text and the voice that says it in its place.

    Typing takes the clip away, and a new clip the text. `name` is the text's id in the page.
    """
    speech = gr.Audio(
        label=f"Speech, up to {MAX_SECONDS} s", type="filepath", sources=["upload", "microphone"], buttons=["download"]
    )
    speech = only_uploads(speech)
    heard = gr.HTML("", elem_id=f"{name}-speech", elem_classes="note")
    text = gr.Textbox(
        "", label="Or type what to say, and press Enter", max_length=MAX_CHARACTERS, elem_id=name,
        visible=bool(voices.names),
    )  # fmt: skip
    voice = gr.Dropdown(voices.names, value=voices.first, label="Voice", visible=bool(voices.names))
    speech.change(look_at_speech, speech, heard, api_visibility="private", show_progress="hidden", queue=False)
    text.input(None, [text, speech], speech, js="(words, clip) => words.trim() ? null : clip")
    gr.on([speech.upload, speech.stop_recording], None, None, text, js="() => ''")
    return speech, text, voice


def _build_examples(
    photo: gr.Image, speech: gr.Audio, text: gr.Textbox, voice: gr.Dropdown, voices: Voices
) -> None:  # fmt: skip
    """People and languages to begin with; those that need a voice which is not offered are left out."""
    gr.set_static_paths([EXAMPLES])  # served from where they lie: copies would be removed with visitors' files
    first = str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac")
    rows: dict[str, list[str | None]] = {"An astronaut, recorded": [*first, "", voices.first]}
    for label, (name, language, words) in SPOKEN_EXAMPLES.items():
        speaker = next((offered for offered in voices.names if offered.startswith(language)), None)
        if speaker:
            rows[label] = [str(EXAMPLES / name), None, words, speaker]
    gr.Examples(
        list(rows.values()), [photo, speech, text, voice], label="Examples", example_labels=list(rows),
        cache_examples=False, api_visibility="private",
    )  # fmt: skip


def _build_result(index: int) -> tuple[gr.Column, gr.Video, gr.Button, gr.DownloadButton]:
    with gr.Column(visible=index == 0, min_width=220) as column:
        video = gr.Video(label=f"Take {index + 1}", interactive=False, elem_classes="take", buttons=[])
        with gr.Row(elem_classes="reserved"):
            keep = gr.Button("Keep this one", size="sm", visible=False)
            download = gr.DownloadButton("Download", size="sm", visible=False)
    return column, video, keep, download


def _connect_preview(pipe: DirfaPipeline, inputs: Inputs, still: gr.HTML) -> None:
    """The still follows the photo, and every control that shows in it."""
    prepared = gr.State(None, time_to_live=KEEP_SECONDS)
    shown: list[Any] = [inputs.neutral, *inputs.direction]

    def look(
        path: str | None, neutral: bool, *values: Any, face: int | None = None
    ) -> tuple[PreparedPortrait | None, str]:
        if path is None:
            return None, EMPTY
        try:
            ready = prepare_preview(pipe, path, face=face)
        except InputError as error:
            return None, show_problem(error)
        return ready, direct(ready, neutral, *values)

    def choose(path: str | None, face: int | None, *values: Any) -> tuple[PreparedPortrait | None, str]:
        return look(path, *values, face=face)

    def direct(face: PreparedPortrait | None, neutral: bool, *values: Any) -> Any:
        return gr.skip() if face is None else draw_preview(pipe, face, controls_from(*values), neutral)

    inputs.photo.change(
        look, [inputs.photo, *shown], [prepared, still], api_visibility="private", show_progress="minimal"
    )
    inputs.face.input(
        choose, [inputs.photo, inputs.face, *shown], [prepared, still], api_visibility="private",
        show_progress="minimal",
    )  # fmt: skip
    gr.on(
        [part.change for part in shown], direct, [prepared, *shown], still,
        api_visibility="private", show_progress="hidden", trigger_mode="always_last", queue=False,
    )  # fmt: skip


def _generator(make_takes: MakeTakes) -> Callable[..., Iterator[list[Any]]]:
    """What the button does: the values of all its outputs, again and again."""

    def generate(
        locked: bool,
        face: int | None,
        photo: str | None,
        speech: str | None,
        text: str,
        voice: str | None,
        seed: float,
        *rest: Any,
    ) -> Iterator[list[Any]]:
        unchanged = [gr.skip()] * (2 + 4 * MAX_TAKES)
        try:
            order = order_from(photo, speech, text, voice, seed if locked else draw_seed(), *rest)
            order = replace(order, face=face)
            order.check()
            done: list[Take] = []
            yield [order.seed, gr.skip(), done, *_show_results(order, done)]
            with TemporaryDirectory(prefix="dirfa-") as folder:  # Gradio copies what is yielded
                for event in make_takes(order, Path(folder)):
                    if isinstance(event, Step):
                        yield [gr.skip(), show_step(event), *unchanged]
                        continue
                    done.append(event)
                    bundle = _bundle(done, Path(folder)) if len(done) == order.takes else None
                    yield [gr.skip(), gr.skip(), done, *_show_results(order, done, bundle)]
            seeds = ", ".join(str(take.seed) for take in done)
            yield [gr.skip(), show_note(f"Done: seed {seeds}. What moves when is under Curves."), *unchanged]
        except InputError as error:
            yield [gr.skip(), show_problem(error), *unchanged]

    return generate


def _bundle(takes: list[Take], folder: Path) -> str:
    """One archive of everything that was made."""
    path = folder / "takes.zip"
    with ZipFile(path, "w") as archive:
        for name in (name for take in takes for name in take.files):
            archive.write(name, Path(name).name)
    return str(path)


def _show_results(order: Order, done: list[Take], bundle: str | None = None) -> list[Any]:
    """The archive's button; columns, videos and buttons of all places: filled, still empty, or not asked for."""
    values: list[Any] = [gr.DownloadButton(value=bundle, visible=bundle is not None)]
    for index in range(MAX_TAKES):
        take = done[index] if index < len(done) else None
        label = f"Take {index + 1}: seed {order.seed + index}"
        values += [
            gr.Column(visible=index < order.takes),
            gr.Video(take and take.video, label=label, autoplay=order.takes == 1),  # several would talk all at once
            gr.Button(visible=take is not None),
            gr.DownloadButton(value=take and take.video, visible=take is not None),
        ]
    return values


def _keep(take: Take) -> tuple[int, bool, int, str]:
    """Seed, lock, number of takes and a word about it."""
    return take.seed, True, 1, show_note(f"Seed {take.seed} is kept and locked: the next video moves the same way.")
