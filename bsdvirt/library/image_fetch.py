"""Images fetched: profiles, shipped and the user's own, and what they say where to look."""

from __future__ import annotations

import contextlib

from bsdvirt.errors import BsdvirtError, FetchError, HostError, NotFoundError
from bsdvirt.facts.host import read_platform
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.layout import PROFILE_DIRECTORY
from bsdvirt.library import images, release_fetch
from bsdvirt.library.download import Downloader, Remote
from bsdvirt.library.partial import algorithm
from bsdvirt.plan.step import Command, MakeDirectory, Plan, Step
from bsdvirt.rows.library import ProfileRow
from bsdvirt.session.session import Session
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.images import ImageProfile, listed_checksum
from bsdvirt.spec.load import decode, parse_yaml
from bsdvirt.templates import template_names, template_text

VERB = "fetch image"
SHIPPED = "images"
SUFFIX = ".yaml"


def names(fs: Fs) -> dict[str, bool]:
    """The profiles by name, and whether each is the user's own; no file is read."""
    shipped = dict.fromkeys(_named(template_names(SHIPPED)), False)
    return dict(
        sorted((shipped | dict.fromkeys(_named(fs.listdir(PROFILE_DIRECTORY)), True)).items())
    )


def _named(files: tuple[str, ...] | list[str]) -> list[str]:
    return [f.removesuffix(SUFFIX) for f in files if f.endswith(SUFFIX) and not f.startswith(".")]


def profile(fs: Fs, name: str) -> ImageProfile:
    """A profile. Raises NotFoundError, UsageError for what is wrong in it."""
    known = names(fs)
    if name not in known:
        hint = did_you_mean(name, known) or "bsdvirt image profiles"
        raise NotFoundError(f"no profile {name}", hint)
    if known[name]:
        path = f"{PROFILE_DIRECTORY}/{name}{SUFFIX}"
        try:
            text = fs.read_text(path)
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}", "mend or remove the file") from None
        return decode(ImageProfile, parse_yaml(text, path), path)
    path = f"{SHIPPED}/{name}{SUFFIX}"
    return decode(ImageProfile, parse_yaml(template_text(path), path), path)


def entries(session: Session) -> list[ProfileRow]:
    """Return a row for each profile."""
    return [_row(session, name, own) for name, own in names(session.host.fs).items()]


def _row(session: Session, name: str, own: bool) -> ProfileRow:
    try:
        one = profile(session.host.fs, name)
    except BsdvirtError as error:
        return ProfileRow(
            name=name, description=f"cannot be used: {error.message}", url=None, arch=None,
            loader=None, system=None, cloud_init=None, own=own,
        )  # fmt: skip
    return ProfileRow(
        name=name,
        description=one.description,
        url=one.places(session.hostfile.fetch.mirrors)[0],
        arch=one.arch,
        loader=one.loader,
        system=one.system,
        cloud_init=one.cloud_init,
        own=own,
    )


def fetch(session: Session, word: str, name: str | None = None) -> str:
    """Fetch what a profile names, and make an image of it; the image's name.

    Raises NotFoundError for the profile or the file, ConflictError where the image is there,
    HostError where this host cannot run it, FetchError for trouble on the way.
    """
    wanted = profile(session.host.fs, word)
    name = images.check_name(name or word)
    _refuse_other_hardware(session, word, wanted)
    _refuse_unreachable(session, word, wanted)
    session.settle("image", name, f"image fetch {name}")
    found = session.inventory()
    session.need_mounted(found)
    images.refuse_existing(found, name)
    downloader = Downloader(session, VERB, name)
    urls = wanted.places(session.hostfile.fetch.mirrors)
    checksum, listed, urls = _checksum(downloader, wanted, urls)
    path = f"{session.layout.fetched}/{checksum[:16]}-{wanted.file}"
    if session.show is not None:
        session.show(_shown(name, path, urls[0], checksum))
        return name
    remote = Remote(wanted.file, urls, checksum, listed)
    try:
        downloader.fetch(remote, path, lambda: images.refuse_existing(session.inventory(), name))
    finally:
        _clear(session, "")
    about = images.About(
        wanted.loader, wanted.system, str(wanted.user or ""), wanted.cloud_init, word, urls[0],
        checksum,
    )  # fmt: skip
    images.import_file(session, path, name, about)
    _clear(session, path)
    return name


def _refuse_other_hardware(session: Session, word: str, wanted: ImageProfile) -> None:
    machine, _ = read_platform(session.host)
    if machine != wanted.arch:
        raise HostError(
            f"{word} is for {wanted.arch}, and this host is {machine}",
            f"write a profile for {machine} in {PROFILE_DIRECTORY}",
        )


def _refuse_unreachable(session: Session, word: str, wanted: ImageProfile) -> None:
    own = names(session.host.fs)[word] and wanted.url is not None
    if own or (wanted.path is not None and release_fetch.reachable(session)):
        return
    if session.host.offline:
        raise HostError(
            session.host.offline,
            f"write a profile in its {PROFILE_DIRECTORY}, or use image import",
        )


def _checksum(
    downloader: Downloader, wanted: ImageProfile, urls: list[str]
) -> tuple[str, str, list[str]]:
    """The file's checksum, where that stands, and the places with the one of it first."""
    if wanted.checksum is not None:
        return str(wanted.checksum), "its profile", urls
    lists = [f"{url.rpartition('/')[0]}/{wanted.checksums}" for url in urls]
    source, text = downloader.text(lists)
    checksum = listed_checksum(text, wanted.file)
    if checksum is None:
        raise FetchError(
            f"{source} lists no {wanted.file}", "does a proxy or a portal answer for it?"
        )
    first = urls[lists.index(source)]
    return checksum, str(wanted.checksums), [first, *(url for url in urls if url != first)]


def _shown(name: str, path: str, url: str, checksum: str) -> Plan:
    """The same with fetch(1), for people to read."""
    directory = path.rpartition("/")[0]
    steps = (
        Step(MakeDirectory(directory, 0o700), "where it is kept meanwhile"),
        Step(
            Command((tools.FETCH, "-r", "-o", path, url)),
            f"{algorithm(checksum)} is to be {checksum}",
        ),
    )
    note = f"and then: bsdvirt image import {path} --name {name}"
    return Plan(VERB, name, "image", steps, notes=(note,))


def _clear(session: Session, path: str) -> None:
    """Take what was fetched away, and the directory where nothing else is in it."""
    if path:
        session.host.fs.unlink(path)
    with contextlib.suppress(OSError):
        session.host.fs.path(session.layout.fetched).rmdir()
