"""Draw the package's rooms and their imports into `structure.md`: `python docs/draw_structure.py`."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path


ROOT = Path(__file__).parents[1]
PACKAGE, PIPELINE = "dirfa_pipeline", "pipeline"
DRAWING = Path(__file__).with_name("structure.md")

PAGE = """\
# Rooms

What lies in `dirfa_pipeline`, and what imports what, read from the code by `python docs/draw_structure.py`. An arrow
goes from a room to one that it imports; one that follows from others is left out: a room may import whatever its
arrows lead to, step by step. Imports that only type checkers see count. `tests/test_layout.py` holds the order.

```mermaid
flowchart TD
{arrows}
```

| room | what is in it |
|---|---|
{rows}
"""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; a folder's `__init__` goes by the folder's name."""
    names = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(name: str, known: Mapping[str, Path], typing_too: bool = True) -> set[str]:
    """
    The package's modules that one of them imports, wherever in it that stands.

    Args:
        name (`str`): The module.
        known: From [`modules`].
        typing_too (`bool`, defaults to `True`): Whether those under `if TYPE_CHECKING:` count, which no machine runs.
    """
    folder = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in _nodes(ast.parse(known[name].read_text(encoding="utf-8")), typing_too):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = folder.split(".")[: len(folder.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            # A name may be a module of that package, or something in it.
            members = {f"{source}.{alias.name}" for alias in node.names}
            found |= members & known.keys() or {source}
    return found & known.keys() - {name}


def _nodes(tree: ast.AST, typing_too: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if typing_too or not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield node
            yield from _nodes(node, typing_too)


def room_of(module: str) -> str:
    """
    The folder, or the single file, right under the package that a module belongs to.

    The files whose names begin with `pipeline_` are one room; the package's own `__init__` is one, too.
    """
    name = (module.split(".") + ["__init__"])[1]
    return PIPELINE if name.startswith(f"{PIPELINE}_") else name


def rooms() -> dict[str, dict[str, set[str]]]:
    """For each room the rooms that it imports, and for each of those the modules that do."""
    known = modules()
    arrows: dict[str, dict[str, set[str]]] = {room_of(name): defaultdict(set) for name in known}
    for name in known:
        for target in imports(name, known):
            if room_of(target) != room_of(name):
                arrows[room_of(name)][room_of(target)].add(name)
    return arrows


def direct_arrows(arrows: Mapping[str, Mapping[str, set[str]]]) -> dict[str, list[str]]:
    """The arrows that do not follow from others; raises `graphlib.CycleError` where rooms import in a circle."""
    reach: dict[str, set[str]] = {}
    direct = {}
    ordered = {room: sorted(arrows[room]) for room in sorted(arrows)}
    for room in TopologicalSorter(ordered).static_order():
        targets = set(arrows[room])
        beyond = set().union(*(reach[target] for target in targets))
        direct[room] = sorted(targets - beyond)
        reach[room] = targets | beyond
    return direct


def summary(room: str) -> str:
    """The first paragraph of what a room says of itself."""
    names = (f"{room}/__init__.py", f"{room}.py", f"{room}_dirfa.py")
    path = next(ROOT / PACKAGE / name for name in names if (ROOT / PACKAGE / name).exists())
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(words.partition("\n\n")[0].split())


def draw() -> str:
    """The page as it should be now."""
    direct = direct_arrows(rooms())
    downwards = list(reversed(direct))
    return PAGE.format(
        arrows="\n".join(f"    {room} --> {target}" for room in downwards for target in direct[room]),
        rows="\n".join(f"| `{room}` | {summary(room)} |" for room in downwards),
    )


if __name__ == "__main__":
    DRAWING.write_text(draw(), encoding="utf-8")
