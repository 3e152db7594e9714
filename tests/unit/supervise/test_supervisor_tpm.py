"""A TPM in software: one swtpm(8) for each run of bhyve, watched and ended with it."""

from __future__ import annotations

import os
import signal

import pytest
from vmdriver import RUN, Viewer, Vm

from bsdvirt.host import tools
from bsdvirt_sim.kernel.processes import living

pytest_plugins = ["vmdriver"]

STATE = "/guests/web1/tpm"


@pytest.fixture
def with_tpm(vm: Vm) -> Vm:
    vm.host.settings.install_swtpm()
    vm.host.fs.mkdir(STATE, 0o700)
    vm.job["tpm"] = {
        "argv": [
            tools.SWTPM, "socket", "--tpm2", "--tpmstate", f"dir={STATE},mode=0600",
            "--server", f"type=unixio,path={RUN}/tpm.sock,mode=0600",
            "--pid", f"file={RUN}/tpm.pid", "--flags", "startup-clear", "--terminate",
        ],
        "state": STATE, "socket": f"{RUN}/tpm.sock", "pid": f"{RUN}/tpm.pid",
    }  # fmt: skip
    vm.conf += f"tpm.type=swtpm\ntpm.path={RUN}/tpm.sock\ntpm.version=2.0\n"
    return vm


def swtpm(vm: Vm) -> int:
    return int(vm.host.fs.read_text(f"{RUN}/tpm.pid"))


def test_each_run_has_a_tpm_that_was_reset(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.start()
    with Viewer(vm, "--log-first") as viewer:
        viewer.log_in()
        vm.wait_state("running")
        first = swtpm(vm)
        kept = vm.host.fs.read_bytes(f"{STATE}/tpm2-00.permall")
        assert oct(os.stat(vm.host.fs.path(f"{RUN}/tpm.sock")).st_mode & 0o777) == "0o600"
        for count in (1, 2):
            viewer.type("tpm\r")
            viewer.expect(f"{count} measured")
        assert vm.mode("reset").status == 0
        viewer.log_in()
        viewer.type("tpm\r")
        viewer.expect("1 measured")
    assert swtpm(vm) != first
    assert vm.host.fs.read_bytes(f"{STATE}/tpm2-00.permall") == kept
    assert vm.mode("stop").status == 0
    vm.wait_gone()
    assert not vm.host.fs.exists(f"{RUN}/tpm.sock")
    assert not vm.host.fs.exists(f"{RUN}/tpm.pid")


def test_a_guest_that_lost_its_tpm_is_run_again_with_another(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.start()
    with Viewer(vm, "--log-first") as viewer:
        viewer.log_in()
        vm.wait_state("running")
        vm.kill(swtpm(vm))
        viewer.type("tpm\r")
        viewer.expect("its TPM, swtpm, has ended")
        viewer.log_in()
        viewer.type("tpm\r")
        viewer.expect("1 measured")
    assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_a_supervisor_that_takes_over_ends_it_too(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.start()
    vm.wait_login()
    mine = swtpm(vm)
    vm.kill(vm.supervisor)
    assert mine in living(vm.host.directory)
    assert vm.mode("start").status == 0
    assert swtpm(vm) == mine
    assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_one_that_was_left_behind_is_ended_first(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.start()
    left = swtpm(vm)
    vm.kill(vm.supervisor)
    os.kill(left, signal.SIGSTOP)
    vm.kill(vm.pid)
    vm.do(tools.BHYVECTL, "--vm=web1", "--destroy")
    vm.host.fs.unlink(f"{RUN}/state.json")
    vm.do("/sbin/ifconfig", "bv7n0", "destroy")
    vm.start()
    assert left not in living(vm.host.directory)
    assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_a_state_with_links_is_refused(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.host.fs.path(f"{STATE}/TMP2-00.permall").symlink_to("/etc/passwd")
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "not a directory of plain files" in result.stderr
    vm.wait_gone()


def test_a_tpm_that_does_not_come_up_fails_the_start(with_tpm: Vm) -> None:
    vm = with_tpm
    vm.host.fs.unlink(tools.SWTPM)
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "swtpm ended at once" in result.stderr
    assert "swtpm: No such file or directory" in vm.log("supervisor.log")
    vm.wait_gone()
