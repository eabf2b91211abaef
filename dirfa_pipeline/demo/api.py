"""The named endpoint for programs, and the tab that shows how to call it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import gradio as gr

from ..animation.frame_rate import ANIMATION_FPS
from ..direction.controls import Controls
from ..errors import InputError
from .create import Inputs, MakeTakes, order_from
from .shared_folder import SharedFolder, lend
from .takes import Order, Take


NUM_ARGUMENTS: Final = 18  # of the page's inputs: all but the single expressions
ADDRESS: Final = "http://127.0.0.1:7860"  # stands in the examples for that of the page
HELP: Final = """
Everything the page does can be asked for by a program. The arguments are those of the page; all but the photo, and a
speech or a text, have defaults. Files are uploaded: the server fetches nothing from elsewhere.

**Python**, with `pip install gradio_client`:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
files = client.predict(
    photo=handle_file("photo.jpg"), speech=handle_file("speech.wav"),
    seed=7, takes=2, diversity=1.0, expressiveness=1.0, fps=25, size=512, expression="happy",
    api_name="/generate",
)  # or speech=None, text="Hello, how are you?", voice="German"
print(files)  # take-7.mp4, take-7.csv, take-7.npz, take-8.mp4, ...
```

**curl**; the arguments go by their order:

```bash
HOST=http://127.0.0.1:7860
PHOTO=$(curl -s -F files=@photo.jpg $HOST/gradio_api/upload | tr -d '[]"')
SPEECH=$(curl -s -F files=@speech.wav $HOST/gradio_api/upload | tr -d '[]"')
JOB=$(curl -s -H 'Content-Type: application/json' $HOST/gradio_api/call/generate -d '{"data": [
  {"path": "'$PHOTO'", "meta": {"_type": "gradio.FileData"}},
  {"path": "'$SPEECH'", "meta": {"_type": "gradio.FileData"}}, "", null,
  7, 1, 1.0, 1.0, 25, 512, true, false, "happy", 1.0, 1.0, "natural", 1.0, 0.0]}' | cut -d '"' -f 4)
curl -sN $HOST/gradio_api/call/generate/$JOB   # ends with the addresses of the files
```

**MCP**, for assistants: `dirfa app --mcp --files FOLDER` serves the tool `make_talking_video` at
`http://127.0.0.1:7860/gradio_api/mcp/`. Photos, and speech if there is any, are named by their paths in FOLDER; the
answer tells where in FOLDER the video lies. Without `--files` the names are those that the upload above gives, and the
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


def build_api(inputs: Inputs, make_takes: MakeTakes, shared: SharedFolder) -> None:
    """Lay out the tab; register the endpoint for programs and the tool for assistants."""
    examples = gr.Markdown(HELP)
    gr.on(None, None, None, examples, js=LOCATE, api_visibility="private", show_progress="hidden")
    trigger, files = gr.Button(visible=False), gr.Files(label="files", visible=False)

    def generate(
        photo: str | None, speech: str | None = None, text: str = "", voice: str | None = None, seed: int = 1,
        takes: int = 1, diversity: float = 1.0, expressiveness: float = 1.0, fps: float = ANIMATION_FPS,
        size: int = 512, label: bool = True, neutral: bool = False,
        expression: str = "neutral", strength: float = 1.0, head_motion: float = 1.0, gaze: str = "natural",
        blink_rate: float = 1.0, nods: float = 0.0,
    ) -> Iterator[list[str]]:  # fmt: skip
        """
        Make videos in which the person of a photo says a speech clip, or a text.

        Args:
            photo: Picture that shows one face from the front.
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

        Returns:
            For each take an mp4, and the animation as Live Link Face csv and as npz.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder, told():
            order = order_from(
                photo, speech, text, voice, seed, takes, diversity, expressiveness, fps, size, label, neutral,
                expression, strength, head_motion, gaze, blink_rate, nods,
            )  # fmt: skip
            yield made_files(make_takes, order, Path(folder))

    generate._mcp_type = "endpoint"  # type: ignore[attr-defined]  # neither a tool, which would take base64, nor a prompt
    trigger.click(generate, list(inputs)[:NUM_ARGUMENTS], files, api_name="generate", concurrency_id="render")
    build_tool(inputs, make_takes, shared)


def build_tool(inputs: Inputs, make_takes: MakeTakes, shared: SharedFolder) -> None:
    """Register the tool that MCP clients see; files go by their names."""
    trigger = gr.Button(visible=False)
    made = gr.File(visible=False) if shared.folder is None else gr.Textbox(visible=False)  # address, or paths
    photo_name, speech_name = gr.Textbox(label="photo", visible=False), gr.Textbox("", label="speech", visible=False)

    def make_talking_video(
        photo: str, text: str = "", speech: str = "", voice: str | None = None, expression: str = "neutral",
        expressiveness: float = 1.0, seed: int = 1, size: int = 512,
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
            paths = made_files(make_takes, order, Path(folder))
            return "\n".join(shared.keep(paths)) or lend(paths[0])

    expression = inputs.direction[0]
    trigger.click(
        make_talking_video,
        [photo_name, inputs.text, speech_name, inputs.voice, expression, inputs.expressiveness, inputs.seed,
         inputs.size],
        made, api_name="make_talking_video", concurrency_id="render",
    )  # fmt: skip


def made_files(make_takes: MakeTakes, order: Order, folder: Path) -> list[str]:
    """The paths of all that was made, in `folder`."""
    return [path for event in make_takes(order, folder) if isinstance(event, Take) for path in event.files]


@contextmanager
def told() -> Iterator[None]:
    """Errors that a client can mend, as Gradio passes them on."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), title="This input cannot be used", print_exception=False) from error
