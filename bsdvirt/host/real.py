"""The real host: commands as child processes, files as they are."""

from __future__ import annotations

import os

from bsdvirt.errors import HostError
from bsdvirt.host import begun, tools
from bsdvirt.host.begun import Result
from bsdvirt.host.fs import Fs

TYPE_CHECKING = False
# As in cli/streams.py. What runs commands, children.py, is imported where one is run.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from bsdvirt.host.base import LineSink
    from bsdvirt.host.interrupt import Interrupt

DEFAULT_TIMEOUT = begun.DEFAULT_TIMEOUT
BOOT_FILE = "/var/run/bsdvirt/boot"


class RealHost:
    """This machine."""

    owner_uid = 0
    offline = ""
    begins = True

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self.fs = Fs("/")
        self._interrupt = interrupt

    @property
    def interrupt(self) -> Interrupt:
        if self._interrupt is None:
            from bsdvirt.host.interrupt import Interrupt

            self._interrupt = Interrupt()
        return self._interrupt

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        if not changes and (command := begun.taken(argv)) is not None:
            return command.result(timeout)
        from bsdvirt.host import children

        return children.run(
            self.interrupt, argv, changes=changes, timeout=timeout, on_line=on_line, stdin=stdin
        )

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        limit: int = 0,
    ) -> Result:
        from bsdvirt.host import children

        return children.pipe(
            self.interrupt, left, right, timeout=timeout, on_line=on_line, limit=limit
        )

    def attach(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        last: bool = False,
    ) -> int:
        if last and not any(os.isatty(descriptor) for descriptor in range(3)):
            try:
                begun.become(argv, os.environ if environment is None else environment)
            except OSError:
                return 127
        from bsdvirt.host.terminals.attach import attach, attach_own

        if environment is not None:
            variables = (f"{name}={value}" for name, value in environment.items())
            argv = (tools.ENV, "-i", *variables, *argv)
        ours = tuple(argv[: len(tools.SUPERVISE)]) == tools.SUPERVISE
        return attach_own(argv) if ours else attach(argv)

    def replace(self, argv: Sequence[str]) -> NoReturn:
        try:
            os.execve(argv[0], list(argv), dict(begun.ENVIRONMENT))
        except OSError as error:
            raise HostError(f"{argv[0]}: {error.strerror}") from error

    def boot_id(self) -> str:
        """kern.boottime as the first command of this boot saw it: the sysctl's value changes with
        every correction of the clock."""
        return self._known()[0]

    def syslog(self, line: str, *, warning: bool) -> None:
        import syslog

        syslog.openlog("bsdvirt", syslog.LOG_PID, syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_WARNING if warning else syslog.LOG_NOTICE, line)

    def host_id(self) -> str:
        return self._known()[1]

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        from bsdvirt.host.affinity import jail_cpus

        return jail_cpus(jid)

    def process_cpus(self, pid: int) -> tuple[int, ...] | None:
        from bsdvirt.host.affinity import process_cpus

        return process_cpus(pid)

    def own_cpus(self) -> tuple[int, ...] | None:
        from bsdvirt.host.affinity import own_cpus

        return own_cpus()

    def _known(self) -> tuple[str, str]:
        """Values read once per boot: kern.boottime and kern.hostuuid, one per line."""
        lines = self.fs.read_or(BOOT_FILE).splitlines()
        if len(lines) != 2 or not all(lines):
            argv = (tools.SYSCTL, "-n", "kern.boottime", "kern.hostuuid")
            lines = self.run(argv, changes=False).check().stdout.splitlines()
            if len(lines) != 2:
                raise HostError("kern.hostuuid is not set", "sysctl kern.hostuuid")
            self.fs.mkdir(os.path.dirname(BOOT_FILE), 0o700)
            self.fs.write(BOOT_FILE, "".join(f"{line}\n" for line in lines), 0o600)
        return lines[0], lines[1]
