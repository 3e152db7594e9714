"""What guests claim of the host, made to fit their files."""

from __future__ import annotations

import dataclasses

import msgspec

from bsdvirt.guest.change import plan_claim
from bsdvirt.guest.claims import RandomBytes, carried, claim_nics, claims_fit, with_nics
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.kinds import kind_of, kind_of_spec
from bsdvirt.net.files import Networks
from bsdvirt.plan.step import Plan
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Identity


def fits(identity: Identity, spec: GuestSpec, networks: Networks) -> bool:
    """Return whether the identity is as the guest's file asks for, and no claim waits for the next
    start."""
    if identity.next is not None or not claims_fit(spec, identity.nics, networks):
        return False
    if identity.template != spec.template:
        return False
    return kind_of_spec(spec).claims_fit(identity, spec)


def fitting_identity(
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
    return kind.claim(guest.name, identity, spec, others, random_bytes, live=live)


def plan_let_go(session: Session, guest: Guest, identity: Identity) -> Plan:
    """Plan the removal of what a crash left of claims that the new identity no longer has."""
    steps = kind_of(guest).release_claims(guest, identity, session.host)
    return Plan("clean", guest.name, finish=steps, op=session.new_op(), must_journal=False)


def reclaim(
    session: Session, guest: Guest, spec: GuestSpec, networks: Networks
) -> tuple[Guest, list[Plan]]:
    """Return the guest with claims that fit its file, which was edited by hand, and the plans
    that write them. The allocation lock is held."""
    random = session.draws.source(guest.name)
    identity = fitting_identity(guest, spec, session.inventory(), networks, random)
    cleaning = plan_let_go(session, guest, identity)
    plans = [] if cleaning.empty else [cleaning]
    plans.append(plan_claim(guest, identity, session.new_op()))
    return dataclasses.replace(guest, identity=identity), plans
