"""What a visitor may ask for; stated on the page and enforced here."""

import secrets
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio_client.utils import is_http_url_like

from ..capture.pictures import MAX_PIXELS
from ..errors import InputError
from ..media.audio import AudioClip, load_audio
from ..media.video import read_video
from ..pipeline_check import CONSENT as CONSENT


MAX_TAKES: Final = 4
MAX_SECONDS: Final = 120
MAX_FILM_SECONDS: Final = 60
MIN_SIZE, MAX_SIZE = 256, 1024
MAX_FPS: Final = 60
MAX_UPLOAD: Final = "25mb"
MAX_SEED: Final = 2**31 - 1
MAX_WAITING: Final = 16
KEEP_SECONDS: Final = 3600  # files of a visit are removed after this long

LIMITS: Final = (
    f"Limits: files up to {MAX_UPLOAD[:-2]} MB, photos up to {MAX_PIXELS // 1_000_000} megapixels, speech up to "
    f"{MAX_SECONDS} s. Everything stays on this server and is removed within {2 * KEEP_SECONDS // 3600} hours."
)


def draw_seed() -> int:
    """A seed that a person can note down."""
    return secrets.randbelow(1_000_000)


def read_speech(path: str) -> AudioClip:
    """Read a speech clip; raises [`InputError`] if it is too long for this page."""
    return check_length(load_audio(path))


def check_length(clip: AudioClip) -> AudioClip:
    """The clip; raises [`InputError`] if it is too long for this page."""
    if clip.duration > MAX_SECONDS:
        raise InputError(f"speech may last up to {MAX_SECONDS} s here, got {clip.duration:.0f} s; use a shorter one")
    return clip


def check_film(path: str) -> None:
    """Raise [`InputError`] for a file that is no film, or one that is too long for this page."""
    seconds = read_video(path).seconds
    if seconds is not None and seconds > MAX_FILM_SECONDS:
        raise InputError(f"films may last up to {MAX_FILM_SECONDS} s here, got {seconds:.0f} s; use a shorter one")


def only_uploads(component: Any) -> Any:
    """Let a component that takes files refuse addresses, which Gradio would fetch, of any size, from anywhere."""
    keep = component.async_move_resource_to_block_cache

    async def keep_upload(path: str | Path | None) -> str | None:
        if path is not None and is_http_url_like(str(path)):
            raise gr.Error(f"files must be uploaded, got the address {path}; this server fetches none")
        return await keep(path)

    component.async_move_resource_to_block_cache = keep_upload
    return component
