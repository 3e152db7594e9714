"""ISO files: added, shown, taken away."""

from __future__ import annotations

import contextlib
import hashlib
import stat
from datetime import UTC, datetime

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Inventory, load_guest_file, raw_has
from bsdvirt.host import tools
from bsdvirt.library import files, formats, release_fetch
from bsdvirt.library.download import Downloader, Remote
from bsdvirt.library.formats import RAW, Form
from bsdvirt.library.mirrors import amount
from bsdvirt.library.plans import media as plans
from bsdvirt.library.plans.images import Source
from bsdvirt.library.private_copy import held
from bsdvirt.plan import events
from bsdvirt.plan.step import Command, MakeDirectory, Plan, Step
from bsdvirt.rows.library import MediumRow
from bsdvirt.session.session import Session
from bsdvirt.spec.base import BadValueError, did_you_mean
from bsdvirt.spec.images import Checksum
from bsdvirt.spec.types import HttpsUrl, MediaName
from bsdvirt.spec.vm import Vm

VERB = "add medium"
_VOLUME = (0x8001, b"CD001")
"""Where ISO 9660 has its mark."""


def add(session: Session, source: str, name: str | None = None, checksum: str = "") -> str:
    """Put a file, of this host or of a web server, among the media; its name.

    Raises ConflictError where there is one of that name, NotFoundError and UsageError for
    the file, FetchError for trouble on the way.
    """
    if "://" in source:
        return _fetch(session, source, name, checksum)
    path = files.absolute(source)
    head, _ = files.file_size(session, path)
    packed = formats.compression(head)
    base = path.rpartition("/")[2].removesuffix(f".{packed}" if packed else "")
    name = check_name(name or base)
    with session.locked("media", name, f"media add {name}"):
        found = session.inventory()
        session.need_mounted(found)
        _refuse_existing(session, name)
        with held(session, path, VERB, name) as file:
            head, size = files.file_size(session, file)
            packed = formats.compression(head)
            if not size:
                raise UsageError(f"{path} is empty", "name an ISO file")
            _verify(session, file, checksum, name)
            if packed:
                size = files.unpacked(session, file, packed, lambda done: None)
            room = found.datasets[0].available
            if packed and size > room:
                what = f"{path}: {amount(size)} are to be written, and there is room for"
                raise HostError(f"{what} {amount(room)}", "make room")
            item = Source(file, Form(RAW, packed), size)
            session.run(plans.plan_add(name, item, found.layout, session.new_op()))
    _warn(session, name)
    return name


def check_name(name: str) -> str:
    """Raises UsageError for what is no name of a medium."""
    try:
        return str(MediaName.parse(name))
    except BadValueError as error:
        raise UsageError(str(error), "give it another with --name") from None


def check_checksum(text: str) -> str:
    """Raises UsageError for what is no checksum."""
    try:
        return str(Checksum.parse(text.strip().lower()))
    except BadValueError as error:
        raise UsageError(str(error), "sha256(1) prints it") from None


def _refuse_existing(session: Session, name: str) -> None:
    if session.host.fs.exists(f"{session.layout.media}/{name}"):
        raise ConflictError(
            f"medium {name} is there already",
            f"give this one another name with --name, or bsdvirt media rm {name}",
        )


def _verify(session: Session, path: str, checksum: str, name: str) -> None:
    if checksum and files.checksum(session, path, VERB, name, like=checksum) != checksum:
        raise UsageError(f"{path}: its checksum is another one", "fetch it again")


def _fetch(session: Session, url: str, name: str | None, checksum: str) -> str:
    try:
        url = str(HttpsUrl.parse(url))
    except BadValueError as error:
        raise UsageError(str(error), "or fetch it yourself and name the file") from None
    file = url.rpartition("/")[2]
    name = check_name(name or file)
    release_fetch.refuse_offline(session, "name a file")
    layout = session.layout
    key = checksum or hashlib.sha256(url.encode()).hexdigest()
    path = f"{layout.fetched}/{key[:16]}-{file}"
    with session.locked("media", name, f"media add {name}"):
        session.need_mounted(session.inventory())
        _refuse_existing(session, name)
        op = session.new_op()
        placed = plans.plan_place(name, path, layout, op)
        if session.show is not None:
            steps = (
                Step(MakeDirectory(layout.fetched, 0o700), "where it is kept meanwhile"),
                Step(Command((tools.FETCH, "-r", "-o", path, url)), f"fetch {url}"),
            )
            session.show(Plan(VERB, name, "media", (*steps, *placed.steps), op=op))
            return name
        downloader = Downloader(session, VERB, name)
        remote = Remote(file, [url], checksum, "--checksum")
        try:
            seen = downloader.fetch(remote, path, lambda: _refuse_existing(session, name))
            if not checksum:
                downloader.note(f"nothing was said to check it by; its SHA-256 is {seen}")
            session.run(placed)
        finally:
            with contextlib.suppress(OSError):
                session.host.fs.path(layout.fetched).rmdir()
    _warn(session, name)
    return name


def _warn(session: Session, name: str) -> None:
    """A page of a web server is called .iso at times."""
    path = session.host.fs.path(f"{session.layout.media}/{name}")
    if session.dry_run:
        return
    with path.open("rb") as stream:
        stream.seek(_VOLUME[0])
        if stream.read(len(_VOLUME[1])) != _VOLUME[1]:
            session.sink(
                events.Told("", VERB, name, "it is no ISO 9660 file: a guest may not read it")
            )


def remove(session: Session, name: str) -> None:
    """Take a medium away. Raises NotFoundError, ConflictError where a guest has it in a drive."""
    with session.destroying("media", name, f"media rm {name}"):
        found = session.inventory()
        _need(session, name)
        used = users(session, found, named=name).get(name, [])
        session.run(plans.plan_remove(name, used, found.layout, session.new_op()))


def path_of(session: Session, name: str) -> str:
    """The file of a medium. Raises NotFoundError."""
    _need(session, name)
    return f"{session.layout.media}/{name}"


def resolve(session: Session, word: str) -> dict[str, str]:
    """What a drive holds by a word: a medium's name, or the path of an ISO file; a medium
    where it could be both. Raises NotFoundError."""
    if "/" not in word and word in _files(session):
        return {"media": word}
    path = files.absolute(word)
    if session.host.fs.is_file(path):
        return {"path": path}
    raise NotFoundError(
        f"{word}: no medium, and no file, of that name", "bsdvirt media ls shows the media"
    )


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
        when = datetime.fromtimestamp(int(status.st_mtime), UTC)
        rows.append(
            MediumRow(
                name=name,
                size=status.st_size,
                guests=used.get(name, []),
                changed=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
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
    """The guests that have each medium in a drive. Raises where a guest's file cannot be read
    and has the words `named` in it: it may be one of them."""
    used: dict[str, list[str]] = {}
    for name, guest in sorted(found.guests.items()):
        if guest.identity.kind != "vm":
            continue
        try:
            spec = load_guest_file(session.host.fs, found.home(name), name)
        except BsdvirtError:
            if named and raw_has(session.host.fs, found.home(name), name, named):
                raise
            continue
        for drive in spec.cdroms if isinstance(spec, Vm) else ():
            if drive.media:
                used.setdefault(str(drive.media), []).append(name)
    return used
