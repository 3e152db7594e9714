"""What a host reads of a guest before it sends it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from bsdvirt.errors import HostError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.send.choose import Source, sources
from bsdvirt.guest.snapshots.sets import Snapshot, snapshots_of
from bsdvirt.host import tools
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.session.session import Session
from bsdvirt.spec.load import identity_to_json
from bsdvirt.spec.replica import HostId
from bsdvirt.spec.send import Offer
from bsdvirt.spec.snapshot import PROPERTY, SnapshotName
from bsdvirt.spec.types import GuestName
from bsdvirt.zfs.reclaim import read_holds
from bsdvirt.zfs.sending import read_bookmarks
from bsdvirt.zfs.snapshots import read_parts, read_values_of

TAG = "bsdvirt:send-"
"""The beginning of the tags of holds."""


class Sources(Struct, frozen=True):
    """A guest's datasets and snapshots."""

    guest: Guest
    every: tuple[Source, ...]
    snapshots: tuple[Snapshot, ...]

    def held(self, tags: Mapping[str, Sequence[str]], tag: str) -> list[Snapshot]:
        """Return the snapshots of ours that are held with a tag."""
        return [one for one in self.snapshots if one.ours and tag in tags.get(one.full, ())]


def read_sources(session: Session, guest: Guest) -> Sources:
    """Read the guest's datasets, snapshots and bookmarks. Raises ConflictError, CommandError."""
    host = session.host
    parts = read_parts(host, [guest.dataset])
    values = read_values_of(host, [guest.dataset], PROPERTY, OP_PROPERTY)
    bookmarks = read_bookmarks(host, guest.dataset)
    every = sources(guest, parts, bookmarks)
    return Sources(guest, every, tuple(snapshots_of(guest, parts, values)))


def held_with(session: Session, found: Sources, tag: str) -> list[Snapshot]:
    """Return the snapshots that earlier runs hold with a tag."""
    mains = [one.full for one in found.snapshots if one.main and one.main.holds]
    return found.held(read_holds(session.host, mains), tag)


def tag_for(uuid_text: str, host: str, name: str) -> str:
    """Return the tag of the holds of one guest and one receiving host: both sides know it."""
    return f"{TAG}{uuid.uuid5(uuid.UUID(uuid_text), f'{host}/{name}')}"


def label(session: Session) -> str:
    """Return this host's own name, for people on the other."""
    argv = (tools.SYSCTL, "-n", "kern.hostname")
    return session.host.run(argv, changes=False).stdout.strip()[:64] or "another host"


SAME_HOST = (
    "if one is a clone of the other: service hostid reset on it, and restart it; then zpool import"
    " -f its pool, and adopt its guests"
)
"""What to do where two hosts have the same id; it is read once per boot."""


def own_id(session: Session) -> HostId:
    """Return this host's id. Raises HostError if it has none."""
    if not session.host_id:
        raise HostError("kern.hostuuid is not set: other hosts could not tell this one apart",
                        "service hostid start; sysctl kern.hostuuid")  # fmt: skip
    return HostId.parse(session.host_id)


def offer_of(
    session: Session,
    found: Sources,
    name: str,
    snapshot: str,
    time: str,
    *,
    standby: bool,
    pool: str,
    look: bool,
) -> Offer:
    """Return the offer of a guest."""
    guest = found.guest
    return Offer(
        host=own_id(session),
        label=label(session),
        guest=GuestName.parse(guest.name),
        name=GuestName.parse(name),
        kind=guest.identity.kind,
        identity=identity_to_json(msgspec.structs.replace(guest.identity, host=own_id(session))),
        snapshot=SnapshotName.parse(snapshot),
        time=time,
        standby=standby,
        pool=pool,
        look=look,
        datasets=[source.sent() for source in found.every],
    )


def needed(snapshots: Sequence[Snapshot], bases: Sequence[str]) -> list[Snapshot]:
    """Return the snapshots without those that have one of the bases."""
    return [one for one in snapshots if not {part.full for part in one.parts} & set(bases)]
