"""What the documentation has people type works: each block runs on a host of its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_hosts import sim_world

from bsdvirt_sim import SimHost

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each block, with the heading that it stands under."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        headings = HEADING.findall(text[: found.start()])
        yield headings[-1], found[1]


CASES = [pytest.param(block, id=title) for title, block in blocks(DOCS / "networking.md")]


@pytest.mark.parametrize("block", CASES)
def test_a_recipe_works(block: str) -> None:
    with sim_world() as (driver, _):
        host = SimHost(driver.sim or "")
        host.settings.add_interface("em1", "58:9c:fc:10:20:31")
        host.run(("/sbin/ifconfig", "bridge0", "create"), changes=True)
        for line in block.splitlines():
            # The only interface of the simulated host has this name.
            words = shlex.split(line.replace("em0", "vtnet0"))
            assert words[0] == "bsdvirt", line
            driver.ok(*words[1:])
