"""What belongs to nobody."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.app.doctor import vms
from bsdvirt.app.doctor.seen import Seen
from bsdvirt.app.findings import Finding
from bsdvirt.app.session import Session
from bsdvirt.bhyve.clean import interfaces_of as taps_of
from bsdvirt.jail.clean import interfaces_of
from bsdvirt.net import plans
from bsdvirt.net.uplink import member_of
from bsdvirt.plan.step import Step
from bsdvirt.store import orphans
from bsdvirt.store.guests import Inventory
from bsdvirt.store.layout import bridge_name, vlan_name


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    for step in steps(session, seen):
        yield Finding("host", f"{step.why} belongs to no guest", "bsdvirt doctor --repair",
                      repair="take it away")  # fmt: skip


def steps(session: Session, seen: Seen) -> tuple[Step, ...]:
    """Take away what belongs to nobody."""
    return (*orphans.steps(seen.found, seen.facts, _known(seen)), *vms.orphan_steps(session, seen))


def _known(seen: Seen) -> set[str]:
    """The interfaces that somebody has."""
    known = {
        name
        for guest in seen.found.guests.values()
        for name in (*interfaces_of(guest.identity.id), *taps_of(guest.identity.id))
    }
    for network in seen.networks.values():
        known |= {plans.bridge_of(network), member_of(network) or ""}
    for number in seen.networks.broken_ids.values():
        if number is None:
            # Which bridge is its own nobody can tell: all of them are left alone.
            known |= {face for face in seen.facts.interfaces if face.startswith(("bvbr", "bvvl"))}
        else:
            known |= {bridge_name(number), vlan_name(number)}
    return known


def strays(found: Inventory) -> Iterator[Finding]:
    for dataset, why in found.strays:
        if dataset.op is None:
            yield Finding(
                dataset.name, f"lies among the guests, but {why}",
                f"move it elsewhere with zfs rename, or zfs destroy -r {dataset.name}",
            )  # fmt: skip
