"""What users can get wrong. Every message states the rule, the value received and what to do."""


def how_to_install(extra: str) -> str:
    """What to type where an extra of the package is missing."""
    return f"in a checkout pip install -e '.[{extra}]', elsewhere pip install 'dirfa-pipeline[{extra}]'"


class InputError(ValueError):
    """Base of all errors that a user can fix by changing the input."""


class ImageError(InputError):
    """The picture cannot be read or animated: format, size, content."""


class FaceNotFoundError(ImageError):
    """No usable face: none found, too small, turned too far, cut off or covered."""


class AudioError(InputError):
    """The sound cannot be used: unreadable, empty, too short, not finite, silent."""


class VoiceError(InputError):
    """A text cannot be spoken: no text, an unknown voice, or one that fails, breaks off or gives no sound in time."""


class AnimationError(InputError):
    """The animation cannot be used: wrong shape, not finite, unknown expression name."""


class CheckpointError(InputError):
    """A checkpoint lacks tensors, or holds tensors that do not fit its configuration."""


class HubError(InputError, OSError):
    """The hub does not deliver or accept a checkpoint: unknown name or revision, no rights, no network."""
