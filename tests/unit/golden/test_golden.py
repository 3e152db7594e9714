"""The planners, on golden files: tests/data/golden/ROOM/PLANNER/CASE.yaml.

With BSDVIRT_GOLDEN=write in the environment the plans are written again: read the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden_bhyve
import golden_jail
import golden_library
import msgspec
import pytest
from goldenfile import WRITE, difference, documents, load, outcome, record, write

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
FILES = sorted(GOLDEN.glob("*/*/*.yaml"))
MODULES: tuple[Any, ...] = (golden_bhyve, golden_jail, golden_library)
PLANNERS: dict[str, tuple[type[msgspec.Struct], Callable[..., Any]]] = {
    name: (module.Given, planner) for module in MODULES for name, planner in module.PLANNERS.items()
}
IDS = [str(file.relative_to(GOLDEN).with_suffix("")) for file in FILES]


def planned(file: Path) -> dict[str, Any]:
    """Return the plan of a case."""
    name = str(file.parent.relative_to(GOLDEN))
    struct, planner = PLANNERS[name]
    given = msgspec.convert(load(file)[0], struct, dec_hook=record)
    volatile = name in golden_library.PLANNERS
    return outcome(lambda: planner(given), shows_volatile=volatile)


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_planner(file: Path) -> None:
    found = planned(file)
    given, expected = load(file)
    if not WRITE:
        assert found == expected, given["why"]
        return
    base = documents(file)[0].get("base")
    write(
        file, found if base is None else difference(planned(file.with_name(f"{base}.yaml")), found)
    )


def test_each_planner_has_cases_and_no_file_is_left_over() -> None:
    assert {file for file in GOLDEN.rglob("*") if file.is_file()} == set(FILES)
    assert {str(file.parent.relative_to(GOLDEN)) for file in FILES} == set(PLANNERS)
