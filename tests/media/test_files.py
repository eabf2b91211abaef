"""Tests of files that are written whole or not at all."""

import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from dirfa_pipeline.media.files import whole_file


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with pytest.raises(error), whole_file(str(path)) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_before_the_first_byte_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError), whole_file(tmp_path / "numbers.txt"):
        raise ValueError
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "missing" / "numbers.txt") as temporary:
        temporary.write_text("new")


def test_two_writers_of_one_file_never_meet(tmp_path: Path) -> None:
    """Each writes for itself; the later one to finish wins."""
    path = tmp_path / "numbers.txt"
    with whole_file(path) as first:
        with whole_file(path) as second:
            assert first != second
            first.write_text("first, which is longer")
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first, which is longer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_other_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    with whole_file(path) as good:
        good.write_text("good")
        with pytest.raises(ValueError), whole_file(path) as bad:
            bad.write_text("bad")
            raise ValueError
    assert path.read_text() == "good"


@pytest.mark.parametrize("name", ["a folder", "n" * 300])
def test_an_impossible_name_is_found_before_the_work(name: str, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    with pytest.raises(OSError), ExitStack() as stack:
        stack.enter_context(whole_file(tmp_path / name))
        pytest.fail("the block was entered")


def test_the_longest_name_works(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    with whole_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_link_stays_one_and_rights_are_the_usual_ones(tmp_path: Path) -> None:
    usual, link = tmp_path / "usual.txt", tmp_path / "link.txt"
    usual.write_text("old")
    rights = stat.S_IMODE(usual.stat().st_mode)
    link.symlink_to(usual)
    with whole_file(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and usual.read_text() == "new"
    assert stat.S_IMODE(usual.stat().st_mode) == rights
