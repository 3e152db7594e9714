"""Jails in ZFS streams. Their configuration is in a file system, and can be read only once that is
received: so they are received first, into a dataset of their own, and become guests then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.guest.inventory import refuse_stray
from bsdvirt.host import tools
from bsdvirt.jail.root import Origin
from bsdvirt.layout import Layout
from bsdvirt.library import files, formats
from bsdvirt.library.foreign import appjail, bastille, iocage, streams
from bsdvirt.library.foreign.found import Draft, shown, usable
from bsdvirt.library.plans.incoming import Feed, plan_discard, plan_receive
from bsdvirt.library.private_copy import held
from bsdvirt.ops.create.guests import Create
from bsdvirt.ops.migrate import archives, places
from bsdvirt.ops.migrate.request import VERB, Coming, coming
from bsdvirt.ops.migrate.seen import Seen
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot

MOST_MEMBERS = 16


class Feeds(Struct, frozen=True):
    """The streams in a file."""

    name: str
    """The guest's name there."""
    streams: tuple[Feed, ...]


def find(session: Session, file: str, path: str) -> Feeds | None:
    """Return the streams in a file; None if it is something else. Raises UsageError for streams
    that are no jail, and as a missing file does."""
    head, _ = files.file_size(session, file)
    packed = formats.compression(head)
    stream = streams.header(files.beginning(head))
    if stream is not None:
        return _single(file, path, stream, packed)
    if not (packed or head.startswith(archives.ZIP)):
        return None
    members = archives.stream_members(session, file)
    if not members and packed == "zst" and not archives.is_readable(session, file):
        # Its first bytes are not known before it is unpacked: zfs(8) refuses all but a stream.
        return Feeds(archives.stem(path), (Feed((*formats.UNPACKERS[packed], file)),))
    return _exported(file, path, members) if members else None


def _single(file: str, path: str, stream: streams.Stream, packed: str) -> Feeds:
    if stream.volume or stream.incremental:
        what = "of a volume" if stream.volume else "incremental"
        raise UsageError(f"{path} is a ZFS stream, {what}", "zfs receive it where it belongs")
    command = (
        (*formats.UNPACKERS[packed], file)
        if packed
        else (tools.DD, f"if={file}", "bs=1m", "status=progress")
    )
    read = (bastille.ROOT,) if stream.compound and stream.made_by == bastille.TOOL else ()
    name = stream.snapshot.partition("@")[0].rpartition("/")[2]
    return Feeds(name, (Feed(command, read=read),))


def _exported(file: str, path: str, members: list[str]) -> Feeds:
    """The members of an export of iocage's: NAME_DATE first, then NAME_DATE_root."""
    by = {archives.child_of(one): one for one in members}
    if not {"", iocage.ROOT} <= by.keys() or len(members) > MOST_MEMBERS:
        raise UsageError(
            f"{path} does not contain the streams of one jail", "iocage export NAME makes it"
        )
    name = archives.jail_of(by[""])
    feeds = [Feed((tools.TAR, "-xOqf", file, by[child]), child) for child in ("", iocage.ROOT)]
    return Feeds(name, tuple(feeds))


class Receive(Struct, frozen=True):
    """Receive the streams in a file."""

    file: str
    name: str
    pool: Layout | None = None

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Plan to receive a private copy of a file that other users could change. Raises
        ConflictError if there is a guest of that name, or something was received for it."""
        name = self.name
        with (
            hold(session, (name,), VERB) as locks,
            held(session, self.file, VERB, name) as file,
        ):
            if locks.refused:
                yield Prepared(session, refused(locks.refused))
                return
            found = session.inventory()
            session.need_mounted(found, self.pool)
            if name in found.guests:
                raise ConflictError(f"guest {name} already exists", f"bsdvirt info {name}")
            refuse_stray(found, name)
            home = self.pool or found.layout
            top = home.incoming(name)
            if any(dataset.name == top for dataset in found.datasets):
                raise ConflictError(f"{top} exists already", f"zfs destroy -r {top}, and again")
            feeds = find(session, file, self.file)
            if feeds is None:
                raise UsageError(f"{self.file} is no longer a stream", "was it replaced?")
            plan = plan_receive(name, feeds.streams, self.file, home, session.new_op())
            note = "its configuration is read from what was received"
            yield Prepared(session, [Task(name, (Part(plan, home=home),), "received", (note,))])


class Settle(Struct, frozen=True):
    """Create a guest from what was received."""

    file: str
    name: str
    pool: Layout | None = None
    changes: tuple[tuple[str, str], ...] = ()

    def coming(self, session: Session) -> Coming:
        """Read its configuration. Raises UsageError for one that is no jail's."""
        home = self.pool or session.layout
        seen = _seen(session, home, self.name, self.file)
        return coming(session, seen, self.name, self.changes)

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        order = self.coming(session).order
        with Create((self.name,), order, Boot(), self.pool).prepare(session) as prepared:
            yield prepared


def _seen(session: Session, home: Layout, name: str, path: str) -> Seen:
    """Return the jail that was received: its configuration beside its root, or a root alone."""
    top, directory = home.incoming(name), home.incoming_directory(name)
    there = {one.name: one for one in session.zfs.datasets(top)}
    if top not in there:
        raise NotFoundError(f"{top} does not exist", "import the file again")

    def origin(child: str) -> Origin:
        dataset = f"{top}/{child}" if child else top
        if child and dataset not in there:
            raise UsageError(f"{path} has no {child}", "export the jail again")
        return Origin("received", path, dataset)

    has = session.host.fs.is_file_beneath
    if has(directory, bastille.CONFIG):
        found = bastille.read(places.texts(session, directory, bastille.FILES), path, name)
        return Seen(found, origin(bastille.ROOT))
    if has(directory, iocage.CONFIG):
        found = iocage.read(places.texts(session, directory, iocage.FILES), path, name)
        return Seen(found, origin(iocage.ROOT))
    if has(directory, appjail.CONFIG):
        found = appjail.read(places.texts(session, directory, appjail.FILES), path, name)
        return Seen(found, origin(appjail.ROOT))
    if not has(directory, archives.FREEBSD) and not has(directory, archives.LINUX):
        raise UsageError(
            f"{path} is neither a jail of Bastille, iocage or AppJail, nor the root of one",
            "zfs receive it yourself, and look at it",
        )
    userland = "freebsd" if has(directory, archives.FREEBSD) else "linux"
    draft = Draft(settings={"nics": [{}], "userland": userland}, wires=[""])
    return Seen(draft.found("zfs", name, "jail"), origin(""))


class Discard(Struct, frozen=True):
    """Destroy what is left of what was received."""

    name: str
    pool: Layout | None = None

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with hold(session, (self.name,), VERB) as locks:
            if locks.refused:
                yield Prepared(session, refused(locks.refused))
                return
            found = session.inventory()
            home = self.pool or found.layout
            top = home.incoming(self.name)
            parts: tuple[Part, ...] = ()
            if any(dataset.name == top for dataset in found.datasets):
                plan: Plan = plan_discard(self.name, home, session.new_op())
                parts = (Part(plan, home=home),)
            yield Prepared(session, [Task(self.name, parts, "discarded")])


def named(feeds: Feeds, given: str) -> str:
    """Return the guest's name here. Raises UsageError if its name there is none of ours."""
    name = given or usable(feeds.name)
    if not name:
        raise UsageError(
            f"{shown(feeds.name) or 'it'} cannot be the name of a guest here",
            "give one after the file: bsdvirt import FILE NAME",
        )
    return name
