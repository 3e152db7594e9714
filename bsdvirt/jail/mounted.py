"""Whose it is what is mounted in a jail's root: the jail's, or the host's. Pure.

The jail's is what a start of bsdvirt mounts, what ZFS mounts of the datasets that the jail
was given, and what the jail itself may mount. All else is the host's: a dataset whose own
place is there, a line of its fstab(5), what its administrator mounted by hand. That is
never unmounted from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from posixpath import normpath

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.jailconf import Started, parse_started
from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.mount import Mount
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host import tools
from bsdvirt.jail.datasets import names_of
from bsdvirt.jail.mounts import in_order
from bsdvirt.layout import conf_file
from bsdvirt.plan.step import (
    Command,
    Mounted,
    MountedBeneath,
    Not,
    Step,
    Undo,
    UnmountBeneath,
)
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.mounts import within

UNMOUNT_SECONDS = 5.0
ALWAYS = (("/dev", "devfs"), ("/dev/fd", "fdescfs"))
FOREIGN = (("/dev/fd", "tmpfs"), ("/dev/shm", "tmpfs"), ("/proc", "linprocfs"),
           ("/sys", "linsysfs"))  # fmt: skip
"""What a start mounts besides in a root that holds no FreeBSD (jail/linux.py)."""


class Sorted(Struct, frozen=True):
    """What is mounted beneath a jail's root."""

    own: tuple[Mount, ...] = ()
    """The jail's, the latest first: what can be unmounted now."""
    hosts: tuple[Mount, ...] = ()
    held: tuple[Mount, ...] = ()
    """The jail's that hold something of the host's, and cannot go before that does."""


def started_of(guest: Guest, facts: HostFacts) -> Started:
    """What its present start did, or the last one, where something of that is left."""
    return parse_started(facts.texts.get(conf_file(guest.name), ""))


def sort(guest: Guest, jail: Jail | None, facts: HostFacts) -> Sorted:
    """Whose each mount is. `jail` is the guest's file, where it can be read; the jail.conf of
    the present start tells what was mounted by it. Without one, nothing was."""
    beneath = guest.root.rstrip("/") + "/"
    inside = [m for m in facts.mounts if m.path.startswith(beneath)]
    started = started_of(guest, facts)
    runs = running_jail(guest, facts.jails) is not None
    lives = runs or conf_file(guest.name) in facts.files
    places = set(_places(guest, jail, started)) if lives else set()
    given = _given(guest, jail, started)
    since = next((at for at, m in enumerate(inside) if m.path == f"{guest.root}/dev"), None)
    may = allowed(jail, started) if lives and since is not None else frozenset()
    own: list[Mount] = []
    hosts: list[Mount] = []
    for at, mount in enumerate(inside):
        if mount.kind == "zfs":
            mine = any(within(f"/{mount.source}", f"/{name}") for name in given)
        elif mount.path in facts.fstab:
            mine = False
        else:
            later = since is not None and at > since
            mine = (mount.path, mount.kind) in places or (later and mount.kind in may)
        (own if mine else hosts).append(mount)
    held = [m for m in own if any(within(h.path, m.path) for h in hosts)]
    free = [m for m in reversed(own) if m not in held]
    return Sorted(tuple(free), tuple(hosts), tuple(held))


def _places(guest: Guest, jail: Jail | None, started: Started) -> Iterator[tuple[str, str]]:
    """Where a start mounts, and what kind."""
    places = list(ALWAYS)
    if jail is None or jail.userland != "freebsd":
        places += FOREIGN
    if jail is not None:
        places += [(mount.place, mount.type) for mount in jail.mounts]
    root = guest.root.rstrip("/")
    yield from ((root + place, kind) for place, kind in places)
    yield from started.mounts


def _given(guest: Guest, jail: Jail | None, started: Started) -> set[str]:
    """The datasets that are the jail's to mount."""
    names = {*started.datasets, *(names_of(guest, jail) if jail else ())}
    return names | {dataset.name for dataset in guest.datasets if dataset.jailed}


def allowed(jail: Jail | None, started: Started) -> frozenset[str]:
    """The kinds of file systems that the jail may mount by itself, besides ZFS."""
    may = set(started.allowed)
    if jail is not None and jail.params.get("allow.mount") is True:
        names = (name for name, value in jail.params.items() if value is True)
        may |= {n.removeprefix("allow.mount.") for n in names if n.startswith("allow.mount.")}
    return frozenset(may - {"zfs"})


# ---- other jails ----


def neighbours(guest: Guest, jails: Iterable[JailFact]) -> list[JailFact]:
    """The jails that live in the guest's root, in a directory of it, or in one that holds it,
    besides its own and those within that."""
    root = guest.root
    return [
        jail
        for jail in overlapping(root, jails)
        if not (jail.name == guest.name and jail.path == root)
        and not (jail.name.startswith(f"{guest.name}.") and within(jail.path, root))
    ]


def overlapping(path: str, jails: Iterable[JailFact]) -> list[JailFact]:
    """Return the living jails whose root is that directory, above it or beneath it. A jail at /
    has what the host has (rc.subr(8) makes such for services), and is none of them."""
    return [
        jail
        for jail in jails
        if not jail.dying
        and (theirs := _plain(jail.path)) not in ("/", ".")
        and (within(theirs, path) or within(path, theirs))
    ]


_plain = lru_cache(maxsize=4096)(normpath)
"""A path without dots, and slashes too many; asked of each jail for each guest."""


def refuse_neighbours(guest: Guest, jails: Iterable[JailFact]) -> None:
    """Raises ConflictError where another jail lives in the guest's root."""
    for jail in neighbours(guest, jails):
        refuse_jail(guest.root, jail)


def refuse_jail(root: str, jail: JailFact) -> None:
    """Raises ConflictError: a jail has that root, or one that overlaps it."""
    if _plain(jail.path) == root:
        what = f"{root} is the root of the running jail {jail.name}"
    elif within(root, jail.path):
        what = f"{root} lies in {jail.path}, the root of the running jail {jail.name}"
    else:
        what = f"{root} holds {jail.path}, the root of the running jail {jail.name}"
    raise ConflictError(what, f"jail -r {jail.name}")


# ---- steps ----


def left_mounts(guest: Guest, jail: Jail | None, facts: HostFacts) -> list[str]:
    """What is to be unmounted once the jail is gone, the latest first: nothing, while
    another jail lives there."""
    if neighbours(guest, facts.jails.values()):
        return []
    return [mount.path for mount in sort(guest, jail, facts).own]


def stays_mounted(guest: Guest, jail: Jail | None, facts: HostFacts) -> bool:
    """Whether something of the jail's stays for now: the jail.conf of its start is then still
    needed, to know it by."""
    found = sort(guest, jail, facts)
    return bool(found.held or (found.own and neighbours(guest, facts.jails.values())))


def refuse_covered(guest: Guest, jail: Jail, facts: HostFacts) -> None:
    """Raises ConflictError where a start would mount over what the host has mounted."""
    hosts = sort(guest, jail, facts).hosts
    root = guest.root.rstrip("/")
    places = [place for place, _ in _places(guest, jail, Started())]
    places += [root + str(entry.mountpoint) for entry in jail.datasets if entry.mountpoint]
    for mount in hosts:
        for place in places:
            if within(mount.path, place):
                raise ConflictError(
                    f"{guest.name}: the host has mounted {mount.source} at {mount.path}, where"
                    f" the jail's own {place[len(root) :]} belongs",
                    f"umount {mount.path}, or give the jail another place",
                )


def sweep(guest: Guest, jail: Jail | None, facts: HostFacts) -> UnmountBeneath | None:
    """Unmount what the jail may have mounted since it was looked at; None where it may not
    mount, or another jail lives there."""
    started = started_of(guest, facts)
    kinds = allowed(jail, started)
    if _given(guest, jail, started):
        kinds |= {"zfs"}
    if not kinds or neighbours(guest, facts.jails.values()):
        return None
    kept = tuple(mount.path for mount in sort(guest, jail, facts).hosts)
    return UnmountBeneath(guest.root, kept, tuple(sorted(kinds)))


def sweep_step(guest: Guest, jail: Jail | None, facts: HostFacts) -> tuple[Step, ...]:
    """The same, as the last step of a stop."""
    action = sweep(guest, jail, facts)
    if action is None:
        return ()
    there = MountedBeneath(action.path, action.but, action.kinds)
    return (Step(action, f"other mounts of the jail in {guest.root}", unless=Not(there)),)


def start_undos(guest: Guest, jail: Jail, facts: HostFacts) -> tuple[Undo, ...]:
    """Take back what a start has mounted, the latest first, and what the jail did since. What
    the host has mounted there is in no place of the jail's: see refuse_covered."""
    undos = []
    if (action := sweep(guest, jail, facts)) is not None:
        there = MountedBeneath(action.path, action.but, action.kinds)
        undos.append(Undo(action, there, UNMOUNT_SECONDS))
    foreign = jail.userland != "freebsd"
    places = ["/dev/fd", *(("/dev/shm", "/sys", "/proc") if foreign else ()), "/dev"]  # noqa: S108
    places += [mount.place for mount in reversed(in_order(jail.mounts))]
    root = guest.root.rstrip("/")
    undos += [
        Undo(Command((tools.UMOUNT, "-f", root + place)), Mounted(root + place), UNMOUNT_SECONDS)
        for place in dict.fromkeys(places)
    ]
    return tuple(undos)


def own_mounts(guest: Guest, jail: Jail | None, facts: HostFacts) -> set[tuple[str, str]]:
    """Return the sources and places of what is mounted in its root and is the jail's."""
    return {(mount.source, mount.path) for mount in sort(guest, jail, facts).own}
