"""Guests that claim the same of this host.

While a pool is not imported, the claims of its guests are unknown: a guest created meanwhile may
get the same id or address. Copying a guest's property by hand copies its claims, too. The guest
that was created later does not start until it has others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from msgspec import Struct, structs

from bsdvirt.errors import ConflictError
from bsdvirt.guest.change import plan_claim
from bsdvirt.guest.claims import RandomBytes, free_id, free_mac
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.plan.step import Plan
from bsdvirt.record import replace
from bsdvirt.spec.digits import uuid_of
from bsdvirt.spec.identity import Claim, Identity


class Duplicate(Struct, frozen=True):
    """What a guest claims and another, created earlier, claims too."""

    guest: Guest
    other: str
    number: int | None
    """The id, if that is the same."""
    address: str = ""

    def error(self) -> ConflictError:
        name = self.guest.name
        if self.number is not None:
            return ConflictError(
                f"{name} has the id {self.number}, as has {self.other}",
                "bsdvirt doctor --repair gives it a new one",
            )
        return ConflictError(
            f"{name} has the address {self.address}, and so has {self.other}",
            f"give it another: bsdvirt set {name} nics.0.address=…",
        )


def duplicates(found: Inventory) -> dict[str, Duplicate]:
    """Return, by name, the later guest of each two that claim the same."""
    ids: dict[int, Guest] = {}
    addresses: dict[tuple[str, str], Guest] = {}
    later: dict[str, Duplicate] = {}
    for guest in sorted(found.guests.values(), key=lambda one: (one.identity.created, one.name)):
        identity = guest.identity
        if (other := ids.setdefault(identity.id, guest)) is not guest:
            later[guest.name] = Duplicate(guest, other.name, identity.id)
        for claim in identity.nics:
            for address in claim.addresses():
                if (other := addresses.setdefault((claim.network, address), guest)) is not guest:
                    later.setdefault(guest.name, Duplicate(guest, other.name, None, address))
    return later


def plan_renumber(
    found: Inventory,
    names: Collection[str],
    new_op: Callable[[], str],
    random_bytes: RandomBytes,
) -> list[Plan]:
    """Plan another id for each of these guests whose id is also another's, and another UUID and
    other MAC addresses where these are also another's. An address that is also another's is
    released, and one is given at the next start. Their locks and the allocation lock are held."""
    known = list(found.guests.values())
    plans: list[Plan] = []
    for one in duplicates(found).values():
        if one.number is None or one.guest.name not in names:
            continue
        others = [guest for guest in known if guest.name != one.guest.name]
        identity = _apart(one.guest.identity, others, random_bytes)
        known = [*others, replace(one.guest, identity=identity)]
        plans.append(plan_claim(one.guest, identity, new_op(), verb="mend"))
    return plans


def _apart(identity: Identity, others: Collection[Guest], random_bytes: RandomBytes) -> Identity:
    """Return the identity without what others have."""
    if identity.id in {one.identity.id for one in others}:
        identity = structs.replace(identity, id=free_id(others))
    if identity.uuid in {one.identity.uuid for one in others}:
        identity = structs.replace(identity, uuid=uuid_of(random_bytes(16)))
    theirs = [claim for one in others for claim in one.identity.nics]
    nics: list[Claim] = []
    for claim in identity.nics:
        nics.append(_claim_apart(claim, [*theirs, *nics], random_bytes))
    later = None if nics != identity.nics else identity.next
    return structs.replace(identity, nics=nics, next=later)


def _claim_apart(claim: Claim, theirs: Iterable[Claim], random_bytes: RandomBytes) -> Claim:
    macs = {other.mac for other in theirs}
    taken = {(other.network, text) for other in theirs for text in other.addresses()}

    def free(text: str | None) -> str | None:
        return None if text and (claim.network, text) in taken else text

    mac = free_mac(random_bytes, macs) if claim.mac in macs else claim.mac
    aliases = [text for text in claim.aliases if (claim.network, text) not in taken]
    return structs.replace(
        claim,
        mac=mac,
        address=free(claim.address),
        address6=free(claim.address6),
        aliases=aliases,
    )
