"""What a clone is: the file of its source with an identity of its own, and its data."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.clone import Cloner, Origin, Setting, plan_clone
from bsdvirt.guest.snapshots.unique import without_unique
from bsdvirt.kinds import cloner_of, kind_of, kind_of_spec
from bsdvirt.layout import guest_log_directory
from bsdvirt.net.files import Networks
from bsdvirt.ops.clone.source import Source
from bsdvirt.ops.create.guests import Around, made
from bsdvirt.ops.network import macs
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.exclusive import passed_notes
from bsdvirt.plan.step import FileExists, MakeDirectory, Plan, Step
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.paths import set_paths


class CloneOrder(Struct, frozen=True):
    """What clones of one source are made of: for each name the same."""

    source: Source
    spec: GuestSpec
    """What the file of each will say."""
    full: bool = False
    keep_keys: bool = False
    taking: bool = False
    """The plan of the clone takes the snapshot first; otherwise it is there by then."""
    notes: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def read(self, name: str, boot: Boot, around: Around) -> CloneMaker:
        """Raises for what this host cannot run, and as the kind's checks of a change do."""
        kind, source = kind_of_spec(self.spec), self.source
        kind.check_change(around.session.host, source.guest, source.spec, self.spec)
        kind.check_ready(name, self.spec, boot)
        return CloneMaker(self, around, cloner_of(kind))


def file_of_copy(
    source: Guest,
    before: GuestSpec,
    assignments: Sequence[tuple[str, str]],
    networks: Networks,
) -> tuple[GuestSpec, tuple[str, ...]]:
    """Return what the file of a copy says: that of its source `before`, with these properties set,
    and without what only one guest can have; with notes. Raises UsageError."""
    after = set_paths(before, assignments)
    after, notes = without_unique(source.name, before, after, networks)
    after, more = cloner_of(kind_of(source)).own(source, before, after)
    return after, (*notes, *more)


class CloneMaker(Struct, frozen=True):
    """Plans clones."""

    order: CloneOrder
    around: Around
    cloner: Cloner[GuestSpec]

    def claim(self, guest: Guest, known: Sequence[Guest]) -> Identity:
        """Return the identity, with the release that the source was made of."""
        del known
        return structs.replace(guest.identity, release=self.order.source.guest.identity.release)

    def plan(self, guest: Guest, op: str) -> Plan:
        """Plan a clone: its datasets, its files, what is cleared in its root, then the hooks."""
        order, session = self.order, self.around.session
        spec, source = order.spec, order.source
        origin = Origin(
            source.guest, source.snapshot, source.contents, order.full,
            source.take(op) if order.taking else None,
        )  # fmt: skip
        own = self.cloner.settings(
            session.host.fs, guest, spec, self.around.networks, self._contents()
        )
        created = hooks.steps(session, "created", spec.hooks.created, guest)
        if created:
            directory = guest_log_directory(guest.name)
            logs = Step(MakeDirectory(directory, 0o700), "its logs", unless=FileExists(directory))
            created = (logs, *created)
        return plan_clone(
            guest, spec, origin, op, self.cloner.data(guest, spec, origin, op),
            settings=own.steps, last=(*self._cleared(guest).steps, *created),
        )  # fmt: skip

    def _contents(self) -> str:
        return self.cloner.contents(self.order.source.directory)

    def _cleared(self, guest: Guest) -> Setting:
        if self.order.keep_keys:
            return Setting()
        source = self.order.source
        old = {source.guest.name, str(source.spec.hostname or source.guest.name)}
        fs = self.around.session.host.fs
        return self.cloner.clear(fs, guest, self.order.spec, self._contents(), old)

    def contents(self) -> str | None:
        """Return the root of the source."""
        return self._contents() or None

    def words(self, guest: Guest) -> tuple[str, tuple[str, ...]]:
        """Note what is not as in the source, and what both still share."""
        order, session = self.order, self.around.session
        source, spec = order.source, order.spec
        origin = Origin(source.guest, source.snapshot, source.contents, order.full)
        lines = (*source.notes, *order.notes)
        lines += self.cloner.data(guest, spec, origin, "").notes
        lines += self._cleared(guest).notes
        lines += macs.notes(session, guest.name, spec)
        lines += passed_notes(session, self.around.found, guest.name, spec)
        how = "as a full copy of" if order.full else "from"
        return made(f"{how} {origin.words}", guest.identity), lines
