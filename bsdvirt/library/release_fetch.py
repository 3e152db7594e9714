"""Releases downloaded from a mirror, the archive, or a directory on a web server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bsdvirt.errors import FetchError, NotFoundError, UsageError
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.library import mirrors, releases
from bsdvirt.library.entries import refuse_existing
from bsdvirt.library.plans import releases as plans
from bsdvirt.library.web.download import Downloader, Remote, refuse_offline
from bsdvirt.session.prepared import carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import Fetch

VERB = "fetch release"


def fetch(session: Session, version: str | None, sets: Sequence[str] = ()) -> str:
    """Download a release, by default the host's own, and add it; return its name.

    Raises ConflictError if it exists, NotFoundError if no mirror has it, FetchError for a
    failed download, HostError if it would not run on this host.
    """
    kernel = read_kernel(session.host).release
    name = mirrors.release_name(version if version is not None else kernel)
    plans.refuse_newer(name, kernel)
    refuse_offline(
        session, "name a mirror of your own as fetch.mirrors in its host file, or use release add"
    )
    session.settle("release", name, f"release fetch {name}")
    found = session.inventory()
    session.need_mounted(found)
    refuse_existing(session, found, "release", name)
    platform = mirrors.Platform(*read_platform(session.host))
    named = session.hostfile.fetch
    archives = named.archives
    if session.host.offline and archives == Fetch().archives:
        archives = []
    job = _Job(session, name, mirrors.places(name, platform, named.mirrors, archives))
    try:
        chosen = job.manifest(sets)
    except NotFoundError:
        pages = mirrors.indexes(platform, named.mirrors, archives)
        text = job.downloader.text_or_empty
        near = mirrors.nearest(name, {one for page in pages for one in mirrors.listed(text(page))})
        raise NotFoundError(
            f"no mirror has {name} for {platform.machine}/{platform.arch}",
            f"available: {', '.join(near)}"
            if near
            else "mirrors are set by fetch.mirrors in the host file",
        ) from None
    return job.carry_out(chosen, name, exact=True)


def fetch_directory(session: Session, url: str, name: str | None, sets: Sequence[str] = ()) -> str:
    """Download and add the release of a directory on a web server; return its name."""
    place = mirrors.https_only(url)
    session.need_mounted(session.inventory())
    job = _Job(session, name or place.rpartition("/")[2], (place,))
    return job.carry_out(job.manifest(sets), name, exact=False)


@dataclass(slots=True)
class _Job:
    """One release to download. `places` are directories with the same files."""

    session: Session
    subject: str
    places: Sequence[str]
    source: str = ""
    """The MANIFEST's URL."""
    downloader: Downloader = field(init=False)

    def __post_init__(self) -> None:
        self.downloader = Downloader(self.session, "release", self.subject, VERB)

    def manifest(self, sets: Sequence[str]) -> tuple[plans.ManifestEntry, ...]:
        """Return the entries of MANIFEST for base.txz and these sets; prefer its server from
        then on."""
        self.source, text = self.downloader.text([f"{place}/MANIFEST" for place in self.places])
        place = self.source.removesuffix("/MANIFEST")
        self.places = (place, *(other for other in self.places if other != place))
        try:
            entries = plans.parse_manifest(text, self.source)
        except UsageError as error:
            raise FetchError(
                error.message, "check for a proxy or captive portal that answers instead"
            ) from error
        return mirrors.choose(entries, sets, self.source)

    def carry_out(
        self, chosen: Sequence[plans.ManifestEntry], name: str | None, *, exact: bool
    ) -> str:
        """Download the sets and add the release; return its name. `exact`: base.txz must say
        that it is of that release."""
        session, downloader = self.session, self.downloader
        remotes = [self._remote(entry) for entry in chosen]
        archives = [
            plans.Archive(downloader.path(remote), entry.files)
            for remote, entry in zip(remotes, chosen, strict=True)
        ]
        if name is not None:
            releases.check_trusted(session, chosen, name, self.source)
        if session.preview:
            session.planned(downloader.plan(remotes))
            name = name or self.subject
        else:
            downloader.fetch(remotes)
            if name is None:
                name = releases.version(session, archives[0].path)
                releases.check_trusted(session, chosen, name, self.source)
            elif exact:
                self._check_version(remotes, archives[0].path, name)
        carry_out_one(session, releases.Install(name, archives, VERB))
        if not session.preview:
            downloader.remove(remotes)
        return name

    def _remote(self, entry: plans.ManifestEntry) -> Remote:
        urls = [f"{place}/{entry.file}" for place in self.places]
        return Remote(f"{entry.file} of {self.subject}", urls, entry.sha256)

    def _check_version(self, remotes: Sequence[Remote], base: str, name: str) -> None:
        session = self.session
        try:
            found = releases.version(session, base)
        except UsageError as error:
            # Another command has added it meanwhile, and removed the file.
            refuse_existing(session, session.inventory(), "release", name)
            raise FetchError(error.message) from error
        if found != name:
            self.downloader.remove(remotes)
            raise FetchError(f"{self.places[0]}/base.txz contains {found}, not {name}")
