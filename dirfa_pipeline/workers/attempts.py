"""Items that kill whoever works on them, by memory or a broken decoder: known, and left out, at the third attempt."""

import json
import os
import platform
from dataclasses import dataclass, field
from typing import Final

from .addresses import Address


MOST_DEATHS: Final = 2  # a node that is switched off kills innocent items, too, but not the same ones again


@dataclass
class Attempts:
    """
    Which item is being worked on, on disk: whoever finds one there knows that the worker before died of it.

    Args:
        place ([`Address`]): The file, one for each piece of work; gone when that is done.
    """

    place: Address
    deaths: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        content = self.place.read()
        try:
            found = json.loads(content) if content else {}
        except ValueError:  # of another kind, or broken: nothing is known
            found = {}
        self.deaths = dict(found.get("deaths", {}))
        if name := found.get("now"):
            self.deaths[name] = self.deaths.get(name, 0) + 1

    def begin(self, name: str) -> bool:
        """Note what is worked on now; false if too many workers died of it."""
        if self.deaths.get(name, 0) >= MOST_DEATHS:
            return False
        note = {"now": name, "process": os.getpid(), "host": platform.node(), "deaths": self.deaths}
        self.place.write(json.dumps(note).encode())
        return True

    def done(self) -> None:
        """All is done, or failed in a way that is known."""
        self.place.remove()
