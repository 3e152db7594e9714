"""Guests that claim the same of this host.

While a pool is not there, nobody knows what its guests have claimed: a guest made meanwhile
may have an id or an address of theirs. And whoever copies a guest's property by hand copies
its claims. The one that was made later does not start until it has others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import msgspec

from bsdvirt.app.session import Session
from bsdvirt.errors import ConflictError
from bsdvirt.jail.change import plan_claim
from bsdvirt.jail.claims import free_id
from bsdvirt.plan.step import Plan
from bsdvirt.store.guests import Guest, Inventory


@dataclasses.dataclass(frozen=True, slots=True)
class Twin:
    """What a guest has that another, made earlier, has too."""

    guest: Guest
    other: str
    number: int | None
    """The id, where it is that."""
    address: str = ""

    def error(self) -> ConflictError:
        name = self.guest.name
        if self.number is not None:
            return ConflictError(
                f"{name} has the id {self.number}, and so has {self.other}",
                "bsdvirt doctor --repair gives it another",
            )
        return ConflictError(
            f"{name} has the address {self.address}, and so has {self.other}",
            f"give it another: bsdvirt set {name} nics.0.address=…",
        )


def twins(found: Inventory) -> dict[str, Twin]:
    """By name, the later of each two."""
    ids: dict[int, Guest] = {}
    addresses: dict[tuple[str, str], Guest] = {}
    later: dict[str, Twin] = {}
    for guest in sorted(found.guests.values(), key=lambda one: (one.identity.created, one.name)):
        identity = guest.identity
        other = ids.setdefault(identity.id, guest)
        if other is not guest:
            later[guest.name] = Twin(guest, other.name, identity.id)
        for claim in identity.nics:
            for address in claim.addresses():
                other = addresses.setdefault((claim.network, address), guest)
                if other is not guest:
                    later.setdefault(guest.name, Twin(guest, other.name, None, address))
    return later


def mending(session: Session, found: Inventory, names: Collection[str]) -> list[Plan]:
    """Give another id to those of them whose own is another's, too. Their locks and that of
    allocation are held."""
    known = list(found.guests.values())
    plans: list[Plan] = []
    for twin in twins(found).values():
        if twin.number is None or twin.guest.name not in names:
            continue
        identity = msgspec.structs.replace(twin.guest.identity, id=free_id(known))
        known.append(dataclasses.replace(twin.guest, identity=identity))
        plans.append(plan_claim(twin.guest, identity, session.new_op(), verb="mend"))
    return plans
