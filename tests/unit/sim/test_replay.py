"""Every captured command that bsdvirt emits: the simulated host says the same, to the letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from captures import CAPTURES, read

from bsdvirt.host.base import Result
from bsdvirt_sim import UnknownCommand
from bsdvirt_sim.releases import RELEASES

from .replay import Rules, Shell
from .scenes import meta, scene

NOT_REPLAYED = {
    "05-bhyve.txt": "bhyve's words are held against it in test_sim_bhyve.py",
    "08-rc.txt": "service(8), rcorder(8) and newsyslog(8) are not simulated",
}
CASES = [
    (release, path.name)
    for release in RELEASES
    for path in sorted((CAPTURES / f"freebsd-{release}").glob("*.txt"))
    if path.name not in NOT_REPLAYED
]


@pytest.mark.parametrize(("release", "file"), CASES)
def test_capture(release: str, file: str, tmp_path: Path) -> None:
    rules = Rules(release)
    host = scene(release, file, tmp_path)
    shell = Shell(host)
    wrong: list[str] = []
    for entry in read(release, file):
        skip = rules.skip(file, entry)
        if skip is not None:
            for line in skip.get("instead", []):
                if line.startswith("!"):
                    meta(host, line)
                else:
                    shell.line(line)
            continue
        try:
            result = shell.line(entry.command)
        except UnknownCommand as error:
            result = Result((entry.command,), -1, "", f"{error}\n")
        got = (
            result.status,
            rules.normal(entry, result.stdout),
            rules.normal(entry, result.stderr),
        )
        wanted = (
            entry.status,
            rules.normal(entry, entry.stdout),
            rules.normal(entry, entry.stderr),
        )
        if got != wanted:
            wrong.append(
                f"$ {entry.command}\nwanted {wanted[0]}\n{wanted[1]}{wanted[2]}"
                f"got {got[0]}\n{got[1]}{got[2]}"
            )
    assert not wrong, "\n\n".join(wrong)


def test_every_skip_is_needed() -> None:
    """A rule of replay.yaml that no captured command meets is left over."""
    met: list[dict[str, Any]] = []
    for release, file in CASES:
        rules = Rules(release)
        for entry in read(release, file):
            if (rule := rules.skip(file, entry)) is not None:
                met.append(rule)
    for file, wanted in Rules("").data["skip"].items():
        for rule in wanted:
            assert rule in met, f"{file}: {rule}"
