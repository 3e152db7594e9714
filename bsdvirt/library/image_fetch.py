"""Images downloaded by their profiles."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, FetchError, HostError, NotFoundError
from bsdvirt.facts.host import read_platform
from bsdvirt.host.fs import Fs
from bsdvirt.layout import PROFILE_DIRECTORY
from bsdvirt.library import images
from bsdvirt.library.entries import refuse_existing
from bsdvirt.library.web.download import Downloader, Remote, reachable
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
    """Download what a profile names and import it; return the image's name.

    Raises NotFoundError for the profile or the file, ConflictError where the image is there,
    HostError where it would not run on this host, FetchError for a failed download.
    """
    wanted = profile(session.host.fs, word)
    name = images.check_name(name or word)
    _refuse_other_hardware(session, word, wanted)
    _refuse_unreachable(session, word, wanted)
    session.settle("image", name, f"image fetch {name}")
    found = session.inventory()
    session.need_mounted(found)
    refuse_existing(session, found, "image", name)
    downloader = Downloader(session, "image", name, VERB)
    remote = _remote(downloader, wanted, wanted.places(session.hostfile.fetch.mirrors))
    path = downloader.path(remote)
    if session.show is not None:
        note = f"and then: bsdvirt image import {path} --name {name}"
        session.show(downloader.plan([remote], (note,)))
        return name
    downloader.fetch([remote])
    about = images.About(
        wanted.loader,
        wanted.system,
        str(wanted.user or ""),
        wanted.cloud_init,
        word,
        remote.urls[0],
        remote.checksum,
    )
    images.import_file(session, path, name, about)
    downloader.remove([remote])
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
    if own or (wanted.path is not None and reachable(session)):
        return
    if session.host.offline:
        raise HostError(
            session.host.offline,
            f"write a profile in its {PROFILE_DIRECTORY}, or use image import",
        )


def _remote(downloader: Downloader, wanted: ImageProfile, urls: list[str]) -> Remote:
    """Return the file with its checksum, of the profile or of a list beside the file: the place
    of that list comes first."""
    if wanted.checksum is not None:
        return Remote(wanted.file, urls, str(wanted.checksum), "its profile")
    lists = [f"{url.rpartition('/')[0]}/{wanted.checksums}" for url in urls]
    source, text = downloader.text(lists)
    checksum = listed_checksum(text, wanted.file)
    if checksum is None:
        raise FetchError(
            f"{source} lists no {wanted.file}", "does a proxy or a portal answer for it?"
        )
    first = urls[lists.index(source)]
    ordered = [first, *(url for url in urls if url != first)]
    return Remote(wanted.file, ordered, checksum, str(wanted.checksums))
