"""Media: ISO files added, listed, removed."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Inventory, raw_has
from bsdvirt.kinds import kind_of, load_spec
from bsdvirt.library import files, formats
from bsdvirt.library.entries import Remove, added, adding, refuse_existing
from bsdvirt.library.formats import RAW, Form
from bsdvirt.library.plans import media as plans
from bsdvirt.library.plans.images import Source
from bsdvirt.library.private_copy import held
from bsdvirt.library.progress import amount
from bsdvirt.library.web.download import Downloader, Remote, refuse_offline
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.rows.base import utc
from bsdvirt.rows.library import MediumRow
from bsdvirt.session.prepared import Prepared, carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.base import did_you_mean, parsed
from bsdvirt.spec.images import Checksum
from bsdvirt.spec.types import HttpsUrl, MediaName

VERB = "add medium"
_VOLUME = (0x8001, b"CD001")
"""Offset and value of the ISO 9660 identifier."""


def add(session: Session, source: str, name: str | None = None, checksum: str = "") -> str:
    """Add a file of this host or of a web server to the media; return its name.

    Raises ConflictError if one of that name exists, NotFoundError and UsageError for the
    file, FetchError for a failed download.
    """
    if "://" in source:
        return _fetch(session, source, name, checksum)
    path = files.absolute(source)
    head, _ = files.file_size(session, path)
    packed = formats.compression(head)
    base = path.rpartition("/")[2].removesuffix(f".{packed}" if packed else "")
    name = check_name(name or base)
    carry_out_one(session, Add(path, name, checksum))
    return name


class Add(Struct, frozen=True):
    """Copy a file of this host to the media, uncompressed. `checksum` (empty: none) is the
    expected one."""

    path: str
    name: str
    checksum: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Verify the file, or a private copy where other users could change it, and plan."""
        path, name = self.path, self.name
        with (
            adding(session, "media", name, "media add") as found,
            held(session, path, VERB, name) as file,
        ):
            head, size = files.file_size(session, file)
            packed = formats.compression(head)
            if not size:
                raise UsageError(f"{path} is empty", "name an ISO file")
            _verify(session, file, self.checksum, name)
            if packed:
                size = files.unpacked(session, file, packed, lambda done: None)
            room = found.datasets[0].available
            if packed and size > room:
                what = f"{path}: {amount(size)} to be written, but only"
                raise HostError(f"{what} {amount(room)} free", "free space")
            source = Source(file, Form(RAW, packed), size)
            plan = plans.plan_add(name, source, found.layout, session.new_op())
            yield added(session, name, plan, lambda: _warn(session, name))


class Place(Struct, frozen=True):
    """Move a downloaded file to the media."""

    path: str
    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Plan the move."""
        with adding(session, "media", self.name, "media add") as found:
            plan = plans.plan_place(self.name, self.path, found.layout, session.new_op())
            yield added(session, self.name, plan, lambda: _warn(session, self.name))


def check_name(name: str) -> str:
    """Return a name for a medium. Raises UsageError for anything else."""
    return parsed(MediaName, name, "give it another with --name")


def check_checksum(text: str) -> str:
    """Return a checksum in lower case. Raises UsageError for anything else."""
    return parsed(Checksum, text.strip().lower(), "sha256(1) prints it")


def _verify(session: Session, path: str, checksum: str, name: str) -> None:
    if checksum and files.checksum(session, path, VERB, name, like=checksum) != checksum:
        raise UsageError(f"{path}: its checksum does not match", "download it again")


def _fetch(session: Session, url: str, name: str | None, checksum: str) -> str:
    url = parsed(HttpsUrl, url, "or download it yourself and name the file")
    file = url.rpartition("/")[2]
    name = check_name(name or file)
    refuse_offline(session, "name a file")
    found = session.inventory()
    session.need_mounted(found)
    refuse_existing(session, found, "media", name)
    downloader = Downloader(session, "media", name, VERB)
    remote = Remote(file, [url], checksum, "--checksum")
    if session.preview:
        session.planned(downloader.plan([remote]))
    else:
        (seen,) = downloader.fetch([remote])
        if not checksum:
            downloader.note(f"not verified, as --checksum is not given; its SHA-256 is {seen}")
    try:
        carry_out_one(session, Place(downloader.path(remote), name))
    except ConflictError:
        downloader.remove([remote])
        raise
    downloader.remove([])
    return name


def _warn(session: Session, name: str) -> None:
    """Warn if the file is not an ISO 9660 file: it may be a web server's error page."""
    with session.host.fs.path(session.layout.medium(name)).open("rb") as stream:
        stream.seek(_VOLUME[0])
        if stream.read(len(_VOLUME[1])) != _VOLUME[1]:
            session.sink(
                events.Told(
                    "", VERB, name, "not an ISO 9660 file: a guest may not be able to read it"
                )
            )


def remove(session: Session, name: str) -> None:
    """Remove a medium. Raises NotFoundError, ConflictError if it is in a guest's drive."""

    def plan(session: Session, found: Inventory, name: str) -> Plan:
        _need(session, name)
        used = users(session, found, named=name).get(name, [])
        return plans.plan_remove(name, used, found.layout, session.new_op())

    carry_out_one(session, Remove("media", name, plan))


def resolve(session: Session, word: str) -> dict[str, str]:
    """Return the content for a drive: a medium of that name, else the ISO file of that path.
    Raises NotFoundError."""
    if "/" not in word and word in _files(session):
        return {"media": word}
    path = files.absolute(word)
    if session.host.fs.is_file(path):
        return {"path": path}
    raise NotFoundError(f"{word}: no such medium or file", "bsdvirt media ls shows the media")


def _need(session: Session, name: str) -> None:
    here = _files(session)
    if name not in here:
        hint = did_you_mean(name, here) or "bsdvirt media add FILE"
        raise NotFoundError(f"no medium {name}", hint)


def entries(session: Session) -> list[MediumRow]:
    """Return a row for each medium, with the guests that have it in a drive."""
    found = session.inventory()
    used = users(session, found)
    rows = []
    for name in _files(session):
        status = session.host.fs.path(f"{session.layout.media}/{name}").stat()
        rows.append(
            MediumRow(
                name=name,
                size=status.st_size,
                guests=used.get(name, []),
                changed=utc(status.st_mtime),
                path=f"{session.layout.media}/{name}",
            )
        )
    return rows


def _files(session: Session) -> list[str]:
    fs, directory = session.host.fs, session.layout.media
    return [
        name
        for name in fs.listdir(directory)
        if not name.startswith(".") and stat.S_ISREG(fs.path(f"{directory}/{name}").lstat().st_mode)
    ]


def users(session: Session, found: Inventory, *, named: str = "") -> dict[str, list[str]]:
    """Return the guests that have each medium in a drive. Raises where a guest's file cannot be
    read and contains the name `named`: it may be one of them."""
    used: dict[str, list[str]] = {}
    for name, guest in sorted(found.guests.items()):
        if not kind_of(guest).has_drives:
            continue
        try:
            spec = load_spec(session.host.fs, guest)
        except BsdvirtError:
            if named and raw_has(session.host.fs, found.home(name), name, named):
                raise
            continue
        for medium in kind_of(guest).media(spec):
            used.setdefault(medium, []).append(name)
    return used
