"""These tests change the machine they run on: only root's FreeBSD that was named for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def why_not() -> str:
    """Why this machine is not the one; empty where it is."""
    if not sys.platform.startswith("freebsd"):
        return f"this is {sys.platform}, not FreeBSD"
    if os.geteuid() != 0:
        return "only root can"
    for variable in ("BSDVIRT_TEST_POOL", "BSDVIRT_TEST_DIST"):
        if not os.environ.get(variable):
            return f"{variable} is not set"
    if Path("/usr/local/etc/bsdvirt/bsdvirt.yaml").exists():
        return "bsdvirt is set up on this host already: it is left alone"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if reason := why_not():
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))
