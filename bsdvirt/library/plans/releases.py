"""Releases: their names, MANIFEST, and the plan that adds one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import HostError, UsageError
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans.entries import sealed
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.spec.digits import natural

DIST_DIRECTORY = "/usr/freebsd-dist"
"""Where bsdinstall(8) leaves the distribution files."""
VERSION_PROPERTY = "bsdvirt:release"
"""Property of a snapshot of a release: the version of the userland in it."""
EXTRACT_SECONDS = 3 * 3600.0
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_VERSION = re.compile(r"^(\d{1,4})\.(\d{1,4})", re.ASCII)


class ManifestEntry(Struct, frozen=True):
    """A line of MANIFEST: a distribution set, its SHA-256 and its number of files."""

    file: str
    sha256: str
    files: int


def parse_manifest(text: str, source: str) -> dict[str, ManifestEntry]:
    """Parse a release's MANIFEST (release/scripts/make-manifest.sh): tab-separated file,
    checksum, number of files, name, description, whether selected by default.

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


def patch_level(version: str) -> int:
    """Return 4 for 13.2-RELEASE-p4, 0 for 13.2-RELEASE."""
    match = re.search(r"-p(\d{1,5})$", version)
    return int(match[1]) if match else 0


def version_key(release: str) -> tuple[int, int] | None:
    """Return (13, 2) for 13.2-RELEASE-p4; None for a name of another form."""
    match = _VERSION.match(release)
    return (int(match[1]), int(match[2])) if match else None


def newer(version: str, than: str) -> bool:
    """Return whether one version is newer than another; not if either is of another form."""
    first, second = (
        (*key, patch_level(one)) if (key := version_key(one)) else None for one in (version, than)
    )
    return first is not None and second is not None and first > second


def host_release(kernel: str) -> str:
    """Return a kernel's release without its patch level."""
    return re.sub(r"-p\d+$", "", kernel)


def refuse_newer(release: str, kernel: str) -> None:
    """Raise HostError for a release newer than the kernel: its userland would not run."""
    ours, theirs = version_key(kernel), version_key(release)
    if ours and theirs and theirs > ours:
        raise HostError(
            f"release {release} is newer than this host's kernel {kernel}",
            "update the host first, or use a release no newer than the host's",
        )


class Archive(Struct, frozen=True):
    """A distribution set on this host, and its number of files."""

    path: str
    files: int


def plan_add(name: str, archives: Sequence[Archive], layout: Layout, op: str) -> Plan:
    """Extract base.txz, and other sets over it, into a new dataset. All have been verified."""
    dataset, directory = layout.release(name), layout.release_directory(name)
    steps = (
        Step(
            Command((tools.ZFS, "create", *mark_of(op), dataset)),
            f"a dataset for {name}",
            undo=(destroy_ours(dataset, op),),
            durable=True,
        ),
        *(
            Step(
                Command((tools.TAR, "-xpvf", one.path, "-C", directory), timeout=EXTRACT_SECONDS),
                f"extract {one.path}",
                durable=True,
                lines=one.files,
            )
            for one in archives
        ),
        *sealed(dataset, "the origin of the jails' clones"),
    )
    return Plan("add release", name, "release", steps, (clear_mark(dataset, op),), op=op)
