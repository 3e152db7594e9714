"""A supervisor's life: stops, the console and its viewers, replacement, the socket."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vmdriver import FAILED, RUN, Viewer, Vm

from bsdvirt.host import tools
from bsdvirt.supervise.files import try_lock
from bsdvirt.supervise.log import LOG_BYTES
from bsdvirt.supervise.server import CLIENTS
from bsdvirt_sim.kernel.processes import alive, living

pytest_plugins = ["vmdriver"]

PACKAGE = Path(tools.SUPERVISE[-1]).parent


# ---- stopping ----


def test_stop_is_the_power_button(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    result = vm.mode("stop")
    assert (result.status, result.stdout) == (0, "stopped\n")
    assert "power button" in result.stderr
    # Who is told of the end finds nothing left.
    assert not vm.host.fs.exists("/dev/vmm/web1")
    assert vm.see("/sbin/ifconfig", "-l").stdout == "vtnet0 lo0\n"
    assert vm.state == {}
    vm.wait_gone()
    assert "the power button was pressed" in vm.log()


def test_the_socket_of_a_screen_is_root_s_and_goes_with_the_guest(vm: Vm) -> None:
    vm.conf += f"pci.0.29.0.device=fbuf\npci.0.29.0.rfb=unix:{RUN}/vnc.sock\n"
    vm.start()
    with vm.connect("vnc.sock"):
        assert stat.S_IMODE(vm.run_directory.stat().st_mode) == 0o700
    assert vm.mode("reset").status == 0
    vm.wait_login(runs=2)
    vm.connect("vnc.sock").close()
    assert vm.mode("stop").status == 0
    assert not vm.host.fs.exists(f"{RUN}/vnc.sock")
    vm.wait_gone()


def test_it_can_be_started_again_at_once(vm: Vm) -> None:
    for _ in range(3):
        vm.start()
        assert vm.mode("stop").status == 0
    vm.wait_gone()


def test_a_guest_that_ignores_acpi_is_forced_after_its_time(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.job["stop"]["timeout"] = 0.5
    vm.start()
    vm.wait_login()
    began = time.monotonic()
    result = vm.mode("stop")
    assert (result.status, result.stdout) == (4, "stopped by force\n")
    assert time.monotonic() - began > 0.5
    assert "powered off by force" in result.stderr
    vm.wait_gone()


def test_the_caller_may_give_another_time(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.start()
    vm.wait_login()
    assert vm.mode("stop", "--timeout", "0.2").stdout == "stopped by force\n"
    vm.wait_gone()


def test_force_does_not_ask(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    result = vm.mode("stop", "--force")
    assert result.stdout == "stopped by force\n"
    assert "power button" not in vm.log()
    vm.wait_gone()


def test_a_guest_that_is_never_to_be_forced_goes_on(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.job["stop"] = {"timeout": 0.3, "force": False}
    vm.start()
    vm.wait_login()
    result = vm.mode("stop")
    assert result.status == 1
    assert "not to be forced" in result.stderr
    assert vm.state["state"] == "running"
    assert vm.mode("stop", "--force").stdout == "stopped by force\n"
    vm.wait_gone()


def test_sigterm_before_acpi_kills_and_is_an_end(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", boot=60)
    vm.start()
    assert vm.mode("stop").stdout == "stopped\n"
    assert "killed by SIGTERM" in vm.log("supervisor.log")
    vm.wait_gone()
    assert vm.state == {}


def test_a_guest_that_waits_to_be_restarted_is_stopped(vm: Vm) -> None:
    vm.job["restart"]["backoff"] = [60, 60]
    vm.start()
    vm.kill(vm.pid)
    vm.wait_state("restarting")
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()


def test_a_reset_while_stopping_is_an_end(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.start()
    vm.wait_login()
    stopping = vm.spawn("stop")
    vm.wait_state("stopping")
    vm.do("/usr/sbin/bhyvectl", "--vm=web1", "--force-reset")
    assert stopping.wait(20) == 0
    vm.wait_gone()


def test_a_paused_guest_is_stopped(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    assert vm.mode("pause").status == 0
    assert vm.state["state"] == "paused"
    status = Path(f"/proc/{vm.pid}/stat").read_text()
    assert status.rpartition(")")[2].split()[0] == "T"
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()


def test_sigterm_to_the_supervisor_is_the_request_to_stop(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    os.kill(vm.supervisor, signal.SIGTERM)
    vm.wait_gone()
    assert "the power button was pressed" in vm.log()


def test_a_second_sigterm_forces(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.start()
    vm.wait_login()
    os.kill(vm.supervisor, signal.SIGTERM)
    vm.wait_state("stopping")
    os.kill(vm.supervisor, signal.SIGTERM)
    vm.wait_gone()


def test_without_a_supervisor_there_is_nothing_to_ask(vm: Vm) -> None:
    vm.prepare()
    for mode in ("stop", "reset", "pause", "resume", "nmi", "console"):
        result = vm.mode(mode)
        assert result.status == 3, mode
        assert "no supervisor runs" in result.stderr


# ---- reset, pause, resume, nmi ----


def test_reset_from_outside_comes_back_whatever_the_policy(vm: Vm) -> None:
    vm.job["restart"]["reset"] = False
    vm.start()
    first = vm.pid
    vm.wait_login()
    assert vm.mode("reset").status == 0
    vm.wait_login(2)
    vm.wait_state("running")
    assert vm.pid != first
    vm.mode("stop")
    vm.wait_gone()


def test_pause_and_resume(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.mode("pause")
    refused = vm.mode("reset")
    assert refused.status == 1
    assert "resume it first" in refused.stderr
    assert vm.mode("resume").status == 0
    assert vm.state["state"] == "running"
    vm.mode("nmi")
    vm.wait(lambda: "NMI received" in vm.log(), "no NMI")
    vm.mode("stop")
    vm.wait_gone()


# ---- the console ----


def test_login_and_leave(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with Viewer(vm, "--log-first") as viewer:
        viewer.expect("simulated kernel: 2 CPUs, 512 MB")
        viewer.log_in()
        viewer.type("hostname\r")
        viewer.expect("hostname\r\nweb1\r\n")
        viewer.type("echo a~.b\r")
        viewer.expect("a~.b\r\n")
        viewer.type("~~x\r")
        viewer.expect("sh: ~x: not found")
        viewer.type("\r~.")
        assert viewer.end() == 0
    with Viewer(vm) as viewer:
        viewer.expect("leave it with")
        viewer.type("echo on\r")
        viewer.expect("\non\r\n")
        viewer.type("\x1d")
        assert viewer.end() == 0
        assert b"simulated kernel" not in viewer.seen
    assert vm.state["state"] == "running"
    vm.mode("stop")


def test_two_viewers_at_once(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with Viewer(vm, "--log-first") as one, Viewer(vm, "--log-first") as other:
        other.expect("login: ")
        one.log_in()
        one.type("echo from one\r")
        other.expect("\r\nfrom one\r\n")
        other.type("echo from the other\r")
        one.expect("\r\nfrom the other\r\n")
        one.type("\x1d")
        assert one.end() == 0
        other.type("poweroff\r")
        other.expect("powering off")
        assert other.end() == 0
        assert b"has ended" in other.seen
    vm.wait_gone()


def test_a_pipe_gets_the_log_and_ends(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    shown, _ = vm.spawn("console", "--log-first").communicate(b"", timeout=20)
    assert b"simulated kernel" in shown
    assert shown.endswith(b"login: ")
    vm.mode("stop")


def test_a_viewer_that_does_not_read_holds_up_nobody(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with vm.connect() as slow, Viewer(vm) as quick:
        slow.sendall(b'{"v":1,"do":"console"}\n')
        quick.type("root\r")
        quick.expect("# ")
        quick.type("flood 20000\r")
        quick.expect("0019999 ")
        quick.expect("# ")
        seen = b""
        while b"[output is missing here" not in seen:
            seen += slow.recv(65536)
        quick.type("echo still here\r")
        while b"\r\nstill here\r\n" not in seen:
            seen += slow.recv(65536)
        # It has the beginning and the end, and not what lies between.
        assert b"0000000 " in seen
        assert b"0019000 " not in seen
        assert b"0019999 " in seen
    vm.mode("stop")
    vm.wait_gone()


def test_the_log_is_bounded_and_rotated_once(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with Viewer(vm) as viewer:
        viewer.type("root\rflood 25000\r")
        viewer.expect("0024999 ")
    directory = vm.host.fs.path("/var/log/bsdvirt/web1")
    new, old = directory / "console.log", directory / "console.log.0"
    assert new.stat().st_size <= LOG_BYTES
    assert LOG_BYTES // 2 < old.stat().st_size <= LOG_BYTES
    assert not (directory / "console.log.1").exists()
    # A late viewer sees across the rotation, from the beginning of a line.
    with vm.connect() as link, link.makefile("rb") as stream:
        link.sendall(b'{"v":1,"do":"console","log":true}\n')
        stream.readline()
        first = stream.readline()
        assert len(first) == len(b"0000000 ") + 54 + 2
    vm.mode("stop")


def test_what_would_make_a_terminal_answer_is_not_played_again(vm: Vm) -> None:
    log = vm.host.fs
    log.mkdir("/var/log/bsdvirt/web1")
    log.write("/var/log/bsdvirt/web1/console.log", "before\x1b[6n after\x1b[c\x1b[1m\n", 0o600)
    vm.start()
    with vm.connect() as link, link.makefile("rb") as stream:
        link.sendall(b'{"v":1,"do":"console","log":true}\n')
        stream.readline()
        assert stream.readline() == b"before after\x1b[1m\n"
    vm.mode("stop")


# ---- replacement ----


def test_a_viewer_is_told_that_the_supervisor_was_killed(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    guest, first = vm.pid, vm.supervisor
    with Viewer(vm) as viewer:
        viewer.expect("leave it with")
        vm.kill(first)
        assert viewer.end() == 1
        assert b"is gone" in viewer.seen
    assert alive(guest)


def test_adoption(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    guest, first = vm.pid, vm.supervisor
    vm.kill(first)
    assert alive(guest)
    result = vm.mode("start")
    assert (result.status, result.stdout) == (0, "started\n")
    assert vm.pid == guest
    assert vm.supervisor != first
    assert vm.state["runs"] == 1
    with Viewer(vm, "--log-first") as viewer:
        viewer.expect("simulated kernel")
        viewer.expect("login: ")
        viewer.type("root\recho after adoption\r")
        viewer.expect("\nafter adoption\r\n")
        assert "after adoption" in vm.log()
        viewer.type("reboot\r")
        viewer.expect("login: ")
        vm.wait_state("running")
    assert vm.pid != guest
    vm.mode("stop")
    vm.wait_gone()


def test_an_adopted_guest_that_powers_off_has_ended(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.kill(vm.supervisor)
    vm.mode("start")
    assert vm.mode("stop").stdout == "stopped\n"
    assert " power off\n" in vm.log("supervisor.log")
    vm.wait_gone()


def test_a_clock_that_was_set_makes_no_power_off_a_failure(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.kill(vm.supervisor)
    # As after a step back of the time of day by an hour.
    state = vm.state | {"since": vm.state["since"] + 3600}
    vm.host.fs.write(f"{RUN}/state.json", json.dumps(state), 0o600)
    assert vm.mode("start").stdout == "started\n"
    assert vm.mode("stop").stdout == "stopped\n"
    assert " power off\n" in vm.log("supervisor.log")
    uptime = re.findall(r" (-?[0-9.]+)s power off", vm.log("supervisor.log"))
    assert 0 < float(uptime[-1]) < 600
    vm.wait_gone()


def test_a_supervisor_outlives_its_package(vm: Vm, tmp_path: Path) -> None:
    """As it does an upgrade: the next one is of the new package, in another place."""
    shutil.copytree(PACKAGE, tmp_path / "bsdvirt" / "supervise")
    vm.prepare()
    program = str(tmp_path / "bsdvirt" / "supervise" / "__main__.py")
    argv = (*tools.SUPERVISE[:3], program, "vm", "start", RUN)
    assert vm.host.run(argv, changes=True).stdout == "started\n"
    shutil.rmtree(tmp_path / "bsdvirt")
    vm.wait_login()
    vm.kill(vm.pid)
    vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    vm.wait_login(2)
    assert vm.mode("start").stdout == "already\n"
    assert vm.mode("stop").stdout == "stopped\n"
    vm.wait_gone()


def test_an_end_that_nobody_saw_is_a_crash(vm: Vm) -> None:
    vm.start()
    vm.kill(vm.supervisor)
    vm.mode("start")
    first = vm.pid
    vm.kill(first)
    vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    assert vm.state["last"] is None or "nobody saw" in vm.state["last"]["what"]
    assert vm.pid != first
    vm.mode("stop")
    vm.wait_gone()


def test_both_killed_it_starts_anew(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.kill(vm.supervisor, vm.pid)
    assert vm.host.fs.exists("/dev/vmm/web1")
    assert vm.mode("start").status == 0
    vm.wait_login(2)
    assert "is cleared away" in vm.log("supervisor.log")
    vm.mode("stop")
    vm.wait_gone()


def test_both_killed_stop_clears_up(vm: Vm) -> None:
    vm.start()
    vm.kill(vm.supervisor, vm.pid)
    result = vm.mode("stop")
    assert (result.status, result.stdout) == (0, "stopped\n")
    vm.wait_gone()
    assert vm.mode("stop").status == 3


def test_stop_without_a_supervisor_starts_another(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.kill(vm.supervisor)
    result = vm.mode("stop")
    assert (result.status, result.stdout) == (0, "stopped\n")
    assert "power button" in result.stderr
    vm.wait_gone()
    assert vm.state == {}


def test_stop_without_a_supervisor_leaves_what_is_never_to_be_forced(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", acpi=False)
    vm.job["stop"] = {"timeout": 0.3, "force": False}
    vm.start()
    vm.wait_login()
    vm.kill(vm.supervisor)
    result = vm.mode("stop")
    assert result.status == 1
    assert "not to be forced" in result.stderr
    # It goes on, and is attended again.
    assert alive(vm.pid)
    assert alive(vm.supervisor)
    assert vm.mode("start").stdout == "already\n"
    assert vm.mode("stop", "--force").stdout == "stopped by force\n"
    vm.wait_gone()


def test_stop_of_a_guest_that_is_just_ending_is_no_error(vm: Vm) -> None:
    vm.host.settings.set_guest("web1", off=0.5)
    vm.start()
    vm.wait_login()
    stops = [vm.spawn("stop") for _ in range(3)]
    assert [stop.wait(20) for stop in stops] == [0, 0, 0]
    vm.wait_gone()


def test_killed_in_its_loader_it_begins_again(vm: Vm) -> None:
    vm.with_loader(timeout=30, loader="menu")
    vm.prepare()
    starting = vm.spawn("start")
    vm.wait(lambda: "OK " in vm.log(), "no prompt")
    loader = vm.pid
    vm.kill(vm.supervisor)
    assert starting.wait(20) == 1
    assert alive(loader)
    vm.host.settings.set_guest("web1")
    assert vm.mode("start").status == 0
    assert not alive(loader)
    vm.wait_login()
    vm.mode("stop")
    vm.wait_gone()


def test_another_process_of_that_number_is_not_the_guest(vm: Vm) -> None:
    vm.start()
    vm.kill(vm.supervisor, vm.pid)
    state = vm.state
    vm.host.fs.write(f"{RUN}/state.json", json.dumps(state | {"pid": os.getpid()}), 0o600)
    assert vm.mode("start").status == 0
    assert vm.pid != os.getpid()
    vm.mode("stop")
    vm.wait_gone()


# ---- starting twice, the foreground ----


def test_start_twice_at_once(vm: Vm) -> None:
    vm.prepare()
    starts = [vm.spawn("start") for _ in range(3)]
    said = sorted(start.communicate(timeout=30)[0] for start in starts)
    assert said == [b"already\n", b"already\n", b"started\n"]
    assert vm.state["runs"] == 1
    vm.mode("stop")
    vm.wait_gone()


def test_the_foreground_ends_with_the_guest(vm: Vm) -> None:
    vm.prepare()
    running = vm.spawn("foreground")
    vm.wait_state("running")
    assert vm.supervisor == running.pid
    vm.wait_login()
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    vm.wait_gone()


def test_the_foreground_fails_as_the_guest_does(vm: Vm) -> None:
    vm.conf = vm.conf.replace("disk0.img", "none.img")
    vm.prepare()
    running = vm.spawn("foreground")
    _, said = running.communicate(timeout=30)
    assert running.returncode == 1
    assert b"Could not open backing file" in said
    vm.wait_gone()


# ---- the socket, the files, the memory ----


def test_the_socket_speaks_politely(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    assert vm.ask(b'{"v":1,"do":"status"}')["state"]["state"] == "running"
    newer = vm.ask(b'{"v":2,"do":"status"}')
    assert newer["ok"] is False
    assert "version 1 only" in newer["error"]
    unknown = vm.ask(b'{"v":1,"do":"dance"}')
    assert unknown["ok"] is False
    assert "dance" in unknown["error"]
    assert vm.ask(b"nonsense")["ok"] is False
    assert vm.ask(b"[1]")["ok"] is False
    assert vm.ask(b"[" * 4000)["ok"] is False
    for timeout in (b'"soon"', b"-1", b"1e999", b"NaN", b"true", b"[]"):
        refused = vm.ask(b'{"v":1,"do":"stop","timeout":' + timeout + b"}")
        assert "a number of seconds" in refused["error"], timeout
    with vm.connect() as link:
        link.sendall(b"x" * 8192)
        with contextlib.suppress(ConnectionError):
            assert link.recv(4096) == b""
    assert vm.ask(b'{"v":1,"do":"status"}')["ok"]
    vm.mode("stop")


def test_nobody_else_may_look(vm: Vm) -> None:
    vm.start()
    modes = {
        name: stat.S_IMODE(vm.host.fs.path(f"{RUN}/{name}").stat().st_mode)
        for name in ("console.sock", "state.json", "run.lock", "supervisor.lock")
    }
    assert set(modes.values()) == {0o600}, modes
    for name in ("console.log", "bhyve.log", "supervisor.log"):
        path = vm.host.fs.path(f"/var/log/bsdvirt/web1/{name}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
    vm.mode("stop")


def test_run_lock_is_held_while_bhyve_runs(vm: Vm) -> None:
    vm.start()
    path = str(vm.host.fs.path(f"{RUN}/run.lock"))
    assert try_lock(path) is None
    vm.kill(vm.supervisor)
    assert try_lock(path) is None
    vm.kill(vm.pid)
    lock = try_lock(path)
    assert lock is not None
    os.close(lock)


def test_a_supervisor_is_small_and_idle(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    lines = Path(f"/proc/{vm.supervisor}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    assert resident <= 12 * 1024
    before = _switches(vm.supervisor)
    time.sleep(0.5)
    assert _switches(vm.supervisor) == before
    vm.mode("stop")


def _switches(pid: int) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line for line in text.splitlines() if line.startswith("voluntary_ctxt"))


def test_a_failure_is_forgotten_by_the_next_start(vm: Vm) -> None:
    vm.conf = vm.conf.replace("disk0.img", "none.img")
    vm.prepare()
    assert vm.mode("start").status == 1
    assert vm.host.fs.exists(FAILED)
    vm.conf = vm.conf.replace("none.img", "disk0.img")
    vm.start()
    assert not vm.host.fs.exists(FAILED)
    vm.mode("stop")
    vm.wait_gone()


def test_a_reboot_of_the_host_leaves_nothing(vm: Vm) -> None:
    vm.start()
    vm.host.settings.reboot()
    assert not living(vm.host.directory)
    assert not vm.host.fs.exists("/dev/vmm")
    vm.start()
    vm.mode("stop")
    vm.wait_gone()


# ---- what others do beside it ----


@contextlib.contextmanager
def _looked_at(vm: Vm, name: str, seconds: float) -> Iterator[None]:
    """Another process holds a lock shared, as one that only looks does, for longer."""
    path = vm.host.fs.path(f"{RUN}/{name}")
    path.touch()
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    timer = threading.Timer(seconds, os.close, (descriptor,))
    timer.start()
    yield
    timer.join()


@pytest.mark.parametrize("name", ["supervisor.lock", "run.lock"])
def test_who_only_looks_at_a_lock_fails_no_start(vm: Vm, name: str) -> None:
    vm.prepare()
    with _looked_at(vm, name, 0.5):
        assert vm.mode("start").stdout == "started\n"
    assert alive(vm.pid)
    vm.mode("stop")
    vm.wait_gone()


def test_who_only_looks_at_a_lock_fails_no_reset(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    vm.kill(vm.pid)
    with _looked_at(vm, "run.lock", 0.5):
        vm.wait(lambda: vm.state.get("runs") == 2, "no second run")
    vm.wait_state("running")
    vm.mode("stop")
    vm.wait_gone()


def test_a_guest_that_state_json_does_not_tell_of_is_left_alone(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    pid = vm.pid
    vm.kill(vm.supervisor)
    state = vm.state | {"pid": 1, "start": "1"}
    vm.host.fs.write(f"{RUN}/state.json", json.dumps(state))
    result = vm.mode("start")
    assert result.status == 1
    assert "run.lock is held" in result.stderr
    assert alive(pid)
    vm.kill(pid)


def test_bhyve_and_its_loader_count_in_the_hosts_zone(vm: Vm) -> None:
    vm.with_loader(timeout=30, loader="menu")
    vm.prepare()
    starting = vm.spawn("start")
    vm.wait(lambda: "OK " in vm.log(), "no prompt")
    assert not [word for word in _environment(vm.pid) if word.startswith(("TZ=", "LC_"))]
    with Viewer(vm) as viewer:
        viewer.type("boot\r")
        viewer.expect("login: ")
    assert starting.wait(30) == 0
    assert not [word for word in _environment(vm.pid) if word.startswith(("TZ=", "LC_"))]
    vm.mode("stop")


def _environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


# ---- a console without a terminal ----


def test_what_is_piped_to_the_console_is_answered(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    piped = vm.spawn("console")
    shown, said = piped.communicate(b"root\nhostname\n", timeout=20)
    assert piped.returncode == 0, said
    assert b"hostname\r\nweb1\r\n" in shown
    assert said == b""
    vm.mode("stop")


def test_an_end_of_input_is_no_end_of_the_supervisor(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    piped = vm.spawn("console")
    _, said = piped.communicate(b"", timeout=20)
    assert (piped.returncode, said) == (0, b"")
    vm.mode("stop")


def test_viewers_that_went_silent_keep_nobody_out(vm: Vm) -> None:
    vm.start()
    vm.wait_login()
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            link = stack.enter_context(vm.connect())
            link.sendall(b'{"v":1,"do":"console"}\n')
            link.recv(100)
            link.shutdown(socket.SHUT_WR)
        assert vm.ask(b'{"v":1,"do":"status"}')["ok"]
    vm.mode("stop")
