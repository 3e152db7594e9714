"""How a guest's run ends, and what its supervisor makes of each end."""

from __future__ import annotations

import os
import signal
import time

import msgspec
import pytest
from vmdriver import LOGS, Viewer, Vm

from bsdvirt.rows.events import Operation
from bsdvirt.supervise.ends import judge, last_words
from bsdvirt.supervise.killed import parse_killed

pytest_plugins = ["vmdriver"]


def test_power_off_inside_ends_it_and_leaves_nothing(vm: Vm) -> None:
    vm.start()
    _type(vm, "poweroff")
    vm.wait_gone()
    assert vm.state == {}
    assert vm.reason() == ""
    assert not vm.host.fs.exists("/var/run/bsdvirt/vms/web1/run.json")
    assert "power off" in vm.host.fs.read_text("/var/log/bsdvirt/events.log")
    last = vm.host.fs.read_text("/var/log/bsdvirt/operations.log").splitlines()[-1]
    row = msgspec.json.decode(last, type=Operation)
    assert (row.user, row.subject, row.ok) == ("supervisor", "web1", True)
    assert "power off" in row.message
    assert "all buffers synced; powering off" in vm.log()


def test_halt_inside_ends_it(vm: Vm) -> None:
    vm.start()
    _type(vm, "halt")
    vm.wait_gone()
    assert vm.state == {}
    assert " halt\n" in vm.log("supervisor.log")


@pytest.mark.parametrize("loader", [False, True])
def test_a_reset_inside_comes_back(vm: Vm, loader: bool) -> None:
    if loader:
        vm.with_loader()
    vm.start()
    first = vm.pid
    with Viewer(vm, "--log-first") as viewer:
        viewer.log_in()
        viewer.type("reboot\r")
        viewer.expect("all buffers synced; rebooting")
        viewer.expect("[web1 resets]")
        viewer.expect("login: ")
        vm.wait_state("running")
        assert vm.pid != first
        assert vm.state["runs"] == 2
        assert vm.state["last"]["what"] == "reset"
        assert vm.state["last"]["code"] == 0
        viewer.type("root\rhostname\r")
        viewer.expect("\nweb1")
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()


def test_a_reset_is_an_end_where_the_guest_wants_it_so(vm: Vm) -> None:
    vm.job["restart"]["reset"] = False
    vm.start()
    _type(vm, "reboot")
    vm.wait_gone()
    assert vm.state == {}


@pytest.mark.parametrize("end", ["panic", "exit 134", "exit 139"])
def test_a_crash_is_restarted(vm: Vm, end: str) -> None:
    vm.start()
    first = vm.pid
    _type(vm, end)
    vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    vm.wait_state("running")
    assert vm.pid != first
    vm.mode("stop")
    vm.wait_gone()


def test_a_crash_is_left_alone_where_the_guest_wants_it_so(vm: Vm) -> None:
    vm.job["restart"]["crash"] = "stop"
    vm.start()
    _type(vm, "panic")
    vm.wait_gone()
    assert vm.state["state"] == "failed"
    assert vm.state["last"]["what"] == "triple fault"
    assert vm.reason().startswith("triple fault: ")
    assert "panic: asked for" in vm.reason()
    # What it ran with is kept, for people to look at.
    assert vm.host.fs.exists("/var/run/bsdvirt/vms/web1/run.json")


def test_a_guest_that_keeps_crashing_is_given_up(vm: Vm) -> None:
    vm.job["restart"]["backoff"] = [0.05, 30]
    vm.start()
    vm.host.settings.set_guest("web1", boot=0.01, ends=3)
    _type(vm, "panic")
    vm.wait_gone()
    assert vm.state["state"] == "failed"
    assert vm.state["runs"] == 4
    assert "restarted 3 times in 600 s" in vm.reason()
    log = vm.log("supervisor.log")
    assert [word for word in ("0.05 s", "0.1 s", "0.2 s") if f"runs again in {word}" in log]
    assert log.index("again in 0.05 s") < log.index("again in 0.1 s") < log.index("again in 0.2 s")


def test_a_guest_may_crash_without_end(vm: Vm) -> None:
    vm.job["restart"] |= {"most": 0, "backoff": [0.01, 0.02]}
    vm.start()
    vm.host.settings.set_guest("web1", boot=0.01, ends=3)
    _type(vm, "panic")
    vm.wait(lambda: vm.state.get("runs", 0) > 6, "given up")
    assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_an_error_is_never_restarted_blindly(vm: Vm) -> None:
    vm.start()
    _type(vm, "exit 4")
    vm.wait_gone()
    assert vm.state["state"] == "failed"
    assert vm.state["runs"] == 1
    assert vm.reason().startswith("bhyve ended with status 4: ")


def test_a_suspended_guest_has_ended(vm: Vm) -> None:
    vm.start()
    _type(vm, "exit 5")
    vm.wait_gone()
    assert vm.state == {}
    assert " suspended\n" in vm.log("supervisor.log")


def test_a_killed_bhyve_is_restarted(vm: Vm) -> None:
    vm.start()
    first = vm.pid
    vm.kill(first)
    vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    vm.wait_state("running")
    assert vm.pid != first
    assert vm.state["last"]["signal"] == signal.SIGKILL
    vm.wait_login(2)
    vm.mode("stop")
    vm.wait_gone()


# ---- starts that fail ----


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("/guests/web1/disk0.img", "/guests/web1/none", "Could not open backing file"),
        ("virtio-blk", "virtio-block", 'unknown device "virtio-block"'),
        ("bv7n0", "bv7n9", "open of tap device /dev/bv7n9 failed"),
        ("BHYVE_UEFI.fd", "NONE.fd", "Error opening bootrom"),
        ("cores=2", "cores=1", "does not match 2 vCPUs"),
        ("memory.size=512M", "memory.size=much", "invalid memsize 'much'"),
    ],
)
def test_what_bhyve_cannot_run_is_told_in_its_words(
    vm: Vm, wrong: str, right: str, words: str
) -> None:
    vm.conf = vm.conf.replace(wrong, right)
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert vm.reason() == result.stderr
    assert vm.state["state"] == "failed"
    vm.wait_gone()


def test_a_usage_error_is_no_power_off(vm: Vm) -> None:
    vm.job["bhyve"] = ["/usr/sbin/bhyvectl"]
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "bhyve ended at once" in result.stderr
    vm.wait_gone()


def test_a_missing_bhyve_is_told(vm: Vm) -> None:
    vm.job["bhyve"][0] = "/usr/sbin/nobhyve"
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "/usr/sbin/nobhyve: No such file or directory" in result.stderr
    vm.wait_gone()


def test_a_bhyve_that_ends_before_it_runs_the_guest_was_never_started(vm: Vm) -> None:
    """Seen on a real 15.1, which took six seconds to get there: it was taken for a crash."""
    vm.host.fs.unlink("/usr/sbin/iasl")
    vm.host.settings.set_guest("web1", begins=1.5)
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert result.stderr.startswith("killed by SIGABRT: ")
    assert "Assertion failed: (error == 0), function bhyve_init_platform_late" in result.stderr
    assert vm.state["state"] == "failed"
    assert vm.state["runs"] == 1
    vm.wait_gone()


UNHANDLED = """\
fbuf frame buffer base: 0x8bc8ba00000 [sz 33554432]
vm exit[0]
\treason\t\tSVM
\trip\t\t0xffffffff8201fccf
\tinst_length\t0
\texitcode\t0x400
\texitinfo1\t0x200000006
\texitinfo2\t0x1166b0ff8
"""
"""What a real bhyve of 15.1 said before it aborted."""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (UNHANDLED, ["vm exit[0]", "reason\t\tSVM"]),
        ("fbuf frame buffer base: 0x1 [sz 33554432]\nswitching to VGA mode\n", []),
        ("one\n\ntwo\nthree\nfour\n", ["two", "three"]),
    ],
)
def test_of_what_bhyve_says_that_is_taken_which_tells_why(said: str, words: list[str]) -> None:
    assert last_words(said)[:2] == words


def test_a_limit_that_cannot_be_set_is_a_failure(vm: Vm) -> None:
    vm.job["limits"] = [["/usr/bin/rctl", "-a", "process:%PID%:pcpu:denied=100"]]
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "a limit could not be set" in result.stderr
    assert "simulated kernel" not in vm.log()
    vm.wait_gone()


def test_limits_and_cpus_hold_before_the_guest_runs(vm: Vm) -> None:
    vm.job["prefix"] = ["/usr/bin/cpuset", "-l", "1"]
    vm.job["limits"] = [["/usr/bin/rctl", "-a", "process:%PID%:pcpu:deny=150"]]
    vm.start()
    assert "mask: 1\n" in vm.see("/usr/bin/cpuset", "-g", "-p", str(vm.pid)).stdout
    assert vm.see("/usr/bin/rctl").stdout == f"process:{vm.pid}:pcpu:deny=150\n"
    assert f"{vm.pid}" in vm.see("/bin/ps", "-axwwo", "pid,args").stdout
    vm.mode("stop")
    vm.wait_gone()
    assert vm.see("/usr/bin/rctl").stdout == ""


def test_anothers_vmm_device_is_never_touched(vm: Vm) -> None:
    vm.do("/usr/sbin/bhyvectl", "--vm=web1", "--create")
    vm.prepare()
    vm.job["cleanup"] = []
    result = vm.mode("start")
    assert result.status == 1
    assert "which is not ours" in result.stderr
    assert vm.host.fs.exists("/dev/vmm/web1")


# ---- the loader ----


def test_a_loader_that_finds_nothing_is_ended(vm: Vm) -> None:
    vm.with_loader(timeout=3, loader="menu")
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "did not load a kernel within 3 s" in result.stderr
    assert "can't find 'kernel'" in result.stderr
    vm.wait_gone()


def test_who_types_at_the_loaders_prompt_is_given_time(vm: Vm) -> None:
    vm.with_loader(timeout=2, loader="menu")
    vm.prepare()
    starting = vm.spawn("start")
    vm.wait(lambda: "OK " in vm.log(), "no prompt")
    with Viewer(vm, "--log-first") as viewer:
        viewer.expect("OK ")
        viewer.type("boot\r")
        viewer.expect("Loading kernel...")
        viewer.expect("login: ")
    assert starting.wait(30) == 0
    vm.mode("stop")
    vm.wait_gone()


def test_a_loader_that_fails_is_told_in_its_words(vm: Vm) -> None:
    vm.with_loader(loader="fail")
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "vm_setup_memory: Cannot allocate memory" in result.stderr
    vm.wait_gone()


def test_a_guest_in_its_loader_is_stopped_at_once(vm: Vm) -> None:
    vm.with_loader(timeout=30, loader="menu")
    vm.prepare()
    starting = vm.spawn("start")
    vm.wait(lambda: "OK " in vm.log(), "no prompt")
    assert vm.mode("stop").status == 0
    starting.wait(30)
    vm.wait_gone()


# ---- the judgement itself ----


MSI = "bhyve: vm_setup_pptdev_msi: Device busy\n"
SWTPM = "bhyve: tpm_swtpm_execute_cmd: cmd send failed, is swtpm running?: Broken pipe\n"


@pytest.mark.parametrize(
    ("status", "uptime", "said", "what", "follows"),
    [
        (0 << 8, 60, "", "reset", "again"),
        (0 << 8, 0.1, "pipe: Too many open files\n", "bhyve ended at once", "failure"),
        (1 << 8, 60, "", "power off", "over"),
        (1 << 8, 60, "Unhandled ps2 mouse command 0xe1\n", "power off", "over"),
        (1 << 8, 60, "bhyve: a warning: Error\nrdmsr to register 0x1\n", "power off", "over"),
        (1 << 8, 3600, MSI, "bhyve ended with status 1", "failure"),
        (1 << 8, 3600, SWTPM, "its TPM, swtpm, has ended", "crash"),
        (1 << 8, 0.5, SWTPM, "bhyve ended at once", "failure"),
        (1 << 8, 0.5, "", "bhyve ended at once", "failure"),
        (1 << 8, 5, "Usage: bhyve [-AaCDeHhPSuWwxY]\n", "bhyve ended at once", "failure"),
        (2 << 8, 60, "", "halt", "over"),
        (3 << 8, 60, "", "triple fault", "crash"),
        (4 << 8, 60, "", "bhyve ended with status 4", "failure"),
        (5 << 8, 60, "", "suspended", "over"),
        (71 << 8, 60, "", "bhyve ended with status 71", "failure"),
        (100 << 8, 60, "", "bhyve ended with status 100", "failure"),
        (134 << 8, 60, "", "killed by SIGABRT", "crash"),
        (9, 60, "", "killed by SIGKILL", "crash"),
        (6 | 0x80, 60, "", "killed by SIGABRT", "crash"),
        (None, 60, "", "an end that nobody saw", "crash"),
    ],
)
def test_judgement(status: int | None, uptime: float, said: str, what: str, follows: str) -> None:
    assert judge(status, uptime, said) == (what, follows)


@pytest.mark.parametrize(
    ("status", "uptime", "said", "off", "gone", "what", "follows"),
    [
        (0 << 8, 60, "", None, True, "suspended", "over"),
        (1 << 8, 0.5, "", True, False, "power off", "over"),
        (1 << 8, 60, MSI, True, False, "power off", "over"),
        (1 << 8, 60, "", False, False, "bhyve ended with status 1", "failure"),
        # With destroy_on_poweroff=true; and before there was a device.
        (1 << 8, 60, "", None, True, "power off", "over"),
        (1 << 8, 0.1, "", None, True, "bhyve ended at once", "failure"),
        # What the run before has left of the CPUs says nothing of a usage error.
        (1 << 8, 0.1, "Usage: bhyve\n", True, False, "bhyve ended at once", "failure"),
    ],
)
def test_judgement_by_the_device(
    status: int, uptime: float, said: str, off: bool | None, gone: bool, what: str, follows: str
) -> None:
    assert judge(status, uptime, said, off=off, gone=gone) == (what, follows)


def test_an_error_of_bhyve_is_no_power_off(vm: Vm) -> None:
    vm.start()
    _type(vm, "exit 1 vm_setup_pptdev_msi: Device busy")
    vm.wait_gone()
    assert vm.state["state"] == "failed"
    assert vm.reason().startswith("bhyve ended with status 1: ")
    assert "vm_setup_pptdev_msi: Device busy" in vm.reason()


def test_a_power_off_is_one_whatever_bhyve_warned_of(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with open(vm.host.fs.path("/var/log/bsdvirt/web1/bhyve.log"), "a") as log:
        log.write("bhyve: pci_xhci: warning: Error\n")
    _type(vm, "poweroff")
    vm.wait_gone()
    assert vm.state == {}
    assert vm.reason() == ""


@pytest.mark.parametrize("status", [0, 5])
def test_a_suspend_of_either_release_is_not_run_again(vm: Vm, status: int) -> None:
    vm.start()
    _type(vm, f"suspend {status}")
    vm.wait_gone()
    assert vm.state == {}
    assert " suspended\n" in vm.log("supervisor.log")


def test_resets_within_moments_come_later_and_later(vm: Vm) -> None:
    vm.start()
    vm.host.settings.set_guest("web1", boot=0.01, ends=0)
    _type(vm, "reboot")
    vm.wait(lambda: vm.state.get("runs", 0) >= 5, "not run again")
    # The quick ones had to wait; a guest that can be stopped meanwhile.
    assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_a_start_that_only_resets_fails(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", boot=0.01, ends=0)
    vm.prepare()
    result = vm.mode("start")
    assert result.status == 1
    assert "it resets again and again" in result.stderr
    vm.wait_gone()


def test_a_viewer_is_waited_for_once(vm: Vm) -> None:
    vm.conf += "pci.0.29.0.device=fbuf\npci.0.29.0.wait=true\n"
    vm.job |= {"again": ["-o", "pci.0.29.0.wait=false"]}
    vm.start()
    _type(vm, "reboot")
    vm.wait_login(2)
    first, second = [line for line in vm.log("supervisor.log").splitlines() if "-k" in line]
    assert ".wait=" not in first
    assert second.endswith(" -o pci.0.29.0.wait=false web1")
    vm.mode("stop")
    vm.wait_gone()


def test_a_start_that_is_stopped_has_failed(vm: Vm) -> None:
    vm.with_loader(timeout=30, loader="menu")
    vm.prepare()
    starting = vm.spawn("start")
    vm.wait(lambda: "OK " in vm.log(), "no prompt")
    assert vm.mode("stop", "--force").status in (0, 4)
    _, said = starting.communicate(timeout=30)
    assert starting.returncode == 1
    assert said == b"stopped while starting\n"
    vm.wait_gone()


def test_what_a_status_means_is_told(vm: Vm) -> None:
    vm.conf = vm.conf.replace("virtio-blk", "nosuch")
    vm.prepare()
    said = vm.mode("start").stderr
    assert said.startswith('bhyve ended with status 4: pci slot 0:4:0: unknown device "nosuch"')
    assert "(status 4: an error in its configuration" in said


def _type(vm: Vm, command: str) -> None:
    """Log in on the console, and give a command that ends the guest."""
    vm.wait_login()
    with vm.connect() as link:
        link.sendall(b'{"v":1,"do":"console"}\n')
        link.sendall(f"root\r{command}\r".encode())
        while link.recv(4096):
            if vm.state.get("pid") is None or f"{command}\r\n" in vm.log_bytes():
                break


def _next(pid: int, vm: Vm) -> bool:
    return vm.state.get("state") == "running" and vm.state.get("pid") not in (pid, None)


def test_why_bhyve_was_killed_is_known(vm: Vm) -> None:
    vm.job["limits"] = [["/usr/bin/rctl", "-a", "process:%PID%:cputime:sigkill=3600"]]
    vm.job["restart"]["backoff"] = [0.05, 0.05]
    vm.job["restart"]["most"] = 9
    vm.start()
    pid = vm.pid
    vm.host.settings.kill(4242, 3, "forged", f"\npid {pid} (bhyve")
    vm.host.settings.kill(pid, why="failed to reclaim memory", comm="bhyve")
    vm.wait(lambda: _next(pid, vm), "no next run")
    assert vm.state["last"]["what"] == "killed by SIGKILL (by the kernel: failed to reclaim memory)"
    pid = vm.pid
    with vm.host.fs.path(f"{LOGS}/limits.log").open("a") as log:
        log.write(f"{time.time():.6f} cputime:devctl=3600 {pid}\n")
    os.kill(pid, signal.SIGKILL)
    vm.wait(lambda: _next(pid, vm), "no next run")
    assert vm.state["last"]["what"] == "killed by SIGKILL (it had reached its limit of cputime)"
    pid = vm.pid
    os.kill(pid, signal.SIGKILL)
    vm.wait(lambda: _next(pid, vm), "no next run")
    assert vm.state["last"]["what"] == "killed by SIGKILL"
    assert "it had reached its limit of cputime" in vm.log("supervisor.log")
    vm.mode("stop")


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("pid 712 (bhyve), jid 0, uid 0, was killed: out of swap space",
         [(712, 0, "out of swap space")]),
        ("[12345] pid 5 (a b), jid 3, uid -1, was killed: x", [(5, 3, "x")]),
        # Names that processes may give themselves, of at most 19 characters.
        ("pid 5 (), jid 1, uid 0, ), jid 3, uid 0, was killed: x", [(5, 3, "x")]),
        ("pid 5 (\npid 6 (a), jid 3, uid 0, was killed: x", [(6, 3, "x")]),
        ("pid 712 (bhyve), jid 0, uid 0: exited on signal 11", []),
        ("rctl: rule \"jail:web:maxproc:log=3\" matched by pid 4 (sh), uid 0, jail web", []),
    ],
)  # fmt: skip
def test_messages_of_the_kernel(message: str, found: list[tuple[int, int, str]]) -> None:
    assert parse_killed(message) == found
