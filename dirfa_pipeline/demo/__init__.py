"""The demo page: a photo and a speech clip in, talking videos out, in a browser."""

from .page import build_demo, launch_options


__all__ = ["build_demo", "launch_options"]
