"""Which tests `make test` takes a sample of; `make matrix` takes all."""

from __future__ import annotations

import os
import zlib

import pytest

SIZES = ("80x24", "160x48")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the UI's flows leave two of three, and each at one size: which, is by its name. What is
    asked for by its file is run whole."""
    if os.environ.get("BSDVIRT_MATRIX") == "all" or any(".py" in word for word in config.args):
        return
    left_out = [item for item in items if _left_out(item.nodeid)]
    if left_out:
        items[:] = [item for item in items if not _left_out(item.nodeid)]
        config.hook.pytest_deselected(items=left_out)


def _left_out(name: str) -> bool:
    if _of_other_size(name):
        return True
    always = ("pictures", "terminal", "overview", "tasks_ends")
    flow = "tests/tui/test_ui_" in name and not any(f"_{word}.py" in name for word in always)
    return flow and zlib.crc32(name.partition("[")[0].encode()) % 3 == 0


def _of_other_size(name: str) -> bool:
    size = next((one for one in SIZES if f"{one}]" in name), None)
    if size is None or "tests/tui/" not in name:
        return False
    flow = name.replace(size, "")
    return SIZES.index(size) != zlib.crc32(flow.encode()) % 2
