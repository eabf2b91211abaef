"""One photo and one speech clip in; a video out in which that person says it."""

from .animation import COEFFICIENT_NAMES, EXPRESSION_NAMES, Animation
from .version import __version__


__all__ = ["COEFFICIENT_NAMES", "EXPRESSION_NAMES", "Animation", "__version__"]
