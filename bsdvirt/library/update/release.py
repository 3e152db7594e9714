"""Update releases: each copy on a pool gets a new snapshot, for new jails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.facts.userland import version_in
from bsdvirt.library.entries import HINTS, Copy, copies, copies_of
from bsdvirt.library.plans import levels as plans
from bsdvirt.library.plans.pkgbase import DATABASE
from bsdvirt.library.plans.releases import host_release
from bsdvirt.library.update import freebsd_update
from bsdvirt.library.update.found import Found, Source
from bsdvirt.library.update.freebsd_update import UpdateSource
from bsdvirt.library.update.known import Known
from bsdvirt.library.update.pkgbase import PackageSource, packages_of
from bsdvirt.plan.step import Plan
from bsdvirt.rows.base import utc
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out
from bsdvirt.session.session import Session
from bsdvirt.zfs.snapshots import read_parts


class Update(Struct, frozen=True):
    """Update a release on all pools that have it. Jails stay as they are."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Download the updates, and plan their installation; a preview downloads nothing.

        Raises NotFoundError, ConflictError for an incomplete release, UsageError for one without
        updates, FetchError.
        """
        name = self.name
        with session.locked("release", name, f"release update {name}"):
            found = session.inventory()
            session.need_mounted(found)
            there = copies_of(found, "release", name)
            if not all(copy.complete for copy in there):
                raise ConflictError(f"release {name} is incomplete", "bsdvirt doctor --repair")
            yield Prepared(session, [_task(session, name, there)])


def _task(session: Session, name: str, there: list[Copy]) -> Task:
    work = f"{session.layout.fetched}/update-{name}"
    updates = [
        _CopyUpdate(session, name, copy, _source(session, name, copy, work)) for copy in there
    ]
    parts = [part for one in updates for part in one.parts()]

    def remove_downloads() -> None:
        session.host.fs.rmtree(work)

    def words(_: list[str]) -> str:
        return _message([one.found for one in updates if one.found])

    return Task(name, tuple(parts), words=words, after=remove_downloads)


def _source(session: Session, name: str, copy: Copy, work: str) -> Source:
    directory = copy.pool.release_directory(name)
    version = version_in(session.host.fs, directory)
    if version is None or "-RELEASE" not in version:
        raise UsageError(
            f"{name}: there are updates for a -RELEASE only, not for"
            f" {version or 'an unknown version'}",
            "add a newer build under another name: bsdvirt release add --name NAME DIR",
        )
    if session.host.fs.is_file(f"{directory}/{DATABASE}"):
        packages = packages_of(session, host_release(version), directory, work)
        return PackageSource(packages, version)
    conf = freebsd_update.host_configuration(session)
    return UpdateSource(plans.Updater(directory, work, version), conf)


class _CopyUpdate(Struct):
    """The update of one copy of a release."""

    session: Session
    name: str
    copy: Copy
    source: Source
    found: Found | None = None
    """Once updates were downloaded."""

    def parts(self) -> tuple[Part, Part]:
        """Return the download and the installation, whose patch level only the download tells."""
        release = self.source.version.partition("-p")[0]
        shown = self._plan(Found(f"{release}-{plans.UNKNOWN}", 0, True))
        op = self.session.new_op()
        return (
            Part(self.source.fetch(self.name, op)),
            Part(shown, home=self.copy.pool, again=self._downloaded, depends=True),
        )

    def _downloaded(self) -> Plan:
        self.found = self.source.found(self.session, self.name)
        return self._plan(self.found)

    def _plan(self, found: Found) -> Plan:
        session, name, pool = self.session, self.name, self.copy.pool
        op = session.new_op()
        known = Known(found.version, session.draws.time(name), found.ends).text()
        if not found.ready:
            return plans.plan_known(name, pool, known, op)
        dataset = self.copy.dataset.name
        taken = [one.name for one in read_parts(session.host, (dataset,)) if one.dataset == dataset]
        snapshot = plans.level_name(found.version, taken)
        steps = self.source.steps()
        return plans.plan_update(name, pool, found.version, snapshot, known, steps, op)


def _message(found: Sequence[Found]) -> str:
    if not found:
        return ""
    last = found[-1]
    if any(one.ready for one in found):
        text = f"updated to {last.version}, for new jails; bsdvirt outdated lists those behind"
    else:
        text = f"up to date: {last.version}"
    if 0 < last.ends < time.time():
        day = utc(last.ends)[:10]
        text += f"; not supported any more since {day}"
    return text


def update(session: Session, names: Sequence[str]) -> list[Outcome]:
    """Update these releases, or all, one after the other. An error of one stops no other."""
    names = list(dict.fromkeys(names)) or list(copies(session.inventory(), "release"))
    if not names:
        raise NotFoundError("no releases", HINTS["release"])
    outcomes = []
    for name in names:
        try:
            outcomes += carry_out(session, Update(name))
        except BsdvirtError as error:
            outcomes.append(Outcome(name, error=error))
    return outcomes
