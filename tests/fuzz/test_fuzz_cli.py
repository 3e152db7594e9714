"""Command lines of every kind: no traceback, no status that is not documented, nothing changed by
what was refused, and JSON where JSON was asked for."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing import REFUSED, cases, changed, is_fault, snapshot
from fuzzwords import INTERACTIVE, command_line
from scenario_driver import server
from scenario_hosts import fast_directory, sim_template

from bsdvirt.cli.words import OF_COMMANDS
from bsdvirt.host.sanitize import shown
from bsdvirt_sim.kernel.processes import end_all

CASES = 110
SETUP = (
    ("network", "create", "lab", "--address", "10.88.0.1/24"),
    ("create", "jail", "web", "db", "app"),
    ("create", "vm", "box", "--disk", "1G"),
    ("set", "app", "mounts.data.source=/srv/data", "mounts.data.target=/data"),
    ("start", "web"),
)


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    with fast_directory() as top:
        shutil.copytree(sim_template(False), top / "base", symlinks=True)
        (top / "base/root/srv/data").mkdir(parents=True)
        for words in SETUP:
            status, _, err = _run(top / "base", list(words))
            assert status == 0, err
        yield top / "base"


def _run(sim: Path, words: list[str]) -> tuple[int, str, str]:
    return server().run(["--sim", str(sim), *words], "", {})


def test_command_lines(base: Path) -> None:
    work = base.with_name("work")
    shutil.copytree(base, work, symlinks=True)
    before = snapshot(work)
    faults: dict[tuple[str, str], str] = {}
    for case, dice in cases(CASES, "cli"):
        words = command_line(dice)
        if words[0] in INTERACTIVE or "--sim" in words:
            continue
        status, out, err = _run(work, words)
        told = f"{case}: {[word[:80] for word in words]}: status {status}\n{err[-2000:]}"
        after = snapshot(work)
        if fault := _fault(words, status, out, err, changed(before, after)):
            faults.setdefault((fault, words[0]), told)
        before = after
        if "destroy" in words or dice.random() < 0.01:
            _fresh(base, work)
            before = snapshot(work)
    end_all(work)
    assert not faults, "\n".join(f"{fault[0]}: {told}" for fault, told in faults.items())


def _fault(words: list[str], status: int, out: str, err: str, changes: list[str]) -> str:
    if words[0] in OF_COMMANDS and status not in REFUSED and "(in the jail:" in err:
        # The simulated jail knows a few commands only.
        return ""
    if fault := is_fault(0 if words[0] in OF_COMMANDS else status, err):
        return fault
    if shown(err) != err:
        return "control characters"
    if status in REFUSED and changes:
        return f"it was refused, and changed {changes[:3]}"
    asked = status == 0 and "--json" in words and not {"-n", "--help"} & set(words)
    return "no JSON" if asked and not _is_json(words, out) else ""


def _is_json(words: list[str], out: str) -> bool:
    if words[0] in OF_COMMANDS:
        return True
    try:
        json.loads(out)
    except ValueError:
        return False
    return True


def _fresh(base: Path, work: Path) -> None:
    end_all(work)
    shutil.rmtree(work)
    shutil.copytree(base, work, symlinks=True)


def test_the_words_are_the_same_again() -> None:
    assert command_line(random.Random("1")) == command_line(random.Random("1"))
