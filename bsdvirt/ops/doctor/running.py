"""Guests that run: what each should have and has not, and what mends that while it runs.

`service netif restart` and `service rctl restart` on the host take interfaces down and
limits away; nothing tells the guests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bsdvirt.bhyve.running import drift as vm_drift
from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.facts.host import Kernel, parse_mask, read_host, read_kernel
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.state import alive
from bsdvirt.host import tools
from bsdvirt.jail.drift import drift as jail_drift
from bsdvirt.layout import RUN_FILES
from bsdvirt.ops.doctor.seen import Seen, look
from bsdvirt.plan.difference import Drift
from bsdvirt.plan.step import Plan
from bsdvirt.rows.host import Finding
from bsdvirt.session.batch import attempt, hold
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm


def drifts(session: Session, seen: Seen, names: Iterable[str] = ()) -> dict[str, list[Drift]]:
    """What running guests lack, by name: of those in `names`, of all where there are none."""
    chosen = set(names) or set(seen.found.guests)
    running = [g for n, g in seen.found.guests.items() if n in chosen and seen.runs(g)]
    if not running:
        return {}
    kernel = read_kernel(session.host)
    found: dict[str, list[Drift]] = {}
    for guest in running:
        try:
            found[guest.name] = list(_of(session, seen, guest, kernel))
        except Exception as error:
            # One that cannot be looked at keeps no other from being mended.
            found[guest.name] = [Drift(f"cannot be looked at: {as_told(error).message}")]
    return {name: every for name, every in found.items() if every}


def _of(session: Session, seen: Seen, guest: Guest, kernel: Kernel) -> Iterator[Drift]:
    spec = seen.specs.get(guest.name)
    if guest.identity.kind == "jail":
        jail = spec if isinstance(spec, Jail) else None
        mask = _mask(session, ("-j", guest.name)) if jail and jail.cpuset else None
        return jail_drift(guest, jail, seen.networks, seen.facts, kernel, mask)
    vm = spec if isinstance(spec, Vm) else None
    said = seen.vms[guest.name].said
    pid = said.pid if said else None
    mask = _mask(session, ("-p", str(pid))) if vm and vm.cpuset and pid else None
    return vm_drift(guest, vm, seen.networks, seen.facts, kernel, pid, mask)


def _mask(session: Session, of: tuple[str, str]) -> CpuList | None:
    """None where it has ended meanwhile."""
    shown = session.host.run((tools.CPUSET, "-g", *of), changes=False)
    return parse_mask(shown.stdout) if shown.status == 0 else None


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """A problem for each thing that a running guest lacks."""
    for name, every in drifts(session, seen).items():
        for one in every if not seen.busy(name) else ():
            remedy = "bsdvirt doctor --repair" if one.steps else f"bsdvirt restart {name}"
            repair = "mend it while the guest runs" if one.steps else ""
            yield Finding(name, one.what, remedy, one.problem, repair)


def mend(
    session: Session, seen: Seen, names: Iterable[str], errors: list[BsdvirtError]
) -> list[str]:
    """Mend what can be mended live, of guests whose locks are held; a line for each thing
    done."""
    done: list[str] = []
    for name, every in drifts(session, seen, names).items():
        for one in every:
            if not one.steps:
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
    lack = [n for n, every in drifts(session, look(session)).items() if any(d.steps for d in every)]
    if not lack:
        return [], errors
    with hold(session, lack, "network") as held:
        if not held.names():
            return [], errors
        return mend(session, look(session), held.names(), errors), errors
