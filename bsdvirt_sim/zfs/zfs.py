"""zfs(8): its verbs, and mount, jail."""

from __future__ import annotations

import importlib

from bsdvirt_sim.context import Run, Tool, options
from bsdvirt_sim.zfs.datasets import open_dataset, usage
from bsdvirt_sim.zfs.mount import mount_all, share_mount, unmount_verb

_MODULE = "bsdvirt_sim.zfs."


def zfs(run: Run, words: list[str]) -> int:
    """Run zfs(8). Imports only the module that the verb needs."""
    verb = words[0] if words else ""
    if verb in _HERE:
        return _HERE[verb](run, words[1:])
    if verb not in _VERBS:
        raise run.unknown()
    module, name = _VERBS[verb]
    tool: Tool = getattr(importlib.import_module(_MODULE + module), name)
    return tool(run, words[1:])


def _mount(run: Run, words: list[str]) -> int:
    run.changes()
    if words == ["-a"]:
        mount_all(run)
        return 0
    if len(words) != 1 or words[0].startswith("-"):
        raise run.unknown()
    open_dataset(run, words[0])
    return share_mount(run, words[0], explicit=True)


def _umount(run: Run, words: list[str]) -> int:
    run.changes()
    flags, rest = options(run, words, "f")
    if len(rest) != 1 or rest[0].startswith("/"):
        raise run.unknown()
    open_dataset(run, rest[0])
    return unmount_verb(run, rest[0], "f" in flags)


def _delegate(run: Run, words: list[str], verb: str) -> int:
    run.changes()
    if len(words) != 2:
        raise run.unknown()
    jail = run.jail(words[0])
    if jail is None:
        run.warn("invalid jail id or name")
        raise usage(run, f"\t{verb} <jailid|jailname> <filesystem>")
    dataset = open_dataset(run, words[1])
    if verb == "jail" and dataset.jail == jail.jid:
        raise run.unknown("what jail says for what the jail has already was never shown")
    dataset.jail = jail.jid if verb == "jail" else 0
    return 0


_VERBS: dict[str, tuple[str, str]] = {
    "list": ("listing", "list_verb"),
    "get": ("listing", "get_verb"),
    "send": ("streams.send", "send"),
    "receive": ("streams.receive", "receive"),
    "destroy": ("destroy", "destroy"),
    "create": ("create", "create"),
    "clone": ("clone", "clone"),
    "snapshot": ("snapshots.take", "snapshot"),
    "rollback": ("snapshots.rollback", "rollback"),
    "diff": ("snapshots.diff", "diff"),
    "hold": ("snapshots.holds", "hold"),
    "holds": ("snapshots.holds", "holds"),
    "release": ("snapshots.holds", "release"),
    "bookmark": ("snapshots.take", "bookmark"),
    "set": ("change", "set_verb"),
    "inherit": ("change", "inherit_verb"),
    "rename": ("change", "rename_verb"),
    "promote": ("clone", "promote"),
    "load-key": ("keys", "load"),
    "unload-key": ("keys", "unload"),
}
_HERE: dict[str, Tool] = {
    "mount": _mount,
    "umount": _umount,
    "unmount": _umount,
    "jail": lambda run, words: _delegate(run, words, "jail"),
    "unjail": lambda run, words: _delegate(run, words, "unjail"),
}
