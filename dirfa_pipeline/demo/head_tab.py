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
    "The head of the photo in 3D, moving as in the take. Drag to turn it, scroll to come nearer. The .glb file is for "
    "Blender, Unreal Engine and browsers: 67 morph targets (52 of ARKit, 15 visemes), joints for neck and head, eyes, "
    "teeth and tongue. What the photo does not show is guessed."
)
# Degrees around and from straight above, and a distance; None is the viewer's own. It would look down on the head.
CAMERA: Final = (None, 90, None)
NOTHING: Final = "Generate a video under Create first. Its head appears here."


def build_head(pipe: DirfaPipeline, inputs: Inputs, made: gr.State) -> None:
    """Lay out the tab around the state that holds the finished takes."""
    gr.Markdown(ABOUT, elem_classes="small")
    choice = gr.Radio([], label="Take", visible=False)
    build = gr.Button("Build the head", variant="primary", elem_id="build-head", interactive=False)
    note = gr.HTML(show_note(NOTHING), elem_id="head-status")
    shown = gr.Model3D(
        label="Head", height=480, clear_color=(0.55, 0.6, 0.65, 1.0), camera_position=CAMERA, elem_id="head",
        interactive=False,
    )  # fmt: skip
    file = gr.File(label="Download: .glb", visible=False, interactive=False, elem_id="head-file")

    def offer(takes: list[Take]) -> tuple[gr.Radio, gr.Button, str]:
        names = [(f"seed {take.seed}", index) for index, take in enumerate(takes)]
        text = "Press the button. It takes a few seconds." if takes else NOTHING
        shown = gr.Radio(names, value=0 if takes else None, visible=len(takes) > 1)
        return shown, gr.Button(interactive=bool(takes)), show_note(text)

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

    made.change(offer, made, [choice, build, note], api_visibility="private", show_progress="hidden")
    # Outside the queue a changed photo empties the state without an event of its own.
    inputs.photo.change(
        lambda: offer([]), None, [choice, build, note], api_visibility="private", show_progress="hidden", queue=False
    )
    build.click(
        write, [made, choice, inputs.photo, inputs.face], [shown, file, note], api_visibility="private",
        concurrency_limit=1, concurrency_id="render",
    )  # fmt: skip
