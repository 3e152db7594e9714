"""The house's own rules: which way imports point, what planners keep out of, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from each import each

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "bsdvirt"
MODULES = sorted(PACKAGE.rglob("*.py"))
OPENS_SIMULATOR = "host/open.py"
MOST_LINES = 400
MOST_FILES = 16
CROWDED = {"": 7, "spec": 40, "cli/verbs": 64}
"""Folders with another bound than MOST_FILES, without __init__.py."""

ROOMS = (
    "supervise", "errors", "record", "plainjson", "rows", "spec", "layout", "host", "facts", "zfs",
    "plan", "net", "cpu", "guest", "templates", "jail bhyve", "kinds", "session", "library", "ops",
    "tui", "cli",
)  # fmt: skip
"""The order of rooms: a file imports its own and earlier ones. Two on one line do not know
each other."""
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms.split()}
KIND_ROOMS = ("jail", "bhyve", "kinds")
"""Where jails and virtual machines are told apart."""
PURE = ("net", "cpu", "guest", "jail", "bhyve", "library/plans", "library/foreign")
"""Where planners live: no module there has effects of its own."""

# What still breaks a rule. These lists only get shorter.
ROOM_DEBTS: frozenset[tuple[str, str]] = frozenset()
CIRCLE_DEBTS: tuple[set[str], ...] = ()
EFFECT_DEBTS: frozenset[str] = frozenset()
FOLDER_DEBTS: dict[str, int] = {}
EFFECTS = frozenset({"subprocess", "os", "pathlib", "shutil", "tempfile", "socket", "io"})


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


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


BY_NAME = {_name(path): path for path in MODULES}


def _ours(path: Path) -> set[str]:
    """The modules of ours that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bsdvirt":
            base = (node.module or "").removeprefix("bsdvirt").removeprefix(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".removeprefix(".")
                found.add(full if full in BY_NAME else base)
    return found - {_name(path), ""}


@each(sorted(set(BY_NAME) - {"", "__main__"}))
def test_imports_point_one_way(name: str) -> None:
    room = name.split(".")[0]
    assert room in RANK, f"give {room} its place in ROOMS"
    for other in _ours(BY_NAME[name]):
        theirs = other.split(".")[0]
        if theirs != room and (name, other) not in ROOM_DEBTS:
            assert RANK[theirs] < RANK[room], f"{name} imports {other}"


def test_supervisors_stand_alone() -> None:
    """They run without anything else that is installed, and nothing else uses their code."""
    for name, path in BY_NAME.items():
        within = name.split(".")[0] == "supervise"
        assert within or not {o for o in _ours(path) if o.split(".")[0] == "supervise"}, name
        foreign = {m.split(".")[0] for m in _imports(path)} - sys.stdlib_module_names
        assert not within or foreign <= {"bsdvirt"}, name
        assert not within or {o.split(".")[0] for o in _ours(path)} <= {"supervise"}, name


def test_files_import_in_no_circle() -> None:
    graph = {name: _ours(path) for name, path in BY_NAME.items()}
    circles = [circle for circle in _circles(graph) if circle not in CIRCLE_DEBTS]
    assert not circles


def _circles(graph: dict[str, set[str]]) -> list[set[str]]:
    reach: dict[str, set[str]] = {}
    for name in graph:
        seen: set[str] = set()
        todo = [*graph[name]]
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += graph.get(other, set())
        reach[name] = seen
    groups = {
        frozenset({name, *(o for o in reach[name] if name in reach.get(o, set()))})
        for name in graph
        if name in reach[name]
    }
    return [set(group) for group in groups]


def test_debts_are_owed() -> None:
    """Whoever pays one strikes it off the list."""
    graph = {name: _ours(path) for name, path in BY_NAME.items()}
    assert not {(name, other) for name, other in ROOM_DEBTS if other not in graph.get(name, set())}
    circles = _circles(graph)
    assert not [debt for debt in CIRCLE_DEBTS if debt not in circles]
    assert not {name for name in EFFECT_DEBTS if not _effects(PACKAGE / name)}
    assert all(len(_folder(name)) == most for name, most in FOLDER_DEBTS.items())


def _folder(name: str) -> list[Path]:
    return [path for path in (PACKAGE / name).glob("*.py") if path.name != "__init__.py"]


@each(sorted({str(path.parent.relative_to(PACKAGE)) for path in MODULES}))
def test_a_folder_can_be_overlooked(name: str) -> None:
    name = name.removeprefix(".")
    most = FOLDER_DEBTS.get(name, CROWDED.get(name, MOST_FILES))
    assert len(_folder(name)) <= most


PLANNERS = [
    str(path.relative_to(PACKAGE))
    for path in MODULES
    if str(path.relative_to(PACKAGE)).startswith(tuple(f"{place}/" for place in PURE))
]


@each([name for name in PLANNERS if name not in EFFECT_DEBTS])
def test_a_planner_has_no_effects(name: str) -> None:
    assert not _effects(PACKAGE / name)


def _effects(path: Path) -> set[str]:
    modules = {module.split(".")[0] for module in _imports(path)} & EFFECTS
    calls = {
        node.func.id
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return modules | calls & {"open", "exec", "eval", "print", "input", "__import__"}


@each(MODULES)
def test_the_product_knows_nothing_of_the_simulated_host(path: Path) -> None:
    imports = {name.split(".")[0] for name in _imports(path)}
    assert "bsdvirt_sim" not in imports or str(path.relative_to(PACKAGE)) == OPENS_SIMULATOR


@each(MODULES)
def test_the_product_does_not_ask_whether_its_host_is_simulated(path: Path) -> None:
    asked = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)]
    assert "simulated" not in {node.attr for node in asked}


def _tells_kinds_apart(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            names = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
            yield from names & {"Jail", "Vm"}
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            kinds = {one.attr for one in sides if isinstance(one, ast.Attribute)} & {"kind"}
            words = {one.value for one in sides if isinstance(one, ast.Constant)} & {"jail", "vm"}
            if kinds and words:
                yield ast.unparse(node)


@each(sorted(set(BY_NAME) - {""}))
def test_kinds_are_told_apart_in_their_own_rooms(name: str) -> None:
    """Everywhere else a guest's kind is asked: kinds.py, guest/kind.py."""
    if name.split(".")[0] not in KIND_ROOMS and name != "guest.kind":
        assert not [*_tells_kinds_apart(BY_NAME[name])]


@each(MODULES)
def test_a_module_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@each(MODULES)
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


def test_creating_loads_what_downloads_only_when_it_downloads() -> None:
    loaded = _loaded("bsdvirt.cli.verbs.create")
    assert "bsdvirt.library.levels" in loaded
    assert not {
        name
        for name in loaded
        if name.startswith(("bsdvirt.library.release_add", "bsdvirt.library.web", "urllib3"))
    }


@each(MODULES)
def test_what_is_slow_is_imported_where_it_is_used(path: Path) -> None:
    slow = {module.split(".")[0] for module in _imports(path, at_top=True)} & {
        "jinja2", "textual", "yaml", "libzfs", "rich", "urllib3"
    }  # fmt: skip
    allowed = {"textual", "rich"} if _part(path) == "tui" else set()
    assert slow <= allowed


@each([path for path in MODULES if _part(path) == "cli"])
def test_choices_of_an_option_are_those_of_its_property(path: Path) -> None:
    """They stand in the property's declaration (cli/flags.py), not in the command line."""
    calls = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.keyword)]
    given = [node.value for node in calls if node.arg == "choices"]
    assert not [node for node in given if isinstance(node, ast.Tuple | ast.List | ast.Set)]


def test_basenames_of_tests_are_unique() -> None:
    """There is no __init__.py among them, so two of one name would hide each other."""
    files = (ROOT / "tests").rglob("*.py")
    names = [path.name for path in files if path.name != "conftest.py"]
    assert not {name for name in names if names.count(name) > 1}


DEVICES_ARE_NAMED_IN = (
    "spec/", "rows/vm.py", "bhyve/devices/", "cli/", "tui/actions/", "tui/detail/",
    "tui/forms/", "ops/devices.py",
    # Hints: `bsdvirt cdrom insert`.
    "ops/create/vm.py", "library/plans/media.py",
)  # fmt: skip


@each(MODULES)
def test_planners_know_no_device_by_its_name(path: Path) -> None:
    """They ask the registry, bhyve/devices/__init__.py; a CD drive stands for all devices."""
    if not str(path.relative_to(PACKAGE)).startswith(DEVICES_ARE_NAMED_IN):
        assert "cdrom" not in path.read_text(encoding="utf-8").lower()


RUNS_PLANS = ("session/prepared.py", "session/session.py")
ASKS_FOR_PREVIEW = frozenset({
    # Ways of going through the boot order that a plan cannot show: waiting, a log, a marker file.
    "ops/boot/log.py", "ops/boot/running.py", "ops/boot/start.py", "ops/boot/stop.py",
    # A lock or a mark for other commands is taken, or another command ended, before planning.
    "ops/power/exclusive.py", "ops/power/start.py", "ops/power/stop.py",
    # A start that is planned before its turn.
    "ops/power/restart.py",
    # Downloads, and copies of files that others could exchange: no plan of ours yet.
    "library/entries.py", "library/image_fetch.py", "library/media.py",
    "library/private_copy.py", "library/release_fetch.py",
})  # fmt: skip
"""What does something else in a preview than to plan. This list only gets shorter."""


def _attributes(path: Path) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute))


def _is_session(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "session"


@each(MODULES)
def test_plans_are_run_in_one_place(path: Path) -> None:
    """So what is run was shown, or could have been."""
    runs = [node for node in _attributes(path) if node.attr == "run" and _is_session(node.value)]
    assert not runs or str(path.relative_to(PACKAGE)) in RUNS_PLANS


@each(MODULES)
def test_a_dry_run_is_the_command_lines_word(path: Path) -> None:
    """Elsewhere a request is prepared, and not run."""
    name = str(path.relative_to(PACKAGE))
    if not name.startswith("cli/"):
        assert "dry_run" not in path.read_text(encoding="utf-8")
    if not name.startswith(("cli/", "session/")):
        asks = [
            one for one in _attributes(path) if one.attr == "preview" and _is_session(one.value)
        ]
        assert bool(asks) <= (name in ASKS_FOR_PREVIEW)


def test_previews_that_are_asked_for_are_listed() -> None:
    """Whoever pays one strikes it off the list."""
    assert not {n for n in ASKS_FOR_PREVIEW if "preview" not in (PACKAGE / n).read_text("utf-8")}
