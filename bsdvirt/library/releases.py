"""Releases: installed from archives, copied between pools, listed, removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.layout import Layout, snapshot_directory
from bsdvirt.library import mirrors
from bsdvirt.library.entries import (
    CopyTo,
    Remove,
    added,
    adding,
    copies,
    removal,
    stream_size,
)
from bsdvirt.library.files import checksum
from bsdvirt.library.levels import Level, newest, read_levels
from bsdvirt.library.plans import releases as plans
from bsdvirt.library.plans.entries import BASE, plan_copy
from bsdvirt.library.private_copy import held
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.rows.base import utc
from bsdvirt.rows.library import ReleaseRow
from bsdvirt.session.prepared import Prepared, carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.values import read_values

MEMBER_SECONDS = 600.0


class Install(Struct, frozen=True):
    """Create a release from archives on this host. Those with an entry in `unverified` are
    verified first; using a private copy if other users could change one meanwhile."""

    name: str
    archives: Sequence[plans.Archive]
    verb: str = "add release"
    unverified: Sequence[plans.ManifestEntry] = ()

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Verify the archives and plan the release."""
        name = self.name
        if not plans.NAME.match(name):
            raise UsageError(f"{name!r} is not a valid release name", "such as 14.3-RELEASE")
        plans.refuse_newer(name, read_kernel(session.host).release)
        with contextlib.ExitStack() as stack:
            found = stack.enter_context(adding(session, "release", name, self.verb))
            archives = list(self.archives)
            for number, entry in enumerate(self.unverified):
                given = archives[number]
                file = stack.enter_context(held(session, given.path, self.verb, f"{name}-{number}"))
                archives[number] = plans.Archive(file, given.files)
                if checksum(session, file, self.verb, name, shown=given.path) != entry.sha256:
                    raise UsageError(
                        f"{given.path}: its SHA-256 does not match MANIFEST",
                        "download both files again",
                    )
            plan = plans.plan_add(name, archives, found.layout, session.new_op())
            yield added(session, name, plan)


def check_trusted(
    session: Session, chosen: Sequence[plans.ManifestEntry], name: str, source: str
) -> None:
    """Raise UsageError where the package freebsd-release-manifests, if it is installed, has
    other checksums."""
    path = mirrors.trusted_manifest(name, mirrors.Platform(*read_platform(session.host)))
    if not plans.NAME.match(name) or not session.host.fs.is_file(path):
        return
    trusted = plans.parse_manifest(session.host.fs.read_text(path), path)
    if (entry := mirrors.differs(chosen, trusted)) is not None:
        raise UsageError(
            f"{source} and {path} disagree on the SHA-256 of {entry.file}",
            "one of them is wrong or outdated: pkg upgrade freebsd-release-manifests",
        )


def version(session: Session, archive: str) -> str:
    """Return the release that a base.txz says it is. Raises UsageError if it does not."""
    from bsdvirt.facts.userland import parse_version

    argv = (tools.TAR, "-xOqf", archive, "*bin/freebsd-version")
    shown = session.host.run(argv, changes=False, timeout=MEMBER_SECONDS)
    version = parse_version(shown.stdout) if shown.status == 0 else None
    if version is None:
        raise UsageError(f"{archive} does not say which release it is", "use --name 14.3-RELEASE")
    return plans.host_release(version)


def copy_to(session: Session, name: str, target: Layout) -> str:
    """Copy a release to a pool that lacks it; return the source dataset, empty if nothing was
    copied."""

    def plan(session: Session, found: Inventory, source: Layout, op: str) -> Plan:
        dataset = source.release(name)
        level = newest(session.host, dataset)
        version = version_of(session.host.fs, source, name, level)
        return plan_copy(
            "release", name, dataset, target, op, stream_size(session, level.snapshot),
            received=_version_step(target.release(name), level, version),
            snapshot=level.name,
        )  # fmt: skip

    return carry_out_one(session, CopyTo("release", name, target, plan)).message


def remove(session: Session, name: str) -> None:
    """Remove a release from all pools. Raises ConflictError naming the guests cloned from it."""
    carry_out_one(session, Remove("release", name, removal("release")))


def exists(found: Inventory, name: str) -> bool:
    """Return whether any pool has the release, complete or not."""
    return name in copies(found, "release")


def entries(session: Session, found: Inventory | None = None) -> list[ReleaseRow]:
    """Return a row for each release, with the guests created from it and the pools it is on."""
    found = found or session.inventory()
    guests = found.guests.values()
    known = copies(found, "release")
    datasets = [every[0].dataset.name for every in known.values()]
    created = _created(session, datasets)
    levels = read_levels(session.host, datasets)
    # Few commands need it.
    from bsdvirt.library.update.known import read_known

    looked = read_known(session.host, datasets)
    rows = []
    for name, every in known.items():
        first = every[0]
        pools = [copy.pool.dataset for copy in every]
        last = levels[first.dataset.name][-1:]
        rows.append(
            ReleaseRow(
                name=name,
                used=sum(copy.dataset.used for copy in every),
                guests=sorted(guest.name for guest in guests if guest.identity.release == name),
                complete=all(copy.complete for copy in every),
                created=created.get(first.dataset.name),
                version=version_of(session.host.fs, first.pool, name, last[0]) if last else "",
                snapshots=[level.name for level in levels[first.dataset.name]],
                looked=looked[first.dataset.name].looked if first.dataset.name in looked else None,
                pools=pools,
                roots=pools,
            )
        )
    return rows


def _created(session: Session, datasets: Sequence[str]) -> dict[str, str]:
    """Return when datasets were created."""
    values = read_values(session.host, datasets, ("creation",))
    seconds = {name: natural(held["creation"].value) for name, held in values.items() if held}
    return {name: utc(number) for name, number in seconds.items() if number is not None}


# ---- patch levels ----


def version_of(fs: Fs, pool: Layout, name: str, level: Level) -> str:
    """Return the version of a patch level, from its files if nothing else tells; empty if
    unknown."""
    if level.version:
        return level.version
    # Creating a jail needs none of it.
    from bsdvirt.facts.userland import version_in

    directory = pool.release_directory(name)
    return version_in(fs, snapshot_directory(directory, level.name)) or ""


def _version_step(dataset: str, level: Level, version: str) -> tuple[Step, ...]:
    """Note the version of a snapshot that was copied to another pool; @base needs none."""
    if not version or level.name == BASE:
        return ()
    setting = f"{plans.VERSION_PROPERTY}={version}"
    command = Command((tools.ZFS, "set", setting, f"{dataset}@{level.name}"))
    return (Step(command, "its version", durable=True),)
