"""What a host is to the rest of bsdvirt: it runs commands and holds files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from bsdvirt.errors import CommandError
from bsdvirt.host.fs import Fs
from bsdvirt.host.interrupt import Interrupt

DEFAULT_TIMEOUT = 60.0
"""Seconds that a command may take where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. `status` is negative for a signal, as in subprocess."""

    argv: tuple[str, ...]
    status: int
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    def check(self, ok: Sequence[int] = (0,), hint: str = "") -> Result:
        """Itself, or CommandError where the status is not one of `ok`."""
        if self.timed_out or self.status not in ok:
            raise CommandError(
                self.argv, self.status, self.stderr, timed_out=self.timed_out, hint=hint
            )
        return self


LineSink = Callable[[str], None]
"""Is given each line that a command prints, on either output, as it comes (for progress)."""


class Host(Protocol):
    """A FreeBSD host: the real one, or the simulated one.

    Every call of `run` declares whether it changes anything; a reader never does.
    Commands are argument lists beginning with an absolute path; they run with
    LC_ALL=C, standard input closed, in a session of their own.
    """

    @property
    def fs(self) -> Fs:
        """The host's files. Paths are the host's own, absolute."""

    @property
    def interrupt(self) -> Interrupt:
        """Whether we were asked to end."""

    @property
    def owner_uid(self) -> int:
        """The user who may change this host, and whose files alone are trusted: root's 0, and
        on a simulated host the caller."""

    @property
    def offline(self) -> str:
        """Why the host fetches nothing from the internet; empty where it does."""

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run a command to its end. Never raises for a command that fails:
        a missing tool is status 127, an expired timeout is `timed_out`.

        Raises Interrupted when a signal asked us to end meanwhile.
        """

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run `left | right`, both of which change things; fails if either does.

        `on_line` is given the lines of both standard errors.
        """

    def attach(self, argv: Sequence[str]) -> int:
        """Run a command on the caller's own terminal; its exit status
        (128 + n for signal n)."""

    def replace(self, argv: Sequence[str]) -> NoReturn:
        """Become that command, on the caller's own terminal. Raises HostError where it
        cannot be run."""

    def boot_id(self) -> str:
        """A word that is another after each boot of the host."""

    def syslog(self, line: str, *, warning: bool) -> None:
        """Write a line to syslog(3), as bsdvirt in the facility daemon."""

    def host_id(self) -> str:
        """What tells this host from every other: its kern.hostuuid."""
