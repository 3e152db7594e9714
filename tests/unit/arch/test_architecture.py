"""The house's own rules: which way imports point, what planners keep out of, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "bsdvirt"
MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in MODULES]
SIMULATOR = sorted((ROOT / "bsdvirt_sim").rglob("*.py"))
SIMULATOR_IDS = [str(path.relative_to(ROOT)) for path in SIMULATOR]
OPENS_SIMULATOR = "host/open.py"
SIMULATOR_MAY = ("bsdvirt.errors", "bsdvirt.host")
"""What of the product the simulated host may import."""
MOST_FILES = 16
MOST_LINES = 400
ALONE = {"bhyve/supervisor.py": 1850, "jail/keeper.py": 560}
"""What must be one file, and how long it may be."""

# What each part may import, besides itself. What stands lower knows nothing of what
# stands above it.
MAY: dict[str, frozenset[str]] = {"errors": frozenset()}
for _name, _below in (
    ("spec", ("errors",)),
    ("host", ("errors", "spec")),
    ("plan", ("errors", "spec", "host", "zfs")),
    ("zfs", ("errors", "spec", "host")),
    ("store", ("errors", "spec", "host", "plan", "zfs")),
    ("net", ("errors", "spec", "host", "plan", "zfs", "store")),
    ("cpu", ("errors", "spec", "host", "plan", "zfs", "store")),
    ("jail", ("errors", "spec", "host", "plan", "zfs", "store", "net", "cpu", "templates")),
    ("bhyve", ("errors", "spec", "host", "plan", "zfs", "store", "net", "cpu", "templates")),
    ("templates", ("errors",)),
):
    MAY[_name] = frozenset(_below)
MAY["app"] = frozenset(MAY) - {"app"}
for _name in ("cli", "tui", "boot"):
    MAY[_name] = frozenset({"errors", "spec", "host", "plan", "zfs", "store", "net", "cpu"}) | {
        "jail", "bhyve", "templates", "app"
    }  # fmt: skip
MAY["cli"] |= {"boot"}

PLANNERS = (
    *(f"jail/{name}.py" for name in (
        "create", "start", "stop", "clean", "destroy", "change", "claims", "release", "live",
        "rename", "mirrors", "mounts", "mounted", "storage", "hooks", "main", "stack", "root",
        "foreign", "drift",
    )),
    *(f"bhyve/{name}.py" for name in (
        "claims", "config", "check", "supervise", "start", "stop", "clean", "live", "create",
        "change", "disks", "drift",
    )),
    *(f"net/{path.name}" for path in sorted((PACKAGE / "net").glob("*.py"))),
    *(f"bhyve/{name}.py" for name in ("cloud", "disks", "formats", "headers", "images", "media")),
    "cpu/limits.py",
    "store/layout.py",
    "store/orphans.py",
    "store/marks.py",
    "boot/order.py",
)  # fmt: skip
EFFECTS = frozenset({"subprocess", "os", "pathlib", "shutil", "tempfile", "socket", "io"})
SLOW = ("jinja2", "textual", "yaml", "libzfs", "subprocess", "asyncio", "bsdvirt_sim")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path, *, at_top: bool = False) -> Iterator[str]:
    """The modules that a module imports; `at_top`, only when it is imported itself."""
    nodes = _top(_tree(path)) if at_top else ast.walk(_tree(path))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _top(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those in functions, and those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _top(node)


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_imports_point_one_way(path: Path) -> None:
    part = _part(path)
    if part in ("__init__", "__main__"):
        return
    ours = {name.split(".")[1] for name in _imports(path) if name.startswith("bsdvirt.")}
    known = {name for name in ours if name in MAY}
    assert part in MAY, f"say in MAY what {part} may import"
    assert known - {part} <= MAY[part]


@pytest.mark.parametrize("name", PLANNERS)
def test_a_planner_has_no_effects(name: str) -> None:
    path = PACKAGE / name
    assert not {module.split(".")[0] for module in _imports(path)} & EFFECTS
    calls = {
        node.func.id
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "exec", "eval", "print", "input", "__import__"}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_the_product_knows_nothing_of_the_simulated_host(path: Path) -> None:
    imports = {name.split(".")[0] for name in _imports(path)}
    assert "bsdvirt_sim" not in imports or str(path.relative_to(PACKAGE)) == OPENS_SIMULATOR


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_the_product_does_not_ask_whether_its_host_is_simulated(path: Path) -> None:
    asked = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)]
    assert "simulated" not in {node.attr for node in asked}


@pytest.mark.parametrize("path", SIMULATOR, ids=SIMULATOR_IDS)
def test_the_simulated_host_imports_little_of_the_product(path: Path) -> None:
    ours = {name for name in _imports(path) if name.split(".")[0] == "bsdvirt"}
    assert not {name for name in ours if not name.startswith(SIMULATOR_MAY)}


@pytest.mark.parametrize("path", SIMULATOR, ids=SIMULATOR_IDS)
def test_a_module_of_the_simulated_host_is_short_and_says_what_it_is_for(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert ast.get_docstring(_tree(path))


def test_a_folder_of_the_simulated_host_can_be_taken_in() -> None:
    folders = {path.parent for path in SIMULATOR}
    assert not {folder for folder in folders if len(list(folder.glob("*.py"))) > MOST_FILES}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_can_be_read_at_one_sitting(path: Path) -> None:
    most = ALONE.get(str(path.relative_to(PACKAGE)), MOST_LINES)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8").strip()
    assert not text or ast.get_docstring(_tree(path))


def _loaded(module: str) -> set[str]:
    """What importing a module has Python load, in a process of its own."""
    script = f"import sys; before = set(sys.modules); import {module}; " + (
        "print('\\n'.join(set(sys.modules) - before))"
    )
    shown = subprocess.run(
        (sys.executable, "-c", script), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(shown.stdout.split())


def test_listing_loads_only_what_it_needs() -> None:
    loaded = _loaded("bsdvirt.cli.verbs.ls")
    assert "bsdvirt.app.listing" in loaded
    assert not [name for name in SLOW if name in loaded and name != "subprocess"]
    assert not {name for name in loaded if name.startswith(("bsdvirt.jail.conf", "bsdvirt.tui"))}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_what_is_slow_is_imported_where_it_is_used(path: Path) -> None:
    """jinja2 stands at the top of the one module that renders; nobody imports libzfs so."""
    slow = {module.split(".")[0] for module in _imports(path, at_top=True)} & {
        "jinja2", "textual", "yaml", "libzfs"
    }  # fmt: skip
    allowed = {"jail/conf.py": {"jinja2"}}.get(str(path.relative_to(PACKAGE)), set())
    if _part(path) == "tui":
        allowed = {"textual"}
    assert slow <= allowed


def test_basenames_of_tests_are_unique() -> None:
    """There is no __init__.py among them, so two of one name would hide each other."""
    files = (ROOT / "tests").rglob("*.py")
    names = [path.name for path in files if path.name != "conftest.py"]
    assert not {name for name in names if names.count(name) > 1}
