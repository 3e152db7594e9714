"""Why a process was killed: a limit of rctl(8) that it had reached, or the kernel's lack of memory.

The log of limits is written by devd(8): see libexec/limit-reached. What the kernel says of a
process that it has killed is of killproc() in kern_sig.c, the same in 13.2 and 15.1. A process may
have any name of 19 characters, and so a line break and another's number in the message of its own
end: the number of its jail is not its choice, and is compared, too.
"""

from __future__ import annotations

import os
import re
import signal
import time

from bsdvirt.supervise import process
from bsdvirt.supervise.files import POLL, here

DMESG = "/sbin/dmesg"
LIMITS_LOG = "limits.log"
END = 4096
"""Bytes of that log that are read."""
MESSAGES = 64 * 1024
"""Bytes of the kernel's last messages."""
RECENT = 60.0
"""Seconds within which a limit that was reached explains the end."""
PATIENCE = 0.5
"""Seconds that devd(8) gets to write it down."""
_LIMIT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ([a-z]{1,20}):devctl=\d{1,19}(?:/[a-z]+)? (\d{1,7})")
_MESSAGE = re.compile(
    r"(?:\[\d+(?:\.\d+)?\] )?pid (\d{1,9}) \(.*\), jid (\d{1,9}), uid -?\d+, was killed: (.{1,80})"
)


def cause(
    pid: int, status: int | None, logs: str, *, jid: int | None = 0, limited: bool = True
) -> str:
    """Return what killed a process, as words to follow the message of its end; empty if that is not
    known. `status` is wait(2)'s, None for an end that nobody saw; `logs` the guest's directory of
    logs; `jid` the process's jail, None for one that is gone; `limited` whether it has limits."""
    if status is not None and not os.WIFSIGNALED(status):
        return ""
    may_be = status is None or os.WTERMSIG(status) == signal.SIGKILL
    if may_be and (why := _by_kernel(pid, jid)):
        return f" ({'killed ' if status is None else ''}by the kernel: {why})"
    deadline = time.monotonic() + (PATIENCE if limited else 0.0)
    while not (limit := _limit(pid, f"{logs}/{LIMITS_LOG}")):
        if time.monotonic() >= deadline:
            return ""
        time.sleep(POLL)
    return f" (it had reached its limit of {limit})"


def _limit(pid: int, path: str) -> str:
    """Return the resource whose limit a process has reached a moment ago."""
    try:
        with open(path, "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - END))
            lines = log.read(END).decode("ascii", "replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        match = _LIMIT.fullmatch(line)
        if match and int(match[3]) == pid and abs(time.time() - float(match[1])) < RECENT:
            return match[2]
    return ""


def _by_kernel(pid: int, jid: int | None) -> str:
    """Return why the kernel has killed a process; empty if it says nothing of that."""
    status, text = process.run([here(DMESG)], end=MESSAGES)
    killed = parse_killed(text) if not status else []
    said = [why for *who, why in killed if who == [pid, jid]]
    return said[-1] if said else ""


def parse_killed(text: str) -> list[tuple[int, int, str]]:
    """Return the processes that the kernel has killed, as dmesg(8) prints it: their numbers, those
    of their jails, and why."""
    matches = (_MESSAGE.fullmatch(line.strip()) for line in text.splitlines())
    return [(int(match[1]), int(match[2]), match[3]) for match in matches if match]
