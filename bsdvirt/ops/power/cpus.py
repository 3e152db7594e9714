"""The CPUs of the host that guests claim, and what runs on other CPUs because of that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bsdvirt.cpu.given import HostCpus
from bsdvirt.cpu.placement import Holder, Placement, Wish, place, place_all
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import is_running, kind_of, read_spec
from bsdvirt.plan.step import Command, Step
from bsdvirt.session.cpus import host_cpus, signature
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import CpuClaim, Identity
from bsdvirt.spec.types import CpuList


def claim_cpus(
    session: Session,
    name: str,
    spec: GuestSpec,
    identity: Identity,
    others: Iterable[Guest],
    *,
    fresh: bool = False,
) -> Identity:
    """Return the identity with the CPUs that the guest's file asks for; it keeps those that it has
    as long as they are valid. The allocation lock is held.

    Raise ConflictError or UsageError if there are none, and for CPUs that the file names and that
    another guest has for itself; of a `fresh` guest, also for those that are reserved.
    """
    others = [other for other in others if other.name != name]
    cpus = host_cpus(session, others)
    cpus.refuse(name, spec, reserved=fresh)
    wish = wish_of(cpus, name, spec, identity.cpus)
    if wish is None:
        return msgspec.structs.replace(identity, cpus=None)
    found = _placed(session, cpus, wish, others)
    claim = CpuClaim(cpus=CpuList.of(found.cpus), exclusive=found.exclusive)
    return msgspec.structs.replace(identity, cpus=claim)


def _placed(session: Session, cpus: HostCpus, wish: Wish, others: Iterable[Guest]) -> Placement:
    """Place a guest together with those that have no valid claim yet: whichever of them starts
    first after the host's CPUs have changed, each gets the same."""
    wishes, settled = [wish], []
    for other in others:
        lost = _lost(session, cpus, other)
        if lost is not None:
            wishes.append(lost)
        else:
            settled.append(other)
    known = holders(session, settled)
    try:
        return place_all(cpus.topology, wishes, known, cpus.policy)[wish.name]
    except BsdvirtError:
        # Perhaps one of the others cannot be placed.
        return place(cpus.topology, wish, known, cpus.policy)


def _lost(session: Session, cpus: HostCpus, guest: Guest) -> Wish | None:
    """Return what a guest asks for that has no valid claim; None if it has one, or asks for
    nothing."""
    claim = guest.identity.cpus
    if claim is not None and not cpus.wrong(guest.name, claim):
        return None
    spec = _spec_of(session, guest)
    return None if spec is None else wish_of(cpus, guest.name, spec, None)


def _spec_of(session: Session, guest: Guest) -> GuestSpec | None:
    """Return what a guest's file says, read again only if it was written since: the files of all
    guests are looked at for each claim."""
    now, known = signature(session.host.fs, guest), session.specs.get(guest.name)
    if known is None or known[0] != now:
        spec = read_spec(session.host.fs, guest)
        if now is None:
            return spec
        known = session.specs[guest.name] = (now, spec)
    return known[1]


def wish_of(cpus: HostCpus, name: str, spec: GuestSpec, held: CpuClaim | None) -> Wish | None:
    """Return what a guest asks of the planner; None if its file asks for no placement. A claim that
    cannot stay does not count; `cpus` are those of the other guests."""
    if spec.placement == "none" or spec.template or spec.cpus is None:
        return None
    if held is not None and cpus.wrong(name, held):
        held = None
    return Wish(
        name, spec.cpus, spec.placement, spec.core_threads,
        held.cpus.cpus if held else None, held.exclusive if held else False,
    )  # fmt: skip


def holders(session: Session, others: Iterable[Guest]) -> list[Holder]:
    """Return what other guests have claimed, and the CPUs that their files name. Of a guest whose
    file cannot be read, its claim alone counts."""
    found = []
    for other in others:
        if (claim := other.identity.cpus) is not None:
            weight = len(claim.cpus.cpus)
            found.append(Holder(other.name, claim.cpus.cpus, claim.exclusive, weight))
            continue
        spec = _spec_of(session, other)
        if spec is not None and not spec.template:
            named = {cpu for _, cpus in spec.named_cpus() for cpu in cpus}
            if named:
                weight = min(spec.cpus or len(named), len(named))
                found.append(Holder(other.name, tuple(sorted(named)), False, weight))
    return found


# ---- what runs elsewhere, once a claim is made or given up ----


def make_room(
    session: Session,
    name: str,
    guests: Iterable[Guest],
    planned: Mapping[str, CpuClaim | None],
) -> Iterator[Step]:
    """Yield the steps that move running guests without CPUs of their own, and supervisors, off the
    CPUs that guests will have for themselves with the `planned` claims, or back to those that they
    no longer have. `name` is the guest whose claim it is.

    The locks of those guests are not held. One that cannot be moved, or has stopped meanwhile, is
    named in a warning, and stops nothing.
    """
    guests = list(guests)
    before, after = host_cpus(session, guests), host_cpus(session, guests, planned)
    if before.open == after.open:
        return
    jails = read_jails(session.host)
    for other in guests:
        if other.name != name and is_running(other, jails, session.host.fs):
            found: list[Step] = []
            with contextlib.suppress(BsdvirtError):
                found = _moves(session, other, before, after)
            yield from found


def _moves(session: Session, guest: Guest, before: HostCpus, after: HostCpus) -> list[Step]:
    """Return the moves of a running guest without CPUs of its own, and of its supervisor. Raise
    BsdvirtError if it has just ended."""
    steps: list[Step] = []
    kind, host, name = kind_of(guest), session.host, guest.name
    spec = _spec_of(session, guest)
    if spec is not None:
        was, then = before.given(name, spec), after.given(name, spec)
        if was.cpuset != then.cpuset:
            steps += kind.live_steps(host, guest, was, then)
            steps += kind.reread_steps(host, guest, was, then)
    steps += kind.watcher_steps(host, guest, after.open)
    return [_tolerant(name, step) for step in steps]


def _tolerant(name: str, step: Step) -> Step:
    """Return the step as one whose failure is a warning with the guest's name."""
    do = step.do
    if isinstance(do, Command):
        do = msgspec.structs.replace(do, title=f"{name}: {' '.join(do.argv)}")
    return msgspec.structs.replace(step, do=do, why=f"{name}: {step.why}", tolerant=True)
