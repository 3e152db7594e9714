"""Our datasets: what is not mounted where it belongs, and what they inherit that a jail's root
must not have."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.layout import CHILDREN, HISTORIES
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.init import STATE_ROOM
from bsdvirt.plan.step import Command, Mounted, Plan, Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.base import SWAP
from bsdvirt.zfs.values import read_values


def unmounted(found: Inventory) -> list[tuple[str, str]]:
    """Those that bsdvirt made and that are not mounted, with where they belong, each before
    those beneath it; without those that a jail mounts, or that are locked."""
    places = _places(found)
    return sorted(
        (dataset.name, places[dataset.name])
        for dataset in found.datasets
        if dataset.name in places
        and dataset.kind == "filesystem"
        and not (dataset.mounted or dataset.jailed or dataset.locked)
    )


def _places(found: Inventory) -> dict[str, str]:
    """Where each belongs; the mountpoint of a jail's root is not asked for, but known."""
    held = {d.name: d.mountpoint for d in found.datasets if d.mountpoint}
    made: dict[str, str] = {}
    for layout in found.layouts:
        names = [layout.dataset]
        names += [f"{layout.dataset}/{child}" for child in (*CHILDREN, HISTORIES)]
        names += [dataset.name for dataset in found.releases(layout)]
        made |= {name: held[name] for name in names if name in held}
    for guest in found.guests.values():
        if guest.dataset in held:
            made[guest.dataset] = held[guest.dataset]
            made[guest.layout.jail_root(guest.name)] = guest.layout.jail_root_directory(guest.name)
    return made


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """A problem for each."""
    for name, place in unmounted(seen.found):
        yield Finding(
            name, f"is not mounted at {place}", f"zfs mount {name}, or bsdvirt doctor --repair",
            repair="mount it",
        )  # fmt: skip
    for name in _swapping(session, seen.found):
        yield Finding(
            name, f"sets {SWAP}: the host would take its volumes for swap at its next boot, and"
            " write its memory there",
            f"zfs inherit {SWAP} {name}, or bsdvirt doctor --repair", repair="inherit it",
        )  # fmt: skip
    for name in _received(seen.found):
        yield Finding(
            name, "was received for an import; unless that is under way, it is left over",
            f"zfs destroy -r {name}", problem=False,
        )  # fmt: skip
    for name in _roomless(session, seen.found):
        yield Finding(
            name, "has too little space reserved: on a full pool no journal can be written",
            f"zfs set refreservation={STATE_ROOM >> 20}M {name}, or bsdvirt doctor --repair",
            problem=False, repair="reserve it",
        )  # fmt: skip


def _swapping(session: Session, found: Inventory) -> list[str]:
    """The datasets of guests that set SWAP. Only names are asked for: its value is free text."""
    tops = [f"{layout.dataset}/guests" for layout in found.layouts]
    below = tuple(f"{top}/" for top in tops)
    if not any(d.name.startswith(below) and (d.jailed or d.kind == "volume")
               for d in found.datasets):  # fmt: skip
        return []
    argv = (
        tools.ZFS, "get", "-Hp", "-r", "-t", "filesystem,volume", "-s", "local,received",
        "-o", "name", SWAP, *tops,
    )  # fmt: skip
    return session.host.run(argv, changes=False).stdout.split("\n")[:-1]


def _received(found: Inventory) -> list[str]:
    """What streams of other tools were received into, and a kill left (ops/migrate/streams.py)."""
    tops = tuple(layout.incoming("") for layout in found.layouts)
    names = (dataset.name for dataset in found.datasets)
    return [
        name for name in names if name.startswith(tops) and "/" not in name.split("/incoming-")[1]
    ]


def _roomless(session: Session, found: Inventory) -> list[str]:
    """The datasets of journals with less than the reservation that they are made with."""
    known = {dataset.name for dataset in found.datasets}
    names = [f"{layout.dataset}/state" for layout in found.layouts]
    values = read_values(session.host, [n for n in names if n in known], ("refreservation",))
    return [
        name
        for name, held in values.items()
        if (value := held.get("refreservation")) is not None
        and (natural(value.value) or 0) < STATE_ROOM
    ]


def repair(session: Session, errors: list[BsdvirtError]) -> list[str]:
    """Mount what is not; a line for each. First of all: the journal may be in one of them."""
    done = []
    for name, place in unmounted(session.inventory()):
        step = Step(
            Command((tools.ZFS, "mount", name)), f"mount {name} at {place}", unless=Mounted(place)
        )
        plan = Plan("mount", name, "host", finish=(step,), op=session.new_op())
        if attempt(session, plan, errors, journalled=False):
            done.append(f"{name}: mounted at {place}")
    for name in _swapping(session, session.inventory()):
        step = Step(Command((tools.ZFS, "inherit", SWAP, name)), "no swap of the host")
        plan = Plan("inherit", name, "host", finish=(step,), op=session.new_op())
        if attempt(session, plan, errors, journalled=False):
            done.append(f"{name}: no swap of the host")
    for name in _roomless(session, session.inventory()):
        step = Step(
            Command((tools.ZFS, "set", f"refreservation={STATE_ROOM}", name)),
            "room for the journal",
        )
        plan = Plan("reserve", name, "host", finish=(step,), op=session.new_op())
        if attempt(session, plan, errors, journalled=False):
            done.append(f"{name}: {STATE_ROOM >> 20} MiB are reserved for the journal")
    return done
