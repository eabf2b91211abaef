"""The photo and `--face`, which of its faces, shared by the verbs that take them."""

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from ..bundled import detector_folder
from ..errors import InputError
from .loading import find_folder


if TYPE_CHECKING:
    from ..capture.faces import FaceChoice
    from ..capture.pictures import Photo


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


def read_person(options: argparse.Namespace, max_size: int | None) -> "tuple[Photo, FaceChoice | None]":
    """
    Read the photo, and look for the face before the pipeline is loaded: the detector alone takes a tenth of a second.

    Returns:
        The photo and the choice, as [`DirfaPipeline.prepare_portrait`] takes them.

    Raises:
        ImageError: The photo cannot be read.
        FaceNotFoundError: It shows no face, or not the one that is asked for.
        InputError: `--face` is no choice, or there is no such checkpoint.
    """
    face = read_choice(options.face)
    from ..capture.detector import FaceDetector
    from ..capture.pictures import read_photo
    from ..capture.portrait import find_chosen

    photo = read_photo(options.photo, max_size)
    with closing(FaceDetector(folder=detector_folder(find_folder(options.weights)))) as detector:
        find_chosen(photo, detector, face)
    return photo, face


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
