"""The pipeline as the commands load it: quietly, with one progress bar for what it renders."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import check_device, progress


if TYPE_CHECKING:
    from ..models.face_model import FaceModel
    from ..pipeline_dirfa import DirfaPipeline

NETWORKS = ("feature_extractor", "audio_encoder", "animation_sampler")  # what draws animations from speech


def load_pipeline(
    weights: str | None, device: str = "cpu", doing: str | None = "rendering", draws: bool = True
) -> "DirfaPipeline":
    """
    Load a pipeline and say so.

    Args:
        weights (`str`, *optional*): A folder or a hub id; the bundled weights if left out.
        device (`str`, defaults to `"cpu"`): Where the networks run.
        doing (`str`, *optional*): What the progress bar of rendered frames says; `None` for no bar.
        draws (`bool`, defaults to `True`): Whether it draws animations; else the networks for that are left out.

    Raises:
        InputError: There is no such device, or no such checkpoint.
    """
    progress("loading the pipeline" if draws else "loading the renderer")
    if doing is not None and not is_compiled():
        progress("this first run compiles the drawing code before the first frame, which takes about half a minute")
    with without_collecting():
        return _load_pipeline(weights, device, doing, draws)


def is_compiled() -> bool:
    """Whether an earlier run left compiled code in the renderer's folder, where [`kernel`] keeps it if it can."""
    from .. import rendering

    return any(Path(rendering.__path__[0], "__pycache__").glob("*.nbi"))


def find_folder(weights: str | None) -> Path:
    """The folder of a checkpoint; arguments and errors are those of [`load_pipeline`]."""
    from ..bundled import bundled_weights
    from ..hub.pretrained import find_weights

    return find_weights(weights) if weights else bundled_weights()


def load_face_model(weights: Path) -> "FaceModel":
    """Load only what fits faces, of the folder that [`find_folder`] gives."""
    with without_collecting():
        from ..models.face_model import FaceModel

        return FaceModel.from_pretrained(weights / "face_model")


@contextmanager
def without_collecting() -> Iterator[None]:
    """
    Switch garbage collection off meanwhile, and leave out what was loaded when it is on again.

    Loading leaves no garbage, and to look for some takes a seventh of its time. The modules and weights stay as long
    as the process, and to go through their million objects afterwards takes as long again before the first frame.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()
            gc.enable()


def _load_pipeline(weights: str | None, device: str, doing: str | None, draws: bool) -> "DirfaPipeline":
    check_device(device)
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    from ..bundled import bundled_weights
    from ..pipeline_dirfa import DirfaPipeline

    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
        library.set_verbosity_error()
    left_out = {} if draws else dict.fromkeys(NETWORKS)
    pipeline = DirfaPipeline.from_pretrained(weights or bundled_weights(), **left_out).to(device)
    if doing is None:
        pipeline.set_progress_bar_config(disable=True)
    else:
        pipeline.set_progress_bar_config(desc=doing, unit="frame")
    return pipeline
