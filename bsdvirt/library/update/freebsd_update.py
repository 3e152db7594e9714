"""Download updates of a release by freebsd-update(8), as its freebsd-update.sh works."""

from __future__ import annotations

import re

from msgspec import Struct

from bsdvirt.errors import FetchError, HostError
from bsdvirt.host import tools
from bsdvirt.library.plans.levels import (
    FETCH,
    NOTHING_LEFT,
    Updater,
    configuration,
    freebsd_update_steps,
    plan_fetch,
)
from bsdvirt.library.update.found import Found
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.session import Session

HOST_CONFIGURATION = "/etc/freebsd-update.conf"
PAST_END = "HAS PASSED ITS END-OF-LIFE DATE."
"""In a warning after all was downloaded; freebsd-update(8) then ends with status 1
(fetch_warn_eol)."""
_TAG = re.compile(
    r"freebsd-update\|[^|\s]+\|([^|\s]+)\|(\d{1,5})\|[0-9a-f]{64}\|(\d{10})", re.ASCII
)
"""The file `tag`: platform, release, patch level, checksum of the index, end of support
(fetch_tag)."""
SHOWN = 3
"""Lines of output in an error."""


def host_configuration(session: Session) -> str:
    """Return the configuration for a release, with the key and the server of the host's. Raises
    HostError if there is none."""
    if not session.host.fs.exists(tools.FREEBSD_UPDATE):
        raise HostError(
            f"{tools.FREEBSD_UPDATE} does not exist",
            "install freebsd-update(8), or fetch a newer release by bsdvirt release fetch",
        )
    words: dict[str, str] = {}
    for line in session.host.fs.read_or(HOST_CONFIGURATION).splitlines():
        name, *values = line.partition("#")[0].split() or [""]
        if len(values) == 1:
            words.setdefault(name, values[0])
    try:
        return configuration(words["KeyPrint"], words["ServerName"])
    except KeyError as error:
        raise HostError(
            f"{HOST_CONFIGURATION} has no {error.args[0]}",
            "add KeyPrint and ServerName, as in FreeBSD's own file",
        ) from None


class UpdateSource(Struct, frozen=True):
    """Updates by freebsd-update(8)."""

    updater: Updater
    conf: str

    @property
    def version(self) -> str:
        """The version that the release has."""
        return self.updater.version

    def fetch(self, name: str, op: str) -> Plan:
        """Plan the download."""
        return plan_fetch(name, self.updater, self.conf, op)

    def found(self, session: Session, name: str) -> Found:
        """Return what was downloaded. Raises FetchError if that failed."""
        return _found(session, name, self.updater)

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that install the updates."""
        return freebsd_update_steps(self.updater)


def _found(session: Session, name: str, updater: Updater) -> Found:
    """Return what was downloaded. Raises FetchError if that failed."""
    fs = session.host.fs
    first, *said = fs.read_or(updater.log).splitlines() or [""]
    if first != f"{FETCH}: exit status 0" and not any(line.endswith(PAST_END) for line in said):
        last = " / ".join([line.strip() for line in said if line.strip()][-SHOWN:])
        raise FetchError(f"{first} for {name}: {last}", f"try again; {updater.log} has all of it")
    tag = _TAG.match(fs.read_or(f"{updater.work}/tag"))
    if tag is None:
        raise FetchError(
            f"freebsd-update left no tag in {updater.work}", f"rm -r {updater.work}, and try again"
        )
    release, level, ends = tag.groups()
    ready = session.host.run(updater.argv("updatesready"), changes=False)
    ready.check((0, NOTHING_LEFT))
    version = f"{release}-p{int(level)}" if int(level) else release
    return Found(version, int(ends), ready.status == 0)
