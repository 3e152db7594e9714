"""The verbs, and what other tools call them."""

from __future__ import annotations

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    "cpu": "show the host's CPUs, and the guests on each: map, explain, rebalance",
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
    "send": "send a guest to another host, once or repeatedly",
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

BY_FIRST_WORD = {("create", "vm"): "create_vm", ("stats", "record"): "stats_record"}
"""By verb and first word: its module, where the options differ."""

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

SIM_VARIABLE = "BSDVIRT_SIM"
"""The directory of the simulated host, unless --sim names one."""

LISTING = {
    "-H": ("headless", "tab-separated columns without a heading"),
    "--json": ("json", "print JSON"),
}
"""The flags of a verb that prints rows: the attribute of each, and its help."""

OF_COMMANDS = ("exec", "pkg", "service", "sysrc")
"""Verbs that run the user's command and exit with its status."""

SYNONYMS = {
    "cmd": "exec",
    "copy": "cp",
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
    "ui": "tui",
    "umount": "unmount",
    "up": "start",
}
"""Synonyms of verbs, with the same arguments."""

_SENDING = "bsdvirt send NAME HOST; for a standby, bsdvirt send NAME HOST --replicate"
_KINDS = "the verb comes first: bsdvirt create vm NAME, bsdvirt create jail NAME, bsdvirt ls"
_BOOT = "bsdvirt set NAME boot.auto=yes; bsdvirt boot plan shows the order"
_PROPERTIES = "bsdvirt get NAME, bsdvirt set NAME PROPERTY=VALUE or bsdvirt edit NAME"
_FETCH = "bsdvirt release fetch for jails, bsdvirt image fetch for virtual machines"
_UPDATE = (
    "bsdvirt release update for releases, then bsdvirt upgrade NAME for a jail;"
    " bsdvirt pkg NAME upgrade for its packages"
)
_NETWORKS = "bsdvirt network ls"
_CPUS = "bsdvirt cpu map; bsdvirt set NAME cpuset=0-3, or placement=exclusive cpus=4"
_FORCE = "bsdvirt stop --force NAME"
_PAUSE = "bsdvirt pause NAME; bsdvirt resume NAME"
_TEMPLATE = (
    "bsdvirt set NAME template=yes, then bsdvirt clone NAME NEW; for virtual machines also"
    " bsdvirt image profiles"
)
_LIMITS = "bsdvirt set NAME limits.memoryuse=1G; bsdvirt limits NAME"
_PORTS = "bsdvirt expose NAME tcp:8080:80"
_MOUNTS = "bsdvirt mount NAME SOURCE:TARGET"
_DATA = "bsdvirt snapshot create NAME@SNAPSHOT, bsdvirt set NAME quota=20G, bsdvirt pool usage"
_TUI = "bsdvirt tui, and n in it for a new guest"
_NEW = "bsdvirt create jail NAME or bsdvirt create vm NAME"
_FILES = "bsdvirt cp FILE NAME:PATH; bsdvirt cp NAME:PATH FILE"
_MOVE = "bsdvirt rename OLD NEW; bsdvirt send NAME HOST --move"
_DOCTOR = "bsdvirt doctor; bsdvirt doctor --repair"
_PASS = "for a jail, bsdvirt create jail NAME interfaces=em1; for a virtual machine, set its config"
_WATCH = "bsdvirt top NAME; bsdvirt ps NAME lists a jail's processes"

HINTS = {
    "activate": "bsdvirt init --pool POOL",
    "add": _NEW,
    "apply": "bsdvirt set NAME PROPERTY=VALUE; bsdvirt restart NAME",
    "affinity": _CPUS,
    "attach": "bsdvirt disk add NAME DISK --size 20G; bsdvirt nic add NAME",
    "autostart": _BOOT,
    "backup": "bsdvirt export NAME FILE",
    "base": "bsdvirt release ls",
    "bases": "bsdvirt release ls",
    "bhyve": _KINDS,
    "bootstrap": _FETCH,
    "bridge": _NETWORKS,
    "build": _TEMPLATE,
    "check": _DOCTOR,
    "chroot": "bsdvirt exec NAME -- COMMAND or bsdvirt console NAME",
    "cd": "bsdvirt cdrom insert NAME MEDIUM; bsdvirt media ls",
    "clean": _DOCTOR,
    "config": _PROPERTIES,
    "configure": _PROPERTIES,
    "connect": "bsdvirt console NAME",
    "constr": _TUI,
    "constructtui": _TUI,
    "convert": "bsdvirt clone --full NAME NEW; bsdvirt promote NAME",
    "cpuset": _CPUS,
    "datastore": "bsdvirt pool ls",
    "deactivate": "bsdvirt uninit",
    "debug": "bsdvirt report NAME",
    "depend": "bsdvirt set NAME boot.after=OTHER",
    "descr": "bsdvirt set NAME description=TEXT",
    "describe": "bsdvirt info NAME",
    "detach": "bsdvirt disk rm NAME DISK; bsdvirt nic rm NAME 0",
    "devfs": "bsdvirt set NAME devfs_ruleset=5",
    "df": "bsdvirt pool usage; bsdvirt stats NAME",
    "diff": "bsdvirt snapshot diff NAME@SNAPSHOT",
    "disable": "bsdvirt set NAME boot.auto=no; bsdvirt boot plan shows the order",
    "disks": "bsdvirt disk ls NAME",
    "dsk": "bsdvirt disk ls NAME; bsdvirt disk add NAME DISK --size 20G",
    "du": "bsdvirt pool usage",
    "enable": _BOOT,
    "etcupdate": _UPDATE,
    "failover": "bsdvirt standby promote NAME",
    "fetch": _FETCH,
    "fix": _DOCTOR,
    "forward": _PORTS,
    "freeze": _PAUSE,
    "fstab": _MOUNTS,
    "guest": "bsdvirt ls; bsdvirt info NAME",
    "guests": "bsdvirt ls",
    "gui": _TUI,
    "halt": _FORCE,
    "healthcheck": "bsdvirt set NAME restart.policy=always, for a jail with run;"
    " bsdvirt set NAME boot.ready=tcp:80",
    "hold": "bsdvirt snapshot hold NAME@SNAPSHOT",
    "host": "bsdvirt doctor; bsdvirt cpu map; bsdvirt pool usage",
    "htop": _WATCH,
    "img": "bsdvirt image ls; bsdvirt image import FILE --name IMAGE",
    "initenv": "bsdvirt init --pool POOL",
    "inspect": "bsdvirt info NAME --json",
    "install": "bsdvirt create vm NAME --iso FILE --start; bsdvirt pkg NAME install PACKAGE",
    "interface": "bsdvirt nic ls NAME",
    "ip": "bsdvirt ls; bsdvirt set NAME nics.0.address=10.77.0.9/24",
    "iso": "bsdvirt media ls; bsdvirt media add FILE",
    "jail": _KINDS,
    "jails": _KINDS,
    "jcp": _FILES,
    "kill": _FORCE,
    "label": "bsdvirt tag NAME TAG",
    "lock": "bsdvirt set NAME protected=yes",
    "make": _NEW,
    "makejail": _TEMPLATE,
    "man": "bsdvirt help VERB",
    "manual": "bsdvirt help VERB",
    "migrate": _SENDING,
    "monitor": _WATCH,
    "move": _MOVE,
    "nat": f"bsdvirt network set NETWORK nat=yes; {_PORTS}",
    "new": _NEW,
    "numa": _CPUS,
    "oci": "bsdvirt create jail NAME --root-from FILE run=COMMAND",
    "open": "bsdvirt console NAME",
    "order": "bsdvirt boot plan",
    "passthru": _PASS,
    "pci": _PASS,
    "pf": _PORTS,
    "pin": _CPUS,
    "plan": "-n after any verb shows what it would do; bsdvirt boot plan shows the boot order",
    "plugin": "bsdvirt pkg NAME install PACKAGE",
    "port": _PORTS,
    "poweroff": _FORCE,
    "ppt": _PASS,
    "provide": "bsdvirt boot plan",
    "pull": _FETCH,
    "quick": "bsdvirt create jail NAME --start",
    "rcp": _FILES,
    "rctl": _LIMITS,
    "renice": f"{_LIMITS}; {_CPUS}",
    "repair": _DOCTOR,
    "replicate": _SENDING,
    "repo": _FETCH,
    "rdr": _PORTS,
    "restore": "bsdvirt import FILE; bsdvirt rollback NAME@SNAPSHOT",
    "revert": "bsdvirt rollback NAME@SNAPSHOT; bsdvirt network revert NETWORK",
    "reboot": "bsdvirt restart NAME; bsdvirt reset NAME resets a virtual machine",
    "rstop": "bsdvirt stop NAME",
    "save": "bsdvirt snapshot create NAME; bsdvirt export NAME FILE",
    "scp": _FILES,
    "secrets": "bsdvirt cp FILE NAME:PATH",
    "serial": "bsdvirt console NAME",
    "setup": "bsdvirt init --pool POOL",
    "shutdown": "bsdvirt stop NAME; bsdvirt boot stop",
    "snaplist": "bsdvirt snapshot ls NAME",
    "snapremove": "bsdvirt snapshot rm NAME@SNAPSHOT",
    "ssh": "bsdvirt console NAME; bsdvirt exec NAME -- COMMAND",
    "startall": "bsdvirt boot start; bsdvirt start --all",
    "startup": _BOOT,
    "status": "bsdvirt ls; bsdvirt boot status",
    "stopall": "bsdvirt boot stop; bsdvirt stop --all",
    "suspend": _PAUSE,
    "suspendall": _PAUSE,
    "switch": _NETWORKS,
    "swmode": "bsdvirt clone --full NAME NEW",
    "sync": _SENDING,
    "template": _TEMPLATE,
    "undo": "bsdvirt snapshot ls NAME; bsdvirt rollback NAME@SNAPSHOT",
    "unlock": "bsdvirt set NAME protected=no",
    "unpause": "bsdvirt resume NAME",
    "update": _UPDATE,
    "usage": "bsdvirt stats; bsdvirt pool usage; for help bsdvirt help",
    "verify": "bsdvirt release ls; bsdvirt doctor",
    "vlan": "bsdvirt network create NETWORK --uplink em1 --vlan 20",
    "vm": _KINDS,
    "vms": _KINDS,
    "vnc": "bsdvirt info NAME shows the address and the password",
    "volume": _MOUNTS,
    "zfs": _DATA,
}
"""Hints for words that have no exact counterpart."""

NEAR = 0.78
"""How similar a word must be to be the one that was meant."""


def verb_of(word: str) -> str:
    """Return the verb for a synonym; other words unchanged."""
    return SYNONYMS.get(word, word)


def hint_for(word: str, verbs: Iterable[str]) -> str:
    """Return a hint for a word that is not a verb."""
    known = sorted({*verbs, *SYNONYMS, *HINTS})
    meant = next((one for one in _forms(word) if one in known), "") or _nearest(word, known)
    if not meant:
        return "bsdvirt help lists the verbs"
    return HINTS.get(meant) or f"did you mean {verb_of(meant)}?"


def _forms(word: str) -> Iterator[str]:
    """Yield the words that a word can be a form of: CBSD has jstart, jrctl-tui, bhyve-dsk."""
    plain = word.removesuffix("-tui").removeprefix("bhyve-").replace("-", "")
    yield from (word, plain, plain.removesuffix("s"))
    if plain[:1] in ("j", "b"):
        yield plain[1:]


def _nearest(word: str, known: Sequence[str]) -> str:
    """Return the known word that was probably mistyped, or an empty one."""
    import difflib

    # `strat` is more likely start, which has the same letters, than stats.
    swapped = (one for one in known if sorted(one) == sorted(word))
    return next(swapped, "") or next(iter(difflib.get_close_matches(word, known, 1, NEAR)), "")


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
