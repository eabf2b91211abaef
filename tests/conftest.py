"""Fixtures: the example photo, the real face parts, a synthetic voice. And what is said of tests that did not run."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from media_files import speech

from dirfa_pipeline import AudioClip, FaceModel, FaceRenderer, Portrait


ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights" / "dirfa-base"
LEFT_OUT = pytest.StashKey[int]()  # tests that options leave out, where several processes run the others

# Busy machines are slow; what fails once must fail again.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("steady")


def skips(config: pytest.Config) -> dict[str, list[str]]:
    """The tests that were skipped, by the reason."""
    tests = defaultdict(list)
    reporter = config.pluginmanager.get_plugin("terminalreporter")  # none in a process that runs a part of them
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        tests[reason.removeprefix("Skipped: ")].append(report.nodeid)
    return tests


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A process that runs a part of the tests leaves the same ones out as the others: they are counted once."""
    config = items[0].config
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = config.workeroutput.get("left_out", 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """What a process tells as it ends."""
    told = getattr(node, "workeroutput", {})  # nothing, if it crashed
    node.config.stash[LEFT_OUT] = told.get("left_out", 0)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where all that tests need is installed, as on the machine of `.ci/run`, a skipped test is a failed one."""
    if os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK and skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How many tests ran, and which did not, by the reason."""
    stats = terminalreporter.stats
    ran = sum(len(stats.get(kind, [])) for kind in ("passed", "failed", "xfailed", "xpassed"))
    skipped = skips(config)
    options = {"-m": config.option.markexpr, "-k": config.option.keyword}
    chosen = " ".join(f"{name} {words!r}" for name, words in options.items() if words)
    left_out = config.stash.get(LEFT_OUT, len(stats.get("deselected", [])))
    terminalreporter.section("what ran")
    terminalreporter.write_line(
        f"tests run: {ran}, skipped: {sum(map(len, skipped.values()))}, left out: {left_out}"
        + (f" by {chosen}" if chosen else "")
    )
    for reason, tests in skipped.items():
        terminalreporter.write_line(f"skipped: {reason}", yellow=True)
        for test in tests:
            terminalreporter.write_line(f"    {test}")
    if skipped and os.environ.get("CI") == "true":
        terminalreporter.write_line("CI=true: a skipped test counts as failed", red=True)


@pytest.fixture(scope="session")
def astronaut() -> Path:
    return ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def face_model() -> FaceModel:
    return FaceModel.from_pretrained(WEIGHTS / "face_model")


@pytest.fixture(scope="session")
def renderer() -> FaceRenderer:
    return FaceRenderer.from_pretrained(WEIGHTS / "face_renderer")


@pytest.fixture(scope="session")
def portrait(astronaut: Path, face_model: FaceModel) -> Portrait:
    return Portrait.from_image(astronaut, face_model)


@pytest.fixture
def speech_like() -> AudioClip:
    return speech()
