"""What belongs to no guest."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.facts.vmm import read_devices
from bsdvirt.guest import orphans
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.send.replica import role_of
from bsdvirt.kinds import KINDS
from bsdvirt.layout import bridge_name, vlan_name
from bsdvirt.net import bridge
from bsdvirt.net.uplink import host_interface, member_of
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.plan.step import Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    for name in sorted(set(seen.alive) - set(seen.found.guests)):
        yield Finding(
            name, "runs, but no guest of that name is listed; its resources are not touched",
            "check zfs list and zfs get bsdvirt:guest; bsdvirt boot stop ends it",
        )  # fmt: skip
    for step in steps(session, seen):
        yield Finding("host", f"{step.why} belongs to no guest", "bsdvirt doctor --repair",
                      repair="remove it")  # fmt: skip


def steps(session: Session, seen: Seen) -> tuple[Step, ...]:
    """Remove what belongs to no guest."""
    return (
        *orphans.steps(seen.found, seen.facts, _known(seen)),
        *orphans.vm_steps(seen.found, seen.vms, read_devices(session.host)),
    )


def _known(seen: Seen) -> set[str]:
    """Return the interfaces of guests and networks."""
    known = {
        name
        for number in _ids(seen.found)
        for kind in KINDS.values()
        for name in kind.host_interfaces(number)
    }
    for network in seen.networks.values():
        known |= {bridge.bridge_of(network), member_of(network) or ""}
        known |= {host_interface(network, bridge.bridge_of(network))}
    for number in seen.networks.broken_ids.values():
        if number is None:
            # Its bridge is unknown: all of ours are left alone.
            known |= {face for face in seen.facts.interfaces if face.startswith(("bvbr", "bvvl"))}
        else:
            known |= {bridge_name(number), vlan_name(number)}
    return known


def _ids(found: Inventory) -> set[int]:
    """The ids whose interfaces are some guest's: a foreign one's too, that may have run before
    it was one."""
    ids = {foreign.told.id for foreign in found.foreign.values() if foreign.told}
    return ids | {guest.identity.id for guest in found.guests.values()}


def foreign(found: Inventory) -> Iterator[Finding]:
    """Guests that came from elsewhere and were not adopted, but for standbys."""
    for name, one in found.foreign.items():
        if role_of(one) == "standby":
            continue
        yield Finding(
            name, f"is foreign: {one.why}; it does not start, and holds no address or id",
            f"bsdvirt info {name} shows its claims; then bsdvirt adopt {name}, or"
            f" bsdvirt destroy {name}",
            problem=False,
        )  # fmt: skip


def strays(found: Inventory) -> Iterator[Finding]:
    for dataset, why in found.strays:
        if dataset.op is None:
            yield Finding(
                dataset.name, f"is among the guests, but {why}",
                f"move it elsewhere with zfs rename, or zfs destroy -r {dataset.name}",
            )  # fmt: skip
