"""Show the guests that are on several hosts, and what is wrong with their replicas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Foreign, Guest, Inventory
from bsdvirt.guest.send.replica import UNREADABLE, replica_of
from bsdvirt.rows.base import TIME
from bsdvirt.rows.guest import Replica as Row
from bsdvirt.rows.host import Finding
from bsdvirt.spec.replica import ABSENT, Interval, Peer

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LATE = 3
"""Intervals after which a replica is late."""


def fields(guest: Guest | Foreign) -> dict[str, Any]:
    """Return the fields of a row on replication."""
    try:
        replica = replica_of(guest)
    except BsdvirtError:
        return {"role": UNREADABLE}
    if replica is None:
        return {}
    rows = [
        Row(
            host=str(one.host), name=str(one.name), time=one.time, every=str(one.every or ""),
            error=one.error,
        )
        for one in replica.to
    ]  # fmt: skip
    if (origin := replica.origin) is not None and not rows:
        time = origin.time if origin.snapshot else ""
        rows = [Row(host=origin.host, name=str(origin.name), time=time, every="", error="")]
    return {"role": replica.role, "replicas": rows}


def seconds_of(interval: Interval) -> float:
    """Return the length of an interval."""
    return timedelta(**{UNITS[interval[-1]]: int(interval[:-1])}).total_seconds()


def age(time: str, now: datetime) -> float:
    """Return how many seconds ago a time was; a very long time for an empty one."""
    if not time:
        return float("inf")
    return (now - datetime.strptime(time, TIME).replace(tzinfo=UTC)).total_seconds()


def is_due(peer: Peer, now: datetime) -> bool:
    """Return whether a guest is to be sent to a host again."""
    return peer.every is not None and age(peer.tried, now) >= seconds_of(peer.every)


def findings(found: Inventory) -> Iterator[Finding]:
    """Yield the guests whose replicas are late or failed."""
    now = datetime.now(UTC)
    for name, guest in found.guests.items():
        try:
            replica = replica_of(guest)
        except BsdvirtError as error:
            yield Finding(name, error.message, f"zfs inherit bsdvirt:replica {guest.dataset}")
            continue
        if replica is None or replica.role in ABSENT:
            continue
        for peer in replica.to:
            again = f"bsdvirt send {name} {peer.host}"
            if peer.error:
                yield Finding(name, f"the last send to {peer.host} failed: {peer.error}", again)
            elif peer.every and age(peer.time, now) > LATE * seconds_of(peer.every):
                since = f"of {peer.time}" if peer.time else "not there in full yet"
                what = f"its replica on {peer.host} is {since}, and is to be sent each {peer.every}"
                yield Finding(name, what, again)
