"""Releases fetched: which place has it, what its MANIFEST says, the sets brought and made
a release of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from bsdvirt.errors import (
    ConflictError,
    FetchError,
    HostError,
    NotFoundError,
    UsageError,
)
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.host import tools
from bsdvirt.library import mirrors, releases
from bsdvirt.library.download import Downloader, Remote
from bsdvirt.library.plans import releases as plans
from bsdvirt.plan.step import Command, MakeDirectory, Plan, Step
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import Fetch

VERB = "fetch release"


def reachable(session: Session) -> bool:
    """Whether this host fetches at all: an offline one does from the mirrors that its own
    host file names, and from nowhere else."""
    return not session.host.offline or session.hostfile.fetch.mirrors != Fetch().mirrors


def refuse_offline(session: Session, hint: str) -> None:
    """Raise HostError where this host does not fetch."""
    if not reachable(session):
        raise HostError(session.host.offline, hint)


def fetch(session: Session, version: str | None, sets: Sequence[str] = ()) -> str:
    """Fetch a release, by default the host's own; its name.

    Raises ConflictError where it is there, NotFoundError where no mirror has it,
    FetchError for trouble on the way, HostError where the host cannot have it.
    """
    kernel = read_kernel(session.host).release
    name = mirrors.release_name(version if version is not None else kernel)
    plans.refuse_newer(name, kernel)
    refuse_offline(
        session, "name a mirror of your own as fetch.mirrors in its host file, or use release add"
    )
    session.settle("release", name, f"release fetch {name}")
    session.need_mounted(session.inventory())
    _refuse_existing(session, name)
    platform = mirrors.Platform(*read_platform(session.host))
    named = session.hostfile.fetch
    archives = named.archives
    if session.host.offline and archives == Fetch().archives:
        archives = []
    places = mirrors.places(name, platform, named.mirrors, archives)
    job = _Job(session, name, places)
    try:
        chosen = job.manifest(sets)
    except NotFoundError:
        pages = mirrors.indexes(platform, named.mirrors, archives)
        there = {
            one for page in pages for one in mirrors.listed(job.downloader.text_or_empty(page))
        }
        near = ", ".join(mirrors.nearest(name, there))
        raise NotFoundError(
            f"no mirror has {name} for {platform.machine}/{platform.arch}",
            f"there is {near}" if near else "fetch.mirrors in the host file says where to look",
        ) from None
    return job.carry_out(chosen, name, exact=True)


def fetch_directory(session: Session, url: str, name: str | None, sets: Sequence[str] = ()) -> str:
    """Make a release of what a directory on a web server holds; its name."""
    place = mirrors.https_only(url)
    session.need_mounted(session.inventory())
    job = _Job(session, name or place.rpartition("/")[2], (place,))
    chosen = job.manifest(sets)
    return job.carry_out(chosen, name, exact=False)


def _refuse_existing(session: Session, name: str) -> None:
    if releases.exists(session.inventory(), name):
        raise ConflictError(
            f"release {name} is there already", f"bsdvirt release rm {name} takes it away"
        )


@dataclass(slots=True)
class _Job:
    """One release on its way. `places` are directories with the same files."""

    session: Session
    subject: str
    places: Sequence[str]
    source: str = ""
    """The MANIFEST's URL."""
    downloader: Downloader = field(init=False)

    def __post_init__(self) -> None:
        self.downloader = Downloader(self.session, VERB, self.subject)

    def manifest(self, sets: Sequence[str]) -> tuple[plans.ManifestEntry, ...]:
        """What MANIFEST says of base.txz and of these sets; its place goes first then."""
        self.source, text = self.downloader.text([f"{place}/MANIFEST" for place in self.places])
        place = self.source.removesuffix("/MANIFEST")
        self.places = (place, *(other for other in self.places if other != place))
        try:
            entries = plans.parse_manifest(text, self.source)
        except UsageError as error:
            raise FetchError(error.message, "does a proxy or a portal answer for it?") from error
        return mirrors.choose(entries, sets, self.source)

    def carry_out(
        self, chosen: Sequence[plans.ManifestEntry], name: str | None, *, exact: bool
    ) -> str:
        """Bring the sets, and make the release of them; its name. `exact`: base.txz must
        say that it is of that release."""
        session, directory = self.session, f"{self.session.layout.mountpoint}/media/dist"
        archives = [plans.Archive(f"{directory}/{mirrors.kept_name(e)}", e.files) for e in chosen]
        if name is not None:
            releases.check_trusted(session, chosen, name, self.source)
        if session.show is not None:
            session.show(self._shown(chosen, archives, directory))
            releases.install(session, name or self.subject, archives, VERB)
            return name or self.subject
        try:
            for entry, archive in zip(chosen, archives, strict=True):
                self._bring(entry, archive.path)
        finally:
            self._clear((), directory)
        if name is None:
            name = releases.version(session, archives[0].path)
            releases.check_trusted(session, chosen, name, self.source)
        elif exact:
            self._check_version(archives, directory, name)
        releases.install(session, name, archives, VERB)
        self._clear(archives, directory)
        return name

    def _check_version(self, archives: Sequence[plans.Archive], directory: str, name: str) -> None:
        try:
            found = releases.version(self.session, archives[0].path)
        except UsageError as error:
            # Another bsdvirt was at it too, was quicker, and has cleared it away.
            _refuse_existing(self.session, name)
            raise FetchError(error.message) from error
        if found != name:
            self._clear(archives, directory)
            raise FetchError(f"{self.places[0]}/base.txz is of {found}, not of {name}")

    def _bring(self, entry: plans.ManifestEntry, path: str) -> None:
        urls = [f"{place}/{entry.file}" for place in self.places]
        remote = Remote(f"{entry.file} of {self.subject}", urls, entry.sha256)
        self.downloader.fetch(remote, path, lambda: _refuse_existing(self.session, self.subject))

    def _shown(
        self,
        chosen: Sequence[plans.ManifestEntry],
        archives: Sequence[plans.Archive],
        directory: str,
    ) -> Plan:
        """The same with fetch(1), for people to read."""
        steps = [Step(MakeDirectory(directory, 0o700), "where it is kept meanwhile")]
        for entry, archive in zip(chosen, archives, strict=True):
            url = f"{self.places[0]}/{entry.file}"
            argv = (tools.FETCH, "-r", "-o", archive.path, url)
            steps.append(Step(Command(argv), f"SHA-256 is to be {entry.sha256}"))
        return Plan(VERB, self.subject, "release", tuple(steps))

    def _clear(self, archives: Sequence[plans.Archive], directory: str) -> None:
        fs = self.session.host.fs
        for archive in archives:
            fs.unlink(archive.path)
        with contextlib.suppress(OSError):
            fs.path(directory).rmdir()
