"""What a pipeline may be given: every rule is checked before anything is decoded, tracked or drawn."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Final, TypeGuard

import numpy as np
import torch
from PIL import Image

from .animation.animation import Animation
from .animation.frame_rate import ANIMATION_FPS
from .capture.pictures import check_max_size, check_picture, read_photo
from .capture.portrait import Portrait
from .direction.controls import Controls, direct
from .errors import AnimationError, InputError
from .live.voices.choose import open_voice
from .live.voices.voice import SpokenText, Voice
from .media.audio import AudioClip, AudioFile, load_audio
from .media.kinds import kind_of
from .media.sound_file import check_audio_file
from .media.video import read_video
from .models.face_renderer import PreparedPortrait


OUTPUT_TYPES: Final = ("pil", "np", "pt", "animation")
MAX_LOOKAHEAD: Final = 1.2  # seconds: nothing later shapes a frame


@dataclass(frozen=True)
class Batch:
    """
    The inputs of a call, paired up.

    Args:
        size (`int`): Number of pairs.
        takes (`int`): Videos of each.
        images, sounds, animations (`list`): One for each pair, or a single one for all; `None` where there is none.
        generators (`list`): One for each video.
    """

    size: int
    takes: int
    images: list[Any]
    sounds: list[Any]
    animations: list[Any]
    generators: list[torch.Generator | None]

    @property
    def draws(self) -> bool:
        """Whether some animation is not given and must be drawn."""
        return any(animation is None for animation in self.animations)

    def checked(self, sampling_rate: int | None, max_size: int | None, controls: Controls) -> "Batch":
        """
        The batch with all inputs checked as far as that goes without decoding a file; arrays of sound are loaded.

        Raises:
            InputError: A file is missing, an array, a number or an animation breaks a rule, or nods lack the speech.
        """
        check_max_size(max_size)
        for image in self.images:
            if not isinstance(image, Portrait | PreparedPortrait | None):
                check_picture(image)
        for animation in self.animations:
            if animation is not None:
                check_animation(animation)
        return replace(self, sounds=[_checked_sound(sound, sampling_rate, controls) for sound in self.sounds])

    def read(self, max_size: int | None) -> "Batch":
        """
        The batch with all files decoded and all texts spoken.

        Raises:
            AudioError, ImageError, VoiceError: One of them cannot be.
        """
        sounds = [_read_sound(sound) for sound in self.sounds]
        images = [
            image if isinstance(image, Portrait | PreparedPortrait | None) else read_photo(image, max_size)
            for image in self.images
        ]
        return replace(self, sounds=sounds, images=images)

    def spread(self, items: list[Any]) -> list[Any]:
        """The images, say, one for each pair."""
        return _spread(items, self.size)

    def for_each_video(self, items: list[Any]) -> list[Any]:
        """The images, say, one for each video: takes of a pair lie side by side."""
        return [item for item in self.spread(items) for _ in range(self.takes)]


def pair_up(
    image: Any, audio: Any, animation: Any, num_videos_per_prompt: Any, generator: Any, output_type: Any
) -> Batch:
    """
    Bring single inputs and lists together; a single one serves all of the others.

    Raises:
        InputError: Something is missing, or lists do not match.
    """
    if output_type not in OUTPUT_TYPES:
        raise InputError(f"output_type must be one of {', '.join(OUTPUT_TYPES)}, got {output_type!r}")
    if image is None and output_type != "animation":
        raise InputError(f"image is needed for output_type={output_type!r}; only 'animation' does without")
    if audio is None and animation is None:
        raise InputError("audio or animation is needed: pass the speech, or the coefficients to render")
    if not isinstance(num_videos_per_prompt, int | np.integer) or num_videos_per_prompt < 1:
        raise InputError(f"num_videos_per_prompt must be a whole number from 1, got {num_videos_per_prompt!r}")
    images = [None] if output_type == "animation" else _as_list(image)
    sounds, animations = _as_list(audio), _as_list(animation)
    if any(map(_is_sound, images)) and any(map(_is_picture, sounds)):
        raise InputError("image and audio are swapped: the photo comes before the speech, pipe(image, audio)")
    size = _common_size(image=images, audio=sounds, animation=animations)
    for index, pair in enumerate(zip(_spread(sounds, size), _spread(animations, size), strict=True)):
        if pair[0] is None and pair[1] is None:
            raise InputError(f"each item needs audio or an animation; item {index} of {size} has neither")
    takes = int(num_videos_per_prompt)
    return Batch(size, takes, images, sounds, animations, one_for_each(generator, size * takes))


def to_be_spoken(audio: Any, text: Any, voice: str | Voice | None) -> Any:
    """
    What is to be heard: the sound, or texts with their voice, which speaks when files are read.

    Raises:
        InputError: Both are given, a text cannot be spoken, or there is no such voice.
    """
    if text is None:
        if voice is not None:
            raise InputError(f"a voice needs a text, got voice={voice!r} alone; pass text='what it is to say'")
        return audio
    if audio is not None:
        raise InputError("audio and text are both given; pass the sound, or the text to be spoken")
    speaker = open_voice(voice)
    spoken = [SpokenText(item, speaker) for item in _as_list(text)]
    return spoken if isinstance(text, list) else spoken[0]


def check_motion(diversity: Any, fps: Any = ANIMATION_FPS, expressiveness: Any = 1.0) -> None:
    """Raise [`InputError`] unless motion can be drawn with that spread and scale, at that frame rate."""
    for name, value in (("diversity", diversity), ("expressiveness", expressiveness)):
        if not isinstance(value, Real) or not 0.0 <= float(value) <= 2.0:
            raise InputError(f"{name} must be a number in [0, 2], got {value!r}")
    if not isinstance(fps, Real) or not 1 <= float(fps) <= 120:
        raise InputError(f"fps must be a number in [1, 120], got {fps!r}")


def check_lookahead(lookahead: Any, least: float) -> None:
    """Raise [`InputError`] unless frames can be decided after hearing `lookahead` seconds more."""
    if lookahead is not None and not (isinstance(lookahead, Real) and least <= float(lookahead) <= MAX_LOOKAHEAD):
        raise InputError(f"lookahead must be None or seconds in [{least}, {MAX_LOOKAHEAD}], got {lookahead!r}")


def check_chunks(audio_chunks: Any) -> None:
    """Raise [`InputError`] unless it is an iterable of chunks, and not a sound itself."""
    if isinstance(audio_chunks, str | os.PathLike | np.ndarray | tuple) or not isinstance(audio_chunks, Iterable):
        raise InputError(
            f"audio_chunks must be an iterable of chunks, got {type(audio_chunks).__name__}; wrap one in a list"
        )


def check_streamed(feature_extractor: Any, controls: Controls) -> None:
    """Raise [`InputError`] unless a stream, which cannot look ahead, can be heard and directed so."""
    if feature_extractor.do_normalize:
        raise InputError(
            "this pipeline's feature_extractor normalises over the whole clip and cannot stream; "
            "use weights with do_normalize=False"
        )
    if not controls.follows_frames:
        raise InputError(
            "a stream cannot look ahead: controls may not have nods, motion_from or a blink_rate but 0 and 1"
        )


def check_directions(
    controls: Controls | None, neutralize: bool, motion_from: Any, output_type: str, **shortcuts: Any
) -> Controls:
    """
    The controls with the shortcuts in their place, all but a `motion_from` that is a path and must be tracked first.

    Raises:
        InputError: A value breaks a rule, or `motion_from` is no video.
    """
    if neutralize and output_type == "animation":
        raise InputError("neutralize needs the photo's fit: use output_type 'pil', 'np' or 'pt'")
    if not is_path(motion_from):
        return direct(controls, motion_from=motion_from, **shortcuts)
    read_video(motion_from)
    return direct(controls, **shortcuts)


def check_rendered(portrait: Any, animation: Any) -> None:
    """Raise [`InputError`] unless both are what is rendered."""
    if not isinstance(portrait, Portrait | PreparedPortrait):
        raise InputError(
            f"portrait must be a Portrait, got {type(portrait).__name__}; pipe.prepare_portrait(image) makes one"
        )
    check_animation(animation)


def check_animation(animation: Any) -> None:
    """Raise [`AnimationError`] unless it is one."""
    if not isinstance(animation, Animation):
        raise AnimationError(
            f"animation must be an Animation or a list of them, got {type(animation).__name__}; "
            "wrap arrays: Animation(coefficients, fps)"
        )


def one_for_each(
    generator: torch.Generator | Sequence[torch.Generator | None] | None, num_videos: int
) -> list[torch.Generator | None]:
    """A generator for each video; raises [`InputError`] for anything else, and for a list of another length."""
    given = list(generator) if isinstance(generator, Sequence) else [generator]
    for item in given:
        if item is not None and not isinstance(item, torch.Generator):
            raise InputError(
                f"generator must be a torch.Generator or a list of them, got {item!r}; "
                "pass torch.Generator().manual_seed(seed)"
            )
    if not isinstance(generator, Sequence):
        return given * num_videos
    if len(given) != num_videos:
        raise InputError(f"a list of generators needs one for each of the {num_videos} videos, got {len(given)}")
    return given


def is_path(value: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether it names a file."""
    return isinstance(value, str | os.PathLike)


def _is_sound(value: Any) -> bool:
    return isinstance(value, AudioClip | AudioFile | tuple) or kind_of(value) in ("audio", "video")


def _is_picture(value: Any) -> bool:
    return isinstance(value, Image.Image | Portrait | PreparedPortrait) or kind_of(value) == "image"


def _checked_sound(sound: Any, sampling_rate: int | None, controls: Controls) -> Any:
    controls.check_speech(sound)
    if isinstance(sound, AudioFile | SpokenText | None):
        return sound
    if not is_path(sound):
        return load_audio(sound, sampling_rate)
    check_audio_file(sound)
    return sound


def _read_sound(sound: Any) -> AudioClip | None:
    if isinstance(sound, AudioClip | None):
        return sound
    return load_audio(sound.speak() if isinstance(sound, SpokenText) else sound)


def _as_list(value: Any) -> list[Any]:
    """A list stays one; anything else, a `(sampling_rate, array)` tuple included, is one item."""
    return list(value) if isinstance(value, list) else [value]


def _common_size(**inputs: list[Any]) -> int:
    """The length that lists share; raises [`InputError`] for others, unless they hold a single item."""
    sizes = {name: len(items) for name, items in inputs.items()}
    empty = [name for name, size in sizes.items() if size == 0]
    if empty:
        raise InputError(f"{empty[0]} must not be an empty list")
    if len(set(sizes.values()) - {1}) > 1:
        raise InputError(f"lists of inputs must have equal lengths or hold a single item, got {sizes}")
    return max(sizes.values())


def _spread(items: list[Any], size: int) -> list[Any]:
    """A single item as often as it is asked for."""
    return items * size if len(items) == 1 else items
