"""Draw the package's rooms and their imports, `structure.md` and `structure.svg`: `python docs/draw_structure.py`."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path


ROOT = Path(__file__).parents[1]
PACKAGE, PIPELINE = "dirfa_pipeline", "pipeline"
DRAWING, PICTURE = (Path(__file__).with_name(name) for name in ("structure.md", "structure.svg"))

PAGE = """\
# Rooms

What is in `dirfa_pipeline`, and what imports what, drawn from the code by `python docs/draw_structure.py`. An arrow
goes from a room to one that it imports; one that follows from others is left out: a room may import whatever its
arrows lead to, step by step. Imports that only type checkers see count. `tests/test_layout.py` holds the order.

![The rooms, those on which others stand at the bottom](structure.svg)

| room | what is in it |
|---|---|
{rows}
"""


BOX, ROW = (128, 34), 74  # units of the picture: a room, and from one floor to the next
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="Rooms and their imports">
<style>
  text {{ font: 14px system-ui, sans-serif; text-anchor: middle; fill: #1d2433; }}
  .room {{ fill: #e6ecfb; stroke: #4a62b8; }}
  .arrow {{ stroke: #5b6577; stroke-width: 1.3; fill: none; }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path \
d="M0 0 L8 4 L0 8 z" fill="#5b6577"/></marker></defs>
<rect width="{width}" height="{height}" fill="#ffffff" rx="10"/>
{shapes}
</svg>
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


def floors(direct: Mapping[str, list[str]]) -> list[list[str]]:
    """The rooms by floors, the highest first: each one above all that it imports."""
    height: dict[str, int] = {}
    for room in direct:  # in an order in which what is imported comes before
        height[room] = 1 + max((height[target] for target in direct[room]), default=-1)
    levels: list[list[str]] = [[] for _ in range(1 + max(height.values()))]
    for room in direct:
        levels[-1 - height[room]].append(room)
    for above, here in zip(levels, levels[1:], strict=False):  # below the rooms that import them
        places = {room: index / len(above) for index, room in enumerate(above)}
        here.sort(key=lambda room: _mean([places[user] for user in above if room in direct[user]]))
    return levels


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def draw_picture() -> str:
    """The picture as it should be now: a box for each room, an arrow for each import that does not follow."""
    direct = direct_arrows(rooms())
    levels = floors(direct)
    width, height = 40 + max(map(len, levels)) * (BOX[0] + 40), 40 + len(levels) * ROW
    places = {
        room: (round(width * (column + 0.5) / len(level)), 36 + ROW * row)
        for row, level in enumerate(levels)
        for column, room in enumerate(level)
    }
    shapes = []
    for room, targets in sorted(direct.items()):
        (x, y) = places[room]
        for target in targets:
            (to_x, to_y) = places[target]
            begin, end, bend = y + BOX[1] // 2, to_y - BOX[1] // 2 - 2, ROW // 2
            shapes.append(
                f'<path class="arrow" d="M{x} {begin} C{x} {begin + bend} {to_x} {end - bend} {to_x} {end}" '
                'marker-end="url(#tip)"/>'
            )
    for room, (x, y) in sorted(places.items()):
        left, top = x - BOX[0] // 2, y - BOX[1] // 2
        shapes.append(f'<rect class="room" x="{left}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="7"/>')
        shapes.append(f'<text x="{x}" y="{y + 5}">{room}</text>')
    return SVG.format(width=width, height=height, shapes="\n".join(shapes))


def draw() -> str:
    """The page as it should be now."""
    direct = direct_arrows(rooms())
    return PAGE.format(rows="\n".join(f"| `{room}` | {summary(room)} |" for room in reversed(direct)))


if __name__ == "__main__":
    DRAWING.write_text(draw(), encoding="utf-8")
    PICTURE.write_text(draw_picture(), encoding="utf-8")
