"""Send the guests again that are replicated by themselves, when that is due."""

from __future__ import annotations

from datetime import UTC, datetime

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.ops.send.send import Send
from bsdvirt.ops.show.replicas import is_due
from bsdvirt.plan.locks import is_held
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import ABSENT


def send_due(session: Session) -> list[Outcome]:
    """Send each guest to each host to which that is due. One that is being sent is left alone."""
    outcomes: list[Outcome] = []
    now = datetime.now(UTC)
    for name, guest in sorted(session.inventory().guests.items()):
        try:
            replica = replica_of(guest)
        except BsdvirtError as error:
            outcomes.append(Outcome(name, error=error))
            continue
        if replica is None or replica.role in ABSENT or is_held(session.host.fs, "send", name):
            continue
        for peer in replica.to:
            if is_due(peer, now):
                there = "" if peer.name == name else str(peer.name)
                again = Send(name, str(peer.host), there, peer.pool, peer.limit)
                outcomes += carry_out(session, again)
    return outcomes
