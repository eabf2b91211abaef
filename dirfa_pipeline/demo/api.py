"""The endpoints for programs, and the tab that shows how to call them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import gradio as gr
from PIL import Image

from ..animation.files import load_animation
from ..animation.frame_rate import ANIMATION_FPS
from ..capture.film_length import FITS as FILM_FITS
from ..direction.controls import Controls
from ..errors import InputError
from ..head3d.export import export_head
from ..pipeline_dirfa import DirfaPipeline
from .create import Inputs, MakeTakes, order_from
from .direction import controls_from
from .dub_tab import MakeDub
from .dubs import DubOrder
from .limits import MAX_SEED, MAX_SIZE, only_uploads
from .preview import draw_still, prepare_preview
from .shared_folder import SharedFolder, lend
from .takes import Order, Step, Take


ADDRESS: Final = "http://127.0.0.1:7860"  # stands in the examples for that of the page
HELP: Final = """
Programs get four endpoints: `/generate` makes takes, `/dub` a dubbed film, `/still` one picture of the photo with an
expression, and `/head` the head as .glb. The arguments are those of the page. All but the photo, and a speech or a
text, have defaults. Files are uploaded: the server fetches nothing from elsewhere. Conversations have a server of
their own for programs, `dirfa serve`.

**Python**, with `pip install gradio_client`:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
files = client.predict(
    photo=handle_file("photo.jpg"), speech=handle_file("speech.wav"),
    seed=7, takes=2, diversity=1.0, expressiveness=1.0, fps=25, size=512, expression="happy", brows_down=0.3,
    api_name="/generate",
)  # or speech=None, text="Hello, how are you?", voice="German"
print(files)  # take-7.mp4, take-7.csv, take-7.npz, take-8.mp4, ...
```

With `job = client.submit(...)` in place of `predict`, `job.status().progress_data` says how far the work is. The
other endpoints:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
photo = handle_file("photo.jpg")
print(client.predict(photo=photo, expression="surprised", strength=0.8, api_name="/still"))  # still.jpg
made = client.predict(photo=photo, speech=handle_file("speech.wav"), seed=7, api_name="/generate")
video, _, animation = made
print(client.predict(photo=photo, animation=handle_file(animation), api_name="/head"))  # head.glb
print(client.predict(film=handle_file(video), speech=handle_file("speech.wav"), seed=3, api_name="/dub"))  # dub-3.mp4
```

**curl**; the arguments go by their order:

```bash
HOST=http://127.0.0.1:7860
PHOTO=$(curl -s -F files=@photo.jpg $HOST/gradio_api/upload | tr -d '[]"')
SPEECH=$(curl -s -F files=@speech.wav $HOST/gradio_api/upload | tr -d '[]"')
JOB=$(curl -s -H 'Content-Type: application/json' $HOST/gradio_api/call/generate -d '{"data": [
  {"path": "'$PHOTO'", "meta": {"_type": "gradio.FileData"}},
  {"path": "'$SPEECH'", "meta": {"_type": "gradio.FileData"}}, "", null,
  7, 1, 1.0, 1.0, 25, 512, true, false, "happy", 1.0, 1.0, "natural", 1.0, 0.0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null]}' | cut -d '"' -f 4)
curl -sN $HOST/gradio_api/call/generate/$JOB   # ends with the addresses of the files
```

**MCP**, for assistants: `dirfa app --mcp --files FOLDER` serves the tool `make_talking_video` at
`http://127.0.0.1:7860/gradio_api/mcp/`. Photos, and speech if there is any, are named by their paths in FOLDER; the
answer says where in FOLDER the video is. Without `--files` the names are those that the upload above returns, and the
answer is the video's address. With `pip install mcp`:

```python
import asyncio
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

async def main():
    async with (
        streamable_http_client("http://127.0.0.1:7860/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        done = await session.call_tool("make_talking_video", {
            "photo": "photo.jpg", "text": "Hello, how are you?", "seed": 7,
        })
        print(*(part.text for part in done.content), sep="\\n")

asyncio.run(main())
```
"""
# The examples with the page's own address in them.
LOCATE: Final = f"""() => {json.dumps(HELP)}.replaceAll(
    "{ADDRESS}", new URL(".", location).href.slice(0, -1))"""


def build_api(
    pipe: DirfaPipeline, inputs: Inputs, make_takes: MakeTakes, make_dub: MakeDub, shared: SharedFolder
) -> None:  # fmt: skip
    """Lay out the tab; register the endpoints for programs and the tool for assistants."""
    examples = gr.Markdown(HELP)
    gr.on(None, None, None, examples, js=LOCATE, api_visibility="private", show_progress="hidden")
    _build_generate(inputs, make_takes)
    _build_dub(make_dub)
    _build_still(pipe, inputs)
    _build_head(pipe)
    build_tool(inputs, make_takes, shared)


def _build_generate(inputs: Inputs, make_takes: MakeTakes) -> None:
    files, face = gr.Files(label="files", visible=False), gr.Number(None, label="face", precision=0, visible=False)

    def generate(
        photo: str | None, speech: str | None = None, text: str = "", voice: str | None = None, seed: int = 1,
        takes: int = 1, diversity: float = 1.0, expressiveness: float = 1.0, fps: float = ANIMATION_FPS,
        size: int = 512, label: bool = True, neutral: bool = False,
        expression: str = "neutral", strength: float = 1.0, head_motion: float = 1.0, gaze: str = "natural",
        blink_rate: float = 1.0, nods: float = 0.0,
        smile: float = 0.0, corners_down: float = 0.0, pucker: float = 0.0, inner_brows_up: float = 0.0,
        outer_brows_up: float = 0.0, brows_down: float = 0.0, eyes_wide: float = 0.0, squint: float = 0.0,
        cheeks_up: float = 0.0, nose_sneer: float = 0.0, face: int | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio finds it there
    ) -> Iterator[list[str]]:  # fmt: skip
        """
        Make videos in which the person of a photo says a speech clip, or a text.

        Args:
            photo: Picture that shows a face from the front.
            speech: Sound file with the speech; none where a text is given.
            text: What is said instead, up to 600 characters.
            voice: Who says the text; one of those that the page offers.
            seed: Seed of the first take; take k has seed + k.
            takes: How many different takes.
            diversity: Spread of the motion: 0 typical, the same for every seed; 1 as learned; up to 2.
            expressiveness: How much head, eyes and brows do: 0 deadpan; 1 as real talkers; up to 2.
            fps: Frames per second.
            size: Longest side of the videos in pixels.
            label: Whether the videos carry the small mark "AI-generated".
            neutral: Whether the photo's own expression is taken off first.
            expression: A preset: neutral, happy, sad, angry, surprised, disgusted, fearful, contempt.
            strength: Of the expression, 0 to 2.
            head_motion: 0 keeps the head still, 1 is natural, up to 2.
            gaze: Where the eyes look: natural, at the camera, up, down, ...
            blink_rate: 0 is no blink, 1 natural, up to 2.
            nods: Strength of nods at stressed words, 0 to 2.
            smile: Added to the preset, -1 to 1; so are all that follow but the face.
            corners_down: Of the mouth.
            pucker: Of the lips.
            inner_brows_up: As in worry.
            outer_brows_up: As in surprise.
            brows_down: As in anger.
            eyes_wide: How wide they open.
            squint: Narrowed eyes.
            cheeks_up: As in a hearty smile.
            nose_sneer: As in disgust.
            face: Whose face, from left to right, counted from 0; the largest if left out.

        Returns:
            For each take an mp4, and the animation as Live Link Face csv and as npz.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            order = order_from(
                photo, speech, text, voice, seed, takes, diversity, expressiveness, fps, size, label, neutral,
                expression, strength, head_motion, gaze, blink_rate, nods, smile, corners_down, pucker, inner_brows_up,
                outer_brows_up, brows_down, eyes_wide, squint, cheeks_up, nose_sneer,
            )  # fmt: skip
            yield made_files(make_takes, replace(order, face=face), Path(folder), progress)

    _register(generate, [*inputs, face], files, "generate")


def _build_dub(make_dub: MakeDub) -> None:
    film, speech = only_uploads(gr.Video(visible=False)), only_uploads(gr.Audio(type="filepath", visible=False))
    text, voice = gr.Textbox("", visible=False), gr.Textbox("", visible=False)
    fit = gr.Dropdown(list(FILM_FITS), value="film", visible=False)
    seed = gr.Number(1, precision=0, minimum=0, maximum=MAX_SEED, visible=False)
    label = gr.Checkbox(True, visible=False)

    def dub(
        film: str | None, speech: str | None = None, text: str = "", voice: str = "", fit: str = "film", seed: int = 1,
        label: bool = True, progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[str]:  # fmt: skip
        """
        Put another speech, or a text, on the lips of a film.

        Args:
            film: Video that shows one face.
            speech: Sound file with the speech; none where a text is given.
            text: What is said instead, up to 600 characters.
            voice: Who says the text; one of those that the page offers.
            fit: Where lengths differ: film (a longer speech is refused), cut, hold or loop.
            seed: Another seed is another draw.
            label: Whether the video carries the small mark "AI-generated".

        Returns:
            The dubbed film as mp4.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            order = DubOrder(film, speech, text.strip(), voice, fit, int(seed), label)
            for event in make_dub(order, Path(folder)):
                if isinstance(event, Step):
                    progress(event.share, event.text)
                else:
                    yield event

    _register(dub, [film, speech, text, voice, fit, seed, label], gr.File(visible=False), "dub")


def _build_still(pipe: DirfaPipeline, inputs: Inputs) -> None:
    face = gr.Number(None, label="face", precision=0, visible=False)

    def still(
        photo: str | None, size: int = 512, neutral: bool = False, expression: str = "neutral", strength: float = 1.0,
        gaze: str = "natural", smile: float = 0.0, corners_down: float = 0.0, pucker: float = 0.0,
        inner_brows_up: float = 0.0, outer_brows_up: float = 0.0, brows_down: float = 0.0, eyes_wide: float = 0.0,
        squint: float = 0.0, cheeks_up: float = 0.0, nose_sneer: float = 0.0, face: int | None = None,
    ) -> Iterator[str]:  # fmt: skip
        """
        Draw one picture of the photo with an expression; arguments are those of generate.

        Returns:
            The picture as jpg.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            prepared = prepare_preview(pipe, needed(photo), int(size), face)
            controls = controls_from(
                expression, strength, 1.0, gaze, 1.0, 0.0, smile, corners_down, pucker, inner_brows_up,
                outer_brows_up, brows_down, eyes_wide, squint, cheeks_up, nose_sneer,
            )  # fmt: skip
            path = Path(folder) / "still.jpg"
            Image.fromarray(draw_still(pipe, prepared, controls, neutral)).save(path, quality=95)
            yield str(path)

    expression, strength, _, gaze, _, _, *sliders = inputs.direction
    used = [inputs.photo, inputs.size, inputs.neutral, expression, strength, gaze, *sliders, face]
    _register(still, used, gr.File(visible=False), "still")


def _build_head(pipe: DirfaPipeline) -> None:
    photo, animation = only_uploads(gr.Image(type="filepath", visible=False)), only_uploads(gr.File(visible=False))
    face = gr.Number(None, label="face", precision=0, visible=False)

    def head(photo: str | None, animation: str | None = None, face: int | None = None) -> Iterator[str]:
        """
        Make the head of a photo in 3D, with 52 ARKit and 15 viseme morph targets.

        Args:
            photo: Picture that shows a face from the front.
            animation: What moves it: csv, json or npz, as generate makes them; it stands still if left out.
            face: Whose face, from left to right, counted from 0; the largest if left out.

        Returns:
            The head as glb.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            moves = None if animation is None else load_animation(Path(animation))
            path = Path(folder) / "head.glb"
            portrait = pipe.prepare_portrait(needed(photo), MAX_SIZE, face)
            export_head(pipe.face_renderer.prepare(portrait), moves, path)
            yield str(path)

    _register(head, [photo, animation, face], gr.File(visible=False), "head")


def _register(work: Callable[..., Any], inputs: list[Any], output: Any, name: str) -> None:
    """Offer a function to programs under `/name`; one at a time, with all that draws."""
    work._mcp_type = "endpoint"  # type: ignore[attr-defined]  # neither a tool, which would take base64, nor a prompt
    gr.Button(visible=False).click(work, inputs, output, api_name=name, concurrency_id="render")


def needed(photo: str | None) -> str:
    """The photo's path; raises [`InputError`] if there is none."""
    if not photo:
        raise InputError("a photo is needed; pass one")
    return photo


def build_tool(inputs: Inputs, make_takes: MakeTakes, shared: SharedFolder) -> None:
    """Register the tool that MCP clients see; files go by their names."""
    trigger = gr.Button(visible=False)
    made = gr.File(visible=False) if shared.folder is None else gr.Textbox(visible=False)  # address, or paths
    photo_name, speech_name = gr.Textbox(label="photo", visible=False), gr.Textbox("", label="speech", visible=False)

    def make_talking_video(
        photo: str, text: str = "", speech: str = "", voice: str | None = None, expression: str = "neutral",
        expressiveness: float = 1.0, seed: int = 1, size: int = 512,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:  # fmt: skip
        """
        Make a video in which the person of a photo says a text, or a recorded speech.
        It takes about as long as what is said. Show only people who agreed to it, and say that the video is synthetic.

        Args:
            photo: Path of a picture that shows one face from the front: in the folder that this server shares.
            text: What the person says, up to 600 characters. Give this or a speech.
            speech: Path of a sound file, in that folder, with what the person says, up to 120 seconds.
            voice: Who says the text; it should speak the language of the text.
            expression: The mood that the face is in.
            expressiveness: How much head, eyes and brows do: 0 deadpan; 1 as real talkers; 2 as on a stage.
            seed: Another seed is another performance; the same seed makes the same video.
            size: Longest side of the video in pixels.

        Returns:
            The paths of an mp4 and of its animation as csv and npz; where no folder is shared, the mp4's address.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            order = Order(
                shared.find(photo), shared.find(speech), text.strip(), voice or "", int(seed),
                expressiveness=expressiveness, size=int(size), controls=Controls(expression=expression),
            )  # fmt: skip
            paths = made_files(make_takes, order, Path(folder), progress)
            return "\n".join(shared.keep(paths)) or lend(paths[0])

    expression = inputs.direction[0]
    trigger.click(
        make_talking_video,
        [photo_name, inputs.text, speech_name, inputs.voice, expression, inputs.expressiveness, inputs.seed,
         inputs.size],
        made, api_name="make_talking_video", concurrency_id="render",
    )  # fmt: skip


def made_files(make_takes: MakeTakes, order: Order, folder: Path, progress: gr.Progress) -> list[str]:
    """The paths of all that was made, in `folder`; `progress` hears how far the work is."""
    files: list[str] = []
    for event in make_takes(order, folder):
        if isinstance(event, Take):
            files += event.files
        else:
            progress(event.share, event.text)
    return files


@contextmanager
def told() -> Iterator[None]:
    """Errors that a client can mend, as Gradio passes them on."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), title="This input cannot be used", print_exception=False) from error
