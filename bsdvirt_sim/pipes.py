"""Pipes of two commands, each simulated or a real process."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from bsdvirt.host import tools
from bsdvirt.host.base import LineSink, Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt_sim.kernel.hostprocess import is_real, pipe_real


class Host(Protocol):
    """The simulated host, as a pipe uses it."""

    directory: Path
    interrupt: Interrupt

    def run_piped(
        self,
        argv: Sequence[str],
        output: IO[bytes] | None,
        data: IO[bytes] | None,
        timeout: float,
        on_line: LineSink | None,
    ) -> Result: ...

    def seen(self, argv: Sequence[str]) -> list[str]: ...

    def run_ssh(self, argv: Sequence[str], data: IO[bytes]) -> Result: ...

    def cut_streams_after(self) -> int: ...


_CAT = shutil.which("cat") or "/bin/cat"
_INTO = ("/bin/sh", "-c", 'exec cat >"$0"')


@dataclass
class Pipe:
    """One pipe. What passes is stored whole between its two commands."""

    host: Host
    left: Sequence[str]
    right: Sequence[str]
    timeout: float
    on_line: LineSink | None
    limit: int

    def run(self) -> Result:
        """Run both commands."""
        real = is_real(self.right)
        if not self.left:
            return self._behind_our_input(real)
        if real and is_real(self.left):
            return self._real(self.left, self.right)
        with tempfile.NamedTemporaryFile(dir=self.host.directory) as data:
            if is_real(self.left):
                sent = self._real(self.left, (*_INTO, data.name))
            else:
                sent = self.host.run_piped(self.left, data, None, self.timeout, self.on_line)
                data.flush()
            sent = self._cut(sent, Path(data.name))
            data.seek(0)
            if self.right[0] == tools.SSH:
                received = self.host.run_ssh(self.right, data)
            elif real:
                received = self._real((_CAT, data.name), self.right)
            else:
                received = self.host.run_piped(self.right, None, data, self.timeout, self.on_line)
        return Result(
            (*self.left, "|", *self.right),
            received.status or sent.status,
            "",
            received.stderr + sent.stderr,
            sent.timed_out or received.timed_out,
        )

    def _behind_our_input(self, real: bool) -> Result:
        """Run the right command on this process's own standard input."""
        if real:
            return self._real((), self.right)
        with tempfile.TemporaryFile(dir=self.host.directory) as data:
            shutil.copyfileobj(sys.stdin.buffer, data)
            data.seek(0)
            return self.host.run_piped(self.right, None, data, self.timeout, self.on_line)

    def _real(self, left: Sequence[str], right: Sequence[str]) -> Result:
        return pipe_real(
            self.host.directory, self._seen(left), self._seen(right), self.host.interrupt,
            timeout=self.timeout, on_line=self.on_line, limit=self.limit,
        )  # fmt: skip

    def _seen(self, argv: Sequence[str]) -> Sequence[str]:
        return self.host.seen(argv) if is_real(argv) else argv

    def _cut(self, sent: Result, data: Path) -> Result:
        """Cut a stream where a test wants it: the connection is lost, and the sender is killed."""
        after = self.host.cut_streams_after()
        if not 0 <= after < data.stat().st_size or tools.ZFS not in (self.left[0], self.right[0]):
            return sent
        os.truncate(data, after)
        return Result(sent.argv, -9, sent.stdout, sent.stderr)
