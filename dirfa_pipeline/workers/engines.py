"""
One job, many workers: a function made once a worker and called for each item, by processes of this machine or by Ray.

Results come as they are ready, in any order; each item gives exactly one. Workers may die: their items are done again.
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
    Who does the work.

    Args:
        count (`int`): How many at once, each of one core.
        address (`str`, *optional*): A Ray cluster, as `ray.init` takes it: `auto` for the one that runs here,
            `ray://HOST:PORT`; `local` starts one in this process. Without it, processes of this machine.

    Raises:
        InputError: `count` is out of range, or Ray is asked for and not installed.
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
        The workers that a command line asks for: those of `address`, of the cluster that this process belongs to
        (Ray says so in `RAY_ADDRESS`), or processes of this machine; as many as it has cores where `count` is `None`.
        """
        place = address or os.environ.get("RAY_ADDRESS")
        return cls((os.cpu_count() or 1) if count is None else count, place)

    def map(self, make: "Make[Item, Result]", items: Sequence[Item]) -> Iterator[Result]:
        """
        Yield the result of each item, in the order in which they are ready.

        Args:
            make: Gives a worker's function, which is called in that worker alone; both must be picklable. What the
                function raises ends the job.
            items: Picklable.

        Raises:
            WorkersError: Workers die and die, and nothing gets done.
        """
        if self.address is None:
            from .processes import in_processes

            return in_processes(make, items, min(self.count, len(items)))
        from .on_ray import on_ray

        return on_ray(make, items, self.count, self.address)
