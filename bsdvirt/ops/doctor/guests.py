"""What is wrong with guests of either kind: what a stopped one has left, what watches a running
one, what any of them claims."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import KINDS, kind_of, kind_of_spec
from bsdvirt.ops.boot.budget import too_long
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.plan.step import Plan, Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.nic import SLIRP


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Check each guest."""
    for name, guest in seen.found.guests.items():
        kind = kind_of(guest)
        if watch_plan(seen, guest) is not None:
            message, repair, _ = kind.unwatched
            remedy = f"bsdvirt start {name}, or bsdvirt doctor --repair"
            yield Finding(name, message, remedy, repair=repair)
        if not (seen.runs(guest) or seen.busy(name)) and left_steps(seen, guest):
            yield Finding(
                name, kind.left, "its next start, or bsdvirt doctor --repair",
                repair="remove them",
            )  # fmt: skip
        yield from _claims(seen, guest)
        yield from _order(seen, guest)
    for name, spec in seen.specs.items():
        if late := too_long(session, spec):
            yield Finding(
                name, late, "raise boot.budget and rcshutdown_timeout, or lower its stop.timeout",
                problem=False,
            )  # fmt: skip


def of_kinds(seen: Seen) -> Iterator[Finding]:
    """Check what each kind of guest needs."""
    for kind in KINDS.values():
        specs = {n: spec for n, spec in seen.specs.items() if kind_of_spec(spec) is kind}
        yield from kind.findings(seen.view, seen.facts, specs, seen.kernel)


def _claims(seen: Seen, guest: Guest) -> Iterator[Finding]:
    for claim in guest.identity.nics:
        if claim.network not in {*seen.networks, *seen.networks.broken, SLIRP}:
            yield Finding(
                guest.name, f"is on network {claim.network}, which does not exist",
                f"bsdvirt network create {claim.network}",
            )  # fmt: skip


def _order(seen: Seen, guest: Guest) -> Iterator[Finding]:
    """The guests that it waits for at boot."""
    gone = [name for name in guest.identity.boot.after if name not in seen.found.guests]
    if gone:
        kept = ",".join(name for name in guest.identity.boot.after if name not in gone)
        yield Finding(
            guest.name, f"is to start after {', '.join(gone)} at boot, which does not exist",
            f"bsdvirt set {guest.name} boot.after={kept}", problem=False,
        )  # fmt: skip


# ---- repairs ----


def left_steps(seen: Seen, guest: Guest) -> tuple[Step, ...]:
    """Take away what a stopped guest has left; the notes of how it ended are for its user."""
    spec = seen.specs.get(guest.name)
    return kind_of(guest).clean_steps(seen.view, guest, spec, seen.facts)


def watch_plan(seen: Seen, guest: Guest) -> Plan | None:
    """Plan another process that watches a running guest; None where it has one, or needs none."""
    if not seen.runs(guest):
        return None
    return kind_of(guest).watch_plan(seen.view, guest, seen.facts)
