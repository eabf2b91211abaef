"""What workers share, whoever they are: the shape of a job, one thread for each, and how a job fails."""

from collections.abc import Callable
from typing import Final, TypeVar


Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]

# One thread a worker, as many workers as cores; and sums in one order, so that bytes do not depend on the machine.
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}  # fmt: skip


class WorkersError(RuntimeError):
    """No worker lives long enough to finish anything; the message says what to do."""
