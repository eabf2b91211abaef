"""The page: its tabs, and how it is served."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import gradio as gr
from starlette.routing import Mount
from starlette.types import ASGIApp

from ..pipeline_dirfa import DirfaPipeline
from .api import build_api
from .create import build_create
from .curves_tab import build_curves
from .dub_tab import build_dub
from .dubs import DubOrder, make_dub
from .head_tab import build_head
from .limits import KEEP_SECONDS, MAX_UPLOAD
from .shared_folder import SharedFolder
from .synthesis import Voices
from .takes import Order, Step, Take, make_takes
from .talk_tab import build_talk


CSS: Final = Path(__file__).with_name("page.css")
SCRIPT: Final = Path(__file__).with_name("page.js")
PATIENCE: Final = 60.0  # seconds


class TalkingPage(gr.Blocks):
    """A page, and the application for its conversations on the same port."""

    conversations: ASGIApp

    def launch(self, *arguments: Any, **options: Any) -> Any:
        """As any page is launched."""
        routes = {"routes": [Mount("/talk", self.conversations)]}
        return super().launch(*arguments, **options, app_kwargs=routes)


def build_demo(
    pipe: DirfaPipeline,
    on_gpu: Callable[[Any], Any] = lambda task: task,
    voices: Mapping[str, str] | None = None,
    files: Path | None = None,
    talker: DirfaPipeline | None = None,
) -> "TalkingPage":
    """
    Lay out the page around a loaded pipeline. Serve it with [`launch_options`].

    Args:
        pipe ([`DirfaPipeline`]): Shared by all visitors; it keeps nothing between calls.
        on_gpu (`Callable`, *optional*): Decorates what needs the GPU, as `spaces.GPU` does.
        voices (`Mapping`, *optional*): The voices that say typed text, as [`open_voice`] takes them, by the names that
            visitors see; espeak-ng's where it is installed if left out.
        files (`Path`, *optional*): A folder whose files MCP clients may name, and where their videos are kept.
        talker ([`DirfaPipeline`], *optional*): Draws conversations, which last, previews and heads where `pipe`
            computes on a GPU that is lent for single tasks: outside of these nothing may touch it.
    """
    offered, drawing = Voices(voices), threading.Lock()
    here = talker or pipe

    @on_gpu
    def work(order: Order, folder: Path) -> Iterator[Step | Take]:
        with in_turn(drawing):
            yield from make_takes(pipe, order, folder, offered)

    @on_gpu
    def dub(order: DubOrder, folder: Path) -> Iterator[Step | str]:
        with in_turn(drawing):
            yield from make_dub(pipe, order, folder, offered)

    with TalkingPage(
        title="A photo that speaks", analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)
    ) as page:
        gr.Markdown("# A photo that speaks\nPhoto and speech in, talking video out.", elem_id="title")
        with gr.Tab("Create"):
            inputs, made, still = build_create(here, work, offered)
        with gr.Tab("Talk"):
            page.conversations = build_talk(here, inputs, still, offered)
        with gr.Tab("Dub"):
            build_dub(dub, offered)
        with gr.Tab("Curves"):
            build_curves(inputs.photo, made)
        with gr.Tab("3D"):
            build_head(here, inputs, made)
        with gr.Tab("API"):
            build_api(here, inputs, work, dub, SharedFolder(files))
    return page


@contextmanager
def in_turn(drawing: threading.Lock) -> Iterator[None]:
    """
    Wait until nobody else draws.

    Gradio starts the next visitor's work as soon as it cancels somebody's, which may be in the middle of a frame.
    After a minute it goes on all the same: nobody is kept from the page by work that was never closed.
    """
    mine = drawing.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        if mine:
            drawing.release()


def launch_options() -> dict[str, Any]:
    """What `launch` needs to serve the page as it is meant: its looks, the upload limit, nothing from other hosts."""
    theme = gr.themes.Default(
        primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    ).set(
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300",
        color_accent="*primary_600", button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_600", button_primary_background_fill_hover="*primary_700",
    )  # fmt: skip  # Gradio's own grey has a contrast of 2.6 on white, and 4.5 is what can be read
    script = SCRIPT.read_text(encoding="utf-8")
    return {"theme": theme, "css_paths": [CSS], "js": script, "max_file_size": MAX_UPLOAD, "ssr_mode": False}
