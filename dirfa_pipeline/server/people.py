"""Whom visitors talk with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import InputError
from ..live.voices.voice import Voice
from ..models.face_renderer import PreparedPortrait


@dataclass(frozen=True)
class Person:
    """A face, and the voice that says its texts."""

    face: PreparedPortrait
    voice: Voice


class People(Protocol):
    """Everybody who can be talked with here."""

    @property
    def names(self) -> list[str]:
        """What visitors may know them by."""

    def choose(self, name: str | None) -> Person:
        """The person of that name, or the one for those who name none; raises [`InputError`] if there is none."""


@dataclass(frozen=True)
class Ensemble:
    """
    People who are the same for all visitors.

    Args:
        faces (`Mapping[str, PreparedPortrait]`): By name; the first is shown to those who name none.
        voice ([`Voice`]): That of all of them.
    """

    faces: Mapping[str, PreparedPortrait]
    voice: Voice

    @property
    def names(self) -> list[str]:
        """All of them."""
        return list(self.faces)

    def choose(self, name: str | None) -> Person:
        """The person of that name; raises [`InputError`] if there is none."""
        name = self.names[0] if name is None else name
        if not isinstance(name, str) or name not in self.faces:  # messages hold whatever JSON can
            raise InputError(f"face must be one of {', '.join(self.faces)}, got {str(name)[:50]!r}")
        return Person(self.faces[name], self.voice)
