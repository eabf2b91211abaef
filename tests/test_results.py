"""Figures told once: README and documents say what the results say, and cheap ones are made anew."""

import json
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import compare_languages
import count_weights
import pytest
import results
from results import Place, Result


ROOT = Path(__file__).parents[1]
RESULTS = results.read_all()
WEIGHTS = ROOT / "weights" / "dirfa-base"
UNMEASURED = {"wanted", "faces"}  # columns whose figures are aims or settings, which nobody measured
# Pages with tables of figures, and the headings between which these are; other tables on the pages only describe.
TABLES = {
    "README.md": ("", None),
    "docs/conversation.md": ("## Measured\n", "## Limits\n"),
    "docs/measured.md": ("", None),
    "docs/provenance.md": ("## What it survives\n", None),
    "docs/scale.md": ("### A large model\n", "## Tested with faults\n"),
    "docs/streaming.md": ("", None),
    "docs/training-diary.md": ("", None),
}


def same_as_told(name: str, values: dict[str, float]) -> None:
    """Figures of a run of now round to those that the documents tell."""
    now = replace(RESULTS[name], values=values)
    assert [now.tell(place) for place in now.told] == [RESULTS[name].tell(place) for place in now.told]


def test_documents_tell_what_was_measured() -> None:
    assert not list(results.differences(RESULTS))


@pytest.mark.parametrize("page", TABLES)
def test_every_figure_of_the_tables_comes_from_a_result(page: str) -> None:
    """Each cell with a number, but for names of rows and aims, is what some result tells there."""
    told = [
        (place.line, result.tell(place)) for result in RESULTS.values() for place in result.told if place.page == page
    ]
    first, last = TABLES[page]
    text = (ROOT / page).read_text(encoding="utf-8")
    text = text[text.index(first) : text.index(last) if last else None]
    missing = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines())
        for line, cells in zip(table.splitlines()[2:], rows, strict=True):
            here = [text for start, text in told if line.startswith(start) and text in line]
            for name, cell in list(zip(head, cells, strict=False))[1:]:
                figures = bool(re.search(r"(?<![\w.])[+-]?\d*\.?\d", re.sub(r"`[^`]*`", "", cell)))
                aim = cell.startswith(("goal", "wanted", "a frame lasts"))
                whole = any(cell in text or text in cell for text in here)
                if figures and not aim and name not in UNMEASURED and not whole:
                    missing.append(f"{line.split(' | ')[0]}: {cell}")
    assert not missing


@pytest.mark.parametrize("name", RESULTS)
def test_results_say_where_they_come_from(name: str) -> None:
    result = RESULTS[name]
    assert result.command.startswith(("python benchmarks/", "dirfa "))
    assert re.fullmatch(r"[0-9a-f]{7,10}\+?", result.commit)
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", result.weights)
    assert result.machine and result.told and re.fullmatch(r"\d{4}-\d{2}-\d{2}", result.date)
    script = re.match(r"python (benchmarks/\w+\.py)", result.command)
    assert script is None or (ROOT / script[1]).exists()
    used = {key for place in result.told for key in re.findall(r"\{([^:}]+):", place.text)}
    assert used <= (result.values | result.beside).keys()


def test_the_weights_are_counted_anew() -> None:
    values = count_weights.measure(WEIGHTS)
    same_as_told("weights", values)
    assert values == pytest.approx(RESULTS["weights"].values, rel=1e-3), "benchmarks/count_weights.py --record"
    assert values["megabytes"] < 40


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_lips_in_eight_languages_are_measured_anew() -> None:
    photo = ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg"
    # In a process of its own: espeak-ng's voices tremble by random numbers that go on from one text to the next.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        rows = process.submit(compare_languages.measure, WEIGHTS, photo).result()
    same_as_told("languages", compare_languages.told(rows))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of a repository of its own that tells two figures of one result."""
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    told = [
        Place("page.md", "| lips", "{ours.lips:.2f}; {ours.gain:+.2f}"),
        Place("page.md", "It takes", "{s:0.1f} s"),
    ]
    run = Result("python benchmarks/a.py", "abc1234", "2026-01-01", "one", "sha256:0", "", {
        "ours.lips": 0.981, "ours.gain": -0.1, "s": 0.52,
    }, {"before": 3.0}, told)  # fmt: skip
    results.write("lips", run)
    path = tmp_path / "page.md"
    path.write_text("| what | ours |\n|---|---|\n| lips shut | .98; -.10 | .98 |\n\nIt takes 0.5 s.\n")
    return path


def test_recording_puts_new_figures_into_the_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(results.differences(results.read_all()))
    monkeypatch.setattr("sys.argv", ["benchmarks/a.py", "/somewhere/clip.mp4", "--record"])
    results.record("lips", {"ours.lips": 0.9, "ours.gain": 0.4, "s": 11.0}, WEIGHTS)
    assert page.read_text() == "| what | ours |\n|---|---|\n| lips shut | .90; +.40 | .98 |\n\nIt takes 11.0 s.\n"
    kept = json.loads((page.parent / "results" / "lips.json").read_text())
    assert kept["command"] == "python benchmarks/a.py clip.mp4 --record", "no path of this machine"
    assert kept["weights"] == results.hash_of(WEIGHTS) and kept["beside"] == {"before": 3.0}
    assert not list(results.differences(results.read_all()))


def test_a_page_that_tells_something_else_is_found(page: Path) -> None:
    page.write_text(page.read_text().replace(".98;", ".99;"))
    (found,) = results.differences(results.read_all())
    assert "lips.json says '.98; -.10'" in found
    page.write_text("nothing\n")
    assert len(list(results.differences(results.read_all()))) == 2


def test_a_run_without_a_figure_that_is_told_changes_nothing(page: Path) -> None:
    before = page.read_text()
    with pytest.raises(KeyError, match=r"ours\.gain"):
        results.record("lips", {"ours.lips": 0.9, "s": 1.0}, WEIGHTS)
    results.record(None, {}, WEIGHTS)
    assert page.read_text() == before
    assert results.read_all()["lips"].values["ours.lips"] == 0.981


def test_weights_that_differ_have_another_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = results.hash_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert results.hash_of(tmp_path) != first
