"""A still of the photo with an expression on it, fast enough to follow a slider."""

import base64
import io
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..animation.animation import Animation
from ..direction.controls import Controls, neutralize
from ..direction.facing import face_camera
from ..errors import FaceNotFoundError
from ..models.face_renderer import PreparedPortrait
from ..pipeline_dirfa import DirfaPipeline
from .limits import MAX_SIZE


PREVIEW_SIDE: Final = 512
EMPTY: Final = '<div class="preview"><p>The photo, with the expression that you choose, appears here.</p></div>'


def prepare_preview(
    pipe: DirfaPipeline, photo: str, side: int = PREVIEW_SIDE, face: int | None = None
) -> PreparedPortrait:
    """Everything about a photo that its stills share; raises [`InputError`] if it shows no usable face."""
    try:
        portrait = pipe.prepare_portrait(photo, side, face)
    except FaceNotFoundError:
        portrait = pipe.prepare_portrait(photo, MAX_SIZE, face)  # a small face in a large photo
    return pipe.face_renderer.prepare(portrait)


def draw_still(
    pipe: DirfaPipeline, prepared: PreparedPortrait, controls: Controls, neutral: bool = False
) -> NDArray[np.uint8]:
    """The photo with an expression, uint8 of shape `(height, width, 3)`."""
    directed = replace(controls, nods=0.0).apply(Animation.from_curves(1), pipe.face_model)
    if neutral:
        directed = neutralize(directed, prepared.portrait.face)
    return pipe.face_renderer.render(prepared, face_camera(directed.coefficients, prepared.face, controls.facing))[0]


def draw_preview(pipe: DirfaPipeline, prepared: PreparedPortrait, controls: Controls, neutral: bool = False) -> str:
    """The still as an `<img>` that carries its own data: no file, no second request."""
    frame = draw_still(pipe, prepared, controls, neutral)
    return f'<div class="preview"><img alt="Still preview" src="{data_uri(frame)}"></div>'


def data_uri(frame: NDArray[np.uint8], quality: int = 85) -> str:
    """A frame as a JPEG `data:` address."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
