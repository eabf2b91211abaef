"""
One photo and one speech clip in; a video out in which that person says it.

The components are imported here because diffusers looks them up among the modules that are already loaded.
"""

import os


# Threads that spin while they wait slow each other down on small machines; must be set before torch starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

from .animation import COEFFICIENT_NAMES, EXPRESSION_NAMES, LIP_NAMES, Animation
from .audio import AudioClip, load_audio
from .errors import (
    AnimationError,
    AudioError,
    CheckpointError,
    FaceNotFoundError,
    ImageError,
    InputError,
)
from .models.animation_sampler import AnimationSampler
from .models.face_model import FaceModel
from .models.face_renderer import FaceRenderer
from .pipeline_dirfa import DirfaPipeline
from .pipeline_output import DirfaPipelineOutput
from .portrait import Portrait
from .version import __version__
from .video import write_video


__all__ = [
    "COEFFICIENT_NAMES", "EXPRESSION_NAMES", "LIP_NAMES", "Animation", "AnimationError", "AnimationSampler",
    "AudioClip", "AudioError", "CheckpointError", "DirfaPipeline", "DirfaPipelineOutput", "FaceModel",
    "FaceNotFoundError", "FaceRenderer", "ImageError", "InputError", "Portrait", "__version__", "load_audio",
    "write_video",
]  # fmt: skip
