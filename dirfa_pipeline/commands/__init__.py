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
    if name.partition(":")[0] not in DEVICES:
        raise InputError(wrong)
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # no such number, not built in
        raise InputError(f"{wrong} ({(str(error) or type(error).__name__).splitlines()[0]})") from error
