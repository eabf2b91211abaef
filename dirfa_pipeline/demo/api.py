"""The named endpoint for programs, and the tab that shows how to call it."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import gradio as gr

from ..animation.frame_rate import ANIMATION_FPS
from ..errors import InputError
from .create import Inputs, MakeTakes, order_from
from .takes import Take


NUM_ARGUMENTS: Final = 16  # of the page's inputs: all but the single expressions
ADDRESS: Final = "http://127.0.0.1:7860"  # stands in the examples for that of the page
HELP: Final = """
Everything the page does can be asked for by a program. The arguments are those of the page; all but the first two have
defaults. Files are uploaded: the server fetches nothing from elsewhere.

**Python**, with `pip install gradio_client`:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
files = client.predict(
    photo=handle_file("photo.jpg"), speech=handle_file("speech.wav"),
    seed=7, takes=2, diversity=1.0, expressiveness=1.0, fps=25, size=512, expression="happy",
    api_name="/generate",
)
print(files)  # take-7.mp4, take-7.csv, take-7.npz, take-8.mp4, ...
```

**curl**; the arguments go by their order:

```bash
HOST=http://127.0.0.1:7860
PHOTO=$(curl -s -F files=@photo.jpg $HOST/gradio_api/upload | tr -d '[]"')
SPEECH=$(curl -s -F files=@speech.wav $HOST/gradio_api/upload | tr -d '[]"')
JOB=$(curl -s -H 'Content-Type: application/json' $HOST/gradio_api/call/generate -d '{"data": [
  {"path": "'$PHOTO'", "meta": {"_type": "gradio.FileData"}},
  {"path": "'$SPEECH'", "meta": {"_type": "gradio.FileData"}},
  7, 1, 1.0, 1.0, 25, 512, true, false, "happy", 1.0, 1.0, "as drawn", 1.0, 0.0]}' | cut -d '"' -f 4)
curl -sN $HOST/gradio_api/call/generate/$JOB   # ends with the addresses of the files
```

**MCP**, for assistants, where the server was started with `python app.py --mcp`: the tool `generate` at
`http://127.0.0.1:7860/gradio_api/mcp/`. With `pip install mcp`:

```python
import asyncio, base64
from pathlib import Path
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

def attach(path, kind):
    return f"data:{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode()

async def main():
    async with (
        streamable_http_client("http://127.0.0.1:7860/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        print([tool.name for tool in (await session.list_tools()).tools])
        done = await session.call_tool("generate", {
            "photo": attach("photo.jpg", "image/jpeg"), "speech": attach("speech.wav", "audio/wav"), "seed": 7,
        })
        print(*(part.text for part in done.content), sep="\\n")  # the addresses of the files

asyncio.run(main())
```
"""
# The examples with the page's own address in them.
LOCATE: Final = f"""() => {json.dumps(HELP)}.replaceAll(
    "{ADDRESS}", new URL(".", location).href.slice(0, -1))"""


def build_api(inputs: Inputs, make_takes: MakeTakes) -> None:
    """Lay out the tab and register the endpoint."""
    examples = gr.Markdown(HELP)
    gr.on(None, None, None, examples, js=LOCATE, api_visibility="private", show_progress="hidden")
    trigger, files = gr.Button(visible=False), gr.Files(label="files", visible=False)

    def generate(
        photo: str | None, speech: str | None, seed: int = 1, takes: int = 1, diversity: float = 1.0,
        expressiveness: float = 1.0, fps: float = ANIMATION_FPS, size: int = 512, label: bool = True,
        neutral: bool = False,
        expression: str = "neutral", strength: float = 1.0, head_motion: float = 1.0, gaze: str = "as drawn",
        blink_rate: float = 1.0, nods: float = 0.0,
    ) -> Iterator[list[str]]:  # fmt: skip
        """
        Make videos in which the person of a photo says a speech clip.

        Args:
            photo: Picture that shows one face from the front.
            speech: Sound file with the speech.
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
            head_motion: 0 keeps the head still, 1 is as drawn, up to 2.
            gaze: Where the eyes look: as drawn, at the camera, up, down, ...
            blink_rate: 0 is no blink, 1 as drawn, up to 2.
            nods: Strength of nods at stressed words, 0 to 2.

        Returns:
            For each take an mp4, and the animation as Live Link Face csv and as npz.
        """
        with TemporaryDirectory(prefix="dirfa-") as folder:
            try:
                order = order_from(
                    photo, speech, seed, takes, diversity, expressiveness, fps, size, label, neutral, expression,
                    strength, head_motion, gaze, blink_rate, nods,
                )  # fmt: skip
                made = [event for event in make_takes(order, Path(folder)) if isinstance(event, Take)]
            except InputError as error:
                raise gr.Error(str(error), title="This input cannot be used", print_exception=False) from error
            yield [path for take in made for path in take.files]

    trigger.click(generate, list(inputs)[:NUM_ARGUMENTS], files, api_name="generate", concurrency_id="render")
