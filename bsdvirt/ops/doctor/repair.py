"""What is ours is mended; what a person must decide is left as it is."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import kind_of
from bsdvirt.ops.doctor import (
    datasets,
    guests,
    history,
    logs,
    networks,
    orphans,
    pf,
    pools,
    running,
)
from bsdvirt.ops.doctor.seen import Seen, look
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.locking import recover_all
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec


def repair(session: Session) -> list[str]:
    """Repair what is ours; return a line for each thing done. Raises the first error after the
    rest was tried."""
    errors: list[BsdvirtError] = []
    done = datasets.repair(session, errors)
    done += recover_all(session, errors)
    done += pools.repair(session, errors)
    with hold(session, session.inventory().guests, "doctor") as held:
        # Read under their locks.
        seen = look(session)
        names = [name for name in held.names() if name in seen.found.guests]
        for outcome in held.refused:
            if outcome.error is not None:
                done.append(f"{outcome.name}: left alone: {outcome.error.message}")
        for name in names:
            try:
                done += _guest(session, seen, seen.found.guests[name], errors)
            except Exception as error:
                errors.append(as_told(error))
        done += _orphans(session, seen.specs, errors)
        done += logs.repair(session, seen.found, errors)
        done += history.repair(session, seen.found, errors)
        done += networks.repair(session, seen, errors)
        # The bridges are there now.
        done += running.mend(session, look(session, seen.specs), names, errors)
        done += pf.repair(session, seen, errors)
    if errors:
        raise errors[0]
    return done


def _guest(session: Session, seen: Seen, guest: Guest, errors: list[BsdvirtError]) -> list[str]:
    plan = guests.watch_plan(seen, guest)
    if plan is not None and attempt(session, plan, errors):
        return [f"{guest.name}: {kind_of(guest).unwatched[2]}"]
    if seen.runs(guest):
        return []
    steps = guests.left_steps(seen, guest)
    plan = Plan("clean", guest.name, finish=steps, op=session.new_op(), must_journal=False)
    return _took(plan) if attempt(session, plan, errors) else []


def _orphans(
    session: Session, known: Mapping[str, GuestSpec], errors: list[BsdvirtError]
) -> list[str]:
    """Remove what belongs to no guest. No guest is created meanwhile."""
    with session.locked("allocation", "", "doctor"):
        steps = orphans.steps(session, look(session, known))
        plan = Plan("clean", "host", "host", finish=steps, op=session.new_op(), must_journal=False)
        return _took(plan) if attempt(session, plan, errors) else []


def _took(plan: Plan) -> list[str]:
    return [f"{plan.subject}: took away {step.why}" for step in plan.finish]
