"""Releases added, removed, shown."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library import mirrors
from bsdvirt.library.files import checksum
from bsdvirt.library.plans import releases as plans
from bsdvirt.library.private_copy import held
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan, together
from bsdvirt.rows.library import ReleaseRow
from bsdvirt.session.session import Session
from bsdvirt.spec.numbers import natural
from bsdvirt.zfs.base import Dataset

MEMBER_SECONDS = 600.0


def directory_of(source: str) -> str:
    """The directory that DIR or file:// names. Raises UsageError for another scheme."""
    if "://" not in source:
        path = PurePosixPath(source)
        if not path.is_absolute():
            import os

            path = PurePosixPath(os.path.abspath(source))
        return str(path)
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{source}: only directories, file:// and https:// are read: anybody on the way may"
            " change what comes by http",
            "https://…, or fetch it yourself and name its directory",
        )
    return unquote(parts.path)


def add(session: Session, source: str, name: str | None = None, sets: Sequence[str] = ()) -> str:
    """Make a release of a directory, here or on a web server, with base.txz and MANIFEST;
    the release's name.

    `name` is for a base that does not say what it is; `sets` are extracted over the base.
    Raises NotFoundError for a file that is not there, UsageError for a checksum that is
    not the MANIFEST's, FetchError for trouble on the way.
    """
    if source.startswith("https://"):
        from bsdvirt.library import release_fetch

        return release_fetch.fetch_directory(session, source, name, sets)
    directory = directory_of(source)
    chosen = _manifest(session, directory, sets)
    archives = [plans.Archive(f"{directory}/{entry.file}", entry.files) for entry in chosen]
    if name is None:
        name = version(session, archives[0].path)
    check_trusted(session, chosen, name, f"{directory}/MANIFEST")
    install(session, name, archives, "add release", chosen)
    return name


def install(
    session: Session,
    name: str,
    archives: Sequence[plans.Archive],
    verb: str,
    unchecked: Sequence[plans.ManifestEntry] = (),
) -> None:
    """Make a release of archives; those that `unchecked` tells of are checked first."""
    if not plans.NAME.match(name):
        raise UsageError(f"{name!r} is no name for a release", "such as 14.3-RELEASE")
    plans.refuse_newer(name, read_kernel(session.host).release)
    with session.locked("release", name, f"{verb} {name}"):
        found = session.inventory()
        session.need_mounted(found)
        op, there = session.new_op(), exists(found, name)

        def plan(base: plans.Archive, *more: plans.Archive) -> Plan:
            return plans.plan_add(name, base.path, base.files, found.layout, op, there, more)

        # Refused before anything is copied.
        plan(*archives)
        with contextlib.ExitStack() as stack:
            checked = list(archives)
            for number, entry in enumerate(unchecked):
                given = archives[number]
                file = stack.enter_context(held(session, given.path, verb, f"{name}-{number}"))
                checked[number] = plans.Archive(file, given.files)
                _verify(session, file, given.path, entry, name)
            session.run(plan(*checked))


def check_trusted(
    session: Session, chosen: Sequence[plans.ManifestEntry], name: str, source: str
) -> None:
    """Raises UsageError where the package freebsd-release-manifests, if it is installed, knows
    other checksums."""
    path = mirrors.trusted_manifest(name, mirrors.Platform(*read_platform(session.host)))
    if not plans.NAME.match(name) or not session.host.fs.is_file(path):
        return
    trusted = plans.parse_manifest(session.host.fs.read_text(path), path)
    if (entry := mirrors.differs(chosen, trusted)) is not None:
        raise UsageError(
            f"{source} and {path} do not agree on the SHA-256 of {entry.file}",
            "one of them is wrong, or older: pkg upgrade freebsd-release-manifests",
        )


def provide(
    session: Session, wanted: str, *, fetch: bool = True, pool: Layout | None = None
) -> str:
    """Make the release that is wanted, where it is not there yet, in a root (the first, where
    none is named): a copy of another root's if one has it; of what bsdinstall(8) left on
    this host if that is it; else from a mirror, where `fetch` allows it. Where it came
    from; nothing where nothing was made."""
    found = session.inventory()
    target = pool or found.layout
    if _whole(found, wanted, target):
        return ""
    came = "" if holders(found, wanted) else _obtain(session, wanted, fetch=fetch)
    if target == found.layout and not holders(found, wanted):
        return came
    copied = _copy(session, wanted, target)
    return ", by way of ".join(text for text in (came, copied) if text)


def _whole(found: Inventory, name: str, layout: Layout) -> bool:
    dataset = layout.release(name)
    return any(one.name == dataset and one.op is None for one in found.releases(layout))


def _copy(session: Session, name: str, target: Layout) -> str:
    """Copy a release of another root's; the dataset that it is a copy of, nothing where
    nothing was copied."""
    with session.locked("release", name, f"copy release {name}"):
        # Read again: what was cut short has been mended.
        found = session.inventory()
        session.need_mounted(found, target)
        from_ = [one for one in holders(found, name) if _whole(found, name, one)]
        if target in from_ or not (from_ or session.dry_run):
            return ""
        source = from_[0] if from_ else found.layout
        size = stream_size(session, f"{source.release(name)}@base")
        plan = plans.plan_copy(name, source, target, session.new_op(), size)
        why = f"it is not in {target.dataset} yet: copied first"
        session.sink(events.Told(plan.op, plan.verb, name, why))
        session.run(plan, home=target)
    return source.dataset


def stream_size(session: Session, snapshot: str) -> int:
    """Bytes that a full copy moves (`size` line of zfs send -nP, captures/03)."""
    shown = session.host.run((tools.ZFS, "send", "-nP", snapshot), changes=False).stdout
    sizes = [line.split()[1] for line in shown.splitlines() if line.startswith("size")]
    return natural(sizes[0]) or 0 if sizes else 0


def _obtain(session: Session, wanted: str, *, fetch: bool) -> str:
    """Make a release in the first root; where it came from."""
    here = plans.DIST_DIRECTORY
    files = (f"{here}/MANIFEST", f"{here}/base.txz")
    if all(map(session.host.fs.is_file, files)) and version(session, files[1]) == wanted:
        add(session, here)
        return here
    if not fetch or not mirrors.may_be_fetched(wanted):
        return ""
    from bsdvirt.library import release_fetch

    if not release_fetch.reachable(session):
        return ""
    about = ("", release_fetch.VERB, wanted)
    session.sink(events.Told(*about, "this release is not here yet: it is fetched first"))
    try:
        release_fetch.fetch(session, wanted)
    except ConflictError:
        # Another bsdvirt was at it too, and was quicker.
        if not exists(session.inventory(), wanted):
            raise
    return "the mirrors"


def exists(found: Inventory, name: str, layout: Layout | None = None) -> bool:
    """Whether there is a release of that name, whole or not, in a root: the first, where
    none is named."""
    root = layout or found.layout
    return any(dataset.name == root.release(name) for dataset in found.releases(root))


def holders(found: Inventory, name: str) -> list[Layout]:
    """The roots that have a release."""
    return [layout for layout in found.layouts if exists(found, name, layout)]


def _manifest(
    session: Session, directory: str, sets: Sequence[str]
) -> tuple[plans.ManifestEntry, ...]:
    path = f"{directory}/MANIFEST"
    try:
        text = session.host.fs.read_text(path)
    except OSError as error:
        raise NotFoundError(
            f"{path}: {error.strerror}", "name a directory with base.txz and MANIFEST"
        ) from error
    chosen = mirrors.choose(plans.parse_manifest(text, path), sets, path)
    for entry in chosen:
        if not session.host.fs.is_file(f"{directory}/{entry.file}"):
            raise NotFoundError(
                f"{directory}/{entry.file} is not there", "put it beside its MANIFEST"
            )
    return chosen


def _verify(
    session: Session, file: str, archive: str, entry: plans.ManifestEntry, name: str
) -> None:
    """Raises UsageError where the archive is not what MANIFEST says."""
    if checksum(session, file, "add release", name, shown=archive) != entry.sha256:
        raise UsageError(
            f"{archive}: its SHA-256 is not the one in MANIFEST", "fetch both files again"
        )


def version(session: Session, archive: str) -> str:
    """What a base.txz calls itself. Raises UsageError where it does not."""
    argv = (tools.TAR, "-xOqf", archive, "*bin/freebsd-version")
    shown = session.host.run(argv, changes=False, timeout=MEMBER_SECONDS)
    version = plans.userland_version(shown.stdout) if shown.status == 0 else None
    if version is None:
        raise UsageError(f"{archive} does not say which release it is", "say --name 14.3-RELEASE")
    return version


def remove(session: Session, name: str) -> None:
    """Take a release away, from all roots. Raises ConflictError naming the guests that are
    clones of it."""
    with session.destroying("release", name, f"release rm {name}"):
        found = session.inventory()
        if not (roots := holders(found, name)):
            known = ", ".join(entry.name for entry in entries(session, found)) or "none"
            raise NotFoundError(f"no release {name}; there is {known}", "bsdvirt release ls")
        op = session.new_op()
        session.run(together([_removal(session, name, root, op) for root in roots]))


def _removal(session: Session, name: str, root: Layout, op: str) -> Plan:
    clones = [
        clone
        for snapshot in session.zfs.snapshots(root.release(name))
        for clone in session.zfs.clones(snapshot)
    ]
    return plans.plan_remove(name, clones, root, op)


def entries(session: Session, found: Inventory | None = None) -> list[ReleaseRow]:
    """Return a row for each release, with the guests created from it and the pools it is on."""
    found = found or session.inventory()
    every: dict[str, list[tuple[Layout, Dataset]]] = {}
    for root in found.layouts:
        for dataset in found.releases(root):
            every.setdefault(dataset.name.rpartition("/")[2], []).append((root, dataset))
    guests = found.guests.values()
    return [
        ReleaseRow(
            name=name,
            used=sum(dataset.used for _, dataset in copies),
            guests=sorted(guest.name for guest in guests if guest.identity.release == name),
            complete=all(dataset.op is None for _, dataset in copies),
            pools=[root.dataset for root, _ in copies],
            roots=[root.dataset for root, _ in copies],
        )
        for name, copies in sorted(every.items())
    ]
