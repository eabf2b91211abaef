"""How threads wait: spinning threads slow each other down where they are more than the free processor cores."""

import os


def let_threads_sleep() -> None:
    """
    Let OpenMP's threads sleep while they wait, unless the environment says otherwise already.

    On two busy cores two spinning threads take 2 to 25 times as long. OpenMP reads the environment once, when torch is
    loaded: call this before anything imports torch. The `dirfa` command and the demo page do; importing the package
    leaves the environment alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
