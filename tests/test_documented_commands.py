"""What the documents show is there: commands with their options, scripts, links, the ten lines of Python."""

import argparse
import importlib
import re
from pathlib import Path

import pytest

from dirfa_pipeline.cli import build_parser


ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "weights/README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))


def commands() -> list[str]:
    """Lines of all shell blocks, whole ones: continued lines are joined, comments dropped."""
    lines = []
    for name in DOCUMENTS:
        for block in re.findall(r"```bash\n(.*?)```", (ROOT / name).read_text(), re.DOTALL):
            lines += [line.partition("  #")[0].strip() for line in block.replace("\\\n", " ").splitlines()]
    return lines


def options(line: str) -> set[str]:
    return set(re.findall(r"(?<=\s)--?[a-z][a-z0-9-]*", line)) - {"-m"}


TRAINING = sorted({line for line in commands() if "dirfa_pipeline.training." in line and not line.startswith("T=")})
VERBS = sorted({line for line in commands() if line.startswith("dirfa ")})


@pytest.mark.parametrize("line", TRAINING)
def test_training_command_exists(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    module = importlib.import_module(re.search(r"-m (?:-- )?(dirfa_pipeline\.training\.\w+)", line)[1])
    with pytest.raises(SystemExit, match="0"):
        module.main(["--help"])
    assert options(line) <= options(capsys.readouterr().out.replace("[", " ").replace(",", " "))


@pytest.mark.parametrize("line", VERBS)
def test_verb_exists(line: str) -> None:
    verbs = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    known = verbs[line.split()[1]]._option_string_actions
    assert options(line) <= known.keys()


def test_documents_show_commands() -> None:
    assert len(TRAINING) >= 5
    assert len(VERBS) >= 4


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_scripts_are_there(name: str) -> None:
    text = (ROOT / name).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    missing = [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]
    missing += [
        script for script in re.findall(r"python ((?:benchmarks|docs)/\w+\.py)", text) if not (ROOT / script).exists()
    ]
    assert not missing


def test_the_readme_fits_on_one_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 65


@pytest.mark.slow
def test_the_ten_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dirfa_pipeline").symlink_to(ROOT / "dirfa_pipeline")
    monkeypatch.chdir(tmp_path)
    code = (ROOT / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(code, {})
    assert (tmp_path / "talk.mp4").stat().st_size > 100_000
