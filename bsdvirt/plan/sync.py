"""Sync the files that commands write, before the journal records the step as done. Changes by
zfs(8) need no sync: each is a transaction that is on disk when the command ends, with all earlier
writes to the pool."""

from __future__ import annotations

import os

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.plan.step import Action, Command, Pipeline
from bsdvirt.spec.mounts import within

VOLATILE = "/var/run"
"""Cleared at each boot, so nothing in it is synced."""
RC_FILES = ("/etc/rc.conf", "/etc/rc.conf.local")
_LAST_WORD = frozenset({tools.CP, tools.INSTALL, tools.MV, tools.QEMU_IMG, tools.CHMOD})


def is_persistent(path: str) -> bool:
    """Whether a file must survive a reboot."""
    return not within(path, VOLATILE)


def sync_written(host: Host, action: Action) -> None:
    """Sync the files that a command has written, and their directories. Raises OSError."""
    match action:
        case Command(argv=argv):
            paths = written(argv)
        case Pipeline(right=right):
            paths = written(right)
        case _:
            return
    for path in paths:
        if is_persistent(path) and host.fs.kind(path) == "file":
            host.fs.sync_file(path)
            host.fs.sync_dir(os.path.dirname(path))


def written(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files that a command writes."""
    tool, *words = argv
    if tool == tools.LIMITS and tools.QEMU_IMG in words:
        tool, *words = words[words.index(tools.QEMU_IMG) :]
    if tool == tools.SYSRC:
        return RC_FILES
    if tool in _LAST_WORD:
        found = words[-1:]
    elif tool == tools.DD:
        found = [word.removeprefix("of=") for word in words if word.startswith("of=")]
    elif tool == tools.MAKEFS:
        found = words[-2:-1]
    else:
        return ()
    return tuple(path for path in found if path.startswith("/"))
