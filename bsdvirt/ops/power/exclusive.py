"""What a running guest has for itself of the host: disks, ports, PCI devices, terminals.

It is written down under the allocation lock before a start is planned, so that of two guests
that are started together the second sees what the first is about to use.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.mount import read_mounts
from bsdvirt.facts.vmm import names
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.kinds import is_running, kind_of, kind_of_spec, read_spec
from bsdvirt.plan.locks import Lock
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.mounts import within

ZVOLS = "/dev/zvol/"
T = TypeVar("T")


def claimed(
    session: Session,
    stack: contextlib.ExitStack,
    guest: Guest,
    spec: GuestSpec,
    plan: Callable[[], T],
) -> tuple[T, Lock | None]:
    """Plan the start of a guest while it claims what it needs for itself. The claim is held until
    it is released, at most until `stack` is closed; None where there is nothing to claim."""
    text = kind_of(guest).exclusive(guest, spec)
    if session.preview or not text:
        return plan(), None
    verb = f"start {guest.name}"
    with session.locked("allocation", "", verb):
        claim = Lock(session.host.fs, "start", guest.name).acquire(verb, wait=1.0)
        stack.callback(claim.release)
        claim.say(text)
        try:
            return plan(), claim
        except BaseException:
            claim.release()
            raise


def other_uses(
    session: Session, found: Inventory, host: HostFacts, guest: Guest, spec: GuestSpec
) -> dict[str, str]:
    """Return what else on this host uses the paths that the guest writes to as disks, by path;
    what virtual machines use is in their claims."""
    paths = kind_of(guest).disks(guest, spec)
    used: dict[str, str] = {}
    if not paths:
        return used
    fs = session.host.fs
    mounted = {
        name: mount.path
        for mount in read_mounts(session.host)
        if mount.source.startswith("/") and ".." not in mount.source.split("/")
        for name in names(fs, mount.source)
    }
    given = _given(session, found, host)
    for path in paths:
        known = names(fs, path)
        at = next((mounted[name] for name in known if name in mounted), None)
        jail = next((jail for name in known for jail in _in_root(found, name)), None)
        owner = next((o for name in known for tree, o in given.items() if within(name, tree)), "")
        if at is not None:
            used[path] = f"it is mounted at {at}"
        elif jail is not None:
            used[path] = f"it is in the root of the jail {jail}, which may put a link there"
        elif owner:
            used[path] = f"the jail {owner}, which runs, has it"
    return used


def _in_root(found: Inventory, path: str) -> Iterator[str]:
    """Yield the guests in whose root a path is."""
    for name, other in found.guests.items():
        root = kind_of(other).untrusted_root(other)
        if root and path.startswith(f"{root}/"):
            yield name


def _given(session: Session, found: Inventory, host: HostFacts) -> dict[str, str]:
    """Return the places in /dev/zvol that running guests were given, each with its guest."""
    fs = session.host.fs
    running = (o for o in found.guests.values() if is_running(o, host.jails, fs))
    return {
        ZVOLS + dataset: other.name
        for other in running
        for dataset in kind_of(other).datasets_given(other, read_spec(fs, other))
    }


def refuse_given(session: Session, found: Inventory, guest: Guest, spec: GuestSpec) -> None:
    """Raise ConflictError where another guest writes to a zvol that the guest, about to start,
    would be given."""
    trees = [ZVOLS + one for one in kind_of(guest).datasets_given(guest, spec)]
    if not trees:
        return
    for name, other in found.guests.items():
        for path in kind_of(other).disks_in_use(session.host.fs, name):
            if any(within(path, tree) for tree in trees):
                raise ConflictError(
                    f"{guest.name}: {path} is in use by {name} as its disk", f"bsdvirt stop {name}"
                )


def passed_notes(session: Session, found: Inventory, name: str, spec: GuestSpec) -> tuple[str, ...]:
    """Return a note for each PCI device of the host that another guest passes through too."""
    wanted = kind_of_spec(spec).passed(spec)
    if not wanted:
        return ()
    notes = []
    for other, guest in found.guests.items():
        theirs = read_spec(session.host.fs, guest) if other != name else None
        both = [one for one in wanted if theirs and one in kind_of(guest).passed(theirs)]
        notes += [f"PCI device {one} is {other}'s, too: only one of them runs" for one in both]
    return tuple(notes)
