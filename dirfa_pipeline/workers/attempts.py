"""Skips items that keep killing their worker, through lack of memory or a broken decoder, at the third attempt."""

import json
import os
import platform
from dataclasses import dataclass, field
from typing import Final

from .addresses import Address


MOST_DEATHS: Final = 2  # one is not enough, because a node that is switched off fails good items, too


@dataclass
class Attempts:
    """
    Records on disk which item is being processed. A worker that finds such a record knows that the previous one died
    while processing that item.

    Args:
        place ([`Address`]): The file, one for each piece of work; it is removed when the work is done.
    """

    place: Address
    deaths: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        content = self.place.read()
        try:
            found = json.loads(content) if content else {}
        except ValueError:
            found = {}
        if not isinstance(found, dict):  # a damaged file counts as empty
            found = {}
        self.deaths = dict(found.get("deaths", {}))
        if name := found.get("now"):
            self.deaths[name] = self.deaths.get(name, 0) + 1

    def begin(self, name: str) -> bool:
        """Record that work on an item begins; returns false if too many workers have died of it."""
        if self.deaths.get(name, 0) >= MOST_DEATHS:
            return False
        note = {"now": name, "process": os.getpid(), "host": platform.node(), "deaths": self.deaths}
        self.place.write(json.dumps(note).encode())
        return True

    def done(self) -> None:
        """Remove the record: the work is done, or failed with an error that was handled."""
        self.place.remove()
