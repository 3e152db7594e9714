"""A TPM in software: swtpm(8), one process for each run of bhyve.

bhyve connects to its socket once. A TPM is reset when its machine is, and so are its measurements:
a run that went on with the old process would seem to have booted something else. It leads a
session of its own, and a supervisor that takes over finds it by the file with its number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from functools import partial

from bsdvirt.supervise import process
from bsdvirt.supervise.events import Events
from bsdvirt.supervise.files import POLL, Failed, Json, remove, stamp
from bsdvirt.supervise.log import Log

READY = 10.0
"""Seconds until its socket is there; a new TPM makes its keys first."""
LEAVE = 5.0
"""Seconds that it gets to write its state after SIGTERM."""
NUMBER_BYTES = 16


class Swtpm:
    """The TPM of a guest; nothing at all where `job` is empty."""

    def __init__(self, job: Json, events: Events, log: Log) -> None:
        self.job = job
        self.events = events
        self.log = log
        self.pid: int | None = None

    def start(self) -> None:
        """Run it, and wait until bhyve can connect. Raise Failed where it does not come up."""
        if not self.job:
            return
        self.end()
        _check(self.job["state"])
        self.log.trim()
        self.pid = pid = process.spawn(self.job["argv"], process.ENVIRONMENT, self.log.fd)
        deadline = time.monotonic() + READY
        while self._written() != pid:
            if self._has_ended():
                self.pid = None
                raise Failed("swtpm ended at once: see supervisor.log")
            if time.monotonic() >= deadline:
                self.end()
                raise Failed(f"swtpm did not come up within {READY:g} s: see supervisor.log")
            time.sleep(POLL)
        self.events.watch(pid, partial(self._ended, pid))

    def adopt(self) -> None:
        """Find the process that an earlier supervisor left."""
        pid = self._written() if self.job else None
        if pid is None or self.pid is not None:
            return
        server = self.job["argv"][self.job["argv"].index("--server") + 1]
        if server in process.identity(pid)[1] and self.events.watch(pid, partial(self._ended, pid)):
            self.pid = pid

    def end(self) -> None:
        """End it, and see to it that it has ended: one process at a time has the state."""
        self.adopt()
        if self.pid is not None:
            for number, patience in ((signal.SIGTERM, LEAVE), (signal.SIGKILL, LEAVE)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
                    os.kill(self.pid, signal.SIGCONT)
                if self._ends_within(patience):
                    break
            self.pid = None
        if self.job:
            remove(self.job["socket"])
            remove(self.job["pid"])

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)
        return True

    def _has_ended(self) -> bool:
        if self.pid is None:
            return True
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return not process.identity(self.pid)[0]

    def _ended(self, pid: int, _: int | None) -> None:
        if pid == self.pid and self._has_ended():
            self.pid = None
            self.log.write(f"{stamp()} swtpm, pid {pid}, has ended\n".encode())

    def _written(self) -> int | None:
        """Return the number in its file, which it writes once its socket is there."""
        try:
            with open(self.job["pid"], "rb") as stream:
                text = stream.read(NUMBER_BYTES).strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None


def _check(directory: str) -> None:
    """Raise Failed where the state is not a plain directory of plain files: in a dataset that came
    from elsewhere, a link would have swtpm write to any file of the host."""
    plain = stat.S_ISDIR(os.lstat(directory).st_mode)
    if plain:
        with os.scandir(directory) as found:
            plain = all(entry.is_file(follow_symlinks=False) for entry in found)
    if not plain:
        raise Failed(f"{directory} is not a directory of plain files: remove it")
