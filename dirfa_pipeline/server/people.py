"""The faces and voices that visitors can talk with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import InputError
from ..live.voices.voice import Voice
from ..models.face_renderer import PreparedPortrait


@dataclass(frozen=True)
class Person:
    """A face, and the voice that speaks for it."""

    face: PreparedPortrait
    voice: Voice


class People(Protocol):
    """Everybody whom visitors of a server can talk with."""

    @property
    def names(self) -> list[str]:
        """The names that visitors may choose from."""

    def choose(self, name: str | None) -> Person:
        """The person with that name, or the default one for `None`; raises [`InputError`] for unknown names."""


@dataclass(frozen=True)
class Ensemble:
    """
    The same people for all visitors.

    Args:
        faces (`Mapping[str, PreparedPortrait]`): The faces by name; the first is the default.
        voice ([`Voice`]): The voice of all of them.
    """

    faces: Mapping[str, PreparedPortrait]
    voice: Voice

    @property
    def names(self) -> list[str]:
        """All names; the first is the default."""
        return list(self.faces)

    def choose(self, name: str | None) -> Person:
        """The person with that name, or the first for `None`; raises [`InputError`] for unknown names."""
        name = self.names[0] if name is None else name
        if not isinstance(name, str) or name not in self.faces:  # a JSON message may hold any type
            raise InputError(f"face must be one of {', '.join(self.faces)}, got {str(name)[:50]!r}")
        return Person(self.faces[name], self.voice)
