"""Verbs of other tools, and what bsdvirt calls them."""

from __future__ import annotations

from collections.abc import Iterable

SYNONYMS = {
    "cmd": "exec",
    "delete": "destroy",
    "down": "stop",
    "enter": "console",
    "jexec": "exec",
    "jls": "ls",
    "list": "ls",
    "log": "logs",
    "login": "console",
    "mv": "rename",
    "remove": "destroy",
    "rm": "destroy",
    "root": "pool",
    "shell": "console",
    "show": "info",
    "umount": "unmount",
    "up": "start",
}
"""Synonyms of verbs, with the same arguments."""

_SNAPSHOTS = "zfs snapshot -r DATASET; `bsdvirt info NAME` names a guest's dataset"
_SENDING = "zfs send -R; `bsdvirt info NAME` names a guest's dataset"
_KINDS = "the verb comes first: bsdvirt create vm NAME, bsdvirt create jail NAME, bsdvirt ls"
_BOOT = "bsdvirt set NAME boot.auto=yes; bsdvirt boot plan shows the order"
_PROPERTIES = "bsdvirt get NAME, bsdvirt set NAME PROPERTY=VALUE or bsdvirt edit NAME"
_FETCH = "bsdvirt release fetch for jails, bsdvirt image fetch for virtual machines"
_NETWORKS = "bsdvirt network ls"
_FORCE = "bsdvirt stop --force NAME"

HINTS = {
    "add": "bsdvirt create jail NAME or bsdvirt create vm NAME",
    "autostart": _BOOT,
    "backup": _SENDING,
    "bhyve": _KINDS,
    "bootstrap": _FETCH,
    "bridge": _NETWORKS,
    "chroot": "bsdvirt exec NAME -- COMMAND or bsdvirt console NAME",
    "clone": _SNAPSHOTS,
    "config": _PROPERTIES,
    "datastore": "bsdvirt pool ls",
    "disable": _BOOT,
    "enable": _BOOT,
    "export": _SENDING,
    "fetch": _FETCH,
    "halt": _FORCE,
    "import": "bsdvirt image import --name NAME FILE for a disk; for a jail's root,"
    " bsdvirt create jail NAME --root-from TAR",
    "install": "bsdvirt create vm NAME --iso FILE --start; bsdvirt pkg NAME install PACKAGE",
    "iso": "bsdvirt media ls; bsdvirt media add FILE",
    "jail": _KINDS,
    "kill": _FORCE,
    "limits": "bsdvirt set NAME limits.memoryuse=2G; bsdvirt stats shows what is used",
    "migrate": _SENDING,
    "nat": "bsdvirt network set NETWORK nat=yes; bsdvirt expose NAME tcp:8080:80",
    "new": "bsdvirt create jail NAME or bsdvirt create vm NAME",
    "port": "bsdvirt expose NAME tcp:8080:80",
    "poweroff": _FORCE,
    "rdr": "bsdvirt expose NAME tcp:8080:80",
    "reboot": "bsdvirt restart NAME; bsdvirt reset NAME resets a virtual machine",
    "rollback": "zfs rollback, of a stopped guest; `bsdvirt info NAME` names its dataset",
    "shutdown": "bsdvirt stop NAME",
    "snapshot": _SNAPSHOTS,
    "status": "bsdvirt ls; bsdvirt boot status",
    "switch": _NETWORKS,
    "template": "bsdvirt image profiles; bsdvirt release ls",
    "top": "bsdvirt stats shows what running guests use",
    "update": "bsdvirt release fetch gets a newer release; bsdvirt pkg NAME upgrade",
    "upgrade": "bsdvirt release fetch gets a newer release; bsdvirt pkg NAME upgrade",
    "vm": _KINDS,
    "vnc": "bsdvirt info NAME shows the address and the password",
}
"""Hints for words that have no exact counterpart."""


def verb_of(word: str) -> str:
    """Return the verb for a synonym; other words unchanged."""
    return SYNONYMS.get(word, word)


def hint_for(word: str, verbs: Iterable[str]) -> str:
    """Return a hint for a word that is not a verb."""
    import difflib

    if word in HINTS:
        return HINTS[word]
    near = difflib.get_close_matches(word, [*verbs, *SYNONYMS, *HINTS], 5)
    if not near:
        return "bsdvirt --help"
    # `strat` is more likely start, which has the same letters, than stats.
    best = next((one for one in near if sorted(one) == sorted(word)), near[0])
    return HINTS.get(best) or f"did you mean {verb_of(best)}?"
