"""What loading leaves behind for the garbage collector."""

import gc
from collections.abc import Iterator

import pytest

from dirfa_pipeline.commands.loading import without_collecting


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_passes_over_what_was_loaded() -> None:
    with without_collecting():
        assert not gc.isenabled()
        loaded = [[number] for number in range(1000)]
    assert gc.isenabled()
    gc.collect()
    assert not any(seen is loaded for seen in gc.get_objects())


def test_a_collector_that_was_off_stays_off() -> None:
    before = gc.get_freeze_count()
    gc.disable()
    try:
        with without_collecting():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() == before
    finally:
        gc.enable()
