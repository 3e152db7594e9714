"""What is outdated: releases, jails and images, by what this host knows without asking a server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from bsdvirt.facts.userland import version_in
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host import tools
from bsdvirt.library import images, releases
from bsdvirt.library.entries import Copy, copies
from bsdvirt.library.levels import read_levels
from bsdvirt.library.plans.releases import host_release, newer, patch_level, version_key
from bsdvirt.library.update.known import Known, read_known
from bsdvirt.rows.base import utc
from bsdvirt.rows.library import ImageRow, OutdatedRow
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import NO_RELEASE

DAY = 24 * 3600
DAYS = 90
"""Age of an image that is outdated."""


def rows(session: Session, days: int = DAYS) -> list[OutdatedRow]:
    """Return what is outdated: releases, then jails, then images of more than `days` days."""
    found = session.inventory()
    now = time.time()
    known = _releases(session, found)
    return [
        *(row for release in known.values() for row in release.rows(now)),
        *_jails(session, found, known, now),
        *_images(images.entries(session, found), now - days * DAY),
    ]


def _key(version: str) -> tuple[int, int, int] | None:
    key = version_key(version)
    return (*key, patch_level(version)) if key else None


# ---- releases ----


class Release(Struct, frozen=True):
    """What is known of a release on this host."""

    name: str
    versions: Mapping[str, str]
    """The newest version on each pool, by the pool's name; empty if it is unknown."""
    newest: str
    """The newest version that this host knows of."""
    ends: int
    """End of support in seconds since 1970; 0 if unknown."""

    @property
    def version(self) -> str:
        """The newest version on any pool, which jails can be upgraded to."""
        return max(self.versions.values(), key=lambda one: _key(one) or (0, 0, 0))

    def ended(self, now: float) -> str:
        """Return why its support has ended; empty if that is not known."""
        if not 0 < self.ends < now:
            return ""
        return f"not supported any more since {_day(self.ends)}"

    def rows(self, now: float) -> Iterator[OutdatedRow]:
        """Yield what is wrong with it."""
        for pool, version in self.versions.items():
            if newer(self.newest, version):
                why = "a newer patch level is known" + (
                    f" (on pool {pool})" if len(self.versions) > 1 else ""
                )
                yield OutdatedRow(
                    kind="release", name=self.name, version=version, newest=self.newest, why=why,
                    command=f"bsdvirt release update {self.name}",
                )  # fmt: skip
        if why := self.ended(now):
            yield OutdatedRow(
                kind="release", name=self.name, version=self.version, newest=None, why=why,
                command="bsdvirt release available",
            )  # fmt: skip


def _releases(session: Session, found: Inventory) -> dict[str, Release]:
    every = {
        name: [copy for copy in there if copy.complete]
        for name, there in copies(found, "release").items()
    }
    datasets = [copy.dataset.name for there in every.values() for copy in there]
    levels = read_levels(session.host, datasets)
    known = read_known(session.host, datasets)
    own = _own_versions(session)

    def version(name: str, copy: Copy) -> str:
        last = levels[copy.dataset.name][-1:]
        return releases.version_of(session.host.fs, copy.pool, name, last[0]) if last else ""

    return {
        name: _release(
            name,
            {copy.pool.name: version(name, copy) for copy in there},
            [known[copy.dataset.name] for copy in there if copy.dataset.name in known],
            own,
        )
        for name, there in every.items()
        if there
    }


def _release(
    name: str, versions: Mapping[str, str], known: Sequence[Known], own: Sequence[str]
) -> Release:
    newest = next(iter(versions.values()))
    heard = [one.version for one in known]
    for version in (*versions.values(), *heard, *own):
        if host_release(version) == host_release(newest) and newer(version, newest):
            newest = version
    ends = max((one.ends for one in known), default=0)
    return Release(name, versions, newest, ends)


def _own_versions(session: Session) -> list[str]:
    """Return the versions of this host's kernel and userland: patch levels that exist."""
    shown = session.host.run((tools.FREEBSD_VERSION, "-ku"), changes=False)
    return shown.stdout.split() if shown.status == 0 else []


# ---- jails ----


def _jails(
    session: Session, found: Inventory, known: Mapping[str, Release], now: float
) -> Iterator[OutdatedRow]:
    for guest in found.guests.values():
        release = known.get(guest.identity.release)
        if release is not None:
            yield from _jail(session, guest, release, now)
        elif (name := guest.identity.release) not in ("", NO_RELEASE):
            yield OutdatedRow(
                kind="jail", name=guest.name,
                version=version_in(session.host.fs, guest.root) or "", newest=None,
                why=f"release {name} is not on this host: nothing is known of it",
                command=f"bsdvirt release fetch {name}",
            )  # fmt: skip


def _jail(session: Session, guest: Guest, release: Release, now: float) -> Iterator[OutdatedRow]:
    command = f"bsdvirt upgrade {guest.name}"
    version = version_in(session.host.fs, guest.root)
    if version is None:
        yield OutdatedRow(
            kind="jail", name=guest.name, version="", newest=release.version,
            why="the version of its root is unknown", command=f"bsdvirt info {guest.name}",
        )  # fmt: skip
        return
    if newer(release.version, version):
        yield OutdatedRow(
            kind="jail", name=guest.name, version=version, newest=release.version,
            why=f"{release.name} is newer on this host", command=command,
        )  # fmt: skip
    if why := release.ended(now):
        yield OutdatedRow(
            kind="jail", name=guest.name, version=version, newest=None,
            why=f"{release.name} is {why}", command="bsdvirt release available",
        )  # fmt: skip


# ---- images ----


def _images(every: Sequence[ImageRow], before: float) -> Iterator[OutdatedRow]:
    limit = utc(before)
    for image in every:
        if image.profile and image.created and image.created < limit:
            yield OutdatedRow(
                kind="image", name=image.name, version=image.created[:10], newest=None,
                why="fetched long ago",
                command=f"bsdvirt image fetch {image.profile} --name NEW",
            )  # fmt: skip


def _day(seconds: int) -> str:
    return utc(seconds)[:10]
