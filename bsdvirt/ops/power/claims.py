"""What guests claim of the host, made to fit their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bsdvirt.guest.change import plan_claim
from bsdvirt.guest.claims import RandomBytes, carried, claim_nics, claims_fit, with_nics
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.kinds import kind_of, kind_of_spec
from bsdvirt.net.files import Networks
from bsdvirt.plan.step import Plan, Step
from bsdvirt.record import replace
from bsdvirt.session.prepared import Part
from bsdvirt.session.session import Session
from bsdvirt.session.view import gives_cpus
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import CpuClaim, Identity

Claims = Mapping[str, CpuClaim | None]
"""Claims of CPUs that guests are about to have."""


def fits(identity: Identity, spec: GuestSpec, networks: Networks) -> bool:
    """Return whether the identity is as the guest's file asks for, and no claim waits for the next
    start."""
    if identity.next is not None or not claims_fit(spec, identity.nics, networks):
        return False
    if identity.template != spec.template or not cpus_fit(identity.cpus, spec):
        return False
    return kind_of_spec(spec).claims_fit(identity, spec)


def cpus_fit(claim: CpuClaim | None, spec: GuestSpec) -> bool:
    """Return whether a claim of CPUs is what the guest's file asks for. A template never runs, and
    claims none."""
    if spec.placement == "none" or spec.template:
        return claim is None
    if claim is None or len(claim.cpus.cpus) != spec.cpus:
        return False
    return spec.placement == "auto" or claim.exclusive == (spec.placement == "exclusive")


def with_cpus(
    session: Session,
    name: str,
    spec: GuestSpec,
    identity: Identity,
    others: Sequence[Guest],
    *,
    fresh: bool = False,
) -> Identity:
    """Return the identity with the CPUs that the guest's file asks for: see claim_cpus in
    cpus.py."""
    if identity.cpus is None and not gives_cpus(session, others, [spec]):
        return identity
    # Imported here: few hosts give guests CPUs.
    from bsdvirt.ops.power.cpus import claim_cpus

    return claim_cpus(session, name, spec, identity, others, fresh=fresh)


def room_for(
    session: Session, name: str, guests: Sequence[Guest], planned: Claims
) -> tuple[Step, ...]:
    """Return what makes room for the planned claims of CPUs: see make_room in cpus.py."""
    if not any(planned.values()) and not any(guest.identity.cpus for guest in guests):
        return ()
    from bsdvirt.ops.power.cpus import make_room

    return tuple(make_room(session, name, guests, planned))


def fitting_identity(
    session: Session,
    guest: Guest,
    spec: GuestSpec,
    found: Inventory,
    networks: Networks,
    random_bytes: RandomBytes,
    *,
    before: GuestSpec | None = None,
    gone: int | None = None,
    live: bool = False,
) -> Identity:
    """Return the guest's identity with claims that fit its file; see with_nics for `live`. With
    what the file said `before` a change, and the number of an interface that is `gone`, each
    interface that stays keeps its claims."""
    others = [other for name, other in found.guests.items() if name != guest.name]
    identity = guest.identity
    last = identity.nics if identity.next is None else identity.next
    old = list(before.nics if before else spec.nics)
    if gone is not None:
        old = [nic for number, nic in enumerate(old) if number != gone]
        last = [claim for number, claim in enumerate(last) if number != gone]
    held = carried(old, spec.nics, last)
    whole = [claim for claim in held if claim is not None]
    if len(whole) == len(held) and claims_fit(spec, whole, networks):
        identity = with_nics(identity, whole, live=live)
    elif gone is None and len(old) == len(spec.nics) and claims_fit(spec, identity.nics, networks):
        identity = with_nics(identity, identity.nics)
    else:
        claims = claim_nics(guest.name, spec, held, others, networks, random_bytes)
        identity = with_nics(identity, claims, live=live)
    identity = msgspec.structs.replace(identity, template=spec.template)
    kind = kind_of_spec(spec)
    identity = kind.claim(guest.name, identity, spec, others, random_bytes, live=live)
    return with_cpus(session, guest.name, spec, identity, others)


def plan_let_go(session: Session, guest: Guest, identity: Identity) -> Plan:
    """Plan the removal of what a crash left of claims that the new identity no longer has."""
    steps = kind_of(guest).release_claims(guest, identity, session.host)
    return Plan("clean", guest.name, finish=steps, op=session.new_op(), must_journal=False)


def reclaim(
    session: Session, guest: Guest, spec: GuestSpec, networks: Networks
) -> tuple[Guest, list[Part]]:
    """Return the guest with claims that fit its file, which was edited by hand, or this host, which
    has changed, and what writes them. The allocation lock is held."""
    random, found = session.draws.source(guest.name), session.inventory()
    identity = fitting_identity(session, guest, spec, found, networks, random)
    cleaning = plan_let_go(session, guest, identity)
    plans = [] if cleaning.empty else [cleaning]
    claims = {guest.name: identity.cpus}
    room = room_for(session, guest.name, [*found.guests.values()], claims)
    plan = plan_claim(guest, identity, session.new_op())
    plans.append(msgspec.structs.replace(plan, steps=(*plan.steps, *room)))
    return replace(guest, identity=identity), [Part(plan) for plan in plans]
