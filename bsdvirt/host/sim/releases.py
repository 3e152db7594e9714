"""The releases of FreeBSD that a simulated host can be, and where they differ.

A host is made as one of them and stays it: `Host.version` names it. What differs is a field
here, named after what the tool does and not after the release, with the capture or the source
that shows it; a tool asks `run.release`, never for a number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "BSDVIRT_SIM_RELEASE"
"""The release of hosts that are made from now on; a host that is there keeps its own."""


@dataclass(frozen=True)
class Release:
    """A release, in the values of its captures."""

    version: str
    kernel: str
    """What uname(1) and freebsd-version(1) say."""
    osreldate: int
    dist: str
    """The release whose base.txz lies in /usr/freebsd-dist."""


RELEASES: Mapping[str, Release] = {
    "13.2": Release(
        version="13.2",
        kernel="13.2-RELEASE",
        osreldate=1302001,
        dist="13.2-RELEASE",
    ),
    "15.1": Release(
        version="15.1",
        kernel="15.1-RELEASE-p1",
        osreldate=1501000,
        dist="15.1-RELEASE",
    ),
}
NEWEST = "13.2"


def chosen(version: str | None = None) -> Release:
    """The release of a host that is to be made: as named, or as the environment has it, or
    the newest. Raises ValueError for one that is not simulated."""
    wanted = version or os.environ.get(VARIABLE) or NEWEST
    if wanted not in RELEASES:
        raise ValueError(f"{VARIABLE}={wanted}: the simulated host is one of {', '.join(RELEASES)}")
    return RELEASES[wanted]
