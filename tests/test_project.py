"""What helps others to join says what is so: versions agree, the workflow runs what CI runs, links lead somewhere."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import dirfa_pipeline


ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "CHANGELOG.md")
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    citation = read("CITATION.cff")
    assert citation["version"] == dirfa_pipeline.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{dirfa_pipeline.__version__}] - {citation['date-released']}" in changelog


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert releases[0].startswith("[Unreleased]")
    assert all(re.match(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}\n", release) for release in releases[1:])
    for release in releases:
        named = re.findall(r"^### (.*)$", release, re.MULTILINE)
        assert set(named) <= set(SECTIONS)
        assert len(named) == len(set(named)), f"a section twice in {release.partition(chr(10))[0]}"


def test_the_workflow_runs_what_ci_runs_on_every_supported_python() -> None:
    jobs = read(".github/workflows/tests.yml")["jobs"]
    assert "bash .ci/run" in [step.get("run") for step in jobs["linux"]["steps"]]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    supported = [text.rpartition(" ")[2] for text in classifiers if re.search(r":: 3\.\d+$", text)]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == supported
    assert jobs["elsewhere"]["continue-on-error"], "untested systems do not fail the whole"


@pytest.mark.parametrize("name", [path.name for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")])
def test_issue_forms_are_complete(name: str) -> None:
    form = read(f".github/ISSUE_TEMPLATE/{name}")
    assert {"name", "description", "body"} <= form.keys()
    labels = [part["attributes"]["label"] for part in form["body"]]
    assert len(labels) == len(set(labels)) and any(
        part.get("validations", {}).get("required") for part in form["body"]
    )


def test_commit_hooks_are_the_linters_of_make_quality() -> None:
    hooks = [hook["entry"] for hook in read(".pre-commit-config.yaml")["repos"][0]["hooks"]]
    quality = (ROOT / "Makefile").read_text().partition("quality:")[2].partition("\n\n")[0]
    for tool in ("ruff check", "ruff format", "mypy"):
        assert tool in quality and any(f"-m {tool}" in entry for entry in hooks)


@pytest.mark.parametrize("name", PAGES)
def test_links_of_pages_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]


def test_commands_of_contributing_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets and not [target for target in targets if f"\n{target}:" not in makefile]
    paths = re.findall(r"`((?:dirfa_pipeline|tests|benchmarks|docs)/[\w/.]+)`", text)
    assert paths and not [path for path in paths if not (ROOT / path).exists()]
