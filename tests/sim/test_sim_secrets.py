"""Passwords are read from standard input, so that no process list shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(sim: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words)
    return subprocess.run(argv, input=typed, capture_output=True, text=True)


def test_a_password_is_read_from_standard_input(tmp_path: Path) -> None:
    assert run(tmp_path, "init", "--pool", "zroot").returncode == 0
    words = ("vnc.enabled=yes", "vnc.auth=own", "vnc.password=-")
    made = run(tmp_path, "create", "vm", "one", *words, typed="secret12\n")
    assert made.returncode == 0, made.stderr
    assert run(tmp_path, "get", "one", "vnc.password").stdout == "secret12\n"
    assert run(tmp_path, "set", "one", "vnc.password=-", typed="other123\n").returncode == 0
    assert run(tmp_path, "get", "one", "vnc.password").stdout == "other123\n"
    asked = ("set", "one", "vnc.password=-", "--ask", "--events", "json")
    assert run(tmp_path, *asked, typed="third123\nyes\n").returncode == 0
    assert run(tmp_path, "get", "one", "vnc.password").stdout == "third123\n"
    refused = run(tmp_path, "set", "one", "vnc.password=-")
    assert refused.returncode == 2
    assert "vnc.password: nothing was typed" in refused.stderr
    # Of another property, - is a value like any other.
    assert run(tmp_path, "set", "one", "description=-").returncode == 0
    assert run(tmp_path, "get", "one", "description").stdout == "-\n"
