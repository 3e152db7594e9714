"""Guests that run: what each should have and has not, and what mends that while it runs.

`service netif restart` and `service rctl restart` on the host take interfaces down and
limits away; nothing tells the guests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from bsdvirt.cpu.given import HostCpus
from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.facts.cpus.below import read_jailed
from bsdvirt.facts.host import parse_mask, read_host
from bsdvirt.guest.state import alive
from bsdvirt.host import tools
from bsdvirt.kinds import kind_of
from bsdvirt.layout import HOST_FILE, RUN_FILES
from bsdvirt.ops.doctor.seen import Seen, look
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Plan
from bsdvirt.rows.host import Finding
from bsdvirt.session.batch import hold
from bsdvirt.session.cpus import host_cpus
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session
from bsdvirt.session.view import gives_cpus
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.types import CpuList


def drifts(session: Session, seen: Seen, names: Iterable[str] = ()) -> dict[str, list[Drift]]:
    """What running guests lack, by name: of those in `names`, of all where there are none."""
    chosen = set(names) or set(seen.found.guests)
    running = [g for n, g in seen.found.guests.items() if n in chosen and seen.runs(g)]
    if not running:
        return {}
    cpus, every = host_cpus(session, seen.found.guests.values()), _every(session)
    facts = seen.facts
    if facts.jails:
        facts = structs.replace(facts, processes=read_jailed(session.host))
    found: dict[str, list[Drift]] = {}
    for guest in running:
        try:
            found[guest.name] = list(
                kind_of(guest).drift(
                    seen.view, guest, _given(cpus, seen, guest.name, every), facts, seen.kernel
                )
            )
        except Exception as error:
            # One that cannot be looked at keeps no other from being mended.
            found[guest.name] = [Drift(f"cannot be looked at: {as_told(error).message}")]
    return {name: every for name, every in found.items() if every}


def _given(cpus: HostCpus, seen: Seen, name: str, every: CpuList | None) -> GuestSpec | None:
    """Return what the guest's file says, with the CPUs that it is to run on; `every` are those of
    a process without any of its own."""
    spec = seen.specs.get(name)
    if spec is None:
        return None
    given = cpus.given(name, spec)
    return given if given.cpuset is not None or every is None else given.on_cpus(every)


def _every(session: Session) -> CpuList | None:
    """Return the CPUs that this process may run on, as any other without a cpuset of its own."""
    own = session.host.own_cpus()
    if own is not None:
        return CpuList.of(own)
    shown = session.host.run((tools.CPUSET, "-g"), changes=False)
    return parse_mask(shown.stdout) if shown.status == 0 else None


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """A problem for each thing that a running guest lacks."""
    for name, every in drifts(session, seen).items():
        for one in every if not seen.busy(name) else ():
            remedy = "bsdvirt doctor --repair" if one.steps else f"bsdvirt restart {name}"
            repair = "repair it while the guest runs" if one.steps else ""
            yield Finding(name, one.what, remedy, one.problem, repair)


def cpu_findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Claims of CPUs that cannot stay, and CPUs in files that another guest has for itself."""
    guests = seen.found.guests
    if not gives_cpus(session, guests.values()):
        return
    cpus = host_cpus(session, guests.values())
    if absent := sorted(set(cpus.reserved) - set(cpus.topology.cpus)):
        what = f"{HOST_FILE}: reserved_cpus: this host has no CPU {absent[0]}"
        yield Finding("host", what, "correct it: bsdvirt cpu map shows the CPUs")
    for name, guest in guests.items():
        claim, spec = guest.identity.cpus, seen.specs.get(name)
        verb = "restart" if seen.runs(guest) else "start"
        if claim is not None and (why := cpus.wrong(name, claim)):
            what = f"its CPUs {claim.cpus} are not valid: {why}"
            yield Finding(name, what, f"bsdvirt {verb} {name} gives it others")
        try:
            if spec is not None and not spec.template:
                cpus.refuse(name, spec)
        except BsdvirtError as error:
            yield Finding(name, error.message.removeprefix(f"{name}: "), error.hint)


def mend(
    session: Session,
    seen: Seen,
    names: Iterable[str],
    errors: list[BsdvirtError],
    *,
    asked: bool = True,
) -> list[str]:
    """Mend what can be mended live, of guests whose locks are held; a line for each thing
    done. `asked` is false where nobody has asked for repairs."""
    done: list[str] = []
    for name, every in drifts(session, seen, names).items():
        for one in every:
            if not one.steps or (one.only_asked and not asked):
                continue
            op = session.new_op()
            plan = Plan("mend", name, finish=one.steps, op=op, must_journal=False)
            if attempt(session, plan, errors):
                done.append(f"{name}: {one.did}")
    return done


def restore(session: Session) -> tuple[list[str], list[BsdvirtError]]:
    """Once networks are up: give running guests back what they lack; what was done, and what
    failed. A guest that is busy is being started or stopped, and left alone."""
    errors: list[BsdvirtError] = []
    if not alive(session.host.fs, read_host(session.host, *RUN_FILES)):
        # At boot, say.
        return [], errors
    lack = [
        name
        for name, every in drifts(session, look(session)).items()
        if any(one.steps and not one.only_asked for one in every)
    ]
    if not lack:
        return [], errors
    with hold(session, lack, "network") as held:
        if not held.names():
            return [], errors
        return mend(session, look(session), held.names(), errors, asked=False), errors
