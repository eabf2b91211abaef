"""The order of the package's rooms: imports point downwards, never in a circle."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from draw_structure import DRAWING, PACKAGE, draw, imports, modules, room_of, rooms


# From the ground up. A room may import those on floors below its own, not those beside or above it.
FLOORS = (
    {"errors", "version", "threads"},
    {"bundled"},
    {"media"},
    {"animation", "provenance", "workers"},
    {"face"},
    {"capture", "direction"},
    {"rendering"},
    {"models"},
    {"hub", "live"},
    {"pipeline"},
    {"__init__"},
    {"head3d", "evaluation", "server"},
    {"demo"},
    {"commands", "training"},
    {"cli"},
    {"__main__"},
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
MODULES, ROOMS = modules(), rooms()


def test_every_room_has_its_floor() -> None:
    assert ROOMS.keys() == FLOOR.keys()


@pytest.mark.parametrize("room", sorted(FLOOR))
def test_imports_point_downwards(room: str) -> None:
    """Those that only type checkers see, too: what a room must know of another to be read counts."""
    wrong = {target: sorted(by) for target, by in ROOMS[room].items() if FLOOR[target] >= FLOOR[room]}
    assert not wrong, f"{room}, on floor {FLOOR[room]}, may not import these: {wrong}"


def test_nothing_else_imports_training() -> None:
    """What learns may use everything; what runs must not need it."""
    assert not [room for room, targets in ROOMS.items() if "training" in targets]


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Within a room, too. Imports under `if TYPE_CHECKING:` never run and do not count here."""
    arrows = {name: imports(name, MODULES, typing_too=False) for name in MODULES}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_tests_mirror_the_package() -> None:
    """A folder of tests has the name of a room, and no test of a room's module lies elsewhere."""
    root = DRAWING.parents[1]
    folders = {path.parent.name for path in (root / "tests").glob("*/test_*.py")}
    assert folders <= {room_of(name) for name, path in MODULES.items() if path.name == "__init__.py"}
    names = {path.stem: room_of(name) for name, path in MODULES.items() if path.name != "__init__.py"}
    for path in (root / "tests").rglob("test_*.py"):
        room = names.get(path.stem.removeprefix("test_"))
        if path.parent.name == "tests" and room is not None:
            assert not (root / PACKAGE / room).is_dir(), f"{path.name} belongs in tests/{room}"


def test_the_drawing_is_of_today() -> None:
    assert DRAWING.read_text() == draw(), "python docs/draw_structure.py"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from ..face import landmarks", {"face.landmarks"}),
        ("from ..face.landmarks import OVAL", {"face.landmarks"}),
        ("import dirfa_pipeline.errors", {"errors"}),
        ("from . import mesh, masks", {"rendering.mesh", "rendering.masks"}),
        ("def late():\n    from .mesh import build_mesh", {"rendering.mesh"}),
        ("if TYPE_CHECKING:\n    from .mesh import HeadMesh", {"rendering.mesh"}),
    ],
)
def test_every_form_of_an_import_is_seen(line: str, found: set[str], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    name = f"{PACKAGE}.rendering.module"
    assert imports(name, MODULES | {name: path}) == {f"{PACKAGE}.{module}" for module in found}
    assert bool(imports(name, MODULES | {name: path}, typing_too=False)) == ("TYPE_CHECKING" not in line)
