"""The words that run bsdvirt on another host by ssh(1)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from bsdvirt.errors import UsageError
from bsdvirt.host.sanitize import shown_line

CONNECT_SECONDS = 5
SILENT_SECONDS = 10
"""A connection on which nothing is heard for so long is given up."""
NO_CONNECTION = 255
"""The exit status of ssh(1) if an error occurred in ssh itself."""
NOT_FOUND = 127
_HOST = re.compile(
    r"(?:[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}@)?[A-Za-z0-9_.:\[\]%][A-Za-z0-9_.:\[\]%-]{0,252}"
)


def checked_host(word: str, of: str = "--host ") -> str:
    """Return the name of a host as ssh(1) takes it. Raises UsageError for what is none: a word that
    begins with a dash is an option to ssh."""
    if not _HOST.fullmatch(word):
        raise UsageError(f"{of}{shown_line(word)}: not a host", f"such as {of}root@server")
    return word


def connection(ssh: str, socket: str, persist: str) -> list[str]:
    """Return the beginning of the command lines that share the connection at that socket."""
    options = (
        f"ControlPath={socket}", f"ControlPersist={persist}", f"ConnectTimeout={CONNECT_SECONDS}",
        f"ServerAliveInterval={SILENT_SECONDS // 2}", "ServerAliveCountMax=2",
    )  # fmt: skip
    return [ssh, *(word for option in options for word in ("-o", option))]


def remote_command(words: Sequence[str]) -> str:
    """Return the line for the login shell of the other host, which may be sh(1) or csh(1). Raises
    UsageError for a line feed, which csh cannot quote."""
    if any("\n" in word for word in words):
        raise UsageError("a word of several lines cannot be sent to another host", "use one line")
    # csh replaces ! even within quotes; shlex puts each ! in quotes.
    return shlex.join(["bsdvirt", *words]).replace("!", "'\\!'")


def last_line(text: str) -> str:
    """Return the last line that ssh(1) printed, for an error message."""
    lines = text.strip().splitlines()
    return shown_line(lines[-1]) if lines else "the connection failed"
