"""A talking face for Pipecat bots."""

from .processor import TalkingFace


__all__ = ["TalkingFace"]
