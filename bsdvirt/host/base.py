"""The interface of a host: it runs commands and holds files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, Protocol

from bsdvirt.host.begun import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from bsdvirt.host.begun import Result as Result
from bsdvirt.host.fs import Fs
from bsdvirt.host.interrupt import Interrupt

LineSink = Callable[[str], None]
"""Called with each line that a command prints, on either output."""


class Host(Protocol):
    """A FreeBSD host: the real one, or the simulated one.

    Every call of `run` declares whether it changes anything. Commands are argument lists beginning
    with an absolute path; they run with LC_ALL=C, standard input closed, in a session of their own.
    """

    @property
    def fs(self) -> Fs:
        """The host's files, by absolute paths."""

    @property
    def interrupt(self) -> Interrupt:
        """Whether a signal asked this process to end."""

    @property
    def owner_uid(self) -> int:
        """The user who may change this host, and whose files alone are trusted: root, and on a
        simulated host the caller."""

    @property
    def begins(self) -> bool:
        """Whether commands can be begun ahead: see begun.py."""

    @property
    def offline(self) -> str:
        """Return why the host cannot download anything; empty if it can."""

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        """Run a command to its end, with `stdin` as its standard input. A failure is not raised: a
        missing tool is status 127, an expired timeout is `timed_out`. Raises Interrupted if a
        signal asks this process to end meanwhile."""

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        limit: int = 0,
    ) -> Result:
        """Run `left | right`; the status is a failure if either fails. Without `left`, `right`
        reads our own standard input. With `limit`, at most that many bytes a second pass. `on_line`
        is called with the lines of both standard errors."""

    def attach(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        last: bool = False,
    ) -> int:
        """Run a command on the caller's terminal and return its exit status (128 + n for signal
        n). One that enters a guest cannot type on that terminal. It has our environment unless
        another is given. With `last`, nothing is left to do afterwards, and it may replace this
        process."""

    def replace(self, argv: Sequence[str]) -> NoReturn:
        """Replace this process by a command, on the caller's terminal. Raises HostError if it
        cannot be run."""

    def boot_id(self) -> str:
        """Return a text that differs after each boot of the host."""

    def syslog(self, line: str, *, warning: bool) -> None:
        """Write a line to syslog(3), as bsdvirt in the facility daemon."""

    def host_id(self) -> str:
        """Return the host's kern.hostuuid."""

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        """Return the CPUs that a jail may use, without a command; None if there is no such jail, or
        the kernel cannot be asked so."""

    def process_cpus(self, pid: int) -> tuple[int, ...] | None:
        """Return the CPUs of the cpuset that a process is in, without a command; None if there is
        no such process, or the kernel cannot be asked so."""

    def own_cpus(self) -> tuple[int, ...] | None:
        """Return the CPUs that this process may run on, without a command; None if the kernel
        cannot be asked so."""
