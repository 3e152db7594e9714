"""Import guests from archives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from bsdvirt.errors import HostError, UsageError
from bsdvirt.facts.host import read_kernel
from bsdvirt.guest.archive.receive import plan_import
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import cloner_of, kind_of
from bsdvirt.layout import Layout
from bsdvirt.library.plans.releases import refuse_newer
from bsdvirt.library.private_copy import held
from bsdvirt.library.progress import amount
from bsdvirt.ops.archive.read import Incoming, need_networks, read
from bsdvirt.ops.create.guests import Around, Create, made
from bsdvirt.ops.foreign import brief
from bsdvirt.ops.network import macs
from bsdvirt.plan.events import Warned
from bsdvirt.plan.step import Plan
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity

VERB = "import"
NO_HOST = "00000000-0000-0000-0000-000000000000"
"""The host of a foreign guest that was written to its archive here."""


class Import(Struct, frozen=True):
    """Create a guest from an archive, with an identity of its own. It does not start at boot."""

    file: str
    """Its absolute path."""
    name: str = ""
    """The guest's name here; by default that in the archive."""
    pool: Layout | None = None
    changes: tuple[tuple[str, str], ...] = ()
    """Properties to set in its file."""
    key: str = ""
    foreign: bool = False
    """Leave it foreign: it claims nothing of this host, and is to be adopted later."""
    new_keys: bool = False
    """Remove host keys, machine ids and DHCP leases from its root, as from that of a clone."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Check the archive, or a private copy where other users could change it, and plan."""
        subject = self.name or "archive"
        with held(session, self.file, VERB, subject) as file:
            incoming = read(session, file, self.file, self.key, self.changes)
            name = self.name or incoming.shown.manifest.name
            if not self.foreign:
                need_networks(session, incoming.spec)
            tags = tuple(incoming.shown.manifest.tags)
            order = ArchiveOrder(incoming, self.foreign)
            create = Create((name,), order, Boot(), self.pool, tags=tags)
            if self.new_keys and any(one.entry.raw for one in incoming.packed.streams):
                raise UsageError(
                    f"{name}: its datasets are encrypted with a key that is not here",
                    "import it as it is, load the key, and clone it: a clone has keys of its own",
                )
            with create.prepare(session) as prepared:
                if self.new_keys:
                    tasks = [_clearing(session, task, incoming) for task in prepared.tasks]
                    prepared = structs.replace(prepared, tasks=tasks)
                yield prepared


def _clearing(session: Session, task: Task, incoming: Incoming) -> Task:
    """Return the task of an import that also removes what two guests must not share. What its root
    holds is not known before it is unpacked."""
    if task.error:
        return task
    name, manifest = task.name, incoming.shown.manifest
    found = "host keys, machine ids and leases are removed once they are unpacked"
    shown = Plan("clear", name, reason=found, op=session.new_op())

    def plan() -> Plan:
        fs, guest, spec = session.host.fs, session.inventory().guest(name), incoming.spec
        cloner = cloner_of(kind_of(guest))
        old = {manifest.name, str(spec.hostname or manifest.name)}
        contents = cloner.contents(guest.layout.guest_directory(name))
        cleared = cloner.clear(fs, guest, spec, contents, old)
        op = session.new_op()
        for note in cleared.notes:
            session.sink(Warned(op, "import", name, note))
        return Plan("clear", name, steps=cleared.steps, reason="its root holds none", op=op)

    return structs.replace(task, parts=(*task.parts, Part(shown, again=plan, depends=True)))


class ArchiveOrder(Struct, frozen=True):
    """A guest from an archive, as what it is made of."""

    incoming: Incoming
    foreign: bool = False
    releases: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @property
    def spec(self) -> GuestSpec:
        """What it claims of this host: a foreign guest has no networks and no ports here."""
        spec = self.incoming.spec
        return structs.replace(spec, nics=[], expose=[]) if self.foreign else spec

    def read(self, name: str, boot: Boot, around: Around) -> ArchiveMaker:
        """Raises HostError for a guest that is larger than the pool's free space, or whose release
        is newer than this host."""
        need_space(around, sum(one.checksum.length for one in self.incoming.packed.streams))
        if release := self.incoming.shown.manifest.release:
            refuse_newer(release, read_kernel(around.session.host).release)
        return ArchiveMaker(self.incoming, around, self.foreign)


class ArchiveMaker(Struct, frozen=True):
    """Plans the creation of a guest from an archive."""

    incoming: Incoming
    around: Around
    foreign: bool = False

    def claim(self, guest: Guest, known: Sequence[Guest]) -> Identity:
        """Return the identity, with the release that the guest was made of."""
        del known
        manifest, host = self.incoming.shown.manifest, guest.identity.host
        if self.foreign:
            host = manifest.host if manifest.host not in ("", host) else NO_HOST
        return structs.replace(guest.identity, release=manifest.release, host=host)

    def plan(self, guest: Guest, op: str) -> Plan:
        """Plan it from the archive."""
        incoming = self.incoming
        return plan_import(guest, incoming.packed, incoming.parts, incoming.config, op)

    def contents(self) -> str | None:
        """Return None: its root is in the archive."""
        return None

    def words(self, guest: Guest) -> tuple[str, tuple[str, ...]]:
        """Note what it asks of this host, and that it does not start at boot."""
        incoming, name = self.incoming, guest.name
        if self.foreign:
            return "imported, as a foreign guest", (f"to use it here: bsdvirt adopt {name}",)
        notes = [f"it asks for {key}: {brief(value)}" for key, value in incoming.asks.items()]
        notes += macs.notes(self.around.session, name, incoming.spec)
        if any(one.entry.raw for one in incoming.packed.streams):
            notes.append(
                "its datasets are encrypted with the key of the host that it came from:"
                f" zfs load-key -r {guest.dataset}, then zfs mount -a"
            )
        notes.append(f"it does not start at boot: bsdvirt set {name} boot.auto=yes changes that")
        message = made("", guest.identity).removeprefix("created")
        return f"imported{message}", tuple(notes)


def need_space(around: Around, size: int) -> None:
    """Raise HostError for more bytes than the pool has free."""
    room = around.found.top(around.home).available
    if size > room:
        raise HostError(
            f"the guest has {amount(size)}, and only {amount(room)} are free in"
            f" {around.home.dataset}",
            "free space, or choose another pool with --pool",
        )
