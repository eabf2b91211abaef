"""The 3D tab: the person's head, turned by the visitor, and the animated file for Blender, Unreal and browsers."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import gradio as gr

from ..errors import InputError
from ..head3d.export import export_head
from ..pipeline_dirfa import DirfaPipeline
from .create import Inputs
from .limits import MAX_SIZE
from .status import show_note, show_problem
from .takes import Take


ABOUT: Final = (
    "The photo's head in 3D, saying the take: drag to turn it, scroll to come nearer. The .glb file holds 52 ARKit "
    "morph targets, head, eyes, teeth and tongue, animated, for Blender, Unreal and browsers. "
    "What the photo does not show is guessed."
)
NOTHING: Final = "Generate a video first; its head appears here."


def build_head(pipe: DirfaPipeline, inputs: Inputs, made: gr.State) -> None:
    """Lay out the tab around the state that holds the finished takes."""
    gr.Markdown(ABOUT, elem_classes="small")
    choice = gr.Radio([], label="Take", visible=False)
    build = gr.Button("Build the head", variant="primary", elem_id="build-head")
    note = gr.HTML(show_note(NOTHING), elem_id="head-status")
    shown = gr.Model3D(label="Head", height=480, clear_color=(0.55, 0.6, 0.65, 1.0), elem_id="head", interactive=False)
    file = gr.File(label="Download: .glb", visible=False, interactive=False, elem_id="head-file")

    def offer(takes: list[Take]) -> tuple[gr.Radio, str]:
        names = [(f"seed {take.seed}", index) for index, take in enumerate(takes)]
        text = "Press the button; it takes a few seconds." if takes else NOTHING
        return gr.Radio(names, value=0 if takes else None, visible=len(takes) > 1), show_note(text)

    # Not a generator: it would send the file twice, and Gradio's viewer stays empty when the second comes as it loads.
    def write(
        takes: list[Take], index: int | None, photo: str | None, face: int | None
    ) -> tuple[str | None, gr.File, str]:
        if not takes or index is None or photo is None:
            return None, gr.File(None, visible=False), show_note(NOTHING)
        take = takes[index]
        try:
            portrait = pipe.prepare_portrait(photo, MAX_SIZE, face)
        except InputError as error:
            return None, gr.File(None, visible=False), show_problem(error)
        with TemporaryDirectory(prefix="dirfa-") as folder:
            path = Path(folder) / f"head-{take.seed}.glb"
            export_head(pipe.face_renderer.prepare(portrait), take.animation, path)
            kept = file.move_resource_to_block_cache(path)
        return kept, gr.File(kept, visible=True), show_note(f"The head of seed {take.seed}.")

    made.change(offer, made, [choice, note], api_visibility="private", show_progress="hidden")
    build.click(
        write, [made, choice, inputs.photo, inputs.face], [shown, file, note], api_visibility="private",
        concurrency_limit=1, concurrency_id="render",
    )  # fmt: skip
