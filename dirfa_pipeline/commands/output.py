"""Options of commands that render videos: what file they write, how large and how fast."""

import argparse
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from ..animation.frame_rate import ANIMATION_FPS
from ..media.video_formats import check_output_path, is_sequence, picture_name
from . import progress


if TYPE_CHECKING:
    from ..capture.pictures import Photo

PLAYABLE: Final = 1920  # pixels of the longest side that phones of all makes play (H.264, level 4.2)
HELP: Final = (
    "the video to write, ending in .mp4, .mov (ProRes), .webm (VP9), or pictures without sound: take-%%05d.png"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--output`, `--fps`, `--max-size` and `--alpha`."""
    parser.add_argument("-o", "--output", required=True, help=HELP)
    parser.add_argument(
        "--fps", type=_rate, default=ANIMATION_FPS,
        help="frames per second, as 25 or 30000/1001 (default %(default)g)",
    )  # fmt: skip
    add_max_size(parser)
    parser.add_argument(
        "--alpha", action="store_true", help="only the person, without background: for .mov, .webm and .png"
    )


def add_max_size(parser: argparse.ArgumentParser) -> None:
    """Add `--max-size`, which [`longest_side`] reads."""
    parser.add_argument(
        "--max-size", type=int, default=PLAYABLE,
        help="longest side in pixels (default %(default)s, which all phones can play): 512 is several times faster, "
        "0 keeps the photo's own size",
    )  # fmt: skip


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes before anything is loaded."""
    check_output_path(options.output, options.alpha)


def longest_side(options: argparse.Namespace) -> int | None:
    """Of the video, in pixels; `None` for the photo's own."""
    return int(options.max_size) or None


def tell_size(photo: "Photo", options: argparse.Namespace) -> None:
    """Say that a photo was made smaller without having been asked for."""
    if options.max_size == PLAYABLE and photo.scale < 1.0:
        own, made = ("{} x {}".format(*size) for size in (photo.size, photo.pixels.shape[1::-1]))
        progress(
            f"the video has {made} pixels, which every phone plays; --max-size 512 is several times faster, "
            f"--max-size 0 keeps the photo's own {own}"
        )


def tell_written(path: str, frames: int) -> None:
    """Print the name of what was written, and say how many pictures that are if it stands for several."""
    print(path, flush=True)
    if is_sequence(path):
        progress(f"{frames} pictures, {picture_name(path, 1)} to {picture_name(path, frames)}")


def _rate(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number and no fraction") from error
