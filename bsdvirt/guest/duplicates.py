"""Guests that claim the same of this host.

While a pool is not there, nobody knows what its guests have claimed: a guest made meanwhile
may have an id or an address of theirs. And whoever copies a guest's property by hand copies
its claims. The one that was made later does not start until it has others.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Collection, Iterable

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.guest.change import plan_claim
from bsdvirt.guest.claims import RandomBytes, free_id, free_mac
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.plan.step import Plan
from bsdvirt.spec.identity import Claim, Identity


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
        if (other := ids.setdefault(identity.id, guest)) is not guest:
            later[guest.name] = Twin(guest, other.name, identity.id)
        for claim in identity.nics:
            for address in claim.addresses():
                if (other := addresses.setdefault((claim.network, address), guest)) is not guest:
                    later.setdefault(guest.name, Twin(guest, other.name, None, address))
    return later


def mending(
    found: Inventory,
    names: Collection[str],
    new_op: Callable[[], str],
    random_bytes: RandomBytes,
) -> list[Plan]:
    """Give another id to those of them whose own is another's, and another UUID and MAC
    addresses where these are so, too; an address that is another's is let go, and one is given
    at the next start. Their locks and that of allocation are held."""
    known = list(found.guests.values())
    plans: list[Plan] = []
    for twin in twins(found).values():
        if twin.number is None or twin.guest.name not in names:
            continue
        others = [one for one in known if one.name != twin.guest.name]
        identity = _apart(twin.guest.identity, others, random_bytes)
        known = [*others, dataclasses.replace(twin.guest, identity=identity)]
        plans.append(plan_claim(twin.guest, identity, new_op(), verb="mend"))
    return plans


def _apart(identity: Identity, others: Collection[Guest], random_bytes: RandomBytes) -> Identity:
    """The identity without what others have."""
    if identity.id in {one.identity.id for one in others}:
        identity = msgspec.structs.replace(identity, id=free_id(others))
    if identity.uuid in {one.identity.uuid for one in others}:
        identity = msgspec.structs.replace(
            identity, uuid=str(uuid.UUID(bytes=random_bytes(16), version=4))
        )
    theirs = [claim for one in others for claim in one.identity.nics]
    nics: list[Claim] = []
    for claim in identity.nics:
        nics.append(_claim_apart(claim, [*theirs, *nics], random_bytes))
    later = None if nics != identity.nics else identity.next
    return msgspec.structs.replace(identity, nics=nics, next=later)


def _claim_apart(claim: Claim, theirs: Iterable[Claim], random_bytes: RandomBytes) -> Claim:
    macs = {other.mac for other in theirs}
    taken = {(other.network, text) for other in theirs for text in other.addresses()}

    def free(text: str | None) -> str | None:
        return None if text and (claim.network, text) in taken else text

    mac = free_mac(random_bytes, macs) if claim.mac in macs else claim.mac
    aliases = [text for text in claim.aliases if (claim.network, text) not in taken]
    return msgspec.structs.replace(
        claim,
        mac=mac,
        address=free(claim.address),
        address6=free(claim.address6),
        aliases=aliases,
    )
