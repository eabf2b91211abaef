"""The documentation's site: it builds without a warning, and every link and anchor in it leads somewhere."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import draw_structure
import pytest
from docstring_links import plain_type, split_arguments


ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """What a page links to, what can be linked to in it, and its first heading."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [values[name] or "" for name in ("href", "src") if name in values]
        self.anchors |= {values[name] or "" for name in ("id", "name") if name in values}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, in a folder of its own."""
    project = tmp_path_factory.mktemp("project")
    for name in ("dirfa_pipeline", "weights"):
        (project / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", project / "docs")
    shutil.copy(ROOT / "mkdocs.yml", project)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    built = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return project / "outputs" / "site"


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if urlsplit(address).scheme or not (address or anchor):
                continue
            target = path if not address else (path.parent / unquote(urlsplit(address).path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in pages and unquote(anchor) not in pages[target].anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken


@pytest.mark.slow
def test_every_page_is_reached(site: Path) -> None:
    """From the navigation; and nothing but pages and pictures is published."""
    named = set(re.findall(r": ([\w-]+)\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} == named
    assert not list(site.glob("*.py"))


@pytest.mark.slow
def test_the_site_asks_nothing_of_other_machines(site: Path) -> None:
    for path in site.rglob("*.html"):
        sources = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="(https?://[^"]+)"', path.read_text("utf-8"))
        assert not sources, path


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    import dirfa_pipeline

    pages = "".join((site / name / "index.html").read_text("utf-8") for name in (
        "api", "api-animation", "api-media", "api-components"
    ))  # fmt: skip
    constants = {"COEFFICIENT_NAMES", "EXPRESSION_NAMES", "LIP_NAMES", "__version__"}
    missing = [
        name for name in set(dirfa_pipeline.__all__) - constants if not re.search(rf'id="[\w.]*\.{name}"', pages)
    ]
    assert not missing
    assert "[`" not in pages, "a reference that is neither a link nor code"


def test_arguments_of_docstrings_are_split() -> None:
    lines = ["    a, b (`int`, *optional*, defaults to 1): Two", "        of them.", "    c ([`Name`] or `str`): One."]
    assert split_arguments(lines) == [
        "    a (int): Two", "        of them.", "    b (int): Two", "        of them.", "    c (Name or str): One.",
    ]  # fmt: skip
    assert plain_type("*optional*") == "Any"


def test_the_picture_of_the_rooms_is_of_today() -> None:
    assert draw_structure.PICTURE.read_text(encoding="utf-8") == draw_structure.draw_picture(), (
        "python docs/draw_structure.py"
    )
