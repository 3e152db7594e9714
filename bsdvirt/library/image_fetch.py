"""Download images by their profiles."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, FetchError, HostError
from bsdvirt.facts.host import read_platform
from bsdvirt.layout import PROFILE_DIRECTORY
from bsdvirt.library import images
from bsdvirt.library.entries import refuse_existing
from bsdvirt.library.profiles import image_names, image_profile
from bsdvirt.library.web.download import Downloader, Remote, reachable
from bsdvirt.rows.library import ProfileRow
from bsdvirt.session.session import Session
from bsdvirt.spec.images import Image, ImageProfile, listed_checksum

VERB = "fetch image"


def entries(session: Session) -> list[ProfileRow]:
    """Return a row for each profile."""
    return [_row(session, name, own) for name, own in image_names(session.host.fs).items()]


def _row(session: Session, name: str, own: bool) -> ProfileRow:
    try:
        one = image_profile(session.host.fs, name)
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

    Raises NotFoundError for the profile or the file, ConflictError if the image exists,
    HostError if it would not run on this host, FetchError for a failed download.
    """
    wanted = image_profile(session.host.fs, word)
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
    if session.preview:
        note = f"then: bsdvirt image import {path} --name {name}"
        session.planned(downloader.plan([remote], (note,)))
        return name
    downloader.fetch([remote])
    about = Image(
        source=remote.urls[0],
        checksum=remote.checksum,
        profile=word,
        loader=wanted.loader,
        system=wanted.system,
        user=str(wanted.user or ""),
        cloud_init=wanted.cloud_init,
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
    own = image_names(session.host.fs)[word] and wanted.url is not None
    if own or (wanted.path is not None and reachable(session)):
        return
    if session.host.offline:
        raise HostError(
            session.host.offline,
            f"write a profile in its {PROFILE_DIRECTORY}, or use image import",
        )


def _remote(downloader: Downloader, wanted: ImageProfile, urls: list[str]) -> Remote:
    """Return the file with its checksum, from the profile or from a list beside the file: the
    mirror that has the list comes first."""
    if wanted.checksum is not None:
        return Remote(wanted.file, urls, str(wanted.checksum), "its profile")
    lists = [f"{url.rpartition('/')[0]}/{wanted.checksums}" for url in urls]
    source, text = downloader.text(lists)
    checksum = listed_checksum(text, wanted.file)
    if checksum is None:
        raise FetchError(
            f"{source} lists no {wanted.file}",
            "check for a proxy or captive portal that answers instead",
        )
    first = urls[lists.index(source)]
    ordered = [first, *(url for url in urls if url != first)]
    return Remote(wanted.file, ordered, checksum, str(wanted.checksums))
