"""How threads wait, and where they take their memory from."""

import ctypes
import os
import sys
from typing import Final


ARENA_MAX: Final = -8  # `M_ARENA_MAX` of glibc's malloc.h
ARENAS: Final = 2  # measured: tests/demo/test_load.py: 69 MiB of growth in 600 s; without a limit 216 MiB in 200 s


def let_threads_sleep() -> None:
    """
    Let OpenMP's threads sleep while they wait, unless the environment says otherwise already.

    Spinning threads slow each other down where they are more than the free processor cores: on two busy cores two of
    them take 2 to 25 times as long. OpenMP reads the environment once, when torch is loaded: call this before anything
    imports torch. The `dirfa` command and the demo page do; importing the package leaves the environment alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")


def let_threads_share_memory() -> None:
    """
    Let glibc's `malloc` serve all threads from two arenas, so that a server's memory does not grow with its visitors.

    By default up to eight arenas a core are made as threads come and go, and each keeps what frames once took there.
    Where the C library is another one, or `MALLOC_ARENA_MAX` says how many there may be, nothing changes. Servers call
    it; importing the package leaves the process alone.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(ARENA_MAX, ARENAS)
