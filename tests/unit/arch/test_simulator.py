"""The rooms of the simulated host: which way its imports point, and their size."""

from __future__ import annotations

import ast
from pathlib import Path

from each import each
from test_architecture import MOST_FILES, MOST_LINES, ROOT, _circles, _imports, _tree

PACKAGE = ROOT / "bsdvirt_sim"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAY = ("bsdvirt.errors", "bsdvirt.host")
"""What of the product it may import."""
ORDER = (
    "releases", "state", "snapdir", "context", "libxo", "commands", "zfs", "kernel", "tools", "net",
    "jail bhyve", "initial", "durability", "settings", "pipes", "host", "", "tool",
)  # fmt: skip
"""Its rooms, and the modules beside them: each imports itself and earlier ones."""
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in (rooms.split() or [""])}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


BY_NAME = {name_of(path): path for path in MODULES}


def imported(path: Path) -> set[str]:
    """The modules of the simulated host that one of them imports."""
    names = {name for name in _imports(path) if name.split(".")[0] == "bsdvirt_sim"}
    found = {name.removeprefix("bsdvirt_sim").removeprefix(".") for name in names}
    return (found & BY_NAME.keys()) - {name_of(path), ""}


@each(MODULES)
def test_the_simulated_host_imports_little_of_the_product(path: Path) -> None:
    ours = {name for name in _imports(path) if name.split(".")[0] == "bsdvirt"}
    assert not {name for name in ours if not name.startswith(MAY)}


@each(sorted(BY_NAME))
def test_its_imports_point_one_way(name: str) -> None:
    room = name.split(".")[0]
    for other in imported(BY_NAME[name]):
        theirs = other.split(".")[0]
        assert theirs == room or RANK[theirs] < RANK[room], f"{name} imports {other}"


def test_its_files_import_in_no_circle() -> None:
    assert not _circles({name: imported(path) for name, path in BY_NAME.items()})


@each(MODULES)
def test_its_modules_are_short_and_say_what_they_are_for(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert ast.get_docstring(_tree(path))


@each(sorted({path.parent for path in MODULES}))
def test_its_folders_are_small(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MOST_FILES
