"""The simulated host: it runs one command at a time, on a state in a directory."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from bsdvirt.host import tools
from bsdvirt.host.base import DEFAULT_TIMEOUT, LineSink, Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt_sim.commands import run_tool
from bsdvirt_sim.context import Run, TimedOut, UnknownCommand
from bsdvirt_sim.durability import SimFs, SyncRecord
from bsdvirt_sim.kernel import processes
from bsdvirt_sim.kernel.cpuset import mask_of
from bsdvirt_sim.kernel.hostprocess import (
    attach_real,
    become_real,
    confined,
    is_real,
    is_supervisor,
    run_real,
)
from bsdvirt_sim.kernel.sysctl import KERNELS
from bsdvirt_sim.net.dad import settle
from bsdvirt_sim.releases import chosen
from bsdvirt_sim.state import Host, Store

if TYPE_CHECKING:
    from bsdvirt_sim.settings import Settings

MESSAGES = "/var/log/messages"
HOSTNAME = "fbsd"
REALTIME = "BSDVIRT_SIM_REALTIME"
"""Set in the environment, commands take the (virtual) time they need."""


class SimHost:
    """A FreeBSD host that lives in a directory.

    `settings` changes what no command does. `wide` also accepts some forms that only the captures
    use, so that they can be replayed. `release` is used when the host is created: see releases.py.
    """

    begins = False
    offline = "a simulated host fetches nothing from outside"

    def __init__(
        self,
        directory: str | Path,
        interrupt: Interrupt | None = None,
        *,
        wide: bool = False,
        release: str | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.fs = SimFs(self.directory)
        self.record = SyncRecord(self.directory)
        self.interrupt = interrupt or Interrupt()
        self.wide = wide
        self._store = Store(self.directory)
        with self._store.locked():
            if self._store.load() is None:
                from bsdvirt_sim import initial

                self._store.save(initial.make(self.directory, chosen(release)))

    @cached_property
    def settings(self) -> Settings:
        """What tests and the demo may set. Imported where it is used, as most of the tools."""
        from bsdvirt_sim.settings import Settings

        return Settings(self, self.record)

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        """Run a command. Raises UnknownCommand for one that bsdvirt should not run."""
        if changes:
            self.interrupt.check()
        else:
            timeout = min(timeout, self.interrupt.patience)
        if self.interrupt.hastens(argv):
            timeout = 0.0
        if argv[0] == tools.SSH:
            with tempfile.TemporaryFile(dir=self.directory) as data:
                data.write(stdin)
                data.seek(0)
                return self.run_ssh(argv, data)
        if argv[:2] == (tools.ZSTD, "-dcq"):
            # It unpacks a log that it is given: this machine's own does the same.
            from bsdvirt.host.real import RealHost

            return RealHost(self.interrupt).run(
                argv, changes=changes, timeout=timeout, on_line=on_line, stdin=stdin
            )
        if is_real(argv):
            if confined(argv):
                with self._held() as state:
                    mask_of(self._run(argv, state, changes, timeout), confined(argv)[-1])
            return run_real(
                self.directory, self.seen(argv), self.interrupt,
                changes=changes, timeout=timeout, on_line=on_line,
            )  # fmt: skip
        with self._held(save=changes) as state:
            run = self._run(argv, state, changes, timeout)
            result = self._end(run)
            self._settle(argv, state, changes)
        self._tell(run, result, on_line)
        if not result.timed_out:
            self.interrupt.check()
        return result

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        limit: int = 0,
    ) -> Result:
        """Run `left | right`: see pipes.py."""
        from bsdvirt_sim.pipes import Pipe

        self.interrupt.check()
        return Pipe(self, left, right, timeout, on_line, limit).run()

    def run_piped(
        self,
        argv: Sequence[str],
        output: IO[bytes] | None,
        data: IO[bytes] | None,
        timeout: float,
        on_line: LineSink | None,
    ) -> Result:
        """Run one simulated command of a pipe: the first, which writes to `output`, or the second,
        which reads `data`."""
        with self._held(save=True) as state:
            run = self._run(argv, state, True, timeout)
            run.piped, run.piped_into = output is not None, data is not None
            run.data = data if output is None else output
            result = self._end(run)
            self._settle(argv, state, True)
        self._tell(run, result, on_line)
        return result

    def run_ssh(self, argv: Sequence[str], data: IO[bytes]) -> Result:
        """Run bsdvirt on another simulated host, which may ask this one something meanwhile."""
        from bsdvirt_sim.net.ssh import run_ssh

        with self._held() as state:
            peers = dict(state.peers)
        return run_ssh(peers, argv, data)

    def cut_streams_after(self) -> int:
        """Return where streams in pipes are cut; negative where they are not."""
        with self._held() as state:
            return state.cut

    def attach(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        last: bool = False,
    ) -> int:
        """Run a command in a jail, or a guest's supervisor, on the caller's terminal."""
        if environment is not None:
            variables = (f"{name}={value}" for name, value in environment.items())
            argv = (tools.ENV, "-i", *variables, *argv)
        if is_supervisor(argv):
            return attach_real(self.directory, argv)
        from bsdvirt_sim.jail.console import attach

        return attach(self, argv)

    def replace(self, argv: Sequence[str]) -> NoReturn:
        """Become a guest's supervisor."""
        if not is_supervisor(argv):
            raise UnknownCommand(argv, "only a supervisor takes a command's place")
        become_real(self.directory, argv)

    def boot_id(self) -> str:
        with self._held() as state:
            return f"{state.boot}.{state.boots}"

    @property
    def owner_uid(self) -> int:
        return os.geteuid()

    def syslog(self, line: str, *, warning: bool) -> None:
        """Append the line to /var/log/messages, as syslogd(8) does."""
        self.fs.mkdir(MESSAGES.rpartition("/")[0])
        when = time.strftime("%b %e %H:%M:%S")
        self.fs.append_line(MESSAGES, f"{when} {HOSTNAME} bsdvirt[{os.getpid()}]: {line}")

    def host_id(self) -> str:
        with self._held() as state:
            known: dict[str, str] = KERNELS[state.version].VALUES
            return state.sysctls.get("kern.hostuuid", known["kern.hostuuid"])

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        with self._held() as state:
            jail = state.jails.get(jid)
            return None if jail is None else tuple(jail.mask or range(state.cpus))

    def process_cpus(self, pid: int) -> tuple[int, ...] | None:
        with self._held() as state:
            for jail in state.jails.values():
                if any(one.pid == pid for one in jail.processes):
                    return tuple(jail.below or jail.mask or range(state.cpus))
        return None

    def own_cpus(self) -> tuple[int, ...] | None:
        with self._held() as state:
            return tuple(range(state.cpus))

    # ---- for other parts of the simulation ----

    @contextlib.contextmanager
    def change(self) -> Iterator[Host]:
        """Lock the host and yield its state, which is saved at the end."""
        with self._held(save=True) as state:
            yield state

    @contextlib.contextmanager
    def _held(self, save: bool = False) -> Iterator[Host]:
        with self._store.locked():
            state = self._store.load()
            if state is None:
                raise FileNotFoundError(f"{self.directory}: the simulated host is gone")
            processes.reap(state)
            try:
                yield state
            except BaseException:
                self._store.forget()
                raise
            if save:
                self._store.save(state)

    def _settle(self, argv: Sequence[str], state: Host, changes: bool) -> None:
        if changes and argv[0] == tools.ZFS and self.record.active:
            self.record.settle(state)

    def _run(self, argv: Sequence[str], state: Host, changes: bool, timeout: float) -> Run:
        if not argv or not argv[0].startswith("/"):
            raise UnknownCommand(argv, "a tool is named by its absolute path")
        run = Run(argv, state, self.directory, changes=changes, limit=timeout, wide=self.wide)
        # Enough time passes between two commands for it to finish.
        settle(run)
        return run

    def _end(self, run: Run) -> Result:
        timed_out = False
        try:
            status = run_tool(run)
        except TimedOut:
            # The real host ends a command that times out with SIGTERM.
            status, timed_out = -15, True
        if not run.known:
            raise run.unknown("it did not say whether it changes anything")
        return Result(run.argv, status, "".join(run.out), "".join(run.err), timed_out)

    def seen(self, argv: Sequence[str]) -> list[str]:
        """Return a command for a real process, which finds a snapshot's files in the store."""
        root = self.directory.resolve() / "root"
        return [
            f"/{os.path.relpath(self.fs.path(word).resolve(), root)}"
            if word.startswith("/") and "/.zfs/" in word
            else word
            for word in argv
        ]

    def _is_urgent(self, argv: Sequence[str]) -> bool:
        """Whether the caller no longer waits for the command's end."""
        return self.interrupt.pending or self.interrupt.hastens(argv)

    def _tell(self, run: Run, result: Result, on_line: LineSink | None) -> None:
        if os.environ.get(REALTIME) and run.elapsed:
            end = time.monotonic() + min(run.elapsed, run.limit)
            while time.monotonic() < end and not self._is_urgent(run.argv):
                time.sleep(min(0.05, max(0.0, end - time.monotonic())))
        if on_line is not None:
            for line in result.stderr.splitlines():
                on_line(line)
