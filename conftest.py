"""Which tests `make test` takes a sample of; `make matrix` takes all."""

from __future__ import annotations

import os
import zlib

import pytest

SIZES = ("80x24", "160x48")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a flow of the UI at both sizes, leave one: which, is by its name. One that is asked for by
    its file alone is run at both."""
    if os.environ.get("BSDVIRT_MATRIX") == "all" or any(".py" in word for word in config.args):
        return
    left_out = [item for item in items if _of_other_size(item.nodeid)]
    if left_out:
        items[:] = [item for item in items if not _of_other_size(item.nodeid)]
        config.hook.pytest_deselected(items=left_out)


def _of_other_size(name: str) -> bool:
    size = next((one for one in SIZES if f"{one}]" in name), None)
    if size is None or "tests/tui/" not in name:
        return False
    flow = name.replace(size, "")
    return SIZES.index(size) != zlib.crc32(flow.encode()) % 2
