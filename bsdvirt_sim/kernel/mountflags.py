"""The flags of a mount: those of a dataset follow its properties."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Mount
from bsdvirt_sim.zfs.properties import View

_OF_PROPERTIES = (("exec", "noexec"), ("setuid", "nosuid"), ("atime", "noatime"))
"""In the order in which mount(8) shows them."""


def flags(run: Run, entry: Mount) -> str:
    """Return the options that mount(8) shows of a mount."""
    if entry.kind != "zfs":
        return entry.options
    view = View(run)
    shown = ["ro" if view.get(entry.special, "readonly")[0] == "on" else "rw"]
    shown += [flag for name, flag in _OF_PROPERTIES if view.get(entry.special, name)[0] == "off"]
    return ",".join([*shown, "nfsv4acls"])


def runs_nothing(run: Run, path: str) -> bool:
    """Whether execve(2) of a file at that path is refused, regardless of its mode."""
    over = [
        mount
        for mount in run.state.mounts
        if mount.path == "/" or path.startswith(mount.path.rstrip("/") + "/")
    ]
    if not over:
        return False
    deepest = max(enumerate(over), key=lambda pair: (len(pair[1].path), pair[0]))[1]
    return "noexec" in flags(run, deepest).split(",")
