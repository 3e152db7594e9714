"""Actions of a guest's devices: disks, interfaces, drives, mounts, forwarded ports."""

from __future__ import annotations

from bsdvirt.tui.actions.action import GUESTS, Action, Asks, OnTerminal, Opens
from bsdvirt.tui.actions.words import JAIL, VM, names


def _asks(id: str, label: str, words: tuple[str, ...], wants: str, help: str, *, key: str = "",
          on: frozenset[str] = VM, loses: bool = False, offer: str = "") -> Action:  # fmt: skip
    return Action(
        id, label, Asks(names(*words), wants, offer=lambda subjects: offer), verb=words[0],
        key=key, on=on, loses=loses, changes=True, group="devices", help=help,
    )  # fmt: skip


def _form(id: str, label: str, words: str, help: str, *, verb: str = "", key: str = "",
          on: frozenset[str] = VM) -> Action:  # fmt: skip
    return Action(
        id, label, Opens(f"form {words}"), verb=verb or words.split()[0], key=key, on=on,
        changes=True, group="devices", help=help,
    )  # fmt: skip


def _lists(id: str, label: str, words: tuple[str, ...], help: str, *, key: str = "",
           on: frozenset[str]) -> Action:  # fmt: skip
    return Action(
        id, label, OnTerminal(names(*words), waits=True), verb=words[0], key=key, on=on,
        group="devices", help=help,
    )  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    _lists("disks", "Disks", ("disk", "ls"), "List the disks.", on=VM),
    _form("add-disk", "Add a disk", "disk add", "Add a disk."),
    _form("resize-disk", "Grow a disk", "disk resize", "Grow a disk."),
    _asks("remove-disk", "Remove a disk", ("disk", "rm"), "DISK",
          "Remove a disk; its zvol is kept."),
    _asks("destroy-disk", "Destroy a disk", ("disk", "rm", "--destroy"), "DISK",
          "Remove a disk, and destroy its zvol with all data.", loses=True),
    _form("insert", "Insert a medium", "insert", "Insert a medium into a CD drive.",
          verb="cdrom"),
    _asks("eject", "Eject the medium", ("cdrom", "eject"), "DRIVE", "Eject a medium.",
          offer="cd0"),
    _lists("nics", "Interfaces", ("nic", "ls"), "List the network interfaces.", on=GUESTS),
    _form("add-nic", "Add an interface", "nic add", "Add a network interface.", on=GUESTS),
    _asks("remove-nic", "Remove an interface", ("nic", "rm"), "N",
          "Remove a network interface, by number.", on=GUESTS),
    _lists("mounts", "Mounts", ("mount",), "List the mounts of a jail.", on=JAIL),
    _form("mount", "Mount a directory", "mount",
          "Mount a directory of the host in a jail.", key="m", on=JAIL),
    _asks("unmount", "Remove a mount", ("unmount",), "NAME or TARGET",
          "Remove a mount from a jail.", on=JAIL),
    _lists("ports", "Forwarded ports", ("expose",), "List the ports forwarded to a guest.",
           on=GUESTS),
    _form("expose", "Forward ports", "expose", "Forward ports of the host to a guest.", key="f",
          on=GUESTS),
    _asks("hide", "End forwarding", ("expose", "--remove"), "PROTOCOL:PORT …",
          "Forward ports of the host no longer; without ports, none at all.", on=GUESTS),
)  # fmt: skip
