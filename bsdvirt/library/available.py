"""Releases that can be fetched, as far as this host knows without asking a mirror."""

from __future__ import annotations

from bsdvirt.errors import HostError
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.library import mirrors
from bsdvirt.library.entries import copies
from bsdvirt.library.plans.releases import host_release, refuse_newer, version_key
from bsdvirt.rows.library import AvailableRow
from bsdvirt.session.session import Session

OWN = "the release of this host"
PACKAGED = "its MANIFEST is in the package freebsd-release-manifests"


def entries(session: Session) -> list[AvailableRow]:
    """Return a row for the release of this host, and for each in the package
    freebsd-release-manifests that the kernel can run; the newest first."""
    kernel = read_kernel(session.host).release
    platform = mirrors.Platform(*read_platform(session.host))
    whys = dict.fromkeys(_packaged(session, platform), PACKAGED)
    whys[host_release(kernel)] = OWN
    there = copies(session.inventory(shallow=True), "release")
    rows = [
        AvailableRow(name=name, why=why, present=name in there)
        for name, why in whys.items()
        if mirrors.may_be_fetched(name) and _runs(name, kernel)
    ]
    return sorted(rows, key=lambda row: (version_key(row.name) or (0, 0), row.name), reverse=True)


def _packaged(session: Session, platform: mirrors.Platform) -> list[str]:
    """Return the releases whose MANIFEST is installed."""
    start = mirrors.trusted_manifest("", platform).rpartition("/")[2]
    files = session.host.fs.listdir(mirrors.MANIFESTS)
    return [file.removeprefix(start) for file in files if file.startswith(start)]


def _runs(release: str, kernel: str) -> bool:
    try:
        refuse_newer(release, kernel)
    except HostError:
        return False
    return True
