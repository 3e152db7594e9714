"""What is wrong with guests of either kind that do not run, with what watches over those that
do, and with what any of them claims."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.clean import forget_failure as forget_vm_failure
from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail.clean import clean_steps, forget_failure, forget_main
from bsdvirt.jail.command import watch_again
from bsdvirt.jail.facts.datasets import wrong_storage
from bsdvirt.jail.facts.root import root_trouble
from bsdvirt.jail.mounted import refuse_neighbours, sort
from bsdvirt.jail.start import resolver_of
from bsdvirt.layout import job_file, state_file
from bsdvirt.ops.boot.budget import too_long
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.power import vms
from bsdvirt.ops.power.jails import host_resolver, read_answering
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan, RemoveFile, Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail

LEFT = {
    "jail": "is stopped, and has left interfaces, mounts, limits or files",
    "vm": "is stopped, and has left a vmm device, taps or files",
}
UNWATCHED = {
    "jail": (
        "nobody watches its main command: it is not run again once it ends",
        "watch it",
        "got another keeper",
    ),
    "vm": (
        "runs, but its supervisor has gone: no console, and nobody sees how it ends",
        "give it another",
        "got another supervisor",
    ),
}


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Everything that is to be said of each guest. Changes nothing."""
    for name, guest in seen.found.guests.items():
        kind = guest.identity.kind
        if watch_plan(session, seen, guest) is not None:
            message, repair, _ = UNWATCHED[kind]
            remedy = f"bsdvirt start {name}, or bsdvirt doctor --repair"
            yield Finding(name, message, remedy, repair=repair)
        if kind == "jail":
            yield from _jail(session, seen, guest)
        idle = not (seen.runs(guest) or seen.busy(name) or _replaced(seen, guest))
        if idle and left_steps(session, seen, guest):
            yield Finding(
                name, LEFT[kind], "its next start, or bsdvirt doctor --repair",
                repair="take them away",
            )  # fmt: skip
        yield from _claims(seen, guest)
        yield from _order(seen, guest)
    yield from _unserved(session, seen)
    for name, spec in seen.specs.items():
        if late := too_long(session, spec):
            yield Finding(
                name, late, "raise boot.budget and rcshutdown_timeout, or lower its stop.timeout",
                problem=False,
            )  # fmt: skip
    for guest, jail in seen.jails():
        for message, remedy, problem in wrong_storage(session.host, guest, jail):
            yield Finding(guest.name, message, remedy, problem)


def _jail(session: Session, seen: Seen, guest: Guest) -> Iterator[Finding]:
    name = guest.name
    if _replaced(seen, guest):
        path = seen.facts.jails[name].path
        what = f"a jail of that name, not bsdvirt's, runs at {path}"
        yield Finding(name, what, f"jail -r {name}")
        return
    yield from _mounted(guest, seen)
    if guest.identity.root is None and not any(
        d.name == guest.layout.jail_root(name) for d in guest.datasets
    ):
        yield Finding(name, "has no root dataset", f"bsdvirt destroy {name}")
    fs, own = session.host.fs, guest.identity.root
    if own and (why := root_trouble(fs, guest, seen.found, seen.facts)):
        yield Finding(name, f"its root {guest.root} {why}", "put it back as it was")


def _replaced(seen: Seen, guest: Guest) -> bool:
    """Whether a jail that is not bsdvirt's has its name."""
    other = seen.facts.jails.get(guest.name)
    jail = guest.identity.kind == "jail"
    return jail and other is not None and not other.dying and not seen.runs(guest)


def _mounted(guest: Guest, seen: Seen) -> Iterator[Finding]:
    """What lies in its root and is not its own."""
    try:
        refuse_neighbours(guest, seen.facts.jails.values())
    except BsdvirtError as error:
        yield Finding(guest.name, error.message, error.hint)
    for mount in sort(guest, spec_of(guest, seen), seen.facts).hosts:
        yield Finding(
            guest.name, f"the host has mounted {mount.source} in its root, at {mount.path}",
            f"it stays there; umount {mount.path}, and set mounts or datasets, if the jail is to"
            " have it", problem=False,
        )  # fmt: skip


def _claims(seen: Seen, guest: Guest) -> Iterator[Finding]:
    for claim in guest.identity.nics:
        if claim.network not in {*seen.networks, *seen.networks.broken}:
            yield Finding(
                guest.name, f"is on network {claim.network}, which is not there",
                f"bsdvirt network create {claim.network}",
            )  # fmt: skip


def _order(seen: Seen, guest: Guest) -> Iterator[Finding]:
    """The guests that it waits for at boot."""
    gone = [name for name in guest.identity.boot.after if name not in seen.found.guests]
    if gone:
        kept = ",".join(name for name in guest.identity.boot.after if name not in gone)
        yield Finding(
            guest.name, f"is to start after {', '.join(gone)} at boot, which is not there",
            f"bsdvirt set {guest.name} boot.after={kept}", problem=False,
        )  # fmt: skip


def _unserved(session: Session, seen: Seen) -> Iterator[Finding]:
    """The jails that are to have the host's name servers, and reach none of them."""
    text, wrong = host_resolver(session.host)
    if wrong is not None:
        yield Finding("host", wrong.message, wrong.hint)
        return
    answering = read_answering(session.host, text)
    for guest, jail in seen.jails():
        identity = guest.identity
        there = all(nic.network in seen.networks for nic in jail.nics)
        if not there or len(jail.nics) != len(identity.nics):
            continue
        why, remedy = resolver_of(guest, jail, seen.networks, text, answering)[1:]
        if why:
            yield Finding(guest.name, why, remedy, problem=False)


# ---- what mends them ----


def spec_of(guest: Guest, seen: Seen) -> Jail | None:
    """A jail's file; None where it cannot be read."""
    spec = seen.specs.get(guest.name)
    return spec if isinstance(spec, Jail) else None


def left_steps(session: Session, seen: Seen, guest: Guest) -> tuple[Step, ...]:
    """What takes away what it left; the notes of how it ended are for its user to read."""
    name = guest.name
    notes: tuple[Step, ...]
    if guest.identity.kind == "vm":
        steps, notes = vms.clean_plan(session, guest, seen.facts).finish, (forget_vm_failure(name),)
    else:
        steps = clean_steps(guest, seen.facts, spec_of(guest, seen))
        notes = (forget_failure(name), forget_main(name))
    left = tuple(step for step in steps if step not in notes)
    # The state of a start that failed is alone where all else of it was taken away.
    alone = [step.do for step in left] == [RemoveFile(state_file(name))]
    return () if alone else left


def watch_plan(session: Session, seen: Seen, guest: Guest) -> Plan | None:
    """What gives a running guest another keeper or supervisor; None where it has one, or
    needs none."""
    if not seen.runs(guest):
        return None
    if guest.identity.kind == "vm":
        return None if seen.vms[guest.name].supervised else vms.supervise_plan(session, guest)
    kept = is_held(session.host.fs, "keeper", guest.name)
    if kept or job_file(guest.name) not in seen.facts.files:
        return None
    step = watch_again(guest.name)
    return Plan("watch", guest.name, finish=(step,), op=session.new_op(), must_journal=False)
