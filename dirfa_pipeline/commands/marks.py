"""Options of commands that write videos: what these say of themselves."""

import argparse
from typing import TYPE_CHECKING

from ..errors import InputError
from .files import check_files


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..provenance.marking import Marks


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--payload`, `--certificate`, `--certificate-key` and `--unmarked`."""
    group = parser.add_argument_group("what the video says about its origin", "see docs/provenance.md")
    group.add_argument("--payload", type=_number, help="the watermark's 32-bit number, such as 0x1234abcd")
    group.add_argument("--certificate", help="PEM file with the chain that signs; a self-made one if left out")
    group.add_argument("--certificate-key", help="PEM file with its private key")
    group.add_argument(
        "--unmarked", action="store_true",
        help="write no credentials, metadata or watermark; many laws require them, so be sure",
    )  # fmt: skip


def check_options(options: argparse.Namespace) -> None:
    """Find mistakes before anything is loaded."""
    check_files(options.output, certificate=options.certificate, certificate_key=options.certificate_key)
    if (options.certificate is None) != (options.certificate_key is None):
        raise InputError("--certificate and --certificate-key go together: name both files, or neither")
    if options.payload is not None and not 0 <= options.payload < 2**32:
        raise InputError(f"--payload must be in [0, 2^32), got {options.payload}")
    if options.unmarked and (options.certificate is not None or options.payload is not None):
        raise InputError("--unmarked leaves out what --certificate and --payload ask for; drop one of them")


def read_marks(options: argparse.Namespace, redrawn: "NDArray[np.bool_] | None" = None) -> "Marks | None":
    """
    The marks that checked options ask for.

    Args:
        redrawn (`np.ndarray` of shape `(frames,)`, *optional*): bool, of a dub: the film's frames that it changes.
    """
    from ..provenance.credentials import load_certificate
    from ..provenance.marking import Marks
    from ..provenance.watermark import MADE_HERE

    if options.unmarked:
        return None
    certificate = None
    if options.certificate is not None:
        certificate = load_certificate(options.certificate, options.certificate_key)
    payload = MADE_HERE if options.payload is None else options.payload
    return Marks(payload, certificate, composite=redrawn is not None, frames=redrawn)


def _number(text: str) -> int:
    return int(text, 0)
