"""Export guests to archives."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from bsdvirt import __version__
from bsdvirt.errors import ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.archive.export import Source, Target, plan_export
from bsdvirt.guest.archive.manifest import FORMAT, MOST_STREAMS, Entry, Form, Kind, Manifest, named
from bsdvirt.guest.archive.parts import Place
from bsdvirt.guest.inventory import Guest, need_unlocked
from bsdvirt.guest.send.plan import hold_step, release_step
from bsdvirt.guest.snapshots.plan import SECONDS, between, take_step
from bsdvirt.guest.snapshots.sets import Snapshot, free_name
from bsdvirt.guest.snapshots.sets import named as snapshot_named
from bsdvirt.host import tools
from bsdvirt.kinds import is_running, kind_of, kind_of_spec, load_spec
from bsdvirt.ops.snapshots.hooks import snapshot_hooks
from bsdvirt.ops.snapshots.read import read_one
from bsdvirt.ops.snapshots.take import RUNNING, name_of
from bsdvirt.plan.step import Command, DatasetOwned, Not, Step
from bsdvirt.session.batch import hold
from bsdvirt.session.locking import GUEST_WAIT_SECONDS
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.snapshot import Stamp
from bsdvirt.zfs import Dataset

SECRETS = "it has the guest's file, with its passwords: only root may read it"
AGE = "/usr/local/bin/age"
TAG = "bsdvirt-export"
WHY = "nothing can destroy the snapshot until the archive is written"


class Export(Struct, frozen=True):
    """Write an archive of a guest, as it is or as it was in a snapshot."""

    name: str
    target: Target
    snapshot: str = ""
    """One of its snapshots; by default one is taken, and removed afterwards."""
    portable: bool = False
    """As files and disks, which can be read without ZFS."""
    plain: bool = False
    """Decrypt encrypted datasets."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError, ConflictError and UsageError for a file that cannot be written."""
        with hold(session, [self.name], "export") as held, contextlib.ExitStack() as stack:
            for name in held.names():
                lock = session.lock("export", name, "export", wait=GUEST_WAIT_SECONDS)
                if lock is not None:
                    stack.callback(lock.release)
            check_target(session, self.target)
            tasks = plan_each(
                held.names(), lambda name: self._task(session, name, lambda: held.release(name))
            )
            yield Prepared(session, [*refused(held.refused), *tasks])

    def _task(self, session: Session, name: str, release: Callable[[], None]) -> Task:
        """Plan it. The guest's lock is released once there is a snapshot that nothing can
        destroy."""
        found = session.inventory()
        guest = found.guest(name)
        session.need_mounted(found, guest.layout)
        need_own_root(guest)
        if self.plain or self.portable:
            need_unlocked(guest)
        op, time = session.new_op(), session.draws.time(name)
        snapshots = read_one(session, guest)
        old = snapshot_named(snapshots, name, self.snapshot) if self.snapshot else None
        running = is_running(guest, read_jails(session.host), session.host.fs)
        if old is not None:
            running = old.stamp.running if old.stamp is not None else False
        snapshot = self.snapshot or free_name(snapshots, f"export-{name_of(time)}")
        source = Source(guest, snapshot, guest.layout.guest_directory(name))
        entries, left = self._entries(session, source, old)
        manifest = Manifest(
            format=FORMAT, by=f"bsdvirt {__version__}", name=name, kind=kind_of(guest).name,
            created=time, host=session.host_id, uuid=guest.identity.uuid, snapshot=snapshot,
            running=running, release=guest.identity.release, tags=list(guest.identity.tags),
            compress="none" if self.target.compress == "none" else "zstd", streams=entries,
        )  # fmt: skip
        full = f"{guest.dataset}@{snapshot}"
        before: tuple[Step, ...] = (hold_step(full, TAG, WHY),)
        after: tuple[Step, ...] = (release_step(full, TAG),)
        notes: tuple[str, ...] = (RUNNING,) if running else ()
        if old is None:
            stamp = Stamp(time=time, why="export", uuid=guest.identity.uuid, running=running)
            first, last, unread = snapshot_hooks(session, guest, running=running)
            before = between(first, [take_step(guest, snapshot, stamp, op), *before], last)
            after = (*after, _removed(full, op))
            notes += unread
        plan = plan_export(source, manifest, self.target, op, before=before, after=after)
        notes += tuple(f"{part} is not in it: the guest's file does not name it" for part in left)
        notes += _notes(entries, portable=self.portable)
        if self.target.encrypt == "none":
            notes += (SECRETS,)
        where = "standard output" if self.target.piped else self.target.file
        # A clone that a disk is read from is among the guest's datasets.
        alone = any(entry.form == "raw" for entry in entries)
        part = Part(plan, home=guest.layout, claimed=None if alone else release)
        return Task(
            name, (part,), f"exported to {where}", notes,
            varying=() if old is not None else (snapshot, time),
        )  # fmt: skip

    def _entries(
        self, session: Session, source: Source, old: Snapshot | None
    ) -> tuple[list[Entry], list[str]]:
        """Return the streams, and the datasets that are left out."""
        guest = source.guest
        parts = kind_of(guest).archived(_spec(session, source, old))
        prefix = f"{guest.dataset}/"
        there: list[tuple[Dataset, str, Place]] = []
        left: list[str] = []
        for dataset in guest.datasets[1:]:
            part = dataset.name.removeprefix(prefix)
            place = parts.place(part, dataset.kind)
            if place is None or (old is not None and old.part_of(dataset.name) is None):
                left.append(part)
            else:
                there.append((dataset, part, place))
        missing = [part for part in parts.places if part not in {one for _, one, _ in there}]
        if missing:
            raise ConflictError(
                f"{guest.name}@{source.snapshot} has no {missing[0]}, which the guest's file names",
                f"bsdvirt snapshot ls {guest.name} shows what is in each",
            )
        directory = source.seen("") if old is not None else source.directory
        files = [name for name in parts.files if session.host.fs.size(f"{directory}/{name}")]
        ids = named([*(part for _, part, _ in there), *files])
        entries = [
            self._entry(one, dataset, part, place)
            for one, (dataset, part, place) in zip(ids, there, strict=False)
        ]
        entries += [
            Entry(
                id=one, kind="file", form="file", part=name,
                size=session.host.fs.size(f"{directory}/{name}"),
            )
            for one, name in zip(ids[len(there) :], files, strict=True)
        ]  # fmt: skip
        if not 0 < len(entries) <= MOST_STREAMS:
            raise UsageError(
                f"{guest.name} has {len(entries)} datasets, and an archive has 1 to {MOST_STREAMS}",
                "zfs send -R of its dataset",
            )
        return entries, left

    def _entry(self, name: str, dataset: Dataset, part: str, place: Place) -> Entry:
        kind: Kind = "volume" if dataset.kind == "volume" else "filesystem"
        form: Form = "zfs"
        if self.portable and (place.mounted or place.disk):
            form = "raw" if place.disk else "tar"
        raw = bool(dataset.encryption_root) and form == "zfs" and not self.plain
        return Entry(
            id=name, kind=kind, form=form, part=part, size=dataset.referenced,
            volsize=dataset.volsize if kind == "volume" else None, raw=raw,
        )  # fmt: skip


def _spec(session: Session, source: Source, old: Snapshot | None) -> GuestSpec:
    """Return the guest's file, as it is in the snapshot if there is one."""
    guest, fs = source.guest, session.host.fs
    if old is None:
        return load_spec(fs, guest)
    path = source.seen("guest.yaml")
    try:
        text = fs.read_text(path, follow=False)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", f"zfs mount {guest.dataset}") from error
    spec = load_guest(text, path)
    if kind_of_spec(spec) is not kind_of(guest):
        raise UsageError(f"{path} is of another kind of guest", "choose another snapshot")
    return spec


def need_own_root(guest: Guest) -> None:
    """Raise UsageError for a jail whose root is a directory of the user's."""
    if guest.identity.root is not None:
        raise UsageError(
            f"{guest.name}: its root {guest.root} is a directory of yours, and not in its datasets",
            f"tar -cf FILE -C {guest.root} .",
        )


def check_target(session: Session, target: Target) -> None:
    """Raise an error for an archive that cannot be written."""
    fs = session.host.fs
    if not target.piped:
        directory = os.path.dirname(target.file)
        if not fs.is_dir(directory):
            raise NotFoundError(f"{directory} does not exist", "create the directory first")
        if fs.is_dir(target.file):
            raise UsageError(f"{target.file} is a directory", "name a file in it")
        if fs.exists(target.file) and not target.force:
            raise ConflictError(f"{target.file} exists", "choose another name, or add --force")
    if target.encrypt == "age" and not fs.exists(AGE):
        raise HostError(f"{AGE} is not installed", "pkg install age")
    if target.to.startswith("/") and not fs.is_file(target.to):
        raise NotFoundError(f"{target.to} does not exist", "name a file")


def _removed(full: str, op: str) -> Step:
    """Remove the snapshot that was taken for the archive, for a plan's finish."""
    return Step(
        Command((tools.ZFS, "destroy", "-r", full), timeout=SECONDS),
        f"destroy {full}, and the same of all beneath",
        unless=Not(DatasetOwned(full, op)),
        durable=True,
        retry=15.0,
    )


def _notes(entries: Sequence[Entry], *, portable: bool) -> tuple[str, ...]:
    found = []
    if any(entry.raw for entry in entries):
        found.append(
            "encrypted datasets stay encrypted in it, each with its own key: keep that;"
            " --plain decrypts them"
        )
    streams = [entry.part for entry in entries if entry.form == "zfs"]
    if portable and streams:
        found.append(f"streams of zfs(8), as only the jail mounts them: {', '.join(streams)}")
    return tuple(found)
