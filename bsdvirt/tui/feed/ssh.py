"""Another host, read by the command line there over ssh(1).

There is one connection for each host: a master (ControlMaster in ssh_config(5)) that is opened
before the UI, so that ssh can ask for a password or about a host key on the terminal, and that the
commands share. Reading is done by one command at a time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from typing import TypeVar

import msgspec

from bsdvirt.errors import BsdvirtError, CommandError, HostError
from bsdvirt.host import tools
from bsdvirt.host.sanitize import shown_line
from bsdvirt.host.ssh import (
    CONNECT_SECONDS,
    NO_CONNECTION,
    NOT_FOUND,
    checked_host,
    connection,
    last_line,
    remote_command,
)
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.queries.guests import GUESTS, SAMPLE
from bsdvirt.tui.feed.source import Query

T = TypeVar("T")

READ_SECONDS = 60.0
MOST_BYTES = 64 * 1024 * 1024
MOST_ERROR = 4096
FOUND = 1
"""The exit status of a verb that found something, and prints it."""


class SshSource:
    """Reads and changes another host by its own bsdvirt."""

    several = False

    def __init__(self, name: str, *, read_only: bool = False, ssh: str = tools.SSH) -> None:
        self.name = checked_host(name)
        self._asked = read_only
        self._ssh = ssh
        # Private, and short: a socket's path has at most 103 bytes.
        self._directory = tempfile.mkdtemp(prefix="bsdvirt-")
        self._connection = connection(ssh, f"{self._directory}/s", "yes")

    @property
    def read_only(self) -> str:
        return "opened with --read-only" if self._asked else ""

    def connect(self) -> str:
        """Open the connection on this terminal, where ssh may ask; return why that failed, or "".
        A host that is down now is tried again with each reading."""
        argv = [*self._connection, "-o", "ControlMaster=yes", "-fN", "--", self.name]
        try:
            status = subprocess.call(argv)
        except OSError as error:
            return f"{self._ssh}: {error.strerror}"
        return f"{self.name} does not answer" if status else ""

    def tick(self) -> Tick:
        at = time.monotonic()
        try:
            guests = self.ask(GUESTS)
        except BsdvirtError as error:
            return Tick(self.name, at, problem=_short(error))
        try:
            return Tick(self.name, at, tuple(guests), sample=self.ask(SAMPLE))
        except BsdvirtError as error:
            # Guests are shown without what they use.
            return Tick(self.name, at, tuple(guests), notes=(f"usage: {_short(error)}",))

    def ask(self, query: Query[T], *words: str) -> T:
        words = (*query.words, *words, "--json")
        text = self._run(words, (0, FOUND) if query.fails else (0,))
        try:
            return msgspec.json.decode(text, type=query.rows)
        except msgspec.MsgspecError as error:
            raise HostError(
                f"{self.name}: `bsdvirt {' '.join(query.words)}` there does not answer as here:"
                f" {error}",
                "install the same version on both hosts",
            ) from error

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        # BatchMode: in the background there is nobody to ask. -e none: ~. leaves the console of a
        # guest, not ssh.
        how = ["-t", "-e", "none"] if terminal else ["-T", "-o", "BatchMode=yes"]
        return [
            *self._connection,
            "-o",
            "ControlMaster=auto",
            *how,
            "--",
            self.name,
            remote_command(words),
        ]

    def close(self) -> None:
        argv = [*self._connection, "-O", "exit", "--", self.name]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=CONNECT_SECONDS
            )
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, words: Sequence[str], good: Collection[int]) -> bytes:
        """Return the standard output of bsdvirt there. Raises BsdvirtError for an exit status that
        is not among the `good`."""
        argv = self.argv(words)
        status, out, err = run_bounded(argv, READ_SECONDS)
        if status == NO_CONNECTION:
            raise HostError(f"{self.name} does not answer: {last_line(err)}", f"ssh {self.name}")
        if status == NOT_FOUND:
            raise HostError(f"{self.name}: bsdvirt(8) was not found there", "pkg install bsdvirt")
        if status is None:
            raise HostError(
                f"{self.name} has not answered for {READ_SECONDS:.0f} s", f"ssh {self.name}"
            )
        if status not in good:
            raise CommandError(("bsdvirt", *words), status, err)
        return out


def run_bounded(argv: Sequence[str], seconds: float) -> tuple[int | None, bytes, str]:
    """Run a command; return its exit status (None if it was ended after `seconds`), its standard
    output and the end of its standard error. What is beyond MOST_BYTES ends it."""
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True, env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except OSError as error:
            return NO_CONNECTION, b"", f"{argv[0]}: {error.strerror}"
        late = threading.Event()

        def end() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        assert child.stdout is not None
        with child.stdout:
            out = child.stdout.read(MOST_BYTES + 1)
        if len(out) > MOST_BYTES:
            child.kill()
        status = child.wait()
        timer.cancel()
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - MOST_ERROR))
        return (None if late.is_set() else status), out, errors.read().decode(errors="replace")


def _short(error: BsdvirtError) -> str:
    return shown_line(" ".join(str(error).split()))
