"""What all kinds of workers share: the type of a job, the limit of one thread each, and the error of a failed job."""

from collections.abc import Callable
from typing import Final, TypeVar


Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]

# One thread per worker, because there are as many workers as cores. Sums are also added in a fixed order, so that the
# output does not depend on the machine.
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}  # fmt: skip


class WorkersError(RuntimeError):
    """No worker lives long enough to finish an item; the message says what to do."""
