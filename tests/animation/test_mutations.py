"""Damaged animation files: read, or refused by an error of ours that a line holds, never by another one."""

import pytest
from mutations import outcomes


@pytest.mark.parametrize("kind", ["csv", "json", "npz"])
def test_damaged_animations_are_read_or_refused(kind: str) -> None:
    seen = outcomes(kind, 300, seed=1)
    assert set(seen) == {"read", "refused"}
