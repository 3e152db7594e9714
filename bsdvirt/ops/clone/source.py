"""Read what a clone is made of: a guest, one of its snapshots, and the file in that."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import HostError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest, Inventory, need_unlocked
from bsdvirt.guest.snapshots.clone import Content as Content
from bsdvirt.guest.snapshots.clone import contents_now, contents_of
from bsdvirt.guest.snapshots.plan import take_step
from bsdvirt.guest.snapshots.sets import Snapshot, free_name, named
from bsdvirt.kinds import cloner_of, is_running, kind_of, kind_of_spec
from bsdvirt.layout import snapshot_directory
from bsdvirt.ops.snapshots.read import read_one
from bsdvirt.ops.snapshots.take import RUNNING
from bsdvirt.plan.step import Step
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.snapshot import Stamp
from bsdvirt.zfs.values import read_values

FILE = "guest.yaml"


class Source(Struct, frozen=True):
    """A guest to clone, as it is in a snapshot."""

    guest: Guest
    spec: GuestSpec
    """What its file says."""
    snapshot: str
    contents: tuple[Content, ...]
    directory: str
    """The directory of its files: of the snapshot, or, where that is still to be taken, of now."""
    stamp: Stamp | None = None
    """Of the snapshot that is still to be taken; None for one that exists."""
    notes: tuple[str, ...] = ()

    def take(self, op: str) -> Step | None:
        """Return the step that takes the snapshot; None for one that exists."""
        return take_step(self.guest, self.snapshot, self.stamp, op) if self.stamp else None


def read_source(session: Session, found: Inventory, name: str, snapshot: str, first: str) -> Source:
    """Read a guest and a snapshot of it; without a name of one, plan to take it, named after the
    `first` clone. The guest's lock is held.

    Raises NotFoundError, ConflictError, HostError and UsageError.
    """
    guest = found.guest(name)
    session.need_mounted(found, guest.layout)
    need_unlocked(guest)
    cloner_of(kind_of(guest)).refuse(guest)
    every = read_one(session, guest)
    if snapshot:
        return _existing(session, guest, named(every, name, snapshot))
    directory = guest.layout.guest_directory(name)
    if guest.identity.template and (newest := _unchanged(session, guest, every)) is not None:
        return _existing(session, guest, newest)
    running = is_running(guest, read_jails(session.host), session.host.fs)
    stamp = Stamp(
        time=session.draws.time(name), why="clone", uuid=guest.identity.uuid, running=running
    )
    return Source(
        guest, _spec(session, guest, directory), free_name(every, f"clone-{first}"),
        contents_now(guest), directory, stamp, (RUNNING,) if running else (),
    )  # fmt: skip


def _unchanged(session: Session, guest: Guest, every: Sequence[Snapshot]) -> Snapshot | None:
    """Return the newest snapshot of a guest, if it is of the whole guest, and nothing was written
    since; None otherwise."""
    newest = every[-1] if every else None
    if newest is None or newest.main is None or newest.missing:
        return None
    written = read_values(session.host, [one.name for one in guest.datasets], ["written"])
    changed = any(values["written"].value != "0" for values in written.values())
    return None if changed or len(written) < len(guest.datasets) else newest


def _existing(session: Session, guest: Guest, snapshot: Snapshot) -> Source:
    directory = snapshot_directory(guest.layout.guest_directory(guest.name), snapshot.name)
    running = snapshot.stamp is not None and snapshot.stamp.running
    return Source(
        guest, _spec(session, guest, directory), snapshot.name, contents_of(snapshot), directory,
        notes=(RUNNING,) if running else (),
    )  # fmt: skip


def _spec(session: Session, guest: Guest, directory: str) -> GuestSpec:
    """Return what the guest's file says there; no link is followed."""
    path = f"{directory}/{FILE}"
    try:
        spec = load_guest(session.host.fs.read_text(path, follow=False), path)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "choose another snapshot") from error
    if kind_of_spec(spec) is not kind_of(guest):
        kind = guest.identity.kind
        raise HostError(f"{path}: kind: {guest.name} is a {kind}", "choose another snapshot")
    return spec
