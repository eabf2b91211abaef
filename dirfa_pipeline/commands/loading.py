"""The pipeline as the commands load it: quietly, with one progress bar for what it renders."""

from typing import TYPE_CHECKING

from . import check_device, progress


if TYPE_CHECKING:
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
