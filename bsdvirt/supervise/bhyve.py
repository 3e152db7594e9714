"""The processes of a virtual machine, its loader and then bhyve, and its device of vmm(4)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from bsdvirt.supervise import process
from bsdvirt.supervise.files import ROOT, Failed, Json, stamp, try_lock
from bsdvirt.supervise.log import Log, plain

LOOKING = 10.0
"""Seconds to wait for a lock that no supervisor and no guest holds."""
RUN_LOCK = "run.lock"
ENVIRONMENT = process.PASSED | {"PATH": process.ENVIRONMENT["PATH"]}
"""Of bhyve and of its loader. No TZ: with clock=local the guest's clock is localtime(3) of
that process, and the host's own zone is in /etc/localtime."""
SAID_BYTES = 4096


class Bhyve:
    """What a supervisor does to the guest's processes and its device; `pid` is None where
    none runs. bhyve inherits run.lock: held means running."""

    def __init__(self, job: Json) -> None:
        self.job = job
        self.name: str = job["name"]
        self.device = f"{ROOT}/dev/vmm/{self.name}"
        self.pid: int | None = None
        self.notes = Log(f"{job['logs']}/supervisor.log")
        self.said = Log(f"{job['logs']}/bhyve.log")
        """What the loader and bhyve write to their standard error: as often as a guest likes."""
        self.said_from = 0

    def note(self, text: str) -> None:
        """Write a line into supervisor.log."""
        self.notes.write(f"{stamp()} {text}\n".encode())

    # ---- the process ----

    def is_guest(self, pid: int, start: str) -> bool:
        """Whether that process is the one that the state file names: by its start, or by the
        title that bhyve gives itself."""
        seen, title = process.identity(pid)
        if not seen:
            return False
        return process.same_start(seen, start) or title.split(" (")[0] == f"bhyve: {self.name}"

    def is_free(self) -> bool:
        """Whether no process of the guest holds run.lock."""
        lock = try_lock(RUN_LOCK, LOOKING)
        if lock is not None:
            os.close(lock)
        return lock is not None

    def spawn(self, argv: list[str], known: Callable[[], None]) -> None:
        """Run a process that holds run.lock. It waits until `known` has written down who it
        is, and its limits are set: without us, it ends before it has begun."""
        lock = try_lock(RUN_LOCK, LOOKING)
        if lock is None:
            raise Failed("run.lock is held: a process of this guest still runs")
        self.begin_said()
        held, go = os.pipe()

        def ready() -> bool:
            os.close(go)
            os.set_inheritable(lock, True)
            return bool(os.read(held, 1))

        self.pid = process.spawn(argv, ENVIRONMENT, self.said.fd, ready)
        for fd in (lock, held):
            os.close(fd)
        try:
            known()
            self.note("runs " + " ".join(argv))
            for limit in self.job["limits"]:
                if self.tool([word.replace("%PID%", str(self.pid)) for word in limit]):
                    raise Failed(f"a limit could not be set: {' '.join(limit)}")
            os.write(go, b"!")
        finally:
            os.close(go)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        # Where it is no more, the event of its end is on the way.
        with contextlib.suppress(ProcessLookupError):
            if self.pid is not None:
                os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self.signal(signal.SIGKILL)
        if self.pid is not None:
            process.reap(self.pid, None)
        self.pid = None

    # ---- the device ----

    @property
    def has_device(self) -> bool:
        """Whether there is a vmm device of that name."""
        return os.path.exists(self.device)

    def tool(self, argv: list[str]) -> int:
        """Run a tool, and write its output into supervisor.log; its exit status."""
        status, printed = process.run(argv)
        if status or printed:
            self.note(f"status {status}: {' '.join(argv)}: {' '.join(printed.split())}")
        return status

    def is_off(self) -> bool | None:
        """Whether vmm(4) has suspended CPUs of the guest; None where bhyvectl(8) does not
        tell. At a power-off all of them are, at an error of bhyve's none."""
        status, text = process.run([*self.job["destroy"][:-1], "--get-suspended-cpus"])
        label, colon, cpus = text.partition(":")
        if status or not colon or label.strip() != "suspended cpus":
            return None
        return bool(cpus.strip())

    def destroy(self) -> None:
        """Destroy the device, and with it the guest's memory."""
        for pause in (0.0, 0.2, 1.0):
            if self.has_device:
                time.sleep(pause)
                self.tool(self.job["destroy"])

    # ---- what it said ----

    def begin_said(self) -> None:
        """What is said from now on is of this run."""
        self.said.reopen()
        self.said.trim()
        self.said_from = self.said.size()

    def said_now(self) -> str:
        """Return what it wrote to its standard error in this run, of that the end."""
        return plain(self.said.since(self.said_from, SAID_BYTES))
