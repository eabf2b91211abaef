"""The Curves tab: why the mouth did what it did."""

import gradio as gr

from .curves import draw_curves
from .takes import Take


NOTHING = "<p>Generate a video under Create first. Its curves appear here, below the sound.</p>"


def build_curves(photo: gr.Image, made: gr.State) -> None:
    """Lay out the tab around the state that holds the finished takes; a new photo removes the old one's."""
    gr.Markdown(
        'What moves when, below the sound. With the expression "from the voice", head, brows and eyes move '
        "more where the voice is excited and less where it is calm.",
        elem_classes="small",
    )
    choice = gr.Radio([], label="Take", visible=False)
    curves = gr.HTML(NOTHING, elem_id="curves", elem_classes="scrolling")

    def offer(takes: list[Take]) -> tuple[gr.Radio, str]:
        names = [(f"seed {take.seed}", index) for index, take in enumerate(takes)]
        return gr.Radio(names, value=0 if takes else None, visible=len(takes) > 1), show(takes, 0)

    def show(takes: list[Take], index: int | None) -> str:
        if not takes or index is None:
            return NOTHING
        return draw_curves(takes[index].animation, takes[index].speech, takes[index].arousal)

    made.change(offer, made, [choice, curves], api_visibility="private", show_progress="hidden")
    # Outside the queue a changed photo empties the state without an event of its own.
    photo.change(
        lambda: offer([]), None, [choice, curves], api_visibility="private", show_progress="hidden", queue=False
    )
    choice.input(show, [made, choice], curves, api_visibility="private", show_progress="hidden")
