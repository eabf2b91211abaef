"""Speech moves heads elsewhere: the 52 ARKit weights and the head, frame by frame, over UDP."""

from .live_link import LiveLinkSender
from .sending import play
from .vmc import VmcSender


__all__ = ["LiveLinkSender", "VmcSender", "play"]
