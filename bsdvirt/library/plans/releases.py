"""Releases: the bases that jails are cloned from. Planners are pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.guest.marks import clear_mark, destroy_marked, destroy_ours, mark_going, mark_of
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.probe import OP_PROPERTY
from bsdvirt.plan.step import (
    Command,
    DatasetOwned,
    Pipeline,
    Plan,
    Step,
    Undo,
)
from bsdvirt.spec.numbers import natural

DIST_DIRECTORY = "/usr/freebsd-dist"
"""Where bsdinstall(8) leaves the distribution files."""
EXTRACT_SECONDS = 3 * 3600.0
COPY_SECONDS = 6 * 3600.0
DESTROY_SECONDS = 3600.0
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_VERSION = re.compile(r"^(\d{1,4})\.(\d{1,4})", re.ASCII)
_USERLAND = re.compile(r'^USERLAND_VERSION="?([A-Za-z0-9._-]+)"?', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A line of MANIFEST: a distribution set, its SHA-256 and its number of files."""

    file: str
    sha256: str
    files: int


def parse_manifest(text: str, source: str) -> dict[str, ManifestEntry]:
    """MANIFEST of a release (release/scripts/make-manifest.sh): tab-separated file,
    checksum, number of files, name, description, whether chosen by default.

    Raises UsageError for anything else.
    """
    entries: dict[str, ManifestEntry] = {}
    for line in text.splitlines():
        words = line.split("\t")
        files = natural(words[2]) if len(words) > 2 else None
        if files is None or not re.fullmatch(r"[0-9a-f]{64}", words[1]):
            raise UsageError(f"{source}: not a MANIFEST of a FreeBSD release: {line[:60]!r}")
        entries[words[0]] = ManifestEntry(words[0], words[1], files)
    return entries


def userland_version(script: str) -> str | None:
    """What /bin/freebsd-version of a release calls itself, without its patch level."""
    match = _USERLAND.search(script)
    return re.sub(r"-p\d+$", "", match[1]) if match else None


def version_key(release: str) -> tuple[int, int] | None:
    """13.2-RELEASE-p4 as (13, 2); None for a name of another form."""
    match = _VERSION.match(release)
    return (int(match[1]), int(match[2])) if match else None


def host_release(kernel: str) -> str:
    """The release a host's kernel is of: without patch level."""
    return re.sub(r"-p\d+$", "", kernel)


def refuse_newer(release: str, kernel: str) -> None:
    """A userland newer than the kernel does not run. Raises HostError."""
    ours, theirs = version_key(kernel), version_key(release)
    if ours and theirs and theirs > ours:
        raise HostError(
            f"release {release} is newer than this host's kernel {kernel}",
            "update the host first, or take a release up to the host's",
        )


@dataclass(frozen=True, slots=True)
class Archive:
    """A distribution set on this host, and how many files it holds."""

    path: str
    files: int


def plan_add(
    name: str,
    archive: str,
    files: int,
    layout: Layout,
    op: str,
    exists: bool,
    more: Sequence[Archive] = (),
) -> Plan:
    """Extract a base.txz, and what else is wanted over it, into a dataset of its own.
    All are checked already.

    Raises ConflictError where there is a release of that name.
    """
    if exists:
        raise ConflictError(
            f"release {name} is there already", f"bsdvirt release rm {name} takes it away"
        )
    dataset, directory = layout.release(name), layout.release_directory(name)
    ours = DatasetOwned(dataset, op)
    steps = (
        Step(
            Command((tools.ZFS, "create", "-o", f"{OP_PROPERTY}={op}", dataset)),
            f"a dataset for {name}",
            undo=(Undo(Command((tools.ZFS, "destroy", "-r", dataset)), ours, 10.0),),
            durable=True,
        ),
        *(
            Step(
                Command((tools.TAR, "-xpvf", one.path, "-C", directory), timeout=EXTRACT_SECONDS),
                f"extract {one.path}",
                durable=True,
                lines=one.files,
            )
            for one in (Archive(archive, files), *more)
        ),
        Step(Command((tools.ZFS, "set", "readonly=on", dataset)), "keep it as it is", durable=True),
        Step(Command((tools.ZFS, "snapshot", f"{dataset}@base")), "what jails are cloned from",
             durable=True),
    )  # fmt: skip
    return Plan("add release", name, "release", steps, (clear_mark(dataset, op),), op=op)


def plan_copy(name: str, source: Layout, target: Layout, op: str, size: int) -> Plan:
    """Copy a release into a root on another pool, where nothing can be a clone of it. `size`
    are the bytes that zfs(8) estimates to send."""
    dataset = target.release(name)
    steps = (
        Step(
            Pipeline(
                (tools.ZFS, "send", "-vP", f"{source.release(name)}@base"),
                (tools.ZFS, "receive", *mark_of(op), dataset),
                timeout=COPY_SECONDS,
            ),
            f"copy release {name} to {target.dataset}",
            undo=(destroy_ours(dataset, op),),
            durable=True,
            size=size,
        ),
        Step(Command((tools.ZFS, "set", "readonly=on", dataset)), "keep it as it is", durable=True),
    )
    return Plan("copy release", name, "release", steps, (clear_mark(dataset, op),), op=op)


def plan_remove(name: str, clones: list[str], layout: Layout, op: str) -> Plan:
    """Take a release away. Raises ConflictError where jails are clones of it."""
    if clones:
        users = ", ".join(_guest_of(clone, layout) for clone in clones)
        raise ConflictError(
            f"release {name} is the base of {users}", "destroy those first, or keep it"
        )
    dataset = layout.release(name)
    gone = destroy_marked(dataset, op, f"destroy {dataset}", timeout=DESTROY_SECONDS)
    return Plan(
        "remove release",
        name,
        "release",
        (mark_going(dataset, op),),
        (gone,),
        op=op,
        must_journal=False,
    )


def _guest_of(clone: str, layout: Layout) -> str:
    prefix = f"{layout.dataset}/guests/"
    return clone.removeprefix(prefix).split("/")[0] if clone.startswith(prefix) else clone
