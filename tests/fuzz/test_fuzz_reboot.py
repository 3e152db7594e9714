"""A host that goes down in the middle of a verb and comes up again, with its run directory emptied
or not: doctor --repair and boot start make it whole."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing import cases, is_fault, wrong
from scenario_driver import server
from scenario_hosts import fast_directory, sim_template

from bsdvirt_sim import SimHost
from bsdvirt_sim.kernel.processes import end_all

FEW = 5
KILLED = -9
SETUP = (
    ("network", "create", "lab2", "--address", "10.88.0.1/24"),
    ("create", "jail", "a", "r", "m"),
    ("set", "a", "datasets.d.mountpoint=/data"),
    ("set", "m", "mounts.data.source=/srv/data", "mounts.data.target=/data"),
    ("set", "--all", "boot.auto=yes"),
    ("start", "r"),
)
VERBS = (
    ("start", "a"), ("stop", "r"), ("create", "jail", "n", "--start"), ("start", "m"),
    ("destroy", "--yes", "--force", "r"), ("rename", "a", "z"), ("set", "r", "limits.maxproc=50"),
    ("set", "a", "datasets.d.mountpoint=/d"), ("restart", "r"), ("boot", "stop"),
    ("network", "create", "nn", "--address", "10.5.0.1/24"), ("network", "destroy", "lab2"),
    ("expose", "r", "tcp:8081:80"), ("nic", "add", "r", "--network", "lab2"), ("boot", "start"),
)  # fmt: skip


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    with fast_directory() as top:
        shutil.copytree(sim_template(False), top / "base", symlinks=True)
        (top / "base/root/srv/data").mkdir(parents=True)
        for words in SETUP:
            status, said = _run(top / "base", words)
            assert status == 0, said
        yield top / "base"


def _run(sim: Path, words: tuple[str, ...], fault: str = "") -> tuple[int, str]:
    env = {"BSDVIRT_FAULT": fault} if fault else {}
    status, out, err = server().run(["--sim", str(sim), *words], "", env)
    return status, out + err


def _go_down(sim: Path, dice: random.Random) -> None:
    host = SimHost(sim)
    host.settings.reboot()
    run = host.fs.path("/var/run/bsdvirt")
    if dice.random() < 0.5:
        shutil.rmtree(run, ignore_errors=True)


def test_reboots(base: Path) -> None:
    work = base.with_name("work")
    for case, dice in cases(FEW, "reboot"):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base, work, symlinks=True)
        words = dice.choice(VERBS)
        fault = f"{dice.choice(('kill-before', 'kill-after'))}:{dice.randrange(1, 14)}"
        _run(work, words, fault)
        _go_down(work, dice)
        told = f"{case}: {words} {fault}"
        for after in (("doctor", "--repair"), ("doctor",), ("boot", "start"), ("doctor",)):
            status, said = _run(work, after)
            assert not is_fault(status, said), f"{told}: {after}: {said}"
            assert status == 0, f"{told}: {after}: {said}"
        assert not wrong(work), f"{told}: {wrong(work)[:9]}"
        end_all(work)
