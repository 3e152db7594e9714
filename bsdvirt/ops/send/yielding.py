"""Give a guest up to the host that has its standby, when that asks for it."""

from __future__ import annotations

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.send.plan import plan_note
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.kinds import is_running
from bsdvirt.session.prepared import Part, run_part
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import ABSENT
from bsdvirt.spec.send import Done, Yield


def answer_yield(session: Session, asked: Yield) -> Done:
    """Mark the guest as superseded, so that it does not start here any more. Its lock is held.

    Raises ConflictError for one that runs, or that the other host has no standby of.
    """
    name = str(asked.guest)
    found = session.inventory()
    guest = found.guests.get(name)
    if guest is None or guest.identity.uuid != asked.uuid:
        return Done(message=f"there is no such guest {name} any more")
    replica = replica_of(guest)
    if replica is not None and replica.role in ABSENT:
        return Done(message=f"{name} is {replica.role}")
    peers = [one for one in (replica.to if replica else ()) if one.id == asked.host]
    if replica is None or not any(one.standby and one.name == asked.name for one in peers):
        raise ConflictError(
            f"{name} is not replicated to {asked.label}",
            f"bsdvirt send {name} HOST --replicate, on this host",
        )
    if is_running(guest, read_jails(session.host), session.host.fs):
        raise ConflictError(f"{name} runs", f"bsdvirt stop {name}, on that host")
    if not asked.look:
        given = msgspec.structs.replace(replica, role="superseded", to=peers[:1])
        run_part(session, Part(plan_note(guest, given, session.new_op())))
    return Done(message=f"{name} does not start there any more")
