"""The Inspect tab: why the mouth did what it did."""

import gradio as gr

from .curves import draw_curves
from .takes import Take


NOTHING = "<p>Generate a video first; its curves appear here beside the sound.</p>"


def build_inspect(made: gr.State) -> None:
    """Lay out the tab around the state that holds the finished takes."""
    gr.Markdown("What the animation does over time, beside the sound that it was drawn for.", elem_classes="small")
    choice = gr.Radio([], label="Take", visible=False)
    curves = gr.HTML(NOTHING, elem_id="curves", elem_classes="scrolling")

    def offer(takes: list[Take]) -> tuple[gr.Radio, str]:
        names = [(f"seed {take.seed}", index) for index, take in enumerate(takes)]
        return gr.Radio(names, value=0 if takes else None, visible=len(takes) > 1), show(takes, 0)

    def show(takes: list[Take], index: int | None) -> str:
        return draw_curves(takes[index].animation, takes[index].speech) if takes and index is not None else NOTHING

    made.change(offer, made, [choice, curves], api_visibility="private", show_progress="hidden")
    choice.input(show, [made, choice], curves, api_visibility="private", show_progress="hidden")
