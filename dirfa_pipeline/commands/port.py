"""The rule for `--port`, shared by the verbs that listen."""

from typing import Final

from ..errors import InputError


HIGHEST: Final = 65_535


def check_port(port: int) -> None:
    """Raise [`InputError`] unless a port can be listened on; 0 takes a free one."""
    if not 0 <= port <= HIGHEST:
        raise InputError(f"--port must be in [0, {HIGHEST}], got {port}")
