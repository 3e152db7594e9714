"""What a host does with a guest that another host gives to it, or wants back."""

from __future__ import annotations

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.send.moved import plan_again_standby, writable
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.kinds import is_running
from bsdvirt.ops.adopt import Adopt
from bsdvirt.ops.power.start import StartGuests
from bsdvirt.ops.send.promote import standby
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import Part, carry_out_one, run_part
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import Replica
from bsdvirt.spec.send import Done, Hand
from bsdvirt.zfs.sending import read_received
from bsdvirt.zfs.snapshots import read_parts
from bsdvirt.zfs.values import read_values


def adopt_given(session: Session, name: str, uuid: str, *, start: bool) -> list[Outcome]:
    """Adopt a guest that its host has given to this one, and start it; what was done already is not
    done again. Raises ConflictError for another guest."""
    found = session.inventory()
    done: list[Outcome] = []
    if name in found.guests:
        if not _was(found.guests[name], uuid):
            raise ConflictError(f"{name} is another guest", f"bsdvirt info {name}")
    else:
        _, origin = standby(found, name)
        if origin.uuid != uuid:
            raise ConflictError(f"{name} is the standby of another guest", f"bsdvirt info {name}")
        done.append(_adopt(session, name))
    if start:
        done.append(carry_out_one(session, StartGuests((name,))))
    return done


def _adopt(session: Session, name: str) -> Outcome:
    try:
        return carry_out_one(session, Adopt((name,), keep=True, promoted=True, moved=True))
    except ConflictError:
        # A guest of this host has one of its claims.
        return carry_out_one(session, Adopt((name,), promoted=True, moved=True))


def _was(guest: Guest, uuid: str) -> bool:
    """Whether a guest was the replica of that one."""
    replica = replica_of(guest)
    return replica is not None and replica.origin is not None and replica.origin.uuid == uuid


def answer_back(session: Session, asked: Hand) -> Done:
    """Give a guest back to the host that it came from. Its lock is held.

    Raises ConflictError for one that runs, or that was changed here.
    """
    name = str(asked.name)
    guest = session.inventory().guests.get(name)
    if guest is None or not _was(guest, asked.uuid):
        return Done(message=f"{name} is not a guest here")
    if is_running(guest, read_jails(session.host), session.host.fs):
        raise ConflictError(f"{name} runs", f"bsdvirt stop {name}, on that host")
    replica = replica_of(guest)
    origin = replica.origin if replica else None
    assert origin is not None
    if origin.id != asked.host or not _unchanged(session, guest, origin.guids):
        raise ConflictError(
            f"{name} was changed there since it came",
            f"bsdvirt send {name} HOST --move, on that host, brings it back with its changes",
        )
    if not asked.look:
        names = [dataset.name for dataset in guest.datasets]
        values = read_values(session.host, names, ("readonly",))
        opened = writable((one, held["readonly"].value) for one, held in values.items())
        again = msgspec.structs.replace(Replica(role="standby"), origin=origin)
        plan = plan_again_standby(guest, asked.identity, again, opened, session.new_op())
        run_part(session, Part(plan))
    return Done(message=f"{name} is a standby there again")


def _unchanged(session: Session, guest: Guest, guids: dict[str, int]) -> bool:
    """Whether a guest is as it was received."""
    received = read_received(session.host, guest.dataset)
    newest = {part.dataset: part.guid for part in read_parts(session.host, [guest.dataset])}
    prefix = len(guest.dataset) + 1
    return all(
        one.written == 0 and newest.get(name) == guids.get(name[prefix:])
        for name, one in received.items()
    )
