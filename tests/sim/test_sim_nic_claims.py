"""Interfaces added and removed by command: the others keep their addresses and MAC addresses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def bsdvirt(directory: Path, *words: str) -> str:
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(directory), *words)
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def nics(directory: Path) -> list[dict[str, Any]]:
    info: dict[str, Any] = json.loads(bsdvirt(directory, "info", "web", "--json"))
    found: list[dict[str, Any]] = info["nics"]
    return [{key: nic[key] for key in ("mac", "address")} for nic in found]


def test_the_first_of_three_is_taken_out_and_another_comes(tmp_path: Path) -> None:
    host = tmp_path / "host"
    bsdvirt(host, "init", "--pool", "tank")
    bsdvirt(host, "release", "add", "/usr/freebsd-dist")
    cards = [word for n in range(3) for word in ("--network", "private")]
    bsdvirt(host, "create", "jail", "web", *cards)
    first, second, third = nics(host)
    bsdvirt(host, "nic", "rm", "web", "0")
    assert nics(host) == [second, third]
    bsdvirt(host, "nic", "add", "web", "--network", "private")
    again = nics(host)
    assert again[:2] == [second, third]
    assert again[2]["address"] == first["address"]
    assert len({nic["mac"] for nic in (*again, second)}) == 3
