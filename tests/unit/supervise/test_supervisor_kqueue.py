"""The branches of FreeBSD, run here: see kqueue_here.py."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vmdriver import PATIENCE, RUN, Vm

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim.kernel.processes import alive, end_all

HERE = str(Path(__file__).with_name("kqueue_here.py"))
*PYTHON, PROGRAM = tools.SUPERVISE


class FreeBSDVm(Vm):
    """Its supervisors run as they do on FreeBSD."""

    def mode(self, mode: str, *words: str) -> Result:
        argv = (*PYTHON, HERE, PROGRAM, "vm", mode, RUN, *words)
        done = subprocess.run(
            argv, env={"BSDVIRT_ROOT": str(self.root), "PATH": "/bin:/usr/bin"},
            capture_output=True, text=True, timeout=PATIENCE * 2, check=False,
        )  # fmt: skip
        return Result(argv, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def vm(tmp_path: Path) -> Iterator[Vm]:
    made = FreeBSDVm(tmp_path / "host")
    yield made
    made.close()
    end_all(made.host.directory)


def test_it_is_started_run_again_and_stopped(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    # In seconds of the uptime, and not in ticks.
    assert 0 <= time.monotonic() - int(vm.state["start"]) < 600
    vm.kill(vm.pid)
    vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    vm.wait_login(2)
    assert vm.state["last"]["what"] == "killed by SIGKILL"
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()


def test_it_is_adopted_and_its_end_is_seen(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    guest = vm.pid
    vm.kill(vm.supervisor)
    assert alive(guest)
    assert vm.mode("start").stdout == "started\n"
    assert vm.pid == guest
    assert vm.mode("stop").stdout == "stopped\n"
    assert " power off\n" in vm.log("supervisor.log")
    vm.wait_gone()


def test_killed_with_its_supervisor_it_is_cleared_away(vm: Vm) -> None:
    vm.start()
    vm.kill(vm.supervisor, vm.pid)
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()
