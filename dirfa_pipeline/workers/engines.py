"""
Maps a function over items with many workers, which are local processes or Ray actors. Each worker makes its function
once.

Results are yielded as they are ready, in any order, exactly one for each item. If a worker dies, its items are done
again.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import InputError
from .work import Item, Make, Result


MOST_LOCAL: Final = 256


@dataclass(frozen=True)
class Workers:
    """
    The workers for a job.

    Args:
        count (`int`): How many run at once, each on one core.
        address (`str`, *optional*): A Ray cluster, as `ray.init` takes it: `auto` for one that runs on this machine,
            or `ray://HOST:PORT`; `local` starts one in this process. Local processes by default.

    Raises:
        InputError: `count` is out of range, or `address` is given but Ray is not installed.
    """

    count: int = 1
    address: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= (MOST_LOCAL if self.address is None else 100_000):
            raise InputError(f"workers must be at least 1 and, without Ray, at most {MOST_LOCAL}, got {self.count}")
        if self.address is not None:
            from .on_ray import check_ray

            check_ray()

    @classmethod
    def choose(cls, count: int | None, address: str | None) -> "Workers":
        """
        The workers for the options of a command line: on the cluster at `address`, on the cluster that this process
        belongs to (Ray sets `RAY_ADDRESS`), or local processes. If `count` is `None`, as many as this machine has
        cores.
        """
        place = address or os.environ.get("RAY_ADDRESS")
        return cls((os.cpu_count() or 1) if count is None else count, place)

    def map(self, make: "Make[Item, Result]", items: Sequence[Item]) -> Iterator[Result]:
        """
        Yield the result of each item, in the order in which the results are ready.

        Args:
            make: Called once in each worker; returns the function that is called for the items. `make` and the results
                must be picklable. An error in the function ends the job.
            items: The items, which must be picklable.

        Raises:
            WorkersError: Workers die again and again before any item is finished.
        """
        if self.address is None:
            from .processes import in_processes

            return in_processes(make, items, min(self.count, len(items)))
        from .on_ray import on_ray

        return on_ray(make, items, self.count, self.address)
