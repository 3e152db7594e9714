"""Several bsdvirts at once on one host, killed and failed at any step: whatever they did, no id,
address or MAC is doubled, and after doctor --repair nothing is left."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing import SECONDS, SEED, cases, doubled, is_fault, wrong
from scenario_driver import server
from scenario_hosts import fast_directory, sim_template

from bsdvirt_sim.kernel.processes import end_all

PROCESSES = 3
FEW = 12
"""Commands of each process, in the gate."""
KILLED = -9
GUESTS = tuple(f"g{number}" for number in range(6))
CHANGES = (
    "nics.0.address=pool", "boot.auto=yes", "boot.after=", "description=x", "nics.1.network=lab",
    "nics.1=", "hostname=a", "limits.maxproc=50",
)  # fmt: skip


@pytest.fixture
def host() -> Iterator[Path]:
    with fast_directory() as top:
        sim = top / "host"
        shutil.copytree(sim_template(False), sim, symlinks=True)
        assert _run(sim, ["network", "create", "lab", "--address", "10.88.0.1/24"])[0] == 0
        yield sim
        end_all(sim)


def _run(sim: Path, words: list[str], fault: str = "") -> tuple[int, str]:
    env = {"BSDVIRT_FAULT": fault} if fault else {}
    status, out, err = server().run(["--sim", str(sim), *words], "", env)
    return status, out + err


def command(dice: random.Random) -> list[str]:
    """What an administrator, or a script of his, might do at any moment."""
    one, other = dice.choice(GUESTS), dice.choice(GUESTS)
    network = f"n{dice.randrange(3)}"
    return dice.choice([
        ["create", "jail", one, *(["--start"] if dice.random() < 0.5 else [])],
        ["create", "jail", one, "--network", "lab"],
        ["start", one], ["start", one, other], ["stop", one], ["stop", "--force", one],
        ["restart", one], ["rename", one, other], ["tag", one, dice.choice("abc")],
        ["destroy", "--yes", "--force", one], ["destroy", "--yes", one],
        ["set", one, dice.choice(CHANGES)], ["set", one, f"boot.after={other}"],
        ["set", one, f"nics.0.address=10.77.0.{dice.randrange(2, 30)}"],
        ["expose", one, f"tcp:{dice.randrange(8000, 8006)}:80"],
        ["network", "create", network, "--address", f"10.9{network[1]}.0.1/24"],
        ["network", "destroy", network],
        ["ls", "--json"], ["info", one], ["boot", "plan"], ["boot", "start"], ["boot", "stop"],
        ["doctor"], ["doctor", "--repair"],
    ])  # fmt: skip


def _work(sim: Path, number: int, told: Path) -> None:
    """One process's part, to the end of the process."""
    faults: list[str] = []
    for case, dice in cases(FEW, f"together{number}"):
        words, fault = command(dice), ""
        if dice.random() < 0.3:
            kind = dice.choice(("fail", "kill-before", "kill-after"))
            fault = f"{kind}:{dice.randrange(1, 16)}"
        status, said = _run(sim, words, fault)
        if (why := is_fault(0 if status == KILLED else status, said)) and len(faults) < 9:
            faults.append(f"{why}: {case}: {words} {fault}: {said[-1500:]}")
    told.write_text(json.dumps(faults))
    os._exit(0)


def test_several_at_once(host: Path) -> None:
    fork = multiprocessing.get_context("fork")
    told = [host.with_name(f"told{number}") for number in range(PROCESSES)]
    workers = [fork.Process(target=_work, args=(host, n, told[n])) for n in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    faults = [fault for place in told for fault in json.loads(place.read_text())]
    assert not faults, "\n".join(faults)
    assert not list(doubled(json.loads((host / "state.json").read_bytes())))
    _nothing_left(host, f"BSDVIRT_FUZZ_SEED={SEED} BSDVIRT_FUZZ_SECONDS={SECONDS}")


def _nothing_left(host: Path, case: str) -> None:
    status, said = _run(host, ["doctor", "--repair"])
    assert status == 0, f"{case}: doctor --repair: {said}"
    assert not wrong(host), f"{case}: {wrong(host)[:9]}\n{said}"
    status, said = _run(host, ["doctor"])
    assert status == 0, f"{case}: doctor: {said}"
