"""The demo page: talking videos from a photo and a speech clip, in a browser."""

from .page import build_demo, launch_options


__all__ = ["build_demo", "launch_options"]
