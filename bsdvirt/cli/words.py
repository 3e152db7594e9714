"""The verbs, and what other tools call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VERBS = {
    "init": "set up this host: datasets, host file, a private network, rc.conf",
    "create": "create a guest: create jail NAME …, create vm NAME …",
    "ls": "list guests",
    "info": "show one guest in full",
    "adopt": "adopt guests that belong to another host",
    "start": "start guests",
    "stop": "stop guests",
    "restart": "stop and start guests",
    "reset": "reset virtual machines",
    "pause": "pause virtual machines",
    "resume": "resume paused virtual machines",
    "run": "run a virtual machine in the foreground",
    "console": "open a login shell in a jail, or a virtual machine's console",
    "exec": "run a command in guests",
    "ps": "list a guest's processes",
    "service": "run service(8) in a guest",
    "sysrc": "run sysrc(8) in a guest",
    "pkg": "run pkg(8) for a guest",
    "set": "set guests' properties",
    "get": "print a guest's properties",
    "cp": "copy files into or out of a guest",
    "mount": "list a jail's mounts, or add one",
    "unmount": "remove a mount from a jail",
    "stats": "show resource usage of running guests",
    "top": "watch the resource usage of running guests",
    "limits": "show the limits of running guests, and how near they are",
    "cpu": "show the host's CPUs and the guests on each: map",
    "edit": "edit a guest's file",
    "tag": "list, add or remove a guest's tags",
    "disk": "manage a virtual machine's disks: ls, add, rm, resize",
    "nic": "manage a guest's network interfaces: ls, add, rm",
    "cdrom": "manage a virtual machine's CD drives: insert, eject",
    "uefi": "manage a virtual machine's UEFI variables: reset, restore",
    "snapshot": "manage snapshots of guests: create, ls, diff, rm, hold, prune",
    "rollback": "roll a guest back to a snapshot",
    "clone": "make guests of another one, or of its snapshot",
    "promote": "make a clone independent of the guest that it was made of",
    "export": "write a guest to an archive",
    "import": "create a guest from an archive, a disk, or a guest of another tool",
    "send": "send a guest to another host, once or again and again",
    "standby": "manage standbys of guests of other hosts: promote",
    "receive": "receive a guest from another host: run by send",
    "expose": "forward ports of the host to a guest",
    "rename": "rename a stopped guest",
    "logs": "print or follow a guest's console log",
    "events": "list what was done, by whom, and what failed",
    "destroy": "destroy guests with all their data",
    "release": "manage releases for jails: fetch, add, update, ls, available, rm",
    "upgrade": "upgrade a jail to a newer release or patch level, and back",
    "outdated": "list releases, jails and images that are outdated",
    "image": "manage disk images: fetch, import, ls, info, rm, profiles",
    "media": "manage ISO files for CD drives: add, ls, rm",
    "pool": "manage pools for guests: add, ls, usage, rm",
    "network": "manage networks: ls, info, create, set, destroy",
    "boot": "manage start and shutdown: plan, start, stop, status, network",
    "tui": "open the terminal UI",
    "uninit": "remove from this host what init made",
    "doctor": "find problems, and repair them",
    "report": "gather what a bug report needs, addresses and secrets masked",
    "properties": "list all properties",
    "schema": "print the JSON Schema of a file, or of a verb's output",
}
"""By verb: a line of help. Its module in bsdvirt.cli.verbs has the same name, or is in MODULES."""

MODULES = {"import": "import_"}
"""By verb: its module, where Python has another use for the name."""

OWN_WORDS = ("help", "version")
"""Verbs of the command line itself: `help VERB` is `VERB --help`."""


WITH_ACTIONS = (
    "release",
    "image",
    "media",
    "disk",
    "nic",
    "cdrom",
    "uefi",
    "cpu",
    "snapshot",
    "standby",
    "pool",
    "network",
    "boot",
)
"""Verbs with actions: argparse takes their options after the action only."""


OF_COMMANDS = ("exec", "pkg", "service", "sysrc")
"""Verbs that run the user's command and exit with its status."""

SYNONYMS = {
    "cmd": "exec",
    "cpus": "cpu",
    "delete": "destroy",
    "down": "stop",
    "enter": "console",
    "history": "events",
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
    "snap": "snapshot",
    "snapshots": "snapshot",
    "umount": "unmount",
    "up": "start",
}
"""Synonyms of verbs, with the same arguments."""

_SENDING = "bsdvirt send NAME HOST; for a standby, bsdvirt send NAME HOST --replicate"
_KINDS = "the verb comes first: bsdvirt create vm NAME, bsdvirt create jail NAME, bsdvirt ls"
_BOOT = "bsdvirt set NAME boot.auto=yes; bsdvirt boot plan shows the order"
_PROPERTIES = "bsdvirt get NAME, bsdvirt set NAME PROPERTY=VALUE or bsdvirt edit NAME"
_FETCH = "bsdvirt release fetch for jails, bsdvirt image fetch for virtual machines"
_NETWORKS = "bsdvirt network ls"
_CPUS = "bsdvirt cpu map; bsdvirt set NAME cpuset=0-3"
_FORCE = "bsdvirt stop --force NAME"

HINTS = {
    "add": "bsdvirt create jail NAME or bsdvirt create vm NAME",
    "autostart": _BOOT,
    "backup": "bsdvirt export NAME FILE",
    "bhyve": _KINDS,
    "bootstrap": _FETCH,
    "bridge": _NETWORKS,
    "chroot": "bsdvirt exec NAME -- COMMAND or bsdvirt console NAME",
    "config": _PROPERTIES,
    "cpuset": _CPUS,
    "datastore": "bsdvirt pool ls",
    "disable": _BOOT,
    "enable": _BOOT,
    "failover": "bsdvirt standby promote NAME",
    "fetch": _FETCH,
    "halt": _FORCE,
    "install": "bsdvirt create vm NAME --iso FILE --start; bsdvirt pkg NAME install PACKAGE",
    "iso": "bsdvirt media ls; bsdvirt media add FILE",
    "jail": _KINDS,
    "kill": _FORCE,
    "migrate": _SENDING,
    "nat": "bsdvirt network set NETWORK nat=yes; bsdvirt expose NAME tcp:8080:80",
    "new": "bsdvirt create jail NAME or bsdvirt create vm NAME",
    "numa": _CPUS,
    "pin": _CPUS,
    "port": "bsdvirt expose NAME tcp:8080:80",
    "poweroff": _FORCE,
    "replicate": _SENDING,
    "rdr": "bsdvirt expose NAME tcp:8080:80",
    "restore": "bsdvirt import FILE; bsdvirt rollback NAME@SNAPSHOT",
    "revert": "bsdvirt rollback NAME@SNAPSHOT; bsdvirt network revert NETWORK",
    "reboot": "bsdvirt restart NAME; bsdvirt reset NAME resets a virtual machine",
    "shutdown": "bsdvirt stop NAME",
    "status": "bsdvirt ls; bsdvirt boot status",
    "switch": _NETWORKS,
    "template": "bsdvirt set NAME template=yes, then bsdvirt clone NAME NEW; for virtual machines"
    " also bsdvirt image profiles",
    "undo": "bsdvirt snapshot ls NAME; bsdvirt rollback NAME@SNAPSHOT",
    "update": "bsdvirt release update for releases, then bsdvirt upgrade NAME for a jail;"
    " bsdvirt pkg NAME upgrade for its packages",
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


def split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split into the words of the verb and the command: what follows `--`, or, without it, the
    first guest."""
    if "--" in words:
        index = words.index("--")
        return list(words[:index]), list(words[index + 1 :])
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in ("-u", "--user", "--sim", "--events") else 1
    return list(words[: index + 1]), list(words[index + 1 :])
