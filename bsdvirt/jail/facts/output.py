"""The output of a jail's own commands during its start, for the message of a start that fails:
jail(8) only says which command failed."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, CommandError, StepError
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.layout import console_log

MOST_BYTES = 4096
MOST_CHARACTERS = 200
OURS = "bsdvirt: "
"""Prefix of what our own lines in jail.conf print."""
MAIN_COMMAND = "its main command "
"""Begins what the supervisor of a main command says of one that is not run again."""


class Printed:
    """What is appended to a jail's console log from now on."""

    def __init__(self, fs: Fs, name: str) -> None:
        self._fs = fs
        self._name = name
        self._start = fs.size(console_log(name))

    def lines(self) -> list[str]:
        """Return the last lines added since, as plain text."""
        path = console_log(self._name)
        end = self._fs.size(path)
        if not end:
            return []
        start = max(self._start if end >= self._start else 0, end - MOST_BYTES)
        text = self._fs.read_from(path, start, MOST_BYTES).decode("utf-8", "replace")
        plain = ("".join(c for c in line if c.isprintable()).strip() for line in text.splitlines())
        return [line for line in plain if line]

    def explain(self, error: BsdvirtError) -> BsdvirtError:
        """Return the error of a start with the last line printed by what failed, where jail(8) ran
        it, or where its main command ended."""
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
