"""The kinds of file that videos are written to, told by the name's ending."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, InputError


AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
OPUS_RATES: Final = (48_000,)  # of five that Opus knows the one that keeps everything
PCM_RATES: Final = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
SOUND_RATE: Final = 48_000  # where the sound's own is none of these
# Of VP9: good quality at a speed that keeps up with the renderer; hidden frames cannot carry transparency.
VP9: Final = {"b:v": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0"}


@dataclass(frozen=True)
class VideoFormat:
    """
    How one kind of file is coded.

    Args:
        container, codec, sound_codec (`str`): In FFmpeg's words.
        pixels, clear_pixels (`str`): How pixels are kept without transparency, and with it; the latter is empty where
            the kind has none.
        sound_rates (`tuple[int, ...]`): Samples a second that its sound may have.
        block (`int`): Samples that its sound is coded by.
        options (`dict[str, str]`): Of the video codec.
        adjustable (`bool`): Whether `crf` sets the quality of the picture.
        head (`dict[str, str]`): Options of the container.
    """

    container: str
    codec: str
    pixels: str
    clear_pixels: str
    sound_codec: str
    sound_rates: tuple[int, ...]
    block: int = 1024
    options: dict[str, str] = field(default_factory=dict)
    adjustable: bool = True
    head: dict[str, str] = field(default_factory=dict)


FORMATS: Final = {
    ".mp4": VideoFormat("mp4", "libx264", "yuv420p", "", "aac", AAC_RATES, head={"movflags": "+faststart"}),
    ".mov": VideoFormat(
        "mov", "prores_ks", "yuv422p10le", "yuva444p10le", "pcm_s16le", PCM_RATES, adjustable=False,
        head={"movflags": "+faststart"},
    ),
    ".webm": VideoFormat("webm", "libvpx-vp9", "yuv420p", "yuva420p", "libopus", OPUS_RATES, 960, VP9),
}  # fmt: skip
PICTURES: Final = ".png"
_NUMBER: Final = re.compile(r"%0([1-9])d")


def ending_of(path: str | os.PathLike[str]) -> str:
    """The ending of a video's name, in small letters."""
    return Path(path).suffix.lower()


def is_sequence(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of pictures one after another."""
    return ending_of(path) == PICTURES


def picture_name(path: str | os.PathLike[str], number: int) -> str:
    """The name of one of a sequence's pictures, from 1."""
    return _NUMBER.sub(lambda digits: f"{number:0{digits[1]}d}", os.fspath(path))


def check_frame(frame: NDArray[np.uint8]) -> None:
    """Raise [`ImageError`] unless a frame is a picture in colour, with or without an alpha channel."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4):
        raise ImageError(
            f"frames must be uint8 of shape (height, width, 3) or (height, width, 4), got {frame.dtype} {frame.shape}"
        )


def check_output_path(path: str | os.PathLike[str], transparent: bool = False) -> None:
    """
    Raise [`InputError`] unless a video can be written to `path`: a known ending, and a folder that can be written.

    Args:
        transparent (`bool`): Whether its frames have an alpha channel.
    """
    text, ending = os.fspath(path), ending_of(path)
    folder = os.path.dirname(text) or "."
    if ending not in FORMATS and ending != PICTURES:
        raise InputError(
            f"the video's name must end in {', '.join(FORMATS)} or {PICTURES} (take-%05d.png), got {text!r}"
        )
    if ending == PICTURES and len(_NUMBER.findall(os.path.basename(text))) != 1:
        raise InputError(f"pictures are numbered: write the place of the number into the name, as in take-%05d.png, "
                         f"got {text!r}")  # fmt: skip
    if transparent and ending in FORMATS and not FORMATS[ending].clear_pixels:
        raise InputError(f"{ending} files have no transparency; write .mov, .webm or .png, got {text!r}")
    if not os.path.isdir(folder):
        raise InputError(f"the folder {folder!r} of the video does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder!r} of the video cannot be written")
