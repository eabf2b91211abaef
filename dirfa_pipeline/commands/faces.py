"""`--face`: which face of a photo, shared by the verbs that take one."""

import argparse
from typing import TYPE_CHECKING

from ..errors import InputError


if TYPE_CHECKING:
    from ..capture.faces import FaceChoice


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--face`."""
    parser.add_argument(
        "--face", metavar="N | X,Y",
        help="which of several faces: its number from the left, from 0, or a point in it, in the photo's pixels "
        "(default the largest; dirfa check PHOTO lists them)",
    )  # fmt: skip


def read_choice(text: str | None) -> "FaceChoice | None":
    """A number or a point from the command line; raises [`InputError`] for anything else."""
    if text is None:
        return None
    try:
        if "," not in text:
            return _whole(text)
        across, down = map(float, text.split(","))
        return across, down
    except ValueError:
        raise InputError(f"--face must be a number from 0, or a point as in 320,140, got {text!r}") from None


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
