"""Loops over pixels, compiled by numba; what was compiled is kept on the disk where that is possible."""

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Final, TypeVar

from numba import njit


Function = TypeVar("Function", bound=Callable[..., Any])

inner: Final = njit  # of a loop that only kernels call: it is kept as part of these


def kernel(**options: Any) -> Callable[[Function], Function]:
    """
    Compile a loop that Python calls, at its first call.

    The code is kept in the module's folder or in the user's cache folder, so the next process need not compile; if
    neither can be written, every process compiles it, which takes seconds. Importing touches no file.

    Args:
        options: Of `numba.njit`, without `cache`.
    """

    def decorate(function: Function) -> Function:
        compiled = njit(**options)(function)

        @cache
        def keep() -> None:
            folder = os.path.dirname(function.__code__.co_filename)
            if os.access(folder, os.W_OK) or _home_is_known():
                try:
                    compiled.enable_caching()
                except (RuntimeError, OSError):  # numba found no folder that it can write
                    return

        @wraps(function)
        def run(*arguments: Any) -> Any:
            keep()
            return compiled(*arguments)

        return run  # type: ignore[return-value]

    return decorate


def _home_is_known() -> bool:
    """Whether the user has a home; numba would make a folder named `~` for one who has none."""
    return not os.path.expanduser("~").startswith("~")
