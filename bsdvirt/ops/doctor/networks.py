"""What is wrong with networks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError
from bsdvirt.layout import network_file
from bsdvirt.net import bridge as plans
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.network.networks import users
from bsdvirt.ops.network.takeover import read_taking, takings
from bsdvirt.ops.network.up import bring_up
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session

GUARD_SECONDS = 150.0
"""What putting an address back may take, with dhclient(8) waiting for its lease."""


def findings(seen: Seen) -> Iterator[Finding]:
    """Files that cannot be read, and what does not exist of the others: a problem where a guest
    that runs needs it."""
    for name, error in seen.networks.broken.items():
        yield Finding(name, error.message, error.hint)
    yield from _same_ids(seen)
    guests = seen.found.guests
    for name, network in seen.networks.items():
        try:
            steps = plans.up_steps(name, network, seen.facts.interfaces)
        except BsdvirtError as error:
            yield Finding(name, error.message, error.hint)
            continue
        cut = [user for user in users(seen.found, name) if seen.runs(guests[user])]
        bridge = seen.facts.interfaces.get(plans.bridge_of(network))
        if not plans.owns_bridge(network) and bridge is not None and not bridge.up:
            yield Finding(
                name, f"its bridge {bridge.name}, which is the host's own, is down",
                f"ifconfig {bridge.name} up", problem=bool(cut),
            )  # fmt: skip
        if steps:
            lacks = "; ".join(step.why for step in steps)
            yield Finding(
                name,
                f"network {name} is not up" + (f", and {', '.join(cut)} run on it" if cut else "")
                + f" (to do: {lacks})",
                "bsdvirt doctor --repair, or the next start of a guest on it",
                problem=bool(cut),
                repair="bring it up",
            )  # fmt: skip


def _same_ids(seen: Seen) -> Iterator[Finding]:
    """Networks of one number, and so of one bridge: an older boot environment brings back the
    files of its time."""
    by_id: dict[int, list[str]] = {}
    for name, network in seen.networks.items():
        if plans.owns_bridge(network):
            by_id.setdefault(network.id, []).append(name)
    for number, names in by_id.items():
        for name in names[1:]:
            yield Finding(
                name, f"network {name} has the id {number}, which {names[0]} has too: only one of"
                " them can be up", f"bsdvirt network destroy {name}, or give it another id in"
                f" {network_file(name)}",
            )  # fmt: skip


def unconfirmed(session: Session) -> Iterator[Finding]:
    """Addresses that were moved and neither confirmed nor put back: their guard is gone."""
    for name in takings(session):
        taking = read_taking(session, name)
        if taking is not None and time.time() > taking.until + GUARD_SECONDS:
            yield Finding(
                name,
                f"the address of {taking.uplink} was moved to {taking.bridge}, and that was"
                " neither confirmed nor put back",
                f"bsdvirt network confirm {name} or bsdvirt network revert {name}",
            )


def repair(session: Session, seen: Seen, errors: list[BsdvirtError]) -> list[str]:
    """Bring up those that are not; a line for each."""
    done = []
    for name in seen.networks:
        try:
            if bring_up(session, [name]):
                done.append(f"{name}: brought up")
        except BsdvirtError as error:
            errors.append(error)
    return done
