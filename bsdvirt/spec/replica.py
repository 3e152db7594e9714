"""The property bsdvirt:replica of guests/NAME: which part this host has in a guest that is on
several hosts. It is set on this host only, and is not sent."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import plain
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.snapshot import SnapshotName
from bsdvirt.spec.types import GuestName, Patterned

PROPERTY = "bsdvirt:replica"
VERSION = 1
MAX_BYTES = 8191
MOST_PEERS = 8
"""Hosts that one guest is sent to."""
MOST_WORDS = 200

Role = Literal["source", "standby", "copy", "moved", "superseded"]
"""`source`: it is replicated to others. `standby`: the replica of a guest of another host. `copy`:
it was sent here once. `moved`: another host has it now. `superseded`: its standby was promoted."""
ABSENT: tuple[Role, ...] = ("moved", "superseded")
"""The roles of a guest that does not start here, because it is another host's now."""


class HostWord(Patterned):
    """A host as ssh(1) takes it."""

    words = "a host"
    pattern = (
        r"([A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}@)?[A-Za-z0-9_.:\[\]%][A-Za-z0-9_.:\[\]%-]{0,252}"
    )
    longest = 320
    rule = "such as backup1 or root@backup1"


class HostId(Patterned):
    """The kern.hostuuid of a host."""

    words = "the id of a host"
    pattern = "[A-Za-z0-9-]{1,64}"
    longest = 64
    rule = "it is the host's kern.hostuuid"


class Interval(Patterned):
    """How often a guest is replicated."""

    words = "an interval"
    pattern = "[1-9][0-9]{0,3}[mhd]"
    longest = 5
    rule = "such as 15m, 4h or 1d"


class Peer(Spec, frozen=True, kw_only=True):
    """Another host that the guest is sent to."""

    host: HostWord
    """As ssh(1) takes it."""
    id: HostId
    name: GuestName
    """The guest's name there."""
    standby: bool = False
    """It is kept up to date there, rather than sent once."""
    every: Interval | None = None
    limit: int = 0
    """Bytes a second; 0 is no limit."""
    pool: str = ""
    snapshot: SnapshotName | None = None
    """The snapshot that is there in full."""
    time: str = ""
    """When that was taken."""
    tried: str = ""
    """When the last run began."""
    error: str = ""
    """Why the last run failed."""


class Origin(Spec, frozen=True, kw_only=True):
    """The guest of another host that this one is a replica of, or was until it was promoted."""

    id: HostId
    host: str = ""
    """That host's own name, for people."""
    name: GuestName
    """The guest's name there."""
    uuid: str
    snapshot: SnapshotName | None = None
    """The snapshot that is here in full; None if there is none yet."""
    time: str = ""
    """When it was taken."""
    guids: dict[str, int] = {}
    """The guid of that snapshot of each of the guest's datasets, by its path."""


class Replica(Spec, frozen=True, kw_only=True):
    """The value of bsdvirt:replica."""

    role: Role
    to: list[Peer] = []
    """Where it is sent to; of a guest that was moved or superseded, the host that has it."""
    origin: Origin | None = None
    sealed: list[str] = []
    """The paths of the datasets that were made read-only when it was moved."""
    v: int = VERSION


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?", re.ASCII)


def replica_from_json(text: str) -> Replica:
    """Return the value of bsdvirt:replica. Raise UsageError for anything else."""
    replica = decode(Replica, parse_json(text, PROPERTY, MAX_BYTES), PROPERTY)
    if replica.v != VERSION:
        raise UsageError(f"{PROPERTY}: version {replica.v} is not known", "upgrade this host")
    times = [time for peer in replica.to for time in (peer.time, peer.tried)]
    times += [replica.origin.time] if replica.origin else []
    if not all(_TIME.fullmatch(time) for time in times):
        raise UsageError(f"{PROPERTY}: a time is not one", f"zfs get {PROPERTY} shows it")
    if replica.role in ("standby", "copy") and replica.origin is None:
        raise UsageError(f"{PROPERTY}: {replica.role} without its origin")
    return replica


def replica_to_json(replica: Replica) -> str:
    """Return compact JSON. Raise UsageError if it is longer than a ZFS property can be."""
    text = msgspec.json.encode(plain(replica)).decode()
    if len(text.encode()) > MAX_BYTES:
        raise UsageError(
            f"{PROPERTY} would take more than {MAX_BYTES} bytes", "the guest has too many datasets"
        )
    return text
