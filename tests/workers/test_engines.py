"""Workers: every item exactly once, by processes and by Ray, though some of them are killed."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from toy_work import Square

from dirfa_pipeline import InputError
from dirfa_pipeline.workers.addresses import Address
from dirfa_pipeline.workers.attempts import MOST_DEATHS, Attempts
from dirfa_pipeline.workers.engines import Workers
from dirfa_pipeline.workers.processes import MOST_BREAKS
from dirfa_pipeline.workers.work import WorkersError


sys.path.insert(0, str(Path(__file__).parent))  # processes that are begun afresh import it by this name


@pytest.mark.parametrize("address", [None, "local"])
def test_every_item_once_though_workers_die(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # Ray's workers import the toy by its name
    results = list(Workers(2, address).map(partial(Square, str(tmp_path), 5, 2), list(range(12))))
    assert sorted(results) == [(number, number * number, "1") for number in range(12)]
    assert len(list(tmp_path.glob("death-*"))) == 2
    assert len(list(tmp_path.glob("made-*"))) <= 2 + 2 * 2, "made once a worker, not once an item"


def test_errors_of_the_work_end_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="-3 is negative"):
        list(Workers(1).map(partial(Square, str(tmp_path)), [1, -3, 2]))


def test_workers_that_always_die_are_given_up(tmp_path: Path) -> None:
    with pytest.raises(WorkersError, match="workers died 9 times before any item was finished"):
        list(Workers(1).map(partial(Square, str(tmp_path), 5, 100), [5]))
    assert len(list(tmp_path.glob("death-*"))) == MOST_BREAKS + 1


def test_numbers_and_addresses_are_checked() -> None:
    with pytest.raises(InputError, match="workers must be at least 1"):
        Workers(0)
    with pytest.raises(InputError, match="no Ray cluster answers at 127.0.0.1:9"):
        list(Workers(1, "127.0.0.1:9").map(partial(Square, "."), [1]))


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.data", None)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    with pytest.raises(InputError, match=r"pip install 'dirfa-pipeline\[scale\]'"):
        Workers.choose(None, None)


def test_attempts_count_deaths(tmp_path: Path) -> None:
    place = Address(str(tmp_path / "attempts" / "one.json"))
    for deaths in range(MOST_DEATHS):
        attempts = Attempts(place)
        assert attempts.deaths.get("b", 0) == deaths
        assert attempts.begin("a")
        assert attempts.begin("b")  # and here the worker dies
    attempts = Attempts(place)
    assert attempts.begin("a")
    assert not attempts.begin("b")
    attempts.done()
    assert Attempts(place).begin("b")


def test_attempts_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    for content in ("{", "[]", "3", json.dumps({"now": ""})):
        (tmp_path / "one.json").write_text(content)
        assert Attempts(Address(str(tmp_path / "one.json"))).begin("a")
