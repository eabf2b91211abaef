"""
The commands of `dirfa`, one per module, and what they share.

Each has `add_parser(commands)`, which sets `run` as the parser's default, and `run(options)`, which imports what is
heavy.
"""

import sys
from typing import Final

from ..errors import InputError


DEVICES: Final = ("cpu", "cuda", "mps")  # kinds that the pipeline computes on: torch knows more, some without memory


def progress(text: str) -> None:
    """Say on the standard error what goes on, if there is one: `print` would take the standard output instead."""
    if sys.stderr is not None:
        print(f"dirfa: {text}", file=sys.stderr, flush=True)


def check_device(name: str) -> None:
    """Raise [`InputError`] unless torch can compute on the named device."""
    import torch

    wrong = f"--device must be cpu, or a cuda or mps that is there, got {name!r}"
    try:
        kind = torch.empty(1, device=name).device.type
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # unknown, not built in, not implemented
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{wrong} ({reason})") from error
    if kind not in DEVICES:
        raise InputError(wrong)
