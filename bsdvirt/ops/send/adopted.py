"""Adopt guests that `bsdvirt send` has brought here."""

from __future__ import annotations

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Foreign
from bsdvirt.guest.send.adopted import (
    Unfinished,
    adopt_steps,
    finish_steps,
    refuse_adoption,
    unfinished,
)
from bsdvirt.guest.send.plan import note_step
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.ops.send.source import own_id, tag_for
from bsdvirt.plan.step import Step
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import Origin
from bsdvirt.zfs.sending import read_received
from bsdvirt.zfs.snapshots import read_parts
from bsdvirt.zfs.values import Value, read_values

SEALED = Value("on", "local")
"""What receiving sets."""


class Arrived(Struct, frozen=True):
    """What adopting a received guest changes besides its identity."""

    steps: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()


NOTHING = Arrived()


def arrived(session: Session, foreign: Foreign, *, promoted: bool, keep: bool) -> Arrived:
    """Return the steps for a guest that was received; none for another foreign guest.

    Raises ConflictError for a standby, unless it is `promoted`, for one that is not whole, and for
    one that was given to another host.
    """
    replica = replica_of(foreign)
    if replica is None:
        return NOTHING
    if replica.role == "source":
        # Its pool was moved here. With another identity, its replicas are not its own.
        return NOTHING if keep else Arrived((note_step(foreign, None),))
    name, origin = foreign.name, refuse_adoption(foreign, replica)
    if replica.role == "standby" and not promoted:
        raise ConflictError(
            f"{name} is the standby of a guest of {origin.host}", f"bsdvirt standby promote {name}"
        )
    if read_unfinished(session, foreign, origin):
        raise ConflictError(
            f"{name}: a later snapshot is here in part",
            f"send it again, from {origin.host}; or bsdvirt standby promote {name}, which goes back"
            f" to that of {origin.time}",
        )
    values = read_values(session.host, [one.name for one in foreign.datasets], ("readonly",))
    sealed = [n for n, held in values.items() if held["readonly"] == SEALED]
    steps = adopt_steps(foreign, replica, sealed, promoted=promoted)
    if promoted:
        # The other host has the snapshot, too: by it, the guest can be sent back.
        return Arrived(steps)
    return Arrived(steps, finish_steps(foreign, origin, _tag(session, foreign, origin)))


def read_unfinished(session: Session, foreign: Foreign, origin: Origin) -> Unfinished:
    """Return what is here of a later snapshot than the one that is here in full."""
    received = read_received(session.host, foreign.dataset)
    parts = read_parts(session.host, [foreign.dataset])
    return unfinished(origin, parts, received.items(), foreign.dataset)


def _tag(session: Session, foreign: Foreign, origin: Origin) -> str:
    return tag_for(origin.uuid, own_id(session), foreign.name)
