"""A talking face for LiveKit agents."""

from .avatar import DirfaAvatar
from .generator import DirfaVideoGenerator


__all__ = ["DirfaAvatar", "DirfaVideoGenerator"]
