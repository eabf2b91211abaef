"""What the photo is good for, under the photo, and whose face it is where it shows several."""

from html import escape
from typing import Any, Final

import gradio as gr
import numpy as np
from PIL import Image, ImageOps

from ..capture.faces import FoundFace
from ..errors import InputError
from ..pipeline_check import VERDICTS, Finding, PhotoCheck
from ..pipeline_dirfa import DirfaPipeline
from .limits import MAX_SIZE
from .preview import data_uri


SIGNS: Final = {"good": "✓", "works": "○", "poor": "!", "refused": "✗"}
ADVICE: Final = '<div class="check"><span>Works best: from the front, well lit, lips closed.</span></div>'
THUMBNAIL: Final = (64, 64)  # pixels of a face to choose
ROOM: Final = 0.25  # around a face, in its sizes


def build_photo_check() -> tuple[gr.Radio, gr.HTML]:
    """Lay out the choice of a face, hidden while there is none, and the check."""
    face = gr.Radio([], label="Whose face, from left to right", visible=False, elem_id="faces")
    return face, gr.HTML(ADVICE, elem_id="photo-check")


def connect_photo_check(pipe: DirfaPipeline, photo: gr.Image, face: gr.Radio, shown: gr.HTML) -> None:
    """The check follows the photo and the face chosen in it."""

    def look(path: str | None) -> tuple[gr.Radio, str]:
        told = _told(pipe, path, None)
        if told is None or path is None:
            return gr.Radio([], value=None, visible=False), ADVICE
        names = [(str(one.index), one.index) for one in told.faces]
        return gr.Radio(names, value=told.face, visible=len(names) > 1), show_check(told, path)

    def again(path: str | None, chosen: int | None) -> str:
        told = _told(pipe, path, chosen)
        return ADVICE if told is None or path is None else show_check(told, path)

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    photo.change(look, photo, [face, shown], **private)
    face.input(again, [photo, face], shown, **private)


def _told(pipe: DirfaPipeline, path: str | None, face: int | None) -> PhotoCheck | None:
    if path is None:
        return None
    try:
        return pipe.check(path, MAX_SIZE, face, timed=False)  # a busy page has no speed of its own to tell
    except InputError:  # a choice that belongs to the photo before
        return None


def show_check(told: PhotoCheck, path: str) -> str:
    """
    A line in sum, the faces to choose from, and what stands in the way; all the rest folded away.

    Of a photo that works only the line is seen at once: what is below it stays where it is.
    """
    worst = ("refused",) if told.verdict == "refused" else ("poor",)
    issues = [finding for finding in told.findings if finding.verdict in worst]
    words = {
        "good": "This photo is good.", "works": "This photo works.", "poor": "This photo works, but not well.",
        "refused": "This photo cannot be used.",
    }[told.verdict]  # fmt: skip
    faces = _show_faces(told.faces, told.face, path) if len(told.faces) > 1 else ""
    listed = f"<ul>{''.join(map(_show_line, issues))}</ul>" if issues else ""
    others = sorted(
        (finding for finding in told.findings if finding not in issues),
        key=lambda finding: VERDICTS.index(finding.verdict), reverse=True,
    )  # fmt: skip
    rest = "".join(map(_show_line, others))
    more = f"<details><summary>Details</summary><ul>{rest}</ul></details>" if rest else ""
    in_sum = f"<b>{SIGNS[told.verdict]} {words}</b>"
    return f'<div class="check {told.verdict}" role="status">{in_sum}{faces}{listed}{more}</div>'


def _show_line(finding: Finding) -> str:
    text = finding.found[:1].upper() + finding.found[1:] + (f"; {finding.advice}" if finding.advice else "")
    return f"<li>{SIGNS[finding.verdict]} {escape(text)}.</li>"


def _show_faces(faces: tuple[FoundFace, ...], chosen: int | None, path: str) -> str:
    """The faces as small pictures, numbered, the chosen one framed."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    shown = []
    for face in faces:
        left, top, right, bottom = face.box
        room = round(ROOM * max(right - left, bottom - top))
        crop = picture.crop((left - room, top - room, right + room, bottom + room))
        number, frame = face.index, ' class="chosen"' if face.index == chosen else ""
        source = data_uri(np.asarray(ImageOps.fit(crop, THUMBNAIL)))
        shown.append(
            f'<figure{frame}><img alt="Face {number}" src="{source}"><figcaption>{number}</figcaption></figure>'
        )
    return f'<div class="faces">{"".join(shown)}</div>'
