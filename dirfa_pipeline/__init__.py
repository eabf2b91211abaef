"""
Talking videos from one photo and one speech clip.

Names are imported when they are first used, so that the command line answers at once. diffusers looks components up
among the modules that are already loaded, so importing [`DirfaPipeline`] loads all of them. Importing sets no
environment variable and writes nothing; see [`threads`] for a setting that helps on small machines.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    AnimationError,
    AudioError,
    CheckpointError,
    FaceNotFoundError,
    HubError,
    ImageError,
    InputError,
    VoiceError,
)
from .version import __version__


if TYPE_CHECKING:
    from .animation.animation import Animation
    from .animation.coefficients import COEFFICIENT_NAMES, EXPRESSION_NAMES, LIP_NAMES
    from .capture.portrait import Portrait
    from .direction.controls import Controls
    from .live.voices.choose import open_voice
    from .media.audio import AudioClip, load_audio
    from .models.animation_sampler import AnimationSampler
    from .models.face_model import FaceModel
    from .models.face_renderer import FaceRenderer
    from .pipeline_dirfa import DirfaPipeline
    from .pipeline_output import DirfaPipelineOutput
    from .provenance.marking import Marks, write_video
    from .provenance.verify import verify

_MODULES = {
    "animation.animation": ("Animation",),
    "animation.coefficients": ("COEFFICIENT_NAMES", "EXPRESSION_NAMES", "LIP_NAMES"),
    "capture.portrait": ("Portrait",),
    "direction.controls": ("Controls",),
    "live.voices.choose": ("open_voice",),
    "media.audio": ("AudioClip", "load_audio"),
    "models.animation_sampler": ("AnimationSampler",),
    "models.face_model": ("FaceModel",),
    "models.face_renderer": ("FaceRenderer",),
    "pipeline_dirfa": ("DirfaPipeline",),
    "pipeline_output": ("DirfaPipelineOutput",),
    "provenance.marking": ("Marks", "write_video"),
    "provenance.verify": ("verify",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "COEFFICIENT_NAMES", "EXPRESSION_NAMES", "LIP_NAMES", "Animation", "AnimationError", "AnimationSampler",
    "AudioClip", "AudioError", "CheckpointError", "Controls", "DirfaPipeline", "DirfaPipelineOutput", "FaceModel",
    "FaceNotFoundError", "FaceRenderer", "HubError", "ImageError", "InputError", "Marks", "Portrait", "VoiceError",
    "__version__", "load_audio", "open_voice", "verify", "write_video",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
