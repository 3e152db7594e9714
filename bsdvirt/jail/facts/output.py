"""What a jail's own commands printed while it started, for the message of a start that failed:
jail(8) says which command that was, and no more."""

from __future__ import annotations

import os
import stat

from bsdvirt.errors import BsdvirtError, CommandError, StepError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.layout import console_log

MOST_BYTES = 4096
MOST_CHARACTERS = 200
OURS = "bsdvirt: "
"""Begins what our own lines in jail.conf print."""
MAIN_COMMAND = "its main command "
"""Begins what the supervisor of a main command says of one that is not run again."""


class Printed:
    """The end of a jail's console log, from now on."""

    def __init__(self, host: Host, name: str) -> None:
        self._name = name
        self._path = host.fs.path(console_log(name))
        self._start = self._size()

    def _size(self) -> int:
        try:
            found = os.lstat(self._path)
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def lines(self) -> list[str]:
        """What was added since, its last few lines, as plain text."""
        end = self._size()
        if not end:
            return []
        start = max(self._start if end >= self._start else 0, end - MOST_BYTES)
        with open(self._path, "rb") as stream:
            stream.seek(start)
            text = stream.read(MOST_BYTES).decode("utf-8", "replace")
        plain = ("".join(c for c in line if c.isprintable()).strip() for line in text.splitlines())
        return [line for line in plain if line]

    def explain(self, error: BsdvirtError) -> BsdvirtError:
        """The error of a start, with the last words of what failed where it was jail(8) that
        ran it, or its main command that ended."""
        main = error.message.startswith(MAIN_COMMAND)
        if main:
            error.message = f"{self._name}: {error.message}"
        elif not isinstance(error, CommandError) or error.argv[0] != tools.JAIL:
            return error
        lines = self.lines()
        ours = next((line for line in reversed(lines) if line.startswith(OURS)), "")
        if ours and ours == lines[-1]:
            words = ours.removeprefix(OURS)
            return StepError(f"{self._name}: {words}", f"bsdvirt logs {self._name} shows more")
        if lines:
            error.message += f"; it printed: {lines[-1][:MOST_CHARACTERS]}"
        error.hint = error.hint or f"bsdvirt logs {self._name} shows what it said"
        return error
