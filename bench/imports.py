"""What one bsdvirt command imports, and the commands that it runs.

    python3 bench/imports.py --sim DIR WORD...

Runs `bsdvirt --sim DIR WORD...` and prints JSON as the last line of standard error: the modules
that were imported, without those that only the simulated host needs, and each command that was
run.
"""

from __future__ import annotations

import atexit
import builtins
import importlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIMULATOR = "bsdvirt_sim"
REAL = "bsdvirt.host.real"
FIRST = ("bsdvirt.__main__", "bsdvirt.cli.verbs.", REAL)
"""Where the search begins: importlib.import_module() is not seen."""

_import = builtins.__import__
asked: defaultdict[str, set[str]] = defaultdict(set)
"""By module: what it imports."""
ran: list[list[str]] = []
noted: list[str] = []


def _noting(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> Any:
    module = _import(name, globals, locals, fromlist, level)
    if name == SIMULATOR and not noted:
        # Not before: it imports what the command may not.
        noted.append(SIMULATOR)
        _note_commands()
    importer = globals or {}
    if level:
        package = importer.get("__package__") or ""
        base = package.rsplit(".", level - 1)[0] if level > 1 else package
        name = f"{base}.{name}" if name else base
    inner = {f"{name}.{one}" for one in fromlist or ()} & sys.modules.keys()
    asked[importer.get("__name__", "")] |= {name, *inner}
    return module


def imported() -> list[str]:
    """Return the modules that are reached from ours, without going through the simulator."""
    found: set[str] = set()
    waiting = [name for name in sys.modules if name.startswith(FIRST)]
    while waiting:
        name = waiting.pop()
        known = name in sys.modules and name not in found
        if known and name.split(".")[0] != SIMULATOR:
            found.add(name)
            waiting += [*asked[name], name.rpartition(".")[0]]
    return sorted(found)


def _note_commands() -> None:
    """Note each command that the simulated host is given."""
    cls = importlib.import_module(f"{SIMULATOR}.host").SimHost
    for way in ("run", "attach", "replace"):
        real = getattr(cls, way)

        def noting(self: Any, argv: Any, *rest: Any, _real: Any = real, **named: Any) -> Any:
            ran.append(list(argv))
            return _real(self, argv, *rest, **named)

        setattr(cls, way, noting)


def _report() -> None:
    if "bsdvirt.host.open" in sys.modules:
        # The simulated host stands in its place.
        importlib.import_module(REAL)
    print(json.dumps({"modules": imported(), "ran": ran}), file=sys.__stderr__)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    builtins.__import__ = _noting
    command = importlib.import_module("bsdvirt.__main__")
    atexit.register(_report)
    command.main()


if __name__ == "__main__":
    main()
