"""Which tests `make test` takes a sample of; `make matrix` takes all."""

from __future__ import annotations

import os
import zlib

import pytest

SIZES = ("80x24", "160x48")
NEWEST = "-15.1]"
"""How the names of scenarios on the newest release end."""


KILLS = ("kill-before", "kill-after")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, by their names: half of the UI's flows, and each at one size; of the kills before
    and after a step, one for each case; half of the power cuts; half of what also runs on an older
    release. What is asked for by its file is run whole."""
    if os.environ.get("BSDVIRT_MATRIX") == "all" or any(".py" in word for word in config.args):
        return
    left_out = [item for item in items if _left_out(item.nodeid)]
    if left_out:
        items[:] = [item for item in items if not _left_out(item.nodeid)]
        config.hook.pytest_deselected(items=left_out)


def _left_out(name: str) -> bool:
    return (
        _of_other_size(name)
        or _is_flow(name)
        and _parity(name.partition("[")[0]) == 0
        or _of_other_kill(name)
        or "test_sim_power.py" in name
        and _parity(name) == 0
        or "test_sim_scenarios.py" in name
        and NEWEST not in name
        and _parity(name) == 0
    )


def _parity(text: str) -> int:
    return zlib.crc32(text.encode()) % 2


def _is_flow(name: str) -> bool:
    always = ("pictures", "terminal", "overview", "tasks_ends")
    return "tests/tui/test_ui_" in name and not any(f"_{word}.py" in name for word in always)


def _of_other_kill(name: str) -> bool:
    kill = next((one for one in KILLS if f"[{one}-" in name), None)
    if kill is None or "test_sim_crash.py" not in name:
        return False
    # With another for each test, a case is killed before one step and after another.
    return KILLS.index(kill) != _parity(name.replace(kill, ""))


def _of_other_size(name: str) -> bool:
    size = next((one for one in SIZES if f"{one}]" in name), None)
    if size is None or "tests/tui/" not in name:
        return False
    return SIZES.index(size) != _parity(name.replace(size, ""))
