"""A guest on a simulated host, its supervisor run for real, and ways to look at both."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost
from bsdvirt_sim.kernel.processes import alive, end_all, living

PATIENCE = 20.0
"""Seconds until a test gives up waiting; what it waits for comes in fractions of one."""
RUN = "/var/run/bsdvirt/vms/web1"
LOGS = "/var/log/bsdvirt/web1"
FAILED = "/var/run/bsdvirt/failed/web1"
FIRMWARE = "/usr/local/share/uefi-firmware/BHYVE_UEFI.fd"
CONF = """\
name=web1
cpus=2
sockets=1
cores=2
threads=1
memory.size=512M
acpi_tables=true
x86.vmexit_on_hlt=true
uuid=7c1b8a52-0f1d-4a07-9d0e-1f2e3d4c5b6a
pci.0.0.0.device=hostbridge
pci.0.4.0.device=virtio-blk
pci.0.4.0.path=/guests/web1/disk0.img
pci.0.5.0.device=virtio-net
pci.0.5.0.backend=bv7n0
pci.0.5.0.type=tap
pci.0.5.0.mac=58:9c:fc:00:00:11
pci.0.31.0.device=lpc
lpc.com1.path=/dev/nmdm-bv7A
"""


class Vm:
    """The guest web1. `job` is its run.json, to change before it is started."""

    def __init__(self, directory: Path) -> None:
        self.host = SimHost(directory)
        self.root = self.host.directory.resolve() / "root"
        self.run_directory = self.host.fs.path(RUN)
        self.job: dict[str, Any] = {
            "v": 1, "name": "web1",
            "bhyve": ["/usr/sbin/bhyve", "-k", f"{RUN}/bhyve.conf", "web1"],
            "prefix": [], "loader": None,
            "destroy": ["/usr/sbin/bhyvectl", "--vm=web1", "--destroy"],
            "poweroff": ["/usr/sbin/bhyvectl", "--vm=web1", "--force-poweroff"],
            "force_reset": ["/usr/sbin/bhyvectl", "--vm=web1", "--force-reset"],
            "nmi": ["/usr/sbin/bhyvectl", "--vm=web1", "--inject-nmi"],
            "console": "/dev/nmdm-bv7B", "limits": [],
            "cleanup": [["/sbin/ifconfig", "bv7n0", "destroy"]],
            "logs": LOGS, "failed": FAILED, "events": "/var/log/bsdvirt/events.log",
            "stop": {"timeout": 30, "force": True},
            "restart": {
                "reset": True, "crash": "restart", "most": 3, "window": 600,
                "backoff": [0.05, 0.2],
            },
            "keep_vmm": True,
        }  # fmt: skip
        self.conf = CONF + f"bootrom={FIRMWARE}\nlpc.bootrom={FIRMWARE}\n"
        self._attached: list[subprocess.Popen[bytes]] = []

    # ---- before the start ----

    def with_loader(self, timeout: float = 10, **behaviour: Any) -> None:
        """Boot by bhyveload instead of firmware."""
        self.conf = CONF
        argv = ["/usr/sbin/bhyveload", "-m", "512M", "-d", "/guests/web1/disk0.img"]
        argv += ["-c", "/dev/nmdm-bv7A", "web1"]
        self.job |= {"loader": {"argv": argv, "timeout": timeout}, "keep_vmm": False}
        self.host.settings.set_guest("web1", **behaviour)

    def prepare(self) -> None:
        """What bsdvirt's plan does before the supervisor."""
        fs = self.host.fs
        fs.mkdir(RUN, 0o700)
        for path, content in ((FIRMWARE, "code"), ("/guests/web1/disk0.img", "bootable")):
            fs.mkdir(os.path.dirname(path))
            fs.write(path, content)
        fs.write(f"{RUN}/bhyve.conf", self.conf, 0o600)
        fs.write(f"{RUN}/run.json", json.dumps(self.job), 0o600)
        if "bv7n0" not in self.see("/sbin/ifconfig", "-l").stdout:
            self.do("/sbin/ifconfig", "tap16440", "create", "name", "bv7n0", "group", "bsdvirt")

    # ---- doing ----

    def do(self, *argv: str) -> Result:
        return self.host.run(argv, changes=True).check()

    def see(self, *argv: str) -> Result:
        return self.host.run(argv, changes=False)

    def mode(self, mode: str, *words: str) -> Result:
        """Run a mode of the supervisor to its end."""
        command = (*tools.SUPERVISE, "vm", mode, RUN, *words)
        return self.host.run(command, changes=True, timeout=PATIENCE * 2)

    def start(self) -> None:
        self.prepare()
        result = self.mode("start")
        assert result.status == 0, result

    def spawn(self, mode: str, *words: str) -> subprocess.Popen[bytes]:
        """Run a mode without waiting for it."""
        process = subprocess.Popen(
            (*tools.SUPERVISE, "vm", mode, RUN, *words),
            env={"BSDVIRT_ROOT": str(self.root), "PATH": "/bin:/usr/bin"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._attached.append(process)
        return process

    def close(self) -> None:
        for process in self._attached:
            with contextlib.suppress(OSError):
                process.kill()
            process.communicate()

    # ---- looking ----

    @property
    def state(self) -> dict[str, Any]:
        text = self.host.fs.read_or(f"{RUN}/state.json")
        value: dict[str, Any] = json.loads(text) if text else {}
        return value

    @property
    def pid(self) -> int:
        number = self.state["pid"]
        assert isinstance(number, int)
        return number

    @property
    def supervisor(self) -> int:
        number = self.state["supervisor"]
        assert isinstance(number, int)
        return number

    def log(self, name: str = "console.log") -> str:
        return self.host.fs.read_or(f"{LOGS}/{name}")

    def log_bytes(self) -> str:
        """The console's log with its carriage returns."""
        return self.host.fs.read_bytes(f"{LOGS}/console.log").decode()

    def reason(self) -> str:
        return self.host.fs.read_or(FAILED)

    def wait(self, what: Any, why: str) -> None:
        """Until what() is true."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, f"{why}; {self.state}; {self.log('supervisor.log')}"
            time.sleep(0.005)

    def wait_state(self, *states: str) -> None:
        self.wait(lambda: self.state.get("state") in states, f"never {states}")

    def wait_gone(self) -> None:
        """Until neither the supervisor nor anything of the guest is left."""
        self.wait(lambda: not living(self.host.directory), "processes are left")
        assert not self.host.fs.exists("/dev/vmm/web1")
        assert "bv7n0" not in self.see("/sbin/ifconfig", "-l").stdout
        assert not self.host.fs.exists(f"{RUN}/console.sock")

    def wait_login(self, runs: int = 1) -> None:
        self.wait(lambda: self.log().count("login: ") >= runs, "no login")

    def kill(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            self.wait(lambda pid=pid: not alive(pid), "it lives")

    # ---- the socket ----

    def connect(self, name: str = "console.sock") -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(PATIENCE)
        # The path of a test's directory may be longer than an address of a socket.
        directory = os.open(self.run_directory, os.O_RDONLY)
        link.connect(f"/proc/self/fd/{directory}/{name}")
        os.close(directory)
        return link

    def ask(self, request: bytes) -> dict[str, Any]:
        with self.connect() as link, link.makefile("rb") as stream:
            link.sendall(request + b"\n")
            answer: dict[str, Any] = json.loads(stream.readline())
            return answer


class Viewer:
    """`console` on a terminal of its own."""

    def __init__(self, vm: Vm, *words: str) -> None:
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["BSDVIRT_ROOT"] = str(vm.root)
            command = (*tools.SUPERVISE, "vm", "console", RUN, *words)
            os.execv(command[0], command)
        self.ended: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)

    def expect(self, text: str) -> None:
        """Until that has been shown, since the last time something was expected."""
        deadline = time.monotonic() + PATIENCE
        wanted = text.encode()
        at = 0
        while self.seen.find(wanted, at) < 0:
            at = max(0, len(self.seen) - len(wanted))
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen[-300:]!r}"
            ready, _, _ = select.select([self.fd], [], [], 0.1)
            if ready:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    assert wanted in self.seen, f"ended without {text!r}: {self.seen!r}"
        self.seen = self.seen.partition(wanted)[2]

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def log_in(self) -> None:
        self.expect("login: ")
        self.type("root\r")
        self.expect("root@web1:~ # ")

    def end(self) -> int:
        """Its exit status, when it has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                ready, _, _ = select.select([self.fd], [], [], 0.01)
                if ready:
                    self.seen += os.read(self.fd, 65536)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                self.ended = os.waitstatus_to_exitcode(status)
                return self.ended
        raise AssertionError(f"it goes on: {self.seen!r}")


@pytest.fixture
def vm(tmp_path: Path) -> Iterator[Vm]:
    made = Vm(tmp_path / "host")
    yield made
    made.close()
    end_all(made.host.directory)
    assert not living(made.host.directory)
